"""One sample or a batch: what is known of a model's input before any data, and the rule that tells the two apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyphoton.layers.containers import Sequential
from pyphoton.layers.conv import Conv1D, Conv2D, Conv3D
from pyphoton.layers.core import Dense, Input
from pyphoton.typing import Shape


def declared(model: Any) -> Shape | None:
    """The shape of one sample, where the model itself says it: by an Input, Dense(in, out) or Conv with in_channels in front."""
    while isinstance(model, Sequential):
        if model.starts_with is not None:
            return model.starts_with
        if not len(model):
            return None
        model = model.layers[0]
    if isinstance(model, Input):
        return model.dims
    if isinstance(model, Dense) and model.features is not None and model.flatten:
        return (model.features,)
    if isinstance(model, Conv1D | Conv2D | Conv3D) and (model.in_channels or 1) > 1:
        return (model.in_channels, *(None,) * model.rank)
    return None


def is_one_sample(model: Any, ranks: Sequence[int], met: Sequence[int] | None, *, vectors: bool | None = None) -> bool:
    """Whether arrays with these numbers of axes are one sample: as the model declares it, else as it was built (`met`).

    A model of which neither is known takes a batch, but a Chain (or with `vectors` any model) takes vectors as one sample.
    """
    known = declared(model)
    if known is not None and len(ranks) == 1:
        return ranks[0] == len(known)
    if met is not None:
        return bool(met) and list(ranks) == list(met)
    taken = getattr(model, "vectors_are_samples", False) if vectors is None else vectors
    return bool(taken and ranks) and all(r == 1 for r in ranks)
