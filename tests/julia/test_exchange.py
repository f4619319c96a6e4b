"""Arrays cross without a copy: the same addresses, writes seen on both sides, every type, and a LayoutError for what cannot be shared."""

import array
import ctypes
import gc
import mmap
import pickle
import sys
import threading
import timeit
from pathlib import Path

import numpy as np
import pytest
from producer import Producer

from pyphoton.backends.julia import dlpack, memory
from pyphoton.backends.julia.array import JuliaArray
from pyphoton.backends.julia.exchange import from_julia, to_julia
from pyphoton.errors import LayoutError, PhotonError, Unsupported

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.julia

JULIA_TYPES = {
    "bool": "Bool", "int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64", "uint8": "UInt8", "uint16": "UInt16",
    "uint32": "UInt32", "uint64": "UInt64", "float16": "Float16", "float32": "Float32", "float64": "Float64",
    "complex64": "ComplexF32", "complex128": "ComplexF64",
}  # fmt: skip
DTYPES = [*JULIA_TYPES]
MOST_MICROSECONDS = 10.0


def address(x):
    """Where NumPy says that the elements are."""
    return x.__array_interface__["data"][0]


def numbers(dtype, shape=(2, 3, 4)):
    """Different numbers of a type."""
    count = int(np.prod(shape))
    found = np.arange(count) % 2 if dtype == "bool" else np.arange(count) - (0 if dtype.startswith("u") else 3)
    return (found + 1j * found[::-1] if dtype.startswith("complex") else found).astype(dtype).reshape(shape)


# ---- NumPy and torch to Julia -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_memory_is_a_julia_array(jl, dtype):
    """A real Array of the right type at the very address, axes reversed, element by element; writes are seen on both sides."""
    x = numbers(dtype)
    shared = to_julia(x)
    a = shared.julia
    assert jl.kind(a) in (f"Array{{{JULIA_TYPES[dtype]}, 3}}", f"Array{{{JULIA_TYPES[dtype].replace('ComplexF', 'Complex{Float')}}}, 3}}")
    assert int(jl.address(a)) == address(x) == address(shared)
    assert list(jl.size(a)) == [4, 3, 2]
    assert list(jl.listed(a)) == x.ravel().tolist()
    jl.write(a, 2, 1)
    assert x[0, 0, 1] == 1 and shared[0, 0, 1] == 1
    x[1, 2, 3] = 0
    assert jl.listed(a)[23] == 0 and shared[1, 2, 3] == 0
    shared[1, 0, 0] = 1
    assert jl.listed(a)[12] == 1 and x[1, 0, 0] == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_memory_is_a_julia_array(jl, dtype):
    """The same for torch tensors, by DLPack."""
    t = torch.from_numpy(numbers(dtype)).clone()
    shared = to_julia(t)
    assert int(jl.address(shared.julia)) == t.data_ptr() == address(shared)
    assert list(jl.listed(shared.julia)) == t.flatten().tolist()
    assert (shared.dtype.name, shared.shape) == (dtype, (2, 3, 4))
    jl.write(shared.julia, 24, 1)
    assert t[1, 2, 3] == 1
    t[0, 0, 0] = 1
    assert jl.listed(shared.julia)[0] == 1 and shared[0, 0, 0] == 1


def test_torch_bfloat16_is_bfloat16_everywhere(jl, julia):
    """NumPy has no bfloat16, but Julia has it, and torch takes it back from the JuliaArray: no copy on the way."""
    t = torch.tensor([[1.5, -2.0, 3.25], [0.1, 1e30, float("inf")]], dtype=torch.bfloat16)
    shared = to_julia(t)
    assert "BFloat16" in jl.kind(shared.julia) and shared.dtype.itemsize == 2
    assert int(jl.address(shared.julia)) == t.data_ptr()
    widened = julia.julia.seval("a -> PyPhoton.widened.(a)")
    assert list(jl.listed(widened(shared.julia))) == t.float().flatten().tolist()
    for back in (torch.from_dlpack(shared), torch.from_dlpack(from_julia(shared.julia))):
        assert back.dtype == torch.bfloat16 and back.data_ptr() == t.data_ptr()
        assert torch.equal(back, t)
    julia.julia.seval("a -> (a[1] = PyPhoton.narrowed(7f0); nothing)")(shared.julia)
    assert t[0, 0] == 7
    part = to_julia(shared[1:])
    assert torch.equal(torch.from_dlpack(part), t[1:]) and int(jl.address(part.julia)) == t[1:].data_ptr()


