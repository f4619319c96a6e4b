"""The running Julia, once for all tests of this folder; where there is none they are skipped, with the reason."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from processes import ROOT

import pyphoton as pp
from pyphoton.backends.julia import locate
from pyphoton.backends.julia import runtime as running
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


@pytest.fixture(scope="module")
def flux_module(julia):
    """A Julia module that has Flux loaded, for Flux code of the tests."""
    julia.julia.seval("using Flux")
    return julia.julia


@pytest.fixture(scope="module")
def call(flux_module):
    """A Flux model on an array of Python, in Julia."""
    apply = flux_module.seval("(m, x) -> m(x)")
    return lambda model, x: np.array(pp.from_julia(apply(model, pp.to_julia(x, copy=True).julia)))


@pytest.fixture
def asked(monkeypatch):
    """The requests that went to Julia."""
    requests, ask = [], running.Runtime.ask

    def counted(self, call, **arguments):
        requests.append(call)
        return ask(self, call, **arguments)

    monkeypatch.setattr(running.Runtime, "ask", counted)
    return requests


@pytest.fixture(scope="module")
def descend(flux_module):
    """A step of Flux's own gradient descent on half the sum of squares of a Flux model's output for an array of Python."""
    step = flux_module.seval("""
(m, x) -> let g = Flux.gradient(m -> sum(abs2, m(x)) / 2, m)[1]
    Flux.update!(Flux.setup(Flux.Descent(0.1), m), m, g); nothing
end
""")
    return lambda native, x: step(native, pp.to_julia(x).julia)


@pytest.fixture
def julia_command():
    """The julia program with the project of these tests, to be run by itself."""
    program = os.environ.get("PYPHOTON_JULIA") or shutil.which("julia")
    if program is None:
        pytest.skip("there is no julia program on the PATH to run by itself")
    project = os.environ.get("PYPHOTON_JULIA_PROJECT")
    return [program, "--startup-file=no", *([f"--project={project}"] if project else [])]


@pytest.fixture
def julia_alone(julia_command, tmp_path):
    """Runs Julia code in a process without Python, with the package and real Flux; gives what it prints."""

    def run(code):
        script = f"push!(LOAD_PATH, {str(locate.package())!r})\nusing PyPhoton\n".replace("'", '"') + code
        (tmp_path / "script.jl").write_text(script)
        done = subprocess.run([*julia_command, "script.jl"], cwd=tmp_path, capture_output=True, text=True, timeout=290, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.split()

    return run


@pytest.fixture
def hosted(julia_command, tmp_path):
    """Runs a script in a julia process that has this Python in it; gives what it prints."""

    def run(path):
        given = {"JULIA_PYTHONCALL_EXE": sys.executable, "JULIA_CONDAPKG_BACKEND": "Null", "PYTHONPATH": str(ROOT), "PYPHOTON_BACKEND": ""}
        environment = {k: v for k, v in {**os.environ, **given}.items() if v and not k.startswith("PYTHON_JULIACALL")}
        done = subprocess.run([*julia_command, path], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=290, check=False)
        assert done.returncode == 0, done.stdout + done.stderr[-3000:]
        return done.stdout

    return run
