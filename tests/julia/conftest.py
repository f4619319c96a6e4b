"""The running Julia, once for all tests of this folder; where there is none they are skipped, with the reason."""

from __future__ import annotations

import gc

import pytest

from pyphoton.errors import BackendMissing

FUNCTIONS = """
(;
    address = a -> UInt(pointer(a)),
    kind = a -> string(typeof(a)),
    size = a -> collect(Int, size(a)),
    # element by element and by hand, the first axis of Python outermost: no reshape, no stride, no collect
    listed = function (a)
        n = size(a)
        ndims(a) == 0 ? Any[a[]] : ndims(a) == 1 ? Any[a[i] for i in 1:n[1]] :
        ndims(a) == 2 ? vcat([Any[a[j, i] for j in 1:n[1]] for i in 1:n[2]]...) :
        vcat([vcat([Any[a[k, j, i] for k in 1:n[1]] for j in 1:n[2]]...) for i in 1:n[3]]...)
    end,
    write = (a, i, x) -> (a[i] = convert(eltype(a), x); nothing),
    fill = (a, x) -> (fill!(a, x); nothing),
    total = a -> Float64(sum(a)),
    gc = () -> (GC.gc(); GC.gc(); nothing),
    full = () -> (GC.gc(); nothing),
    young = () -> (GC.gc(false); nothing),
)
"""


@pytest.fixture(scope="session")
def julia():
    """The runtime: `julia.julia` is the module in which Julia code can be evaluated."""
    from pyphoton.backends.julia.runtime import start

    try:
        return start()
    except BackendMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def jl(julia):
    """Julia functions that say where an array is and what it contains."""
    return julia.julia.seval(FUNCTIONS)


@pytest.fixture
def collect(jl):
    """Both collectors, as often as it takes for what one lets go of to be let go of by the other."""

    def both():
        for _ in range(3):
            gc.collect()
            jl.gc()

    return both
