"""The NumPy array that lies over the same memory as a Julia array."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.backends.julia import dlpack
from pyphoton.backends.julia.keeper import Keeper

_KNOWS_DLPACK_1 = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


class JuliaArray(np.ndarray):
    """A NumPy array and a Julia array over the same memory, axes reversed: shape (2, 3) here is size (3, 2) there.

    `.julia` is the Julia array as juliacall shows it, to hand to Julia functions; it is None on slices and copies. NumPy, torch
    (`torch.from_dlpack`) and everything else that takes buffers or DLPack shares the memory too, and may write to it. NumPy has
    no bfloat16: unless ml_dtypes is loaded, its two bytes have dtype V2 here; in torch they are bfloat16 again.
    """

    _kept: Keeper | None = None

    @property
    def julia(self) -> Any:
        """The Julia array, or None."""
        return self._kept and self._kept.value

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """What is computed is NumPy's own, and no JuliaArray."""
        if array is self:
            return array
        plain = array.view(np.ndarray)
        return plain[()] if return_scalar or (plain.ndim == 0 and not _KNOWS_DLPACK_1) else plain

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:  # fmt: skip
        """NumPy's own capsule: versioned and to be written where NumPy and the consumer know DLPack 1."""
        plain = self.view(np.ndarray)
        if is_bfloat16(self):
            return dlpack.retype(_capsule(plain.view("uint16"), stream, max_version, dl_device, copy), dlpack.BFLOAT16)
        return _capsule(plain, stream, max_version, dl_device, copy)


def is_bfloat16(x: Any) -> bool:
    """Whether the elements are bfloat16: ml_dtypes' type, or a JuliaArray's two bytes."""
    return bool(x.dtype.name == "bfloat16" or (isinstance(x, JuliaArray) and x.dtype == "V2" and x.dtype.fields is None))


def _capsule(x: Any, stream: Any, max_version: Any, dl_device: Any, copy: bool | None) -> Any:
    if _KNOWS_DLPACK_1:
        return x.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
    if dl_device not in (None, (dlpack.HOST, 0)):
        raise BufferError(f"memory of the processor cannot be had on DLPack device {dl_device}")
    return (x.copy() if copy else x).__dlpack__(stream=stream)
