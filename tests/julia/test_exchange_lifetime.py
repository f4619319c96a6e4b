"""Owners live as long as any alias on the other side, in whatever order things are dropped, and go away afterwards."""

import gc
import random
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from producer import Producer

import pyphoton
from pyphoton.backends.julia import keeper
from pyphoton.backends.julia.exchange import from_julia, to_julia

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.julia

ALIASES = {
    "array": "a -> a",
    "reshape": "a -> reshape(a, length(a) ÷ 2, 2)",
    "vec": "a -> vec(a)",
    "reshape of vec": "a -> reshape(vec(reshape(a, 2, :)), :, 2)",
    "view": "a -> view(a, 2:3, :)",
    "view of reshape": "a -> view(vec(a), 3:6)",
    "reinterpret": "a -> reinterpret(UInt8, a)",
    "adjoint": "a -> a'",
    "in a closure": "a -> (() -> a)",
}


class Shelf:
    """A place in Julia that keeps things which Python does not see."""

    def __init__(self, julia):
        self.keep, self.drop, self.total = julia.julia.seval(
            "let kept = Dict{Int,Any}(), look(x) = x isa Function ? x() : x;"
            " ((i, f, a) -> (kept[i] = f(a); nothing), i -> (delete!(kept, i); nothing), i -> Float64(sum(look(kept[i])))) end"
        )


@pytest.fixture
def shelf(julia):
    """Where Julia keeps aliases."""
    return Shelf(julia)


def churn(jl):
    """Allocate on both sides, so that memory that was freed by mistake is written over."""
    gc.collect()
    jl.gc()
    return [np.full(n, 171, "uint8") for n in (48, 64, 96, 128, 192) for _ in range(200)]


def now_and_then(draw, jl):
    """One of the collectors, the expensive ones less often."""
    draw.choices([lambda: None, jl.young, gc.collect, jl.full], [10, 20, 2, 1])[0]()


@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("make", ["numpy", "torch", "capsule"])
def test_pythons_memory_lives_as_long_as_any_alias_in_julia(julia, jl, shelf, collect, alias, make):
    """Only an alias in Julia is left: the owner lives and the numbers are right. The alias goes: so does the owner, once."""
    x = np.arange(8.0).reshape(2, 4)
    producer = Producer(x, once=True)
    source = {"numpy": np.asarray, "torch": torch.from_numpy, "capsule": lambda _: producer}[make](x)
    shared = to_julia(source)
    function = julia.julia.seval(alias)
    shelf.keep(1, function, shared.julia)
    expected = shelf.total(1)
    owner = weakref.ref(x)
    del x, source, shared
    producer.array = None
    churn(jl)
    assert owner() is not None and producer.deleted == 0
    assert shelf.total(1) == expected
    shelf.drop(1)
    collect()
    assert owner() is None and producer.deleted == (1 if make == "capsule" else 0)


LOOKS = {
    "julia": lambda x: x.julia,
    "asarray": lambda x: np.asarray(x)[:].reshape(-1),
    "slice": lambda x: x[5:][::2],
    "torch": lambda x: torch.from_dlpack(x)[3:].view(-1),
    "buffer": memoryview,
    "dlpack": lambda x: np.from_dlpack(x)[1:],
}


@pytest.mark.parametrize("look", LOOKS)
def test_julias_memory_lives_as_long_as_any_look_in_python(julia, jl, collect, look):
    """Only a look in Python is left: Julia's array is not freed and the numbers are right. The look goes: so does the array."""
    freed = np.zeros(1, "int64")
    made = julia.julia.seval("freed -> (a = reshape(collect(1.0:20_000.0), 2, :); finalizer(_ -> (freed[1] += 1), a); a)")
    x = from_julia(made(to_julia(freed).julia))
    kept = LOOKS[look](x)
    total = jl.total if look == "julia" else lambda found: float(np.asarray(found).sum())
    before = total(kept)
    del x
    churn(jl)
    assert freed[0] == 0
    assert total(kept) == before
    del kept
    collect()
    assert freed[0] == 1


def test_owners_are_released_by_the_hundred_in_any_order(julia, jl, shelf, collect):
    """500 arrays, some held only here, some only there, dropped in a random order between collections: each number stays right."""
    draw = random.Random(1)
    kinds = [julia.julia.seval(f) for name, f in ALIASES.items() if name != "in a closure"]
    owners, here, there, producers = [], {}, {}, []
    for i in range(500):
        x = np.full((draw.randrange(2, 9) * 2, 6), float(i))
        owners.append(weakref.ref(x))
        source = draw.choice([x, torch.from_numpy(x), Producer(x, once=True)])
        if isinstance(source, Producer):
            producers.append(source)
        shared = to_julia(source)
        if draw.random() < 0.7:
            shelf.keep(i, draw.choice(kinds), shared.julia)
            there[i] = shelf.total(i)
        if draw.random() < 0.5:
            here[i] = draw.choice([shared, np.asarray(shared), torch.from_dlpack(shared), shared[1:]])
        del x, source, shared
        for _ in range(2):
            if there and draw.random() < 0.45:
                gone = draw.choice([*there])
                assert shelf.total(gone) == there.pop(gone)
                shelf.drop(gone)
            if here and draw.random() < 0.45:
                n, found = draw.choice([*here.items()])
                assert float(found.ravel()[0]) == n
                del here[n], found
        now_and_then(draw, jl)
    for i, total in there.items():
        assert shelf.total(i) == total
        shelf.drop(i)
    for n, found in here.items():
        assert (np.asarray(found) == n).all()
    found = None
    here.clear()
    collect()
    assert [i for i, owner in enumerate(owners) if owner() is not None] == []
    assert {p.deleted for p in producers} == {1}


