"""What a function of Julia leaves in torch's graph: an object of Julia that goes when torch frees what it saved, and gradients that are no
functions themselves.

The object hangs on a tensor of one byte, the token, which is saved with the others: after `backward`, or with the graph, torch lets go of it.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import torch

from pyphoton.errors import Unsupported


class _Held(bytearray):
    """A byte that has an object; the object is found by the byte's address."""

    __slots__ = ("__weakref__", "value")
    value: Any


_held: WeakValueDictionary[int, _Held] = WeakValueDictionary()


def token(value: Any) -> torch.Tensor:
    """A tensor that keeps the object."""
    held = _Held(1)
    held.value = value
    made = torch.frombuffer(held, dtype=torch.uint8)
    _held[made.data_ptr()] = held
    return made


def kept(found: torch.Tensor, name: str) -> Any:
    """The object of a token. Errors: Unsupported where torch gives another tensor back than it was given."""
    held = _held.get(found.data_ptr())
    if held is None:
        hint = "Leave the Julia function outside of hooks that move what torch saves (saved_tensors_hooks, save_on_cpu)."
        raise Unsupported(f"backward of {name}", "what torch saved for it", "a copy of that", hint)
    return held.value


def once(name: str, gradients: list[torch.Tensor | None], by: list[torch.Tensor | None]) -> list[torch.Tensor | None]:
    """Gradients as they are, which refuse to be differentiated with respect to what they depend on."""
    return list(_Once.apply(name, len(gradients), *gradients, *by))  # type: ignore[no-untyped-call]


class _Once(torch.autograd.Function):
    """The first `count` tensors as they are."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *tensors: torch.Tensor | None) -> Any:
        """The tensors themselves."""
        ctx.name = name
        return tensors[:count]

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        """Errors: Unsupported."""
        hint = "Write the derivative as a Julia function of its own, or the whole in torch."
        raise Unsupported(f"the second derivative of {ctx.name}", "first derivatives: Julia's pullback is not differentiated itself", "create_graph=True", hint)
