"""Whose memory an array is, where and what: what Julia has to know to lay an Array over it, or why it cannot.

Only row-major memory that can be written is shared; a row-major array of shape (n0, .., nk) is the Julia Array of size (nk, .., n0).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pyphoton.backends.julia import dlpack
from pyphoton.backends.julia.array import is_bfloat16
from pyphoton.errors import LayoutError

COPY = "to_julia(x, copy=True) copies it."
NAMES = {
    (6, 8): "bool", (0, 8): "int8", (0, 16): "int16", (0, 32): "int32", (0, 64): "int64",
    (1, 8): "uint8", (1, 16): "uint16", (1, 32): "uint32", (1, 64): "uint64",
    (2, 16): "float16", (2, 32): "float32", (2, 64): "float64", (5, 64): "complex64", (5, 128): "complex128",
}  # fmt: skip
_DTYPES = {kind: np.dtype(name) for kind, name in NAMES.items()}
_KINDS = {dtype: kind for kind, dtype in _DTYPES.items()}
_CODES = {0: "int", 1: "uint", 2: "float", 3: "opaque", 4: "bfloat", 5: "complex", 6: "bool"}
KNOWN = "bool, (u)int8-64, float16/32/64, bfloat16 or complex64/128"


class Memory(NamedTuple):
    """Row-major memory that can be written. `array` is NumPy's over it where there is one already."""

    pointer: int
    shape: tuple[int, ...]
    kind: tuple[int, int]
    device: tuple[int, int]
    owner: Any
    array: Any = None


