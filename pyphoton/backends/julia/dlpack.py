"""DLPack capsules: read without being consumed, and made.

A capsule that is only read stays its own: whoever keeps it keeps the memory, and when nobody does, the producer's own destructor
frees the memory, with Python's lock held. Structures are those of dlpack.h, version 1.
"""

from __future__ import annotations

import ctypes
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyphoton.errors import LayoutError

HOST, CUDA = 1, 2
REACHABLE = {HOST, 3, 11}
"""Device types whose memory the processor reads like its own: 3 and 11 are pinned memory."""
BFLOAT16 = (4, 16)
VERSIONED, PLAIN = b"dltensor_versioned", b"dltensor"

_TENSOR = struct.Struct("=QiiiBBHQQQ")  # data, device type and number, ndim, code, bits, lanes, shape, strides, byte_offset
_HEADER = struct.Struct("=IIQQQ")  # major, minor, manager_ctx, deleter, flags: before the tensor of versioned capsules
_BOTH = struct.Struct("=IIQQQQiiiBBHQQQ")
_INT64 = [struct.Struct(f"={count}q") for count in range(65)]  # by number of axes, of which NumPy allows 64
_TYPE_IN_TENSOR = 20
_READ_ONLY = 1

_api = ctypes.pythonapi
_is_named = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))


class Tensor(NamedTuple):
    """What a capsule says. `kind` is DLPack's type code and bits; strides count elements and are None for row-major memory."""

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    kind: tuple[int, int]
    lanes: int
    device: tuple[int, int]
    read_only: bool
    capsule: Any


def capsule_of(x: Any, **options: Any) -> Any:
    """An unconsumed capsule of an array, versioned where its library can. Errors: LayoutError with the library's reason."""
    try:
        try:
            return x.__dlpack__(max_version=(1, 0), **options)
        except TypeError:  # a library from before DLPack 1.0
            return x.__dlpack__(**options)
    except Exception as error:
        raise LayoutError("to_julia", "an array that shares its memory", type(x).__name__, f"Its library says: {error}") from error


def read(capsule: Any) -> Tensor:
    """What the capsule says; the capsule stays as it is. Errors: LayoutError for one that is used up or of another major version."""
    try:
        whole = ctypes.string_at(_address(capsule, VERSIONED), _BOTH.size)
        major, minor, _, _, flags, data, device, number, rank, code, bits, lanes, shape, strides, offset = _BOTH.unpack(whole)
    except ValueError:  # of another name
        major, minor, flags = 0, 8, 0
        data, device, number, rank, code, bits, lanes, shape, strides, offset = _plain(capsule)
    if major > 1:
        raise LayoutError("to_julia", "DLPack version 1", f"version {major}.{minor}")
    if not 0 <= rank <= 64:
        raise LayoutError("to_julia", "at most 64 axes", f"{rank}")
    sizes, steps = _numbers(shape, rank), _numbers(strides, rank) if strides else None
    return Tensor(data + offset, sizes, steps, (code, bits), lanes, (device, number), bool(flags & _READ_ONLY), capsule)


def _plain(capsule: Any) -> tuple[int, ...]:
    try:
        return _TENSOR.unpack(ctypes.string_at(_address(capsule, PLAIN), _TENSOR.size))
    except ValueError:
        raise LayoutError("to_julia", "an unused DLPack capsule", repr(capsule)) from None


def _numbers(address: int, count: int) -> tuple[int, ...]:
    return _INT64[count].unpack(ctypes.string_at(address, 8 * count)) if count else ()


def row_major(shape: Sequence[int], strides: Sequence[int] | None) -> bool:
    """Whether elements lie one after the other, the last axis fastest. Strides of axes with one element mean nothing."""
    if strides is None or 0 in shape:
        return True
    expected = 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length != 1 and stride != expected:
            return False
        expected *= length
    return True


def retype(capsule: Any, kind: tuple[int, int]) -> Any:
    """The same capsule with another element type of the same size."""
    versioned = _is_named(capsule, VERSIONED)
    tensor = _address(capsule, VERSIONED if versioned else PLAIN) + (_HEADER.size if versioned else 0)
    ctypes.memmove(tensor + _TYPE_IN_TENSOR, bytes(kind), 2)
    return capsule


# ---- made -------------------------------------------------------------------------------------------------------------------------

_Destroy = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_Delete = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destroy)(("PyCapsule_New", _api))
_is_dying_named = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_dying_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))

_lent: dict[int, tuple[Any, ...]] = {}
returned: deque[Any] = deque()
"""Owners whose borrower is done, which may be said in any thread. Clear it where they may go away."""


def _delete(address: int, lent: Any = _lent, back: Any = returned) -> None:
    back.append(lent.pop(address))


def _destroy(capsule: int) -> None:
    for name in (VERSIONED, PLAIN):
        if _is_dying_named(capsule, name):  # nobody took it
            _delete(_dying_address(capsule, name))


_deleter, _destructor = _Delete(_delete), _Destroy(_destroy)
for _function in (_deleter, _destructor):  # called until the very end, when modules are gone
    _api.Py_IncRef(ctypes.py_object(_function))


def lend(pointer: int, shape: Sequence[int], kind: tuple[int, int], device: tuple[int, int], owner: Any, versioned: bool) -> Any:
    """A capsule for row-major memory that can be written. The owner goes to `returned` when the borrower is done."""
    rank = len(shape)
    strides = [1] * rank
    for axis in range(rank - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    numbers = (ctypes.c_int64 * max(2 * rank, 1))(*shape, *strides)
    at = ctypes.addressof(numbers)
    tensor = _TENSOR.pack(pointer, *device, rank, *kind, 1, at, at + 8 * rank, 0)
    deleter = ctypes.cast(_deleter, ctypes.c_void_p).value or 0
    whole = _HEADER.pack(1, 0, 0, deleter, 0) + tensor if versioned else tensor + struct.pack("=QQ", 0, deleter)
    memory = ctypes.create_string_buffer(whole, len(whole))
    _lent[ctypes.addressof(memory)] = (memory, numbers, owner)
    return _new(ctypes.addressof(memory), VERSIONED if versioned else PLAIN, _destructor)
