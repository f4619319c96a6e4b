"""Arrays to Julia and back without a copy.

What Python owns lives until nothing in Julia uses its memory, aliases included; what Julia owns lives as long as a NumPy or torch
array lies over its memory.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from pyphoton.backends.julia import cuda, dlpack, memory
from pyphoton.backends.julia.array import JuliaArray
from pyphoton.backends.julia.crossing import NO_ARRAY, NO_TYPE, NOT_DENSE, SHOWN, crossing
from pyphoton.backends.julia.cuda import JuliaCudaArray
from pyphoton.backends.julia.keeper import Keeper
from pyphoton.errors import LayoutError


def to_julia(x: Any, *, copy: bool = False) -> JuliaArray:
    """A Julia array over the memory of a NumPy array, a torch tensor or anything with `__dlpack__`, axes reversed.

    Nothing is copied, whatever the size, and both sides may write. Of a tensor that requires a gradient the numbers are shared,
    and no gradient flows. With `copy=True` the memory is new. A CUDA tensor becomes a CuArray in a JuliaCudaArray, where CUDA.jl is
    installed.

    Bytes of bool have to be 0 or 1, as NumPy and torch write them: nobody looks.

    Errors: LayoutError for memory that cannot be shared: not row-major, read-only, or of a type that Julia does not have.
    """
    if isinstance(x, JuliaArray | JuliaCudaArray) and x.julia is not None and not copy:
        return cast(JuliaArray, x)
    found = memory.of(x, copy)
    if found.device[0] == dlpack.CUDA:
        return cast(JuliaArray, cuda.to_julia(x, copy))
    value = crossing().laid(found)
    return _both(memory.numpy_over(found) if found.array is None else found.array, value)


def from_julia(value: Any, *, copy: bool = False) -> JuliaArray:
    """A NumPy array over the memory of a Julia array, axes reversed: Julia's size (3, 2) is shape (2, 3) here.

    `value` is a Julia array as juliacall shows it. Both sides may write, and the memory lives as long as anything in Python looks
    at it; Julia can no longer resize a vector whose memory was shown. With `copy=True` the memory is new, and Julia's.

    Errors: LayoutError for an array that is not dense, or whose elements are no numbers that Python knows.
    """
    if isinstance(value, JuliaArray | JuliaCudaArray) and value.julia is not None:
        return from_julia(value.julia, copy=True) if copy else cast(JuliaArray, value)
    juliacall = sys.modules.get("juliacall")
    if juliacall is None or not isinstance(value, juliacall.ValueBase):
        raise LayoutError("from_julia", "an array of Julia", type(value).__name__, "to_julia(x) is for arrays of Python.")
    julia = crossing()
    value = julia.copy(value) if copy else value
    status, found = julia.shown(value)
    if status != SHOWN:
        raise _refused(status, str(found))
    if found.device[0] == dlpack.CUDA:
        return cast(JuliaArray, JuliaCudaArray(found, value))
    return _both(memory.numpy_over(found), value)


def _both(array: Any, value: Any) -> JuliaArray:
    made: JuliaArray = array.view(JuliaArray)
    made._kept = Keeper(value)
    return made


def _refused(status: int, kind: str) -> LayoutError:
    expected = {NO_ARRAY: "an array", NO_TYPE: f"elements of {memory.KNOWN}", NOT_DENSE: "a dense array that can be written"}
    return LayoutError("from_julia", expected[status], kind, "from_julia(value, copy=True) copies it." if status == NOT_DENSE else "")
