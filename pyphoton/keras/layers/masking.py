"""Layers that make a mask, or end it."""

from __future__ import annotations

from typing import Any

from pyphoton.errors import ArgumentError
from pyphoton.keras.layer import Layer
from pyphoton.keras.masks import as_numbers, unequal, with_mask


class Masking(Layer):
    """Leaves steps out whose features are all `mask_value`.

    Input and output: (batch, steps, features); the numbers of such steps become 0. Layers behind it that know masks skip them: a recurrent
    layer repeats its output and state, an average over steps leaves them out. Source: Keras.
    """

    def __init__(self, mask_value: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        if isinstance(mask_value, bool) or not isinstance(mask_value, int | float):
            raise ArgumentError(self.name, "mask_value: a number", repr(mask_value))
        self.mask_value = float(mask_value)

    def forward(self, x: Any) -> Any:
        """The input, with a mask."""
        mask = unequal(x, self.mask_value).astype("float32").max(axis=-1) > 0.5
        return with_mask(x * as_numbers(mask, x), mask)