class Lent:
    """What a NumPy array over somebody's memory has as its base: it keeps the owner."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__, self.owner = interface, owner


def of(x: Any, copy: bool) -> Memory:
    """Where the elements of `x` lie; with `copy`, those of a new array. Errors: LayoutError."""
    if isinstance(x, np.ndarray):
        return _copied(x, kind_of(x, copy)) if copy else of_numpy(x)
    if hasattr(x, "__dlpack__"):
        return of_tensor(dlpack.read(dlpack.capsule_of(shareable(x, copy))), copy)
    if copy:
        return of(np.asarray(x), copy)
    if isinstance(x, np.generic) or not (hasattr(x, "__array_interface__") or _is_buffer(x)):
        raise LayoutError("to_julia", "an array (NumPy, torch, or anything with __dlpack__)", type(x).__name__, COPY)
    return of_numpy(np.asarray(x))


def of_numpy(x: Any) -> Memory:
    """Where the elements of a NumPy array lie."""
    kind = _KINDS.get(x.dtype) if type(x) is np.ndarray else None
    kind = kind or kind_of(x)
    if not x.flags.carray:
        raise LayoutError("to_julia", *_wrong_numpy(x), COPY)
    return Memory(x.__array_interface__["data"][0], x.shape, kind, (dlpack.HOST, 0), x, x)


def of_tensor(found: dlpack.Tensor, copy: bool) -> Memory:
    """Where the elements of a DLPack tensor lie; with `copy`, those of a new array. Memory of a GPU is not copied."""
    kind, shape, strides = found.kind, found.shape, found.strides
    if (kind not in _DTYPES and kind != dlpack.BFLOAT16) or found.lanes != 1:
        name = f"{_CODES[kind[0]]}{kind[1]}" if kind[0] in _CODES else f"DLPack's type {kind[0]} of {kind[1]} bits"
        raise LayoutError("to_julia", KNOWN, name + (f" in {found.lanes} lanes" if found.lanes != 1 else ""))
    if not found.pointer and 0 not in shape:
        raise LayoutError("to_julia", "memory", f"a null pointer for shape {shape}")
    memory = Memory(found.pointer, shape, kind, found.device, found.capsule)
    if found.device[0] == dlpack.CUDA:
        return memory if copy else _dense(memory, strides, found.read_only)
    if found.device[0] not in dlpack.REACHABLE:
        raise LayoutError("to_julia", "memory of the processor or of CUDA", f"DLPack device {found.device}", "Move it first: x.cpu().")
    if copy:
        return _copied(numpy_over(memory, strides, found.read_only), kind)
    return _dense(memory, strides, found.read_only)


def _dense(memory: Memory, strides: Sequence[int] | None, read_only: bool) -> Memory:
    if read_only:
        raise LayoutError("to_julia", "memory that can be written", "a read-only array", COPY)
    if not dlpack.row_major(memory.shape, strides):
        raise LayoutError("to_julia", "a row-major array", f"strides {strides} of elements for shape {memory.shape}", COPY)
    if 0 not in memory.shape:
        size = memory.kind[1] // (16 if memory.kind[0] == 5 else 8)
        if memory.pointer % size:
            raise LayoutError("to_julia", f"addresses that {size} divides", hex(memory.pointer), COPY)
    return memory


def numpy_over(memory: Memory, strides: Sequence[int] | None = None, read_only: bool = False) -> Any:
    """A NumPy array over the memory, which keeps the owner. Strides count elements."""
    dtype = dtype_of(memory.kind)
    if 0 in memory.shape:
        return np.empty(memory.shape, dtype)
    steps = None if strides is None else tuple(s * dtype.itemsize for s in strides)
    data = memory.pointer, read_only
    made = np.asarray(Lent({"version": 3, "data": data, "shape": memory.shape, "typestr": dtype.str, "strides": steps}, memory.owner))
    return made if made.dtype == dtype else made.view(dtype)


def shareable(x: Any, copy: bool) -> Any:
    """A torch tensor without its gradient, which DLPack cannot tell of; its memory is the same. Others as they are."""
    if getattr(x, "requires_grad", False):
        x = x.detach()
    for asked, resolve in (("is_conj", "resolve_conj"), ("is_neg", "resolve_neg")):
        if getattr(x, asked, bool)():
            if not copy:
                raise LayoutError("to_julia", "numbers as they are in memory", f"a tensor with {asked}() and {resolve}()", COPY)
            x = getattr(x, resolve)()
    return x


def kind_of(x: Any, copy: bool = False) -> tuple[int, int]:
    """DLPack's code and bits of an array's elements, or of its copy's. Errors: LayoutError for what Julia has no type for."""
    native = x.dtype if x.dtype.isnative or not copy else x.dtype.newbyteorder("=")
    if isinstance(x, np.ma.MaskedArray):
        raise LayoutError("to_julia", "an array without a mask", "a masked one", "Fill it first: x.filled(value).")
    if native in _KINDS:
        return _KINDS[native]
    if is_bfloat16(x):
        return dlpack.BFLOAT16
    if not native.isnative and native.newbyteorder("=") in _KINDS:
        raise LayoutError("to_julia", "numbers in this machine's byte order", f"dtype {native.str}", COPY)
    raise LayoutError("to_julia", KNOWN, f"dtype {native}")


def dtype_of(kind: tuple[int, int]) -> Any:
    """NumPy's dtype. NumPy has no bfloat16: it is ml_dtypes' where that is loaded, else two bytes without a meaning."""
    if kind != dlpack.BFLOAT16:
        return _DTYPES[kind]
    known = sys.modules.get("ml_dtypes")
    return np.dtype(known.bfloat16 if known else "V2")


def _copied(x: Any, kind: tuple[int, int]) -> Memory:
    made = np.array(x, dtype=x.dtype.newbyteorder("="), order="C", subok=False)
    return Memory(made.__array_interface__["data"][0], made.shape, kind, (dlpack.HOST, 0), made, made)


def _wrong_numpy(x: Any) -> tuple[str, str]:
    if not x.flags.c_contiguous:
        return "a row-major array", f"strides {x.strides} of bytes for shape {x.shape}"
    if not x.flags.writeable:
        return "memory that can be written", "a read-only array"
    return f"addresses that {x.dtype.alignment} divides", hex(x.__array_interface__["data"][0])


def _is_buffer(x: Any) -> bool:
    try:
        memoryview(x).release()
    except TypeError:
        return False
    return True