def test_bfloat16_of_ml_dtypes(jl, monkeypatch):
    """Where ml_dtypes is loaded, NumPy has a bfloat16 after all: it is taken and given, and may be computed with."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    monkeypatch.setitem(sys.modules, "ml_dtypes", ml_dtypes)
    x = np.arange(6).astype(ml_dtypes.bfloat16).reshape(2, 3)
    shared = to_julia(x)
    assert "BFloat16" in jl.kind(shared.julia) and int(jl.address(shared.julia)) == address(x)
    for found in (shared, from_julia(shared.julia), to_julia(torch.from_dlpack(shared))):
        assert found.dtype == ml_dtypes.bfloat16 and address(found) == address(x)
        np.testing.assert_array_equal(found.astype("float32"), np.arange(6.0).reshape(2, 3))


def test_julias_bfloat16_converts_exactly_as_torch(julia):
    """All 65536 values to Float32, and rounding of Float32 to the nearest, ties to even, agree with torch bit by bit."""
    bits = np.arange(65536, dtype="uint16")
    values = torch.from_numpy(bits.view("int16")).view(torch.bfloat16)
    widen = julia.julia.seval("a -> PyPhoton.widened.(reinterpret(PyPhoton.BFloat16, a))")
    ours = np.array(from_julia(widen(to_julia(bits).julia)))
    np.testing.assert_array_equal(ours, values.float().numpy())
    floats = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype="uint32").view("float32")
    floats = np.concatenate([floats[~np.isnan(floats)], np.array([1 + 2**-8, 1 + 3 * 2**-8, -0.0, np.inf, 3.4e38], "float32")])
    narrow = julia.julia.seval("a -> reinterpret(Int16, PyPhoton.narrowed.(a))")
    ours = np.array(from_julia(narrow(to_julia(floats).julia), copy=True))
    np.testing.assert_array_equal(ours, torch.from_numpy(floats).bfloat16().view(torch.int16).numpy())


def test_tensors_that_require_a_gradient_share_their_numbers(jl):
    """The gradient is not DLPack's business: the memory is the tensor's own, and the tensor still requires one."""
    t = torch.nn.Parameter(torch.ones(2, 3))
    shared = to_julia(t)
    assert int(jl.address(shared.julia)) == t.data_ptr() and t.requires_grad
    jl.fill(shared.julia, 5.0)
    assert t.detach().eq(5).all()


@pytest.mark.parametrize("make", [torch.conj, lambda t: t.conj().imag.unsqueeze(0)[0:1, :1]], ids=["conj", "neg"])
def test_lazy_torch_views_are_not_shared_but_copied(julia, make):
    """A tensor whose conjugation or negation is still to come has other numbers than its memory."""
    t = make(torch.tensor([1 + 2j, 3 - 4j]))
    assert t.is_conj() or t.is_neg()
    with pytest.raises(LayoutError, match=r"resolve_.*copy=True"):
        to_julia(t)
    np.testing.assert_array_equal(np.asarray(to_julia(t, copy=True)), t.resolve_conj().resolve_neg().numpy())


def test_a_julia_array_is_itself(jl):
    """What is shared already is not shared again; a copy is new memory."""
    shared = to_julia(np.arange(3.0))
    assert to_julia(shared) is shared and from_julia(shared) is shared
    copied = to_julia(shared, copy=True)
    assert address(copied) != address(shared) and copied.tolist() == shared.tolist()
    assert int(jl.address(copied.julia)) == address(copied)
    assert address(from_julia(shared, copy=True)) != address(shared)


@pytest.mark.parametrize("make", [lambda: array.array("d", range(6)), lambda: memoryview(bytearray(48)).cast("d"), lambda: mmap.mmap(-1, 48)])
def test_buffers_are_shared(jl, make):
    """array.array, memoryviews and mapped memory have no DLPack, but they are buffers."""
    x = make()
    shared = to_julia(x)
    assert int(jl.address(shared.julia)) == address(np.asarray(x))
    jl.write(shared.julia, 1, 9)
    assert np.asarray(x)[0] == 9


# ---- Julia to NumPy and torch -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_julia_memory_is_a_numpy_array(jl, julia, dtype):
    """NumPy, a buffer, np.from_dlpack and torch look at Julia's address, axes reversed, and may write."""
    a = julia.julia.seval(f"reshape(convert(Vector{{{JULIA_TYPES[dtype]}}}, [mod(i, 2) for i in 1:24]), 4, 3, 2)")
    x = from_julia(a)
    assert (x.shape, x.dtype.name, address(x)) == ((2, 3, 4), dtype, int(jl.address(a)))
    assert x.ravel().tolist() == list(jl.listed(a)) == [i % 2 for i in range(1, 25)]
    for at, (name, view) in enumerate(looks(x).items()):
        view[0, 0, at] = 0
        assert jl.listed(a)[at] == 0, name
        jl.write(a, at + 1, 1)
        assert view[0, 0, at] == 1, name


