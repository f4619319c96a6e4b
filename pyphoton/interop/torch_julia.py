"""A Julia callable in torch's graph: a torch.autograd.Function around its pullback, without a copy on the way.

torch keeps, as it does for its own functions, what the way back needs: inputs and results, whose version counters tell whether somebody
has written to them, and a token (torch_saved.py), with which Julia's pullback goes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from pyphoton.backends.julia import pulling
from pyphoton.backends.julia.keeper import Keeper
from pyphoton.errors import Unsupported, note
from pyphoton.interop.torch_memory import array_given, given, row_major, tensor_over
from pyphoton.interop.torch_saved import kept, once, token

THREAD = (
    "torch calls backward for CUDA in a thread of its own: with torch.autograd.set_multithreading_enabled(False): loss.backward() calls it "
    "in yours."
)


class Call(NamedTuple):
    """What is called: a prepared callable, its name in errors, how many inputs it takes, and its mode (None: as it is).

    `leaves` are the positions, among all leaves of the callable, of those whose tensors stand after the inputs.
    """

    prepared: Any
    name: str
    inputs: int
    leaves: tuple[int, ...] = ()
    training: bool | None = None


def called(call: Call, tensors: Sequence[torch.Tensor]) -> Any:
    """The callable on shareable tensors, those of its leaves last: a tensor, or a tuple of them. Errors: JuliaError, Unsupported."""
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        *results, single = _Julia.apply(call, *tensors)  # type: ignore[no-untyped-call]
    else:
        _, single, results = _forwards(call, tensors, differentiate=False)
    return results[0] if single else tuple(results)


def _forwards(call: Call, tensors: Sequence[torch.Tensor], *, differentiate: bool) -> tuple[Keeper, bool, list[torch.Tensor]]:
    inputs = tensors[: call.inputs]
    kept, single, memories = pulling.pulled(call.prepared, [given(t) for t in inputs], differentiate=differentiate, training=call.training)
    device = next((t.device for t in inputs if t.device.type == "cuda"), None)
    results = [tensor_over(m) for m in memories if m is not None]
    return kept, single, results if device is None else [r.to(device) for r in results]


class _Julia(torch.autograd.Function):
    """Forwards in Julia, and backwards by the pullback that Julia made on the way. After the results it tells whether they are one."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: torch.Tensor) -> Any:
        pullback, single, results = _forwards(call, tensors, differentiate=True)
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[r for r in results if not (r.is_floating_point() or r.is_complex())])
        ctx.save_for_backward(token(pullback), *tensors, *results)
        return (*results, single)

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor | None) -> Any:
        call, wanted = ctx.call, ctx.needs_input_grad[1:]
        byte, *saved = ctx.saved_tensors
        tensors = saved[: len(wanted)]
        found = _backwards(call, kept(byte, call.name), slopes[:-1])
        leaves = len(found) - call.inputs
        ordered = [*found[leaves:], *(found[k] for k in call.leaves)]
        gradients = [g.to(t.device) if w and g is not None else None for g, t, w in zip(ordered, tensors, wanted, strict=True)]
        if torch.is_grad_enabled():  # the graph of this pass is wanted, too
            gradients = once(call.name, gradients, [*tensors, *slopes[:-1]])
        return None, *gradients


def _backwards(call: Call, pullback: Keeper, slopes: Sequence[torch.Tensor | None]) -> list[torch.Tensor | None]:
    """The gradients of all leaves and then of the inputs. Errors: JuliaError; Unsupported where Julia cannot be called."""
    dys = [array_given(None if s is None else row_major(s.detach())) for s in slopes]
    try:
        memories = pulling.back(pullback, dys)
    except Unsupported as error:
        if threading.get_ident() != pullback.thread:
            note(error, THREAD)
        raise
    return [None if m is None else tensor_over(m) for m in memories]
