"""Tensors under dotted paths in a torch module, and modules whose tensors are memory of something that torch does not see."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pyphoton.backends.torch.exchange import to_torch
from pyphoton.errors import Unsupported
from pyphoton.parameters import Parameter


def hold(module: nn.Module, path: str, tensor: torch.Tensor, *, trained: bool, frozen: bool = False) -> None:
    """Register a tensor as parameter, or as buffer, under modules named by the path; one that is there stays as it is."""
    *names, last = path.split(".")
    holder = module
    for name in names:
        if name not in holder._modules:
            holder.add_module(name, nn.Module())
        holder = holder._modules[name]  # type: ignore[assignment]
    if last in holder._parameters or last in holder._buffers:
        return
    if trained:
        holder.register_parameter(last, nn.Parameter(tensor, requires_grad=not frozen))
    else:
        holder.register_buffer(last, tensor)


def adopt(module: nn.Module, found: Mapping[str, Parameter]) -> None:
    """Register the parameters of a network that a module does not have yet, by their paths and over their memory."""
    for path, parameter in found.items():
        hold(module, path, to_torch(parameter.value, torch.device("cpu")), trained=parameter.role == "weight", frozen=parameter.frozen)


class Sharing(nn.Module):
    """A module whose tensors are Julia's memory, too. A deep copy has tensors of its own, which Julia uses instead."""

    _shared: dict[str, Any]

    def __init__(self, **shared: Any) -> None:
        super().__init__()
        self._shared = shared

    def tensors(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers by path. Errors: Unsupported for one that Julia cannot lie over."""
        found = {path: holder[name] for path, holder, name in self._shared.get("slots") or self._slots()}
        for path, tensor in found.items():
            if not tensor.is_contiguous():
                raise Unsupported(path, "a row-major tensor", f"strides {tensor.stride()} for shape {tuple(tensor.shape)}", "Use .contiguous().")
        return found

    def _slots(self) -> list[tuple[str, dict[str, Any], str]]:
        """Where the tensors stand, looked up once: path, a module's own dictionary, and the name in it."""
        named = [(f"{path}." if path else "", module) for path, module in self.named_modules()]
        found = [(path + name, holder, name) for path, m in named for holder in (m._parameters, m._buffers) for name in holder]
        self._shared["slots"] = found
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update({k: {**v, "slots": None} if k == "_shared" else copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        hint = "Save its state_dict(), and make the module anew around the model in the other process."
        raise Unsupported("pickling a module of as_module", "tensors", "a model of the running Julia", hint)