def looks(x):
    """The ways in which others look at a JuliaArray's memory."""
    found = {"asarray": np.asarray(x), "buffer": np.frombuffer(x, x.dtype).reshape(x.shape), "torch": torch.from_dlpack(x)}
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
        found["from_dlpack"] = np.from_dlpack(x)
    assert not memoryview(x).readonly
    return found


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_round_trip_ends_where_it_began(jl, dtype):
    """NumPy to Julia to torch to Julia to NumPy: one address, one content."""
    x = numbers(dtype)
    t = torch.from_dlpack(from_julia(to_julia(x).julia))
    y = from_julia(to_julia(t).julia)
    assert address(x) == t.data_ptr() == address(y)
    np.testing.assert_array_equal(x, y)


DENSE = {
    "reshape": "reshape(collect(1.0:24.0), 4, 3, 2)",
    "vec": "vec(reshape(collect(1.0:24.0), 4, 6))",
    "view of columns": "view(reshape(collect(1.0:24.0), 4, 6), :, 2:3)",
    "view of a range": "view(collect(1.0:24.0), 5:9)",
    "view of one row of one": "view(reshape(collect(1.0:6.0), 1, 6), 1:1, :)",
    "reinterpret": "reinterpret(Float32, collect(1.0:24.0))",
    "empty": "zeros(4, 0, 2)",
    "no axes": "fill(3.5)",
    "six axes": "reshape(collect(1.0:64.0), 2, 2, 2, 2, 2, 2)",
}


@pytest.mark.parametrize("source", DENSE.values(), ids=DENSE)
def test_dense_aliases_of_julia_are_shared(jl, julia, source):
    """Reshapes, contiguous views and reinterpretations are dense: their own memory is shown."""
    a = julia.julia.seval(source)
    x = from_julia(a)
    assert list(x.shape) == [*jl.size(a)][::-1]
    assert x.size == 0 or address(x) == int(jl.address(a))
    jl.fill(a, 8)
    assert (np.asarray(x) == 8).all()


