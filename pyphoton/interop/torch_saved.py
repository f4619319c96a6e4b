"""What a function of Julia leaves in torch's graph: an object of Julia that goes when torch frees what it saved, and gradients that are no
functions themselves.

The object hangs on a tensor of one byte, the token, which is saved with the others: after `backward`, or with the graph, torch lets go of it.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch

from pyphoton.backends.julia import dlpack
from pyphoton.backends.julia.memory import Memory, numpy_over
from pyphoton.errors import Unsupported


class _Held:
    """An object, and a byte of its own by whose address it is found."""

    __slots__ = ("__weakref__", "byte", "value")

    def __init__(self, value: Any) -> None:
        self.value, self.byte = value, np.zeros(1, np.uint8)


_held: WeakValueDictionary[int, _Held] = WeakValueDictionary()


def token(value: Any) -> torch.Tensor:
    """A tensor that keeps the object."""
    held = _Held(value)
    pointer = held.byte.ctypes.data
    _held[pointer] = held
    return torch.from_numpy(numpy_over(Memory(pointer, (1,), (1, 8), (dlpack.HOST, 0), held)))


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
