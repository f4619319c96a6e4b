"""What parameters become after an update, under Keras's names: `Dense(2, constraints=[MaxNorm(2)])`, or the name "max_norm"."""

from __future__ import annotations

from pyphoton.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm, get

max_norm, unit_norm, non_neg, min_max_norm = MaxNorm, UnitNorm, NonNeg, MinMaxNorm
maxnorm, unitnorm, nonneg = MaxNorm, UnitNorm, NonNeg

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "get", "max_norm", "maxnorm", "min_max_norm", "non_neg", "nonneg",
    "unit_norm", "unitnorm",
]  # fmt: skip