LOOSE = {
    "adjoint": "[1.0 2.0; 3.0 4.0]'",
    "transpose": "transpose([1.0 2.0; 3.0 4.0])",
    "permuted": "PermutedDimsArray(reshape(collect(1.0:24.0), 4, 3, 2), (2, 1, 3))",
    "view of rows": "view(reshape(collect(1.0:24.0), 4, 6), 2:3, :)",
    "every other": "view(collect(1.0:24.0), 1:2:9)",
    "backwards": "view(collect(1.0:24.0), 9:-1:1)",
    "range": "1.0:0.5:3.0",
    "bits": "BitArray([true false; true true])",
    "misaligned": "reinterpret(Float64, view(collect(UInt8, 1:24), 2:17))",
    "text": 'view(codeunits("abc"), 1:3)',
}


@pytest.mark.parametrize("source", LOOSE.values(), ids=LOOSE)
def test_other_arrays_of_julia_are_refused_or_copied(jl, julia, source):
    """What is not dense, or cannot be written, is refused with the way out, and the copy has the same numbers."""
    a = julia.julia.seval(source)
    with pytest.raises(LayoutError, match=r"dense.*copy=True"):
        from_julia(a)
    x = from_julia(a, copy=True)
    assert x.ravel().tolist() == list(jl.listed(a))
    assert int(jl.address(x.julia)) == address(x)
    x.fill(1)
    assert set(jl.listed(x.julia)) == {1}


@pytest.mark.parametrize("source", ['["a", "b"]', "Any[1, 2.0]", "[1//2]", "[big(1)]", "Union{Int,Missing}[1]", "[(1, 2)]", "Int128[1]", "ComplexF16[1]"])
def test_julia_arrays_of_other_things_are_refused(julia, source):
    """Strings, fractions and the like are no numbers that Python knows, and a copy would not help."""
    with pytest.raises(LayoutError, match="expected elements of bool") as caught:
        from_julia(julia.julia.seval(source))
    assert "copy=True" not in str(caught.value)


def test_what_is_no_julia_array_is_refused(julia):
    """Julia's other things, and arrays of Python, which to_julia takes."""
    with pytest.raises(LayoutError, match="expected an array, received Symbol"):
        from_julia(julia.julia.seval(":name"))
    for x in (np.ones(3), [1, 2], 3.5, None):
        with pytest.raises(LayoutError, match="to_julia"):
            from_julia(x)


# ---- JuliaArray as a NumPy array --------------------------------------------------------------------------------------------------


def test_results_are_numpys_and_slices_have_no_julia_array(jl):
    """Only what lies over a whole Julia array shows one; computing gives NumPy arrays and numbers; in place stays what it is."""
    shared = to_julia(numbers("float64"))
    a = shared.julia
    assert type(shared + 1) is np.ndarray and isinstance(shared.sum(), float) and type(shared.mean(axis=0)) is np.ndarray
    assert shared[1:].julia is None and shared.reshape(-1).julia is None and shared.copy().julia is None
    assert np.asarray(shared).base is not None and type(np.asarray(shared)) is np.ndarray
    before = jl.total(a)
    shared *= 2
    assert shared.julia is a and jl.total(a) == 2 * before
    part = to_julia(shared[1])
    assert int(jl.address(part.julia)) == address(shared[1])
    restored = pickle.loads(pickle.dumps(shared))
    assert restored.julia is None and restored.tolist() == shared.tolist()


def test_dlpack_options_are_numpys(jl):
    """Version, copy and device are what NumPy makes of them; a capsule can be had by any consumer."""
    shared = to_julia(np.arange(4.0))
    assert shared.__dlpack_device__() == (1, 0)
    assert '"dltensor"' in repr(shared.__dlpack__())
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
        found = dlpack.read(shared.__dlpack__(max_version=(1, 0)))
        assert (found.pointer, found.read_only, found.device) == (address(shared), False, (1, 0))
    assert dlpack.read(shared.__dlpack__(copy=True)).pointer != address(shared)
    with pytest.raises((BufferError, ValueError)):
        shared.__dlpack__(dl_device=(2, 0))


