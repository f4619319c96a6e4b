"""CUDA tensors and CuArrays over the same memory. Not run on a GPU yet. Julia's side is julia/ext/PyPhotonCUDAExt.jl.

What one side has queued happens before what the other queues after the exchange, also when they work on different streams. Later
writes are not ordered: exchange again, or synchronise.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pyphoton.backends.julia import dlpack, memory
from pyphoton.backends.julia.crossing import Crossing, crossing
from pyphoton.backends.julia.errors import JuliaError
from pyphoton.backends.julia.keeper import Keeper
from pyphoton.backends.julia.memory import Memory
from pyphoton.errors import LayoutError, Unsupported

LEGACY_STREAM = 1


class JuliaCudaArray:
    """A CuArray that others take by DLPack, axes reversed: `torch.from_dlpack(a)` shares its memory and may write to it.

    `.julia` is the CuArray as juliacall shows it. It does not become a NumPy array: that would copy it from the GPU unasked.
    """

    def __init__(self, found: Memory, value: Any) -> None:
        self._found, self._kept = found, Keeper(value)
        self.shape, self.dtype = found.shape, memory.dtype_of(found.kind)

    @property
    def julia(self) -> Any:
        """The CuArray."""
        return self._kept.value

    def __repr__(self) -> str:
        return f"JuliaCudaArray(shape={self.shape}, dtype={self.dtype}, device={self._found.device[1]})"

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a CuArray is not copied from the GPU unasked: torch.from_dlpack(a).cpu().numpy() does it.")

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._found.device

    def __dlpack__(
        self, *, stream: int | None = None, max_version: tuple[int, int] | None = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:  # fmt: skip
        """A capsule; `stream` waits for what Julia has queued. Errors: BufferError for a copy or another device."""
        found = self._found
        if copy or stream == 0 or (dl_device is not None and tuple(dl_device) != found.device):
            raise BufferError(f"a CuArray is shared where it is: copy={copy}, dl_device={dl_device}, stream={stream} cannot be had")
        julia = crossing()
        _settle(julia)
        if stream != -1:
            julia.runtime.ask("cuda_order", stream=LEGACY_STREAM if stream is None else stream)
        versioned = max_version is not None and max_version[0] >= 1
        return dlpack.lend(found.pointer, found.shape, found.kind, found.device, found.owner, versioned)


def to_julia(x: Any, copy: bool) -> JuliaCudaArray:
    """A CuArray over a CUDA tensor's memory. Errors: LayoutError; Unsupported where CUDA.jl is not installed."""
    julia = crossing()
    here = _cuda(julia)
    x = memory.shareable(x, copy)
    if copy:
        x = x.contiguous().clone() if hasattr(x, "contiguous") else x.copy()
    found = memory.of_tensor(dlpack.read(dlpack.capsule_of(x, stream=here["stream"] or LEGACY_STREAM)), copy=False)
    if found.device[1] != here["device"]:
        raise LayoutError("to_julia", f"a tensor on CUDA device {here['device']}, as CUDA.jl is", f"one on device {found.device[1]}")
    _settle(julia)
    value = julia.laid(found)
    return JuliaCudaArray(found._replace(owner=Keeper(value)), value)


def _cuda(julia: Crossing) -> dict[str, int]:
    """CUDA.jl's current device and stream."""
    try:
        julia.runtime.ask("load_cuda")
        found: dict[str, int] = julia.runtime.ask("cuda")
    except JuliaError as error:
        hint = 'Add it, using Pkg; Pkg.add("CUDA"), or share the copy on the processor: to_julia(x.cpu()).'
        raise Unsupported("to_julia of a CUDA tensor", "a Julia project with CUDA.jl", "none that works", hint) from error
    return found


def _settle(julia: Crossing) -> None:
    """Let go of what borrowers have given back, after the work that they queued on it."""
    if dlpack.returned:
        julia.runtime.ask("cuda_settle")
        dlpack.returned.clear()
