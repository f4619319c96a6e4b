"""DLPack producers made by hand, after dlpack.h and independently of the library: whatever a capsule can say, one of these says it."""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
    py_object,
)

CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
CPU = (1, 0)


class DLTensor(Structure):
    _fields_ = (
        ("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32), ("code", c_uint8), ("bits", c_uint8),
        ("lanes", c_uint16), ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)), ("byte_offset", c_uint64),
    )  # fmt: skip


Deleter = CFUNCTYPE(None, c_void_p)


class DLManagedTensor(Structure):
    _fields_ = (("dl_tensor", DLTensor), ("manager_ctx", c_void_p), ("deleter", Deleter))


class DLManagedTensorVersioned(Structure):
    _fields_ = (
        ("major", c_uint32), ("minor", c_uint32), ("manager_ctx", c_void_p), ("deleter", Deleter), ("flags", c_uint64), ("dl_tensor", DLTensor),
    )  # fmt: skip


Destructor = ctypes.PYFUNCTYPE(None, c_void_p)
api = ctypes.pythonapi
new = ctypes.PYFUNCTYPE(py_object, c_void_p, ctypes.c_char_p, Destructor)(("PyCapsule_New", api))
valid = ctypes.PYFUNCTYPE(ctypes.c_int, c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", api))
pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
alive = {}  # structures by their address, until they are deleted


def destroy(capsule):
    for name, structure in ((b"dltensor", DLManagedTensor), (b"dltensor_versioned", DLManagedTensorVersioned)):
        if valid(capsule, name):
            at = pointer(capsule, name)
            structure.from_address(at).deleter(at)


destructor = Destructor(destroy)
api.Py_IncRef(py_object(destructor))  # capsules may outlive this module


class Producer:
    """An array that says of a NumPy array's memory what it is told to say, and counts how often it was let go of.

    With `once` it forgets the NumPy array as soon as a capsule keeps it.
    """

    def __init__(self, array, *, once=False, versioned=True, old=False, strides="own", version=(1, 0), flags=0, lanes=1, device=CPU, **said):
        self.array, self.once, self.versioned, self.old, self.deleted = array, once, versioned, old, 0
        self.strides = [s // max(array.itemsize, 1) for s in array.strides] if strides == "own" else strides
        self.version, self.flags, self.lanes, self.device, self.said = version, flags, lanes, device, said
        self.asked = []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        if self.old and options:
            raise TypeError("__dlpack__() got an unexpected keyword argument")
        self.asked.append(options)
        array, said = self.array, self.said
        shape = said.get("shape", array.shape)
        tensor = DLTensor(
            said.get("data", array.ctypes.data - said.get("byte_offset", 0)), *self.device, len(shape),
            said.get("code", CODES.get(array.dtype.kind)), said.get("bits", 8 * array.itemsize), self.lanes,
            (c_int64 * len(shape))(*shape), None if self.strides is None else (c_int64 * len(self.strides))(*self.strides),
            said.get("byte_offset", 0),
        )  # fmt: skip
        deleter = Deleter(self.delete)
        if self.versioned:
            managed, name = DLManagedTensorVersioned(*self.version, None, deleter, self.flags, tensor), b"dltensor_versioned"
        else:
            managed, name = DLManagedTensor(tensor, None, deleter), b"dltensor"
        alive[ctypes.addressof(managed)] = (managed, self, array, deleter)
        self.array = None if self.once else array
        return new(ctypes.addressof(managed), name, destructor)

    def delete(self, address):
        self.deleted += 1
        managed, _, _, deleter = alive.pop(address)
        self.last = managed, deleter  # the callback that runs now must not go away