# ---- layouts that cannot be shared ------------------------------------------------------------------------------------------------


def frozen():
    """A read-only array."""
    x = np.arange(6.0)
    x.flags.writeable = False
    return x


HOSTILE = {
    "every other": lambda: np.arange(12.0)[::2],
    "backwards": lambda: np.arange(12.0)[::-1],
    "transposed": lambda: numbers("float32").transpose(2, 0, 1),
    "column-major": lambda: np.asfortranarray(numbers("int32", (3, 4))),
    "columns": lambda: numbers("float32", (4, 6))[:, 1:3],
    "broadcast": lambda: np.broadcast_to(np.arange(3.0), (4, 3)),
    "read-only": frozen,
    "bytes": lambda: np.frombuffer(bytes(range(16)), "uint8"),
    "byte-swapped": lambda: np.arange(5, dtype=np.dtype("int32").newbyteorder("S")),
    "misaligned": lambda: np.ndarray((2,), "float64", bytearray(24), 1),
    "fields": lambda: np.zeros(4, [("a", "float64"), ("b", "int8")])["a"],
    "torch transposed": lambda: torch.arange(6.0).reshape(2, 3).t(),
    "torch channels last": lambda: torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "torch expanded": lambda: torch.arange(3.0).expand(4, 3),
    "torch step": lambda: torch.arange(12.0)[::3],
    "torch bfloat16 columns": lambda: torch.ones(4, 6, dtype=torch.bfloat16)[:, 1:3],
    "dlpack strides": lambda: Producer(np.arange(12.0)[::2]),
    "dlpack negative strides": lambda: Producer(np.arange(12.0)[::-1]),
    "dlpack zero strides": lambda: Producer(np.arange(3.0), shape=(4, 3), strides=[0, 1]),
    "dlpack column-major": lambda: Producer(np.asfortranarray(numbers("float64", (3, 4)))),
    "dlpack read-only": lambda: Producer(np.arange(6.0), flags=1),
    "dlpack bfloat16 strides": lambda: Producer(np.arange(6, dtype="uint16"), shape=(3,), strides=[2], code=4),
}


def values(x):
    """The numbers as NumPy, torch or the strides themselves tell them: always a copy."""
    if isinstance(x, Producer):
        steps = [s * x.array.itemsize for s in x.strides]
        found = np.lib.stride_tricks.as_strided(x.array, x.said.get("shape", x.array.shape), steps).copy()
        return found if "code" not in x.said else torch.from_numpy(found.view("int16")).view(torch.bfloat16).float().numpy()
    if isinstance(x, torch.Tensor):
        return (x.float() if x.dtype == torch.bfloat16 else x).contiguous().clone().numpy()
    if isinstance(x, JuliaArray) and x.dtype.kind not in "biufc":
        return torch.from_dlpack(x).float().numpy()
    return np.array(x)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_layouts_are_refused_or_copied(jl, make):
    """Never wrong numbers: an error that names copy=True, and with it a copy of its own that can be written."""
    x = make()
    expected = values(x)
    with pytest.raises(LayoutError, match=r"copy=True") as caught:
        to_julia(x)
    assert all(isinstance(caught.value, kind) for kind in (PhotonError, ValueError, BufferError))
    shared = to_julia(x, copy=True)
    assert int(jl.address(shared.julia)) == address(shared)
    np.testing.assert_array_equal(values(shared), expected)
    shared.view(np.ndarray).view("uint8").fill(0)
    assert not values(shared).any()
    np.testing.assert_array_equal(values(x), expected)


