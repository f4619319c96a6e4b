"""A torch module as a layer that stays on torch: nothing of it is translated, its parameters are trained with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from pyphoton import graph, parameters
from pyphoton.backends.torch.lower import Mode
from pyphoton.errors import ShapeError, Unsupported
from pyphoton.layers.base import Layer, Param
from pyphoton.scopes import where
from pyphoton.typing import Shape, show

SAMPLES = 2
"""Samples of zeros with which the module tells the shape of its output."""


class TorchLayer(Layer):
    """A torch module on batches: `torch_layer(module)` makes it, and `from_torch(module, opaque=True)`. torch computes it on every engine.

    Input: one batch of known lengths. Output: one tensor, batch first. Parameters: the module's, under its own names; both share memory.
    """

    kind = "python"

    def __init__(self, module: torch.nn.Module, name: str | None = None) -> None:
        self.module, self.name = module, name

    def __repr__(self) -> str:
        return f"TorchLayer({type(self.module).__name__})"

    def trace(self, *inputs: Any) -> Any:
        """One step that calls the module."""
        made = graph.apply_leaf(self, inputs)
        made.node.function = _Call(self.module)
        return made

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of what the module makes of zeros. Errors: ShapeError, Unsupported."""
        (x,) = inputs
        if None in x[1:]:
            raise ShapeError(where(repr(self)), "known lengths of all axes but the batch", show(x))
        try:
            y = _Call(self.module)(np.zeros((SAMPLES, *x[1:]), self._dtype()))
        except RuntimeError as error:
            raise ShapeError(where(repr(self)), "an input that the module takes", f"{show(x)} ({error})") from error
        if not isinstance(y, np.ndarray) or y.shape[:1] != (SAMPLES,):
            raise Unsupported(where(repr(self)), "one tensor with the batch first", type(y).__name__)
        return (x[0], *y.shape[1:])

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """The module's parameters, and its buffers as state."""
        return {n: Param(tuple(t.shape), role=role) for n, t, role in _floats(self.module)}  # type: ignore[arg-type]

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """What the step is called, and that it takes one tensor."""
        return {"name": type(self.module).__name__, "structure": [None]}

    @property
    def julia(self) -> Any:
        """The layer for a model of Julia's Flux, always the same one, as juliacall shows it. Errors: BackendMissing."""
        from pyphoton.interop.torch_in_julia import in_julia

        return in_julia(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A layer with a module and numbers of its own."""
        made = super().__deepcopy__(memo)
        _share(made)
        return made

    def _dtype(self) -> Any:
        return next((t.detach().numpy().dtype for _, t, _ in _floats(self.module)), np.dtype("float32"))


class _Call:
    """The module as a function: with the engine's own tensors (`bound`), or as it is on arrays."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self.__name__ = type(module).__name__

    def bound(self, own: Mapping[str, torch.Tensor], mode: Mode) -> Callable[[torch.Tensor], Any]:
        """The module with these tensors in the place of its parameters; it trains when the program does."""

        def run(x: torch.Tensor) -> Any:
            self.module.train(mode.training)
            return torch.func.functional_call(self.module, dict(own), (x,))

        return run

    def __call__(self, x: Any) -> Any:
        self.module.eval()
        with torch.no_grad():
            y = self.module(torch.from_numpy(np.array(x)))
        return y.numpy() if isinstance(y, torch.Tensor) else y


def keep(module: torch.nn.Module, path: str, name: str | None, dtype: str) -> TorchLayer:
    """The module as a layer; from now on its tensors lie over PyPhoton's parameters."""
    layer = TorchLayer(module, name)
    floats = list(_floats(module))
    if not floats:
        return layer
    parameters.place(layer, {n: t.detach().cpu().numpy() for n, t, _ in floats}, (), dtype, path)
    for own, tensor, role in floats:
        parameters.view(layer)[own].frozen = role == "weight" and not tensor.requires_grad
    _share(layer)
    return layer


def _share(layer: TorchLayer) -> None:
    """Lay the module's tensors over the layer's parameters."""
    if layer.built:
        view = parameters.view(layer)
        for name, tensor, _ in _floats(layer.module):
            tensor.data = torch.from_numpy(view[name].value)


def _floats(module: torch.nn.Module) -> list[tuple[str, torch.Tensor, str]]:
    """Name, tensor and role of what a module computes with; counters stay its own."""
    named = [(n, t, "weight") for n, t in module.named_parameters()] + [(n, t, "state") for n, t in module.named_buffers()]
    return [(n, t, role) for n, t, role in named if t.is_floating_point()]
