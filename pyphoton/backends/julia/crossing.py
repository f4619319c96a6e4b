"""Julia's functions for arrays, as C functions: nothing is converted on the way. Their other side is julia/ext/PyPhotonPythonCallExt.jl."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from pyphoton.backends.julia.keeper import Keeper, dropped
from pyphoton.backends.julia.memory import Memory
from pyphoton.backends.julia.runtime import Runtime, start

MOST_AXES = 64
SHOWN, NO_ARRAY, NO_TYPE, NOT_DENSE = range(4)
_thing, _int = ctypes.py_object, ctypes.c_int
_Lay = ctypes.PYFUNCTYPE(_thing, ctypes.c_size_t, _int, _int, _int, ctypes.c_char_p, _thing)
_Show = ctypes.PYFUNCTYPE(_thing, _thing, ctypes.c_void_p)
_Copy = ctypes.PYFUNCTYPE(_thing, _thing)


class Crossing(NamedTuple):
    """The functions: lay an array over memory, show where an array's memory is, make a dense copy."""

    runtime: Runtime
    lay: Callable[[int, int, int, int, bytes, Any], Any]
    show: Callable[[Any, int], Any]
    copy: Callable[[Any], Any]

    def laid(self, found: Memory) -> Any:
        """The Julia array over this memory, as juliacall shows it."""
        shape, (code, bits) = found.shape, found.kind
        packed = struct.pack(f"={len(shape)}q", *shape)
        return self.lay(found.pointer, code << 8 | bits, found.device[0], len(shape), packed, found.owner)

    def shown(self, value: Any) -> tuple[int, Any]:
        """What stands against sharing a Julia array, with its type's name; or SHOWN and where its memory is."""
        room = (ctypes.c_int64 * (6 + MOST_AXES))()
        kept = self.show(value, ctypes.addressof(room))
        status, pointer, kind, device, number, rank = room[:6]
        if status != SHOWN:
            return status, kept
        return status, Memory(pointer, tuple(room[6 : 6 + rank]), divmod(kind, 256), (device, number), Keeper(kept))


@functools.cache
def _crossing() -> Crossing:
    runtime = start()
    at = runtime.ask("exchange")
    return Crossing(runtime, _Lay(at["lay"]), _Show(at["show"]), _Copy(at["copy"]))


def crossing() -> Crossing:
    """Into Julia, which is started if it does not run. Errors: BackendMissing; Unsupported in another thread than Julia's."""
    found = _crossing()
    found.runtime.check()
    dropped.clear()
    return found