NO_TYPE = {
    "long double": lambda: np.zeros(3, "longdouble"),
    "objects": lambda: np.array([1, "a", None], dtype=object),
    "strings": lambda: np.array(["a", "b"]),
    "bytes": lambda: np.array([b"a", b"b"]),
    "dates": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "durations": lambda: np.array([1], "timedelta64[s]"),
    "structures": lambda: np.zeros(3, [("a", "float32"), ("b", "int8")]),
    "two bytes": lambda: np.zeros(3, "V2"),
    "torch float8": lambda: torch.zeros(3, dtype=torch.float8_e4m3fn),
    "torch complex32": lambda: torch.zeros(3, dtype=torch.complex32),
    "torch sparse": lambda: torch.eye(3).to_sparse(),
    "torch meta": lambda: torch.zeros(3, device="meta"),
    "dlpack lanes": lambda: Producer(np.arange(4.0, dtype="float32"), lanes=4),
    "dlpack float4": lambda: Producer(np.arange(4, dtype="uint8"), code=17, bits=4),
    "dlpack int4": lambda: Producer(np.arange(4, dtype="uint8"), code=0, bits=4),
    "dlpack int128": lambda: Producer(np.arange(4.0), code=0, bits=128),
    "dlpack handle": lambda: Producer(np.arange(4.0), code=3),
    "dlpack of another device": lambda: Producer(np.arange(4.0), device=(8, 0)),
    "masked": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
}


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("make", NO_TYPE.values(), ids=NO_TYPE)
def test_what_a_copy_does_not_help_is_refused_without_that_advice(make):
    """Types that Julia does not have, devices out of reach, masks: refused with and without copy=True."""
    for copy in (False, True):
        with pytest.raises(LayoutError) as caught:
            to_julia(make(), copy=copy)
        assert "copy=True" not in str(caught.value)


@pytest.mark.parametrize("x", [[1.0, 2.0], (1, 2), 3.5, np.float32(1.5), "text", None, {"a": 1}, object()], ids=repr)
def test_what_is_no_array_is_refused(x):
    """Lists and numbers have no memory that could be shared; copy=True makes an array of those that are numbers."""
    with pytest.raises(LayoutError, match=r"expected an array"):
        to_julia(x)


def test_lists_and_numbers_are_copied_when_asked(jl):
    """copy=True takes what NumPy makes an array of numbers of."""
    assert list(jl.listed(to_julia([[1.0, 2.0], [3.0, 4.0]], copy=True).julia)) == [1, 2, 3, 4]
    assert list(jl.listed(to_julia(np.float32(1.5), copy=True).julia)) == [1.5]
    for x in ("text", None, object()):
        with pytest.raises(LayoutError):
            to_julia(x, copy=True)


# ---- capsules by hand -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize("strides", ["own", None], ids=["strides", "null strides"])
@pytest.mark.parametrize("offset", [0, 8, 64])
def test_what_a_capsule_says_is_honoured(jl, versioned, strides, offset):
    """Both kinds of capsule, strides or none, and an offset in bytes: the address and the numbers are right."""
    x = numbers("float64")
    shared = to_julia(Producer(x, versioned=versioned, strides=strides, byte_offset=offset))
    assert int(jl.address(shared.julia)) == address(x) == address(shared)
    assert list(jl.listed(shared.julia)) == x.ravel().tolist()
    jl.write(shared.julia, 5, 99)
    assert x.ravel()[4] == 99


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_of_a_capsule(jl, dtype):
    """Type codes and bits as in dlpack.h."""
    x = numbers(dtype)
    assert list(jl.listed(to_julia(Producer(x)).julia)) == x.ravel().tolist()


def test_old_libraries_are_asked_again_without_options():
    """A library that does not know max_version gets a second call without it."""
    old, new = Producer(np.arange(3.0), versioned=False, old=True), Producer(np.arange(3.0))
    assert memory.of(old, False).shape == memory.of(new, False).shape == (3,)
    assert (old.asked, new.asked) == ([{}], [{"max_version": (1, 0)}])


ODD_STRIDES = [((1, 4), (1, 1)), ((1, 4), (99, 1)), ((1, 4), (-7, 1)), ((4, 1), (1, 0)), ((4, 1), (1, 5)), ((1, 1), (0, 0)), ((1, 2, 1, 2), (3, 2, 77, 1))]


