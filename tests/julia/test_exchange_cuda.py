"""CUDA tensors and CuArrays over the same memory: on a machine with a GPU and CUDA.jl. The refusals need neither."""

import gc

import numpy as np
import pytest
from producer import Producer

from pyphoton.backends.julia.cuda import JuliaCudaArray
from pyphoton.backends.julia.exchange import from_julia, to_julia
from pyphoton.backends.julia.memory import Memory
from pyphoton.errors import LayoutError, Unsupported

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = [pytest.mark.julia, pytest.mark.gpu]

DTYPES = ["bool", "int8", "int32", "int64", "uint8", "float16", "float32", "float64", "bfloat16", "complex64", "complex128"]


def has_cuda_jl(julia):
    """Whether the Julia project has CUDA.jl and it finds a GPU."""
    if not julia.julia.seval('Base.identify_package("CUDA") !== nothing'):
        return False
    julia.julia.seval("import CUDA")
    return bool(julia.julia.seval("CUDA.functional()"))


@pytest.fixture(scope="module")
def cuda(julia):
    """Julia functions on CuArrays; skips where torch or CUDA.jl has no GPU."""
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    if not has_cuda_jl(julia):
        pytest.skip("the Julia project has no CUDA.jl that finds a GPU")
    return julia.julia.seval(
        "(; address = a -> UInt(pointer(a)), size = a -> collect(Int, size(a)), fill = (a, x) -> (fill!(a, x); nothing),"
        " make = n -> CUDA.CuArray(reshape(collect(Float32, 1:n), 2, :)), total = a -> Float64(sum(a)), vec = vec,"
        " slow = a -> (for _ in 1:200; a .= a .* 1.0001f0; end; a .= 3; nothing), gc = () -> (GC.gc(); GC.gc(); nothing))"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_to_julia_to_torch(cuda, dtype):
    """One address on the device, reversed axes, writes of both sides seen by the other."""
    t = torch.ones(2, 3, 4, device="cuda").to(getattr(torch, dtype))
    shared = to_julia(t)
    assert int(cuda.address(shared.julia)) == t.data_ptr()
    assert list(cuda.size(shared.julia)) == [4, 3, 2] and shared.shape == (2, 3, 4)
    back = torch.from_dlpack(shared)
    assert back.dtype == t.dtype and back.data_ptr() == t.data_ptr()
    cuda.fill(shared.julia, 0)
    assert not torch.from_dlpack(shared).any()


def test_julia_to_torch(cuda):
    """A CuArray of Julia in torch: shared, writable, alive as long as the tensor."""
    a = cuda.make(12)
    t = torch.from_dlpack(from_julia(a))
    assert (t.shape, t.data_ptr()) == ((6, 2), int(cuda.address(a)))
    assert t.cpu().flatten().tolist() == list(range(1, 13))
    t.fill_(2)
    torch.cuda.synchronize()
    assert cuda.total(a) == 24
    del a
    gc.collect()
    cuda.gc()
    assert t.sum().item() == 24


@pytest.mark.parametrize("side", [False, True], ids=["default stream", "side stream"])
def test_streams_are_ordered(cuda, side):
    """What one side has queued is done before the other side looks, on side streams too."""
    t = torch.zeros(2**24, device="cuda")
    with torch.cuda.stream(torch.cuda.Stream() if side else torch.cuda.default_stream()):
        for _ in range(100):
            t.add_(1)
        shared = to_julia(t)
        assert cuda.total(shared.julia) == 100 * 2**24
        cuda.slow(shared.julia)
        assert torch.from_dlpack(shared).eq(3).all().item()


def test_owners_live_as_long_as_aliases(cuda):
    """torch's memory while Julia has a reshape of it; it is released afterwards."""
    t = torch.full((4, 6), 5.0, device="cuda")
    alias = cuda.vec(to_julia(t).julia)
    before = torch.cuda.memory_allocated()
    del t
    gc.collect()
    cuda.gc()
    assert cuda.total(alias) == 120 and torch.cuda.memory_allocated() == before
    del alias
    gc.collect()
    cuda.gc()
    to_julia(np.zeros(1))
    assert torch.cuda.memory_allocated() < before


def test_hostile_layouts_are_refused_or_copied(cuda):
    """As in memory of the processor."""
    t = torch.arange(6.0, device="cuda").reshape(2, 3).t()
    with pytest.raises(LayoutError, match=r"copy=True"):
        to_julia(t)
    assert torch.equal(torch.from_dlpack(to_julia(t, copy=True)), t)


# ---- without a GPU ----------------------------------------------------------------------------------------------------------------


def test_a_cuda_tensor_needs_cuda_jl(julia):
    """Without CUDA.jl in Julia's project the error says how to add it, and the way that needs none."""
    if has_cuda_jl(julia):
        pytest.skip("the Julia project has CUDA.jl")
    for x, copy in ((np.arange(3.0), False), (np.arange(6.0)[::2], True)):
        with pytest.raises(Unsupported, match=r"Pkg\.add.*x\.cpu\(\)"):
            to_julia(Producer(x, device=(2, 0)), copy=copy)


def test_a_cuda_array_is_not_copied_to_the_processor_unasked():
    """NumPy is refused; so are copies and other devices; what it says of itself is right."""
    a = JuliaCudaArray(Memory(4096, (2, 3), (2, 32), (2, 0), None), "the CuArray")
    assert (a.shape, a.dtype.name, a.julia, a.__dlpack_device__()) == ((2, 3), "float32", "the CuArray", (2, 0))
    with pytest.raises(TypeError, match="unasked"):
        np.asarray(a)
    for options in ({"copy": True}, {"stream": 0}, {"dl_device": (1, 0)}):
        with pytest.raises(BufferError, match="shared where it is"):
            a.__dlpack__(**options)


def test_strided_cuda_memory_is_refused_without_a_gpu():
    """The layout is read from the capsule: no GPU and no CUDA.jl is needed to see that it cannot be shared."""
    with pytest.raises(LayoutError, match=r"row-major.*copy=True"):
        to_julia(Producer(np.arange(12.0)[::2], device=(2, 0)))