def test_round_trips_under_stress(julia, jl):
    """300 chains through NumPy, torch and Julia with collections in between: the last link keeps everything."""
    double = julia.julia.seval("a -> (a .*= 2; vec(a))")
    draw = random.Random(3)
    for i in range(300):
        x = np.arange(12.0).reshape(3, 4) + i
        first = from_julia(double(to_julia(torch.from_numpy(x)).julia))
        last = torch.from_dlpack(to_julia(np.asarray(first)[2:]))
        address = x.__array_interface__["data"][0]
        del x, first
        now_and_then(draw, jl)
        assert last.data_ptr() == address + 16
        assert last.tolist() == [2.0 * (n + i) for n in range(2, 12)]


def test_julias_arrays_by_the_hundred(julia, jl, collect):
    """300 arrays of Julia that only Python looks at, dropped in a random order: all numbers right, all freed."""
    draw = random.Random(2)
    freed = np.zeros(1, "int64")
    make = julia.julia.seval("(i, freed) -> (a = fill(Float64(i), 3 + i % 5, 2); finalizer(_ -> (freed[1] += 1), a); a)")
    counter, here = to_julia(freed), {}
    for i in range(300):
        x = from_julia(make(i, counter.julia))
        here[i] = draw.choice([x, np.asarray(x), torch.from_dlpack(x), x[1:], from_julia(x.julia)])
        del x
        if len(here) > 20:
            n = draw.choice([*here])
            assert (np.asarray(here.pop(n)) == n).all()
        now_and_then(draw, jl)
    assert all((np.asarray(found) == n).all() for n, found in here.items())
    here.clear()
    collect()
    assert freed[0] == 300


def test_a_vector_that_is_shown_is_not_moved(julia):
    """Julia may want to move a vector that grows: from when Python has seen it, it is not moved, or Python's memory is not the moved one."""
    v = julia.julia.seval("collect(1.0:4.0)")
    x = from_julia(v)
    grow = julia.julia.seval("v -> try; append!(v, zeros(100_000)); true; catch; false; end")
    moved = grow(v)
    garbage = [np.full(4, 9.0) for _ in range(1000)]
    assert x.tolist() == [1, 2, 3, 4] and len(garbage) == 1000
    assert moved == (julia.julia.seval('VERSION >= v"1.11"'))


def test_a_wrapped_vector_cannot_be_grown_into_foreign_memory(julia, jl):
    """resize! of an Array over Python's memory is an error, or leaves that memory alone."""
    x = np.arange(4.0)
    shared = to_julia(x)
    julia.julia.seval("v -> try; append!(v, [9.0]); v[1] = 5; catch; end")(shared.julia)
    assert x.tolist() in ([0, 1, 2, 3],)


def test_dropping_in_another_thread(julia, jl, collect):
    """Another thread may let go of the last look: Julia's object goes away later, in Julia's own thread."""
    freed = np.zeros(1, "int64")
    make = julia.julia.seval("freed -> (a = zeros(3, 2); finalizer(_ -> (freed[1] += 1), a); a)")
    counter = to_julia(freed)
    held = [from_julia(make(counter.julia)) for _ in range(50)]
    held += [torch.from_dlpack(from_julia(make(counter.julia))) for _ in range(50)]
    held += [to_julia(np.zeros(3)) for _ in range(50)]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert len(keeper.dropped) >= 150
    to_julia(np.zeros(1))
    assert not keeper.dropped
    collect()
    assert freed[0] == 100


def test_memory_that_python_has_dropped_does_not_pile_up(julia):
    """Julia's collector cannot see how large Python's arrays are; without being told, it would let 6 GiB wait to be released."""
    owners, most = [], 0
    for i in range(96):
        x = np.full(2**23, float(i))
        owners.append(weakref.ref(x))
        to_julia(x)
        del x
        most = max(most, sum(owner() is not None for owner in owners))
    assert most * 2**26 <= 3 * 2**30


def test_errors_release_what_they_were_given(jl, collect):
    """A refused array is not kept: neither the owner nor the capsule."""
    x = np.arange(12.0)[::2]
    producer, owner = Producer(x), weakref.ref(x)
    for source in (x, producer):
        with pytest.raises(ValueError, match="copy=True"):
            to_julia(source)
    producer.array = None
    del x, source
    collect()
    assert producer.deleted == 1 and owner() is None


END = """
import numpy as np, torch
from pyphoton.backends.julia.exchange import from_julia, to_julia
from pyphoton.backends.julia.runtime import start
julia = start().julia
kept = [to_julia(np.zeros(5)), to_julia(torch.zeros(5)), from_julia(julia.zeros(5)), torch.from_dlpack(from_julia(julia.zeros(5)))]
keep = julia.seval("const KEPT = Any[]; a -> (push!(KEPT, a, vec(a)); nothing)")
for i in range(20):
    keep(to_julia(np.zeros(5)).julia)
    keep(to_julia(torch.zeros(5)).julia)
print("done", flush=True)
"""


def test_the_process_ends_well_with_aliases_on_both_sides(julia):
    """Whatever is still shared when Python ends: exit code 0, nothing on stderr but what is said about the start."""
    root = str(Path(pyphoton.__file__).parents[1])
    for _ in range(3):
        code = f"import sys; sys.path.insert(0, {root!r})\n{END}"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
        assert (found.returncode, found.stdout) == (0, "done\n"), found.stderr
        assert all(line.startswith("pyphoton: ") for line in found.stderr.splitlines()), found.stderr
