"""Input: where a functional model begins."""

from __future__ import annotations

import itertools
from typing import Any

from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError
from pyphoton.keras.layer import Layer
from pyphoton.keras.masks import masked_where
from pyphoton.keras.symbolic import Node, Nodes, Tensor

_numbers = itertools.count(1)


class InputLayer(Layer):
    """The layer that an Input's tensor comes from."""

    def __init__(self, batch_shape: Any, dtype: str = "float32", mask_value: Any = None, **common: Any) -> None:
        super().__init__(**common)
        self.batch_shape, self.dtype, self.mask_value = tuple(batch_shape), dtype, mask_value
        if self.given_name is None:
            self._name = f"input{next(_numbers)}"
        node = Node(self, ())
        node.outputs = (Tensor(self.batch_shape, dtype, made_by=node, symbolic=True, name=self.name),)
        self._nodes = Nodes([node])

    @property
    def tensor(self) -> Tensor:
        """The tensor."""
        return self._nodes[0].outputs[0]

    def forward(self, x: Any) -> Any:
        """The input as it is; steps that hold `mask_value` are left out."""
        return masked_where(x, self.mask_value)


def Input(
    shape: Any = None, dtype: str = "float32", batch_size: int | None = None, mask_value: float | None = None, name: str | None = None, *,
    batch_shape: Any = None,
) -> Tensor:  # fmt: skip
    """A symbolic tensor: what a functional model begins with.

    shape: the axes of one sample, a whole number, None (any length) or a tuple of these. batch_size: where it is fixed. batch_shape: both at
    once. mask_value: steps that hold it are left out by layers that know masks. Errors: KeraFlowError.
    """
    if not isinstance(dtype, str) and not hasattr(dtype, "__name__"):
        raise KeraFlowError("Input", "shape as a tuple, then dtype", f"Input({shape}, {dtype})", f"You forgot the tuple: Input(({shape}, {dtype})).")
    if batch_shape is not None:
        if shape is not None or batch_size is not None:
            raise KeraFlowError("Input", "batch_shape, or shape and batch_size", "both")
        batch_size, shape = batch_shape[0], tuple(batch_shape[1:])
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for length in (*shape, batch_size):
        if length is not None and (not is_integer(length) or length < 1):
            raise KeraFlowError("Input", "whole numbers above 0, or None", repr((*shape, batch_size)))
    if mask_value is not None and len(shape) != 1:
        raise KeraFlowError("Input", "mask_value with input of two axes (batch, steps)", f"{len(shape) + 1} axes")
    dtype = dtype if isinstance(dtype, str) else dtype.__name__
    layer = InputLayer((batch_size, *shape), dtype, mask_value, name=name)
    return layer.tensor
