"""A torch module as a layer of a Flux.Chain: `torch_layer(module).julia`. The other side is julia/ext/PyPhotonTorchExt.jl."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pyphoton import parameters
from pyphoton.backends.julia.exchange import from_julia, to_julia
from pyphoton.backends.julia.keeper import Keeper
from pyphoton.backends.julia.runtime import start_with_flux
from pyphoton.errors import ArgumentError, TraceError, Unsupported
from pyphoton.interop.torch_opaque import TorchLayer, keep


def torch_layer(module: torch.nn.Module, *, name: str | None = None) -> TorchLayer:
    """A torch module as a layer: in PyPhoton's models, where it runs on torch and in Julia, and in those of Julia's Flux.

    Input: one batch (N, ...), of known lengths. Output: one tensor (N, ...). torch computes and differentiates it everywhere. Its
    parameters are the module's: what an optimiser of PyPhoton, of torch or of Julia changes, all see. `.julia` is the layer for a
    Flux.Chain, where arrays have their axes reversed: `jl.Flux.Chain(jl.Flux.Dense(3, 4), torch_layer(module).julia)`.

    The floats of the module have to be of one type: that of the model around it. Parameters that need no gradient when this is
    called stay as they are. Errors: ArgumentError; Unsupported for a module on another device than the CPU.
    """
    if not isinstance(module, torch.nn.Module):
        raise ArgumentError("torch_layer", "a torch.nn.Module", repr(module), 'Julia("...") makes a layer of a function of Julia.')
    tensors = [*module.named_parameters(), *module.named_buffers()]
    for own, tensor in tensors:
        if tensor.device.type != "cpu":
            raise Unsupported("torch_layer", "a module on the CPU: it shares memory", f"{own} on {tensor.device}", "module.cpu() moves it.")
    kinds = sorted({str(t.dtype).removeprefix("torch.") for _, t in tensors if t.is_floating_point()})
    if len(kinds) > 1 or not {*kinds} <= {"float32", "float64"}:
        raise ArgumentError("torch_layer", "parameters of float32 or of float64", " and ".join(kinds), "module.float() makes them float32.")
    return keep(module, name or "", name, kinds[0] if kinds else "float32")


_made: WeakKeyDictionary[TorchLayer, Keeper] = WeakKeyDictionary()


def in_julia(layer: TorchLayer) -> Any:
    """The layer of Flux, as juliacall shows it; made once. Errors: BackendMissing; Unsupported in another thread than Julia's."""
    if layer not in _made:
        _made[layer] = Keeper(_layer(layer))
    return _made[layer].value


def _layer(layer: TorchLayer) -> Any:
    runtime = start_with_flux("torch_layer(...).julia", "In a model of PyPhoton the layer runs on every engine.")
    hold: Callable[[Any], int] = runtime.julia.PyPhoton.keep_b
    own = parameters.view(layer) if layer.built else {}
    held: list[int] = []

    def numbered(names: list[str]) -> list[dict[str, Any]]:
        numbers = [hold(to_julia(own[n].value).julia) for n in names]
        held.extend(numbers)
        return [{"name": n, "number": number} for n, number in zip(names, numbers, strict=True)]

    trained = [n for n, p in own.items() if p.role == "weight" and not p.frozen]
    inside = _Inside(layer.module, {n: p.value for n, p in own.items()}, trained)
    try:
        held.append(hold(inside))
        params, state = numbered(trained), numbered([n for n in own if n not in trained])
        held.append(runtime.ask("torch_layer", params=params, state=state, inside=held[0], name=type(layer.module).__name__))
        return runtime.julia.PyPhoton.OPEN[held[-1]]
    finally:
        for number in held:
            runtime.ask("close", number=number)


class _Tape:
    """What torch keeps of one call. `bytes` is a guess: that each part of the module keeps as much as goes in and out."""

    def __init__(self, module: torch.nn.Module, inputs: list[torch.Tensor], value: torch.Tensor) -> None:
        self.inputs, self.value = inputs, value
        self.bytes = sum(t.nbytes for t in (*inputs, value)) * sum(1 for _ in module.modules())


class _Inside:
    """The module as Julia's layer calls it: Julia's arrays in, Julia's arrays out, nothing copied on the way."""

    def __init__(self, module: torch.nn.Module, arrays: dict[str, Any], trained: list[str]) -> None:
        self.module, self.arrays = module, arrays
        tensors = dict(module.named_parameters()) | dict(module.named_buffers())
        self.weights = [tensors[n] for n in trained]
        self.addresses = [(n, tensors[n], array.ctypes.data) for n, array in arrays.items()]

    def forward(self, training: bool, taped: bool, *given: Any) -> tuple[Any, _Tape | None]:
        """The module's output as a Julia array, and the way back. Errors: TraceError, Unsupported; what the module raises."""
        for name, tensor, address in self.addresses:
            if tensor.data_ptr() != address:
                hint = "It was moved or cast: call torch_layer(module) again and take the new .julia."
                raise Unsupported("torch_layer", f"{name} where it was when the layer was made", "other memory", hint)
        inputs = [_tensor(x).requires_grad_(taped and x.dtype.kind == "f") for x in map(from_julia, given)]
        self.module.train(training)
        with torch.set_grad_enabled(taped):
            y = self.module(*inputs)
        if not isinstance(y, torch.Tensor):
            raise TraceError("torch_layer", f"one tensor from {type(self.module).__name__}", repr(y))
        if y.device.type != "cpu":
            raise Unsupported("torch_layer", "a result on the CPU", f"one on {y.device}", "Julia shares memory with torch: module.cpu() moves it.")
        return _shown(y.clone() if y.is_leaf and y.requires_grad else y), _Tape(self.module, inputs, y) if taped else None

    def backward(self, tape: _Tape, slope: Any) -> list[Any]:
        """Slopes as Julia arrays, or None: of the inputs, and of the parameters that are trained. May be called again."""
        wanted = [t if t.requires_grad else None for t in (*tape.inputs, *self.weights)]
        tensors = [t for t in wanted if t is not None]
        if not tape.value.requires_grad or not tensors:
            return [None] * len(wanted)
        dy = _tensor(from_julia(slope))
        found = iter(torch.autograd.grad(tape.value, tensors, dy, allow_unused=True, retain_graph=True))
        slopes = [None if t is None else next(found) for t in wanted]
        return [None if s is None else _shown(s) for s in slopes]

    def copied(self) -> Any:
        """The layer of a copy of the module, for deepcopy."""
        return torch_layer(deepcopy(self.module)).julia


def _tensor(x: Any) -> torch.Tensor:
    return torch.from_numpy(x.view(np.ndarray))


def _shown(x: torch.Tensor) -> Any:
    return to_julia(x.detach().resolve_conj().resolve_neg().contiguous()).julia
