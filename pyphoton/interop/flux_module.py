"""A model of Julia as a torch.nn.Module over the same parameters: it runs in Julia, forwards and backwards, and Zygote differentiates it."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils.dlpack

from pyphoton.backends.julia import pulling
from pyphoton.backends.julia.exchange import from_julia, to_julia
from pyphoton.errors import LayoutError, note
from pyphoton.interop.torch_holding import Sharing, hold
from pyphoton.interop.torch_julia import Call, called
from pyphoton.interop.torch_memory import shareable


class FluxModule(Sharing):
    """What `as_module` makes of a model of Julia: `as_module` says what it does."""

    def __init__(self, model: Any) -> None:
        prepared = pulling.prepared(model)
        super().__init__(model=prepared.f, prepared=prepared, over=None)
        leaves = [(str(leaf.path), bool(leaf.trained), _tensor(leaf)) for leaf in prepared.leaves]
        for path, trained, tensor in leaves:
            hold(self, path, tensor, trained=trained)
        self._paths = tuple(path for path, _, _ in leaves)
        self._trained = tuple(k for k, (_, trained, _) in enumerate(leaves) if trained)
        self._shared["over"] = _places(self._ordered())

    @property
    def julia(self) -> Any:
        """The model as juliacall shows it, over the tensors that this module has now."""
        return self._prepared().f

    def forward(self, *inputs: Any) -> Any:
        """The model's output for tensors, batch first: a tensor, or a tuple of them. Errors: DataError, JuliaError, Unsupported."""
        given = [shareable(x, f"input {i}") for i, x in enumerate(inputs)]
        ordered = self._ordered()
        call = Call(self._prepared(ordered), "the model", len(given), self._trained, self.training)
        return called(call, [*given, *(ordered[k] for k in self._trained)])

    def extra_repr(self) -> str:
        """The model's type in Julia."""
        return str(self._shared["model"]).split("\n")[0][:100]

    def _ordered(self) -> list[torch.Tensor]:
        tensors = self.tensors()
        return [tensors[path] for path in self._paths]

    def _prepared(self, ordered: list[torch.Tensor] | None = None) -> Any:
        """The model over this module's tensors: itself, or made again after they have become others (`.to`, `.double`, a copy)."""
        ordered = self._ordered() if ordered is None else ordered
        places = _places(ordered)
        if places != self._shared["over"]:
            base = pulling.julia_module()
            arrays = base.Base.vect()
            for tensor in ordered:
                base.Base.push_b(arrays, to_julia(tensor).julia)
            self._shared["prepared"] = base.PyPhoton.Differentiable(base.PyPhoton.with_leaves(self._shared["prepared"], arrays))
            self._shared["over"] = places
        return self._shared["prepared"]


def _places(tensors: list[torch.Tensor]) -> list[tuple[int, torch.dtype]]:
    return [(t.data_ptr(), t.dtype) for t in tensors]


def _tensor(leaf: Any) -> torch.Tensor:
    """A leaf's array as a tensor over the same memory. Errors: LayoutError with its path."""
    try:
        tensor: torch.Tensor = torch.utils.dlpack.from_dlpack(from_julia(leaf.array))
    except LayoutError as error:
        note(error, f"at {leaf.path} of the model")
        raise
    return tensor