@pytest.mark.parametrize(("shape", "strides"), ODD_STRIDES)
def test_strides_of_axes_with_one_element_mean_nothing(jl, shape, strides):
    """Libraries write anything there; a batch of one is the same array however its strides are said."""
    x = np.arange(float(np.prod(shape)))
    shared = to_julia(Producer(x, shape=shape, strides=list(strides)))
    assert shared.shape == shape and list(jl.size(shared.julia)) == [*shape][::-1]
    assert shared.ravel().tolist() == x.tolist() and int(jl.address(shared.julia)) == address(x)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (1, 0, 1)])
@pytest.mark.parametrize("make", [np.zeros, torch.zeros, lambda s: Producer(np.zeros(4), shape=s, strides=None, data=0), lambda s: Producer(np.zeros(4), shape=s, strides=[5] * len(s), data=0)], ids=["numpy", "torch", "null", "null with strides"])  # fmt: skip
def test_empty_arrays_keep_their_shape(jl, make, shape):
    """No elements, no memory, but a shape; a null pointer and any strides are fine then."""
    shared = to_julia(make(shape))
    assert shared.shape == shape and list(jl.size(shared.julia)) == [*shape][::-1]
    assert from_julia(shared.julia).shape == shape


@pytest.mark.parametrize("make", [lambda: np.array(2.5), lambda: torch.tensor(2.5), lambda: Producer(np.array(2.5)), lambda: Producer(np.array(2.5), strides=None)])
def test_arrays_without_axes(jl, make):
    """One number in memory is Julia's Array without dimensions, and shared as well."""
    x = make()
    shared = to_julia(x)
    assert shared.shape == () and list(jl.size(shared.julia)) == []
    jl.fill(shared.julia, 7)
    assert float(shared) == 7 and float(x.array if isinstance(x, Producer) else x) == 7


def test_more_axes_than_numpy_has(julia):
    """65 axes fit into no array of Python: an error on both ways, and nothing is written where it does not belong."""
    a = julia.julia.seval("reshape([1.0], ntuple(_ -> 1, 65))")
    with pytest.raises(RuntimeError, match="65 axes"):
        from_julia(a)
    with pytest.raises(LayoutError, match="64 axes"):
        to_julia(Producer(np.zeros(1), shape=(1,) * 65, strides=[1] * 65))


REFUSED = {
    "major version": (lambda: Producer(np.arange(3.0), version=(2, 0)), r"DLPack version 1, received version 2\.0"),
    "null pointer": (lambda: Producer(np.arange(3.0), data=0), "null pointer"),
    "misaligned": (lambda: Producer(np.arange(3.0), byte_offset=4, shape=(2,), data=np.arange(3.0).ctypes.data), "that 8 divides"),
}


@pytest.mark.parametrize(("make", "text"), REFUSED.values(), ids=REFUSED)
def test_capsules_that_cannot_be_trusted(make, text):
    """A later major version, a null pointer for elements, an address between elements."""
    producer = make()
    with pytest.raises(LayoutError, match=text) as caught:
        to_julia(producer)
    del caught
    gc.collect()
    assert producer.deleted == 1
    if "that 8 divides" not in text:
        with pytest.raises(LayoutError, match=text):
            to_julia(make(), copy=True)


class Broken:
    """Says something that is no capsule, or nothing at all."""

    def __init__(self, said):
        self.said = said

    def __dlpack__(self, **options):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def test_broken_libraries():
    """No capsule, a capsule of something else, a used one, an error of the library: LayoutError, its text in it."""
    used = Producer(np.arange(3.0)).__dlpack__()
    np.from_dlpack(Broken2(used)) if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else torch.from_dlpack(used)
    for said in (None, 3, ctypes.pythonapi.PyCapsule_GetPointer, np.arange(3).__array_struct__, used):
        with pytest.raises(LayoutError, match="unused DLPack capsule"):
            to_julia(Broken(said))
    for error in (BufferError("no way"), RuntimeError("no way"), TypeError("no way")):
        with pytest.raises(LayoutError, match=r"no way") as caught:
            to_julia(Broken(error))
        assert caught.value.__cause__ is error


