"""Layers that only move numbers: Flatten and its like."""

from __future__ import annotations

from typing import Any

from pyphoton.errors import ShapeError
from pyphoton.keras.config import checked_format
from pyphoton.keras.layer import Layer
from pyphoton.ops import size
from pyphoton.scopes import where
from pyphoton.typing import show


class Flatten(Layer):
    """All axes after the batch as one, in row-major order: (batch, a, b, ...) -> (batch, a * b * ...).

    data_format: "channels_first" flattens in the order of channels last, as Keras does. include_batch_dim: the batch, too, to (numbers,).
    Errors: ShapeError where a length is unknown.
    """

    def __init__(self, data_format: str | None = None, include_batch_dim: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.data_format = checked_format("Flatten", data_format, "channels_last")
        self.include_batch_dim = bool(include_batch_dim)

    def forward(self, x: Any) -> Any:
        """(batch, features)."""
        if size(x.shape[0 if self.include_batch_dim else 1 :]) is None:
            raise ShapeError(where(repr(self)), "known lengths", show(x.shape))
        if self.data_format == "channels_first" and x.ndim > 2:
            x = x.transpose((0, *range(2, x.ndim), 1))
        return x.reshape([size(x.shape)]) if self.include_batch_dim else x.flatten() if x.ndim > 1 else x.reshape([x.shape[0], 1])
