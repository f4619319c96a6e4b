"""Starting Julia: the only file that does. One process, one Julia, one owner thread."""

from __future__ import annotations

import functools
import os
import sys
import threading
from typing import Any

from pyphoton.backends.julia import locate
from pyphoton.errors import BackendMissing, PhotonError, Unsupported


class Runtime:
    """The running Julia: its modules, and the thread that owns it."""

    def __init__(self, julia: Any) -> None:
        self.julia = julia
        self.owner = threading.get_ident()
        self.process = os.getpid()
        self.photon = julia.PyPhoton
        self.poll = julia.seval(_POLL)
        self.hook = julia.seval("h -> ((step, values) -> PythonCall.pyconvert(Bool, h(step, values)))")

    def describe(self) -> str:
        """For people: versions."""
        versions = self.julia.seval("(string(VERSION), string(pkgversion(Flux)))")
        return f"Julia {versions[0]}, Flux {versions[1]}"

    def check(self) -> None:
        """Errors: Unsupported in another thread or a forked process: Julia would hang or crash there."""
        if os.getpid() != self.process:
            raise Unsupported("Julia", "the process that started it", "a forked one", "Start worker processes with the spawn method.")
        if threading.get_ident() != self.owner:
            raise Unsupported("Julia", "the thread that first used it", "another one", "Train and predict from one thread.")


_POLL = """
let f = Libdl.dlsym(PythonCall.C.CTX.lib_ptr, :PyErr_CheckSignals)
    () -> (ccall(f, Cint, ()) == 0 || PythonCall.Core.pythrow(); nothing)
end
"""


@functools.cache
def start() -> Runtime:
    """The running Julia, started now if it does not run. Errors: BackendMissing with what is wrong and the way out."""
    reason = locate.missing()
    if reason:
        raise BackendMissing("Julia", hint=reason)
    found = locate.place()
    if found.executable:
        os.environ["PYTHON_JULIACALL_EXE"], os.environ["PYTHON_JULIACALL_PROJECT"] = found.executable, found.project
    os.environ.setdefault("PYTHON_JULIACALL_HANDLE_SIGNALS", "no")
    os.environ.setdefault("PYTHON_JULIACALL_STARTUP_FILE", "no")
    os.environ.setdefault("PYTHON_JULIACALL_AUTOLOAD_IPYTHON_EXTENSION", "no")
    print("starting Julia ...", file=sys.stderr, flush=True)  # noqa: T201
    try:
        return Runtime(_load())
    except PhotonError:
        raise
    except Exception as error:
        hint = f"The project needs Flux 0.16 and PythonCall of juliacall's version. Julia said: {error}"
        raise BackendMissing("Julia", "Julia with PyPhoton and Flux", type(error).__name__, hint) from error


def _load() -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch was imported before juliacall")
        from juliacall import Base, Main, newmodule

    Base.push_b(Base.LOAD_PATH, str(locate.package()))
    julia = newmodule("PyPhotonPython")
    julia.seval("import PythonCall, LinearAlgebra, Libdl, Flux, PyPhoton")
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    julia.seval("LinearAlgebra.BLAS").set_num_threads(threads)
    del Main
    return julia
