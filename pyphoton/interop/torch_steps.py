"""A function of Python's called with torch's tensors on behalf of an engine that is not torch: torch keeps the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pyphoton.graph import nested


class Training:
    """What a function with parameters of its own looks at: whether the program that it is a part of trains."""

    training = False


class TorchFunction:
    """A function, and the tensors over its own parameters' memory where it has some."""

    def __init__(self, function: Callable[..., Any], structure: Sequence[Any], own: Mapping[str, Any], weights: Sequence[str]) -> None:
        self.structure, self.mode = structure, Training()
        self.own = {name: torch.from_numpy(array) for name, array in own.items()}
        self.weights = [self.own[name].requires_grad_(name in weights) for name in self.own]
        bound = getattr(function, "bound", None)
        self.function = function if bound is None else bound(self.own, self.mode)

    def __call__(self, arrays: list[Any], flows: list[bool], training: bool, taped: bool) -> TorchCall:
        """Call it with tensors over these arrays. `flows`: which of them gradients go to; `taped`: whether there is a way back at all."""
        tensors = [torch.from_numpy(a).requires_grad_(f) for a, f in zip(arrays, flows, strict=True)]
        self.mode.training = training
        with torch.set_grad_enabled(taped):
            return TorchCall(self.function(*nested(self.structure, tensors)), tensors, self.weights)


class TorchCall:
    """What a function gave, and how torch gets back from there."""

    def __init__(self, value: Any, inputs: list[torch.Tensor], weights: list[torch.Tensor]) -> None:
        self.value, self.inputs, self.weights = value, inputs, weights
        self.has_gradient = isinstance(value, torch.Tensor) and value.requires_grad
        self.array: Any = None
        self.found: list[Any] = []

    @property
    def shown(self) -> str:
        """The value for an error."""
        return "a tensor without gradient" if isinstance(self.value, torch.Tensor) else repr(self.value)

    def numbers(self) -> Any:
        """The value as an array of NumPy, over its memory where it can be; None where it is none."""
        value = self.value
        if not isinstance(value, torch.Tensor):
            return np.asarray(value) if isinstance(value, bool | int | float | np.generic | np.ndarray) else None
        value = value.detach().cpu()
        return (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value).resolve_conj().resolve_neg().contiguous().numpy()

    def slopes(self, slope: Any, inputs: list[bool], weights: list[bool]) -> list[Any]:
        """The gradients of the inputs and weights that are wanted, where there is a way; kept until the next call."""
        wanted = [t if w and t.requires_grad else None for t, w in zip([*self.inputs, *self.weights], [*inputs, *weights], strict=True)]
        tensors = [t for t in wanted if t is not None]
        if not self.has_gradient or not tensors:
            return [None] * len(wanted)
        y = self.value
        dy = torch.from_numpy(slope).reshape(y.shape).to(y.device, y.dtype)
        found = iter(torch.autograd.grad(y, tensors, dy, allow_unused=True))
        self.found = [None if t is None else _array(next(found)) for t in wanted]
        return self.found


def _array(slope: torch.Tensor | None) -> Any:
    return None if slope is None else slope.detach().contiguous().numpy()
