"""Tensors of torch as Julia's arrays and back, by pointer, for functions that both call again and again."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils.dlpack

from pyphoton.backends.julia import dlpack
from pyphoton.backends.julia.cuda import JuliaCudaArray
from pyphoton.backends.julia.exchange import to_julia
from pyphoton.backends.julia.memory import KNOWN, NAMES, Memory, numpy_over
from pyphoton.backends.julia.pulling import NONE, NUMBER, VALUE, Given
from pyphoton.errors import DataError

_KINDS = {getattr(torch, name): code << 8 | bits for (code, bits), name in NAMES.items() if hasattr(torch, name)} | {torch.bfloat16: 0x0410}


def shareable(tensor: Any, name: str) -> torch.Tensor:
    """The tensor as Julia can use it: itself where it is dense and row-major, else a copy. Errors: DataError for what no copy helps."""
    if not isinstance(tensor, torch.Tensor):
        raise DataError(name, "a torch tensor or a number", type(tensor).__name__, "torch.as_tensor(x) makes one.")
    if tensor.layout != torch.strided or tensor.device.type not in ("cpu", "cuda"):
        what = f"a tensor on {tensor.device}" if tensor.layout == torch.strided else f"one of layout {tensor.layout}"
        raise DataError(name, "a dense tensor on the CPU or on CUDA", what, 'Move it first: x.to("cpu"), x.to_dense().')
    if tensor.dtype not in _KINDS:
        raise DataError(name, f"elements of {KNOWN}", str(tensor.dtype))
    return row_major(tensor)


def row_major(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or a copy where it is not row-major or its numbers are not what lies in memory."""
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    return tensor if tensor.is_contiguous() else tensor.contiguous()


def given(tensor: torch.Tensor | None) -> Given:
    """A shareable tensor for Julia: its memory; a tensor without axes is a number there."""
    if tensor is None:
        return NONE
    kind = _KINDS[tensor.dtype]
    if tensor.ndim == 0:
        tensor = tensor.cpu()
        return Given(kind, NUMBER, tensor.data_ptr(), (), tensor.untyped_storage())
    if tensor.device.type == "cuda":
        return Given(kind, VALUE, 0, (), to_julia(tensor).julia)
    return Given(kind, tensor.ndim, tensor.data_ptr(), tuple(tensor.shape), tensor.untyped_storage())


def array_given(tensor: torch.Tensor | None) -> Given:
    """The same for gradients of results, where a number is an array without axes."""
    if tensor is None or tensor.ndim:
        return given(tensor)
    tensor = tensor.cpu()
    return Given(_KINDS[tensor.dtype], 0, tensor.data_ptr(), (), tensor.untyped_storage())


def tensor_over(found: Memory) -> torch.Tensor:
    """A tensor over Julia's memory, which it keeps."""
    if found.device[0] == dlpack.CUDA:
        tensor: torch.Tensor = torch.utils.dlpack.from_dlpack(JuliaCudaArray(found, found.owner.value))
        return tensor
    array = numpy_over(found._replace(kind=(0, 16)) if found.kind == dlpack.BFLOAT16 else found)
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if found.kind == dlpack.BFLOAT16 else tensor
