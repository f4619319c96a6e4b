"""Penalties of parameters, under Keras's names: `Dense(2, regularizers=[L1(0.01)])`, `regularizers.l2(0.01)`, or the name "l2"."""

from __future__ import annotations

from pyphoton.regularisers import L1, L1L2, L2, OrthogonalRegularizer, get
from pyphoton.regularisers import Regulariser as Regularizer

l1, l2, l1_l2, l1l2, orthogonal_regularizer = L1, L2, L1L2, L1L2, OrthogonalRegularizer

__all__ = ["L1", "L2", "L1L2", "OrthogonalRegularizer", "Regularizer", "get", "l1", "l1_l2", "l1l2", "l2", "orthogonal_regularizer"]