class Broken2(Broken):
    """With a device, for NumPy."""

    def __dlpack_device__(self):
        return (1, 0)


@pytest.mark.parametrize("versioned", [True, False])
def test_capsules_that_are_made_can_be_taken(versioned):
    """What a CuArray is lent by: torch takes it, writes, and gives the owner back when it is done, once."""
    dlpack.returned.clear()
    x = numbers("float32")
    capsule = dlpack.lend(address(x), x.shape, (2, 32), (1, 0), x, versioned)
    t = torch.from_dlpack(capsule)
    del capsule
    t[1, 2, 3] = 50
    assert x[1, 2, 3] == 50 and t.data_ptr() == address(x) and not dlpack.returned
    del t
    gc.collect()
    assert [found[-1] is x for found in dlpack.returned] == [True]
    dlpack.lend(address(x), x.shape, (2, 32), (1, 0), x, versioned)  # nobody takes it
    gc.collect()
    assert [found[-1] is x for found in dlpack.returned] == [True, True]
    dlpack.returned.clear()


def test_other_threads_are_told(julia):
    """Julia runs in one thread: others get an error at once instead of a process that hangs."""
    caught, x = [], np.ones(3)

    def share():
        try:
            to_julia(x)
        except Unsupported as error:
            caught.append(str(error))

    thread = threading.Thread(target=share)
    thread.start()
    thread.join()
    assert len(caught) == 1 and "thread" in caught[0]


# ---- cost -------------------------------------------------------------------------------------------------------------------------


def microseconds(x, count=100, repeats=100):
    """The time of one to_julia(x): the best of many short runs, of which some are not disturbed by what else the machine does."""
    to_julia(x)
    return min(timeit.repeat(lambda: to_julia(x), number=count, repeat=repeats)) / count * 1e6


def resident():
    """Resident memory in bytes."""
    pages = Path("/proc/self/statm").read_text("utf-8").split()[1]
    return int(pages) * mmap.PAGESIZE


@pytest.mark.parametrize(("make", "most"), [(np.empty, MOST_MICROSECONDS), (torch.empty, 2 * MOST_MICROSECONDS)], ids=["numpy", "torch"])
def test_the_cost_does_not_grow_with_the_size(julia, make, most):
    """A gibibyte costs what a kibibyte costs, a few microseconds, and takes no memory: a copy would take 0.1 s and the gibibyte."""
    options = {"dtype": "float32"} if make is np.empty else {}
    small, large = make(2**8, **options), make(2**28, **options)
    before = resident() if Path("/proc/self/statm").exists() else 0
    costs = microseconds(small), microseconds(large)
    shared = to_julia(large)
    after = resident() if before else 0
    assert shared.nbytes == 2**30 and after - before < 2**24
    assert max(costs) <= most, costs
    assert costs[1] <= 1.5 * costs[0] + 1, costs


def test_julias_gibibyte_costs_nothing_either(jl, julia):
    """The way back is as cheap: from_julia of a gibibyte that nobody has touched."""
    a = julia.julia.seval("Vector{Float32}(undef, 2^28)")
    before = resident() if Path("/proc/self/statm").exists() else 0
    x = from_julia(a)
    assert x.nbytes == 2**30 and address(x) == int(jl.address(a))
    assert not before or resident() - before < 2**24
    assert min(timeit.repeat(lambda: from_julia(a), number=500, repeat=5)) / 500 < 1e-4


def test_julia_array_is_a_numpy_array():
    """It needs no Julia to be one."""
    assert issubclass(JuliaArray, np.ndarray) and np.zeros(3).view(JuliaArray).julia is None
