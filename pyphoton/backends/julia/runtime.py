"""Starting Julia: the only file that does. One process, one Julia, one owner thread: the one that first used it.

Where Julia is the host of the process (a script that has loaded PythonCall and imports PyPhoton) there is nothing to start: it is used.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from pyphoton import __version__
from pyphoton.backends.julia import bridge, engines, locate, python_steps
from pyphoton.errors import BackendMissing, Unsupported


class Runtime:
    """The running Julia: the door into it, and the thread that owns it."""

    def __init__(self, address: int, engine: str) -> None:
        self.engine = engine
        self.door, self.unlocked_door = bridge.door_at(address), bridge.unlocked_door_at(address)
        self.owner = threading.get_ident()
        self.process = os.getpid()
        self.alive = True
        atexit.register(self._ended)  # before juliacall's own, which came first and ends Julia
        self._later: deque[tuple[str, dict[str, Any]]] = deque()
        self.running: list[Any] = []  # requests that may call Python back (python_steps.py), the innermost last
        self.inside: list[Any] = []  # those of them that are calling Python now

    def ask(self, call: str, **arguments: Any) -> Any:
        """Let Julia do something: the calls of julia/src/door.jl. Errors: Unsupported, JuliaError."""
        self.check()
        while self._later:
            late, of = self._later.popleft()
            bridge.ask(self.door, late, of)
        unlocked = call in bridge.UNLOCKED and not self.running
        return bridge.ask(self.unlocked_door if unlocked else self.door, call, arguments)

    def later(self, call: str, **arguments: Any) -> None:
        """Ask before the next call: for objects that go away, which may happen in any thread."""
        self._later.append((call, arguments))

    def _ended(self) -> None:
        self.alive = False

    def check(self) -> None:
        """Errors: Unsupported in another thread or a forked process, and once Julia was shut down: it would hang or crash."""
        if not self.alive:
            raise Unsupported("Julia", "a running Julia", "one that was shut down at the end of Python", "Use it before that.")
        if os.getpid() != self.process:
            raise Unsupported("Julia", "the process that started it", "a forked one", "Start worker processes with the spawn method.")
        if threading.get_ident() != self.owner:
            raise Unsupported("Julia", "the thread that first used it", "another one", "Train and predict from one thread.")

    @cached_property
    def calls_python(self) -> Any:
        """The C function with which Julia computes steps that only Python can; Julia knows its address from now on."""
        return python_steps.offered(self)

    @cached_property
    def julia(self) -> Any:
        """A Julia module of our own, as juliacall shows modules: it has PythonCall and PyPhoton."""
        from juliacall import newmodule

        self.check()
        found = newmodule("PyPhotonPython")
        found.seval("import PythonCall, PyPhoton")
        return found

    def describe(self) -> str:
        """For people: versions."""
        found, package = self.ask("versions"), engines.PACKAGES[self.engine]
        return f"Julia {found['julia']}, {package} {found['packages'][package]}"


_started: Runtime | None = None
_failed: BackendMissing | None = None


def start(*, asked: bool = True, engine: str | None = None) -> Runtime:
    """The running Julia, started now if it does not run; installed first if need be, and if it was `asked` for by name.

    engine: the one that has to compute there; None: whichever does, or the one that this process wants.
    Errors: BackendMissing with what is wrong and the way out; Unsupported when Julia runs with another engine; UnknownName.
    """
    if engine is None:
        return _running(asked)
    _check_engine(engine)
    with engines.asked_for(engine):
        return _running(asked)


def _running(asked: bool) -> Runtime:
    global _started, _failed
    if _started is None:
        if _failed is not None:
            raise BackendMissing(*_failed.args) from _failed
        reason = locate.missing() or locate.wrong() or ("" if asked and engines.by_juliapkg() else locate.unprepared())
        if reason:
            raise BackendMissing("Julia", hint=reason)
        try:
            _started = _start()
        except BackendMissing as error:
            _failed = None if locate.hosted() else error  # a Julia that is the host may run the other engine yet
            raise
    return _started


def _check_engine(engine: str) -> None:
    """Errors: Unsupported when Julia runs with another engine."""
    if _started is not None and engine in engines.PACKAGES and engine != _started.engine:
        hint = f"One Julia process has one engine: start another Python process with {engines.VARIABLE}={engine}."
        raise Unsupported("Julia", f"engine {engine!r}", f"{_started.engine!r}, which runs in this process already", hint)


def start_with_flux(where: str, hint: str = "") -> Runtime:
    """The running Julia, with Flux loaded, whose models `where` is about, or whose Zygote has to differentiate.

    hint: the way out on another engine, besides the process with Flux. Errors: those of `start`; Unsupported where another engine runs or is wanted.
    """
    engine = _started.engine if _started is not None else engines.wanted()
    if engine != engines.BY_JULIAPKG:
        way = f"It needs Flux or Zygote: start another Python process with {engines.VARIABLE}={engines.BY_JULIAPKG}. {hint}".strip()
        raise Unsupported(where, f"engine {engines.BY_JULIAPKG!r} inside Julia", repr(engine), way)
    runtime = start()
    runtime.ask("load_flux")
    return runtime


def running() -> bool:
    """Whether Julia runs in this process."""
    return _started is not None


def _start() -> Runtime:
    engine = engines.wanted()
    if locate.hosted():
        try:
            return Runtime(_load(engine), engine)
        except Exception as error:
            raise BackendMissing("Julia", hint=f"PyPhoton.jl did not load in the Julia that runs this process: {str(error).strip()[:1000]}") from error
    say("starting Julia ..." if not locate.unprepared() else "installing Julia and Flux, once; this takes some minutes ...")
    try:
        with _variables():
            return Runtime(_load(engine), engine)
    except Exception as error:
        raise BackendMissing("Julia", hint=_explained(error)) from error


@contextmanager
def _variables() -> Iterator[None]:
    """Tell juliacall which Julia and project; leave signals, the user's startup file and notebooks alone. Afterwards all is as before.

    One thread: with more of them Julia's collector would need signals of its own.
    """
    before, found = dict(os.environ), locate.place()
    if locate.given():
        os.environ["PYTHON_JULIACALL_EXE"], os.environ["PYTHON_JULIACALL_PROJECT"] = found.executable, found.project
    for option, value in (("THREADS", "1"), ("HANDLE_SIGNALS", "no"), ("STARTUP_FILE", "no"), ("AUTOLOAD_IPYTHON_EXTENSION", "no")):
        os.environ.setdefault(f"PYTHON_JULIACALL_{option}", value)
    try:
        yield
    finally:
        for name in [n for n in os.environ if n.startswith("PYTHON_JULIACALL_") and n not in before]:
            del os.environ[name]
        os.environ.update({n: v for n, v in before.items() if n.startswith("PYTHON_JULIACALL_")})


def _load(engine: str) -> int:
    """The address of the door, once juliacall, PythonCall and PyPhoton are loaded. Errors: whatever says why not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch was imported before juliacall")
        import juliacall

    library = juliacall.CONFIG.get("lib")
    if library is None:
        if not locate.hosted():
            raise RuntimeError("juliacall was loaded and told not to start Julia (PYTHON_JULIACALL_INIT): leave that out.")
        library = ctypes.PyDLL(str(juliacall.Base.Libc.Libdl.dlpath("libjulia")))
    if _evaluated(library, _FOUND.format(path=json.dumps(str(locate.package())))) == "false":
        say("compiling PyPhoton's Julia code, once; this takes two to five minutes ...")
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(_evaluated(library, _OPENED.format(threads=threads, engine=engine, version=__version__)))


_FOUND = """
    raw{path} in LOAD_PATH || push!(LOAD_PATH, raw{path})
    Base.isprecompiled(Base.identify_package("PyPhoton"))
"""
_OPENED = """
    id = Base.identify_package("PyPhoton")
    package = try
        Base.require(id)
    catch
        Base.include(Module(), Base.locate_package(id))  # reading the sources says what is wrong in them
        rethrow()
    end
    pkgversion(package) == v"{version}" || error("PyPhoton.jl $(pkgversion(package)) of $(pkgdir(package)), where the Python package is {version}: have both of one version")
    Base.invokelatest(Base.invokelatest(getproperty, package, :open_door), {threads}, "{engine}")
"""


def _evaluated(library: Any, code: str) -> str:
    """The value of Julia code as text, straight through libjulia: nothing of PythonCall has to be compiled. Errors: RuntimeError."""
    text = f'let; try; "ok " * string(begin {code} end); catch error; "no " * sprint(showerror, error); end; end'
    library.jl_string_ptr.argtypes, library.jl_string_ptr.restype = [ctypes.c_void_p], ctypes.c_char_p
    library.jl_eval_string.argtypes, library.jl_eval_string.restype = [ctypes.c_char_p], ctypes.c_void_p
    value = library.jl_eval_string(text.encode())
    answer = library.jl_string_ptr(value).decode() if value else "no Julia could not read its own start"
    if not answer.startswith("ok "):
        raise RuntimeError(answer[3:])
    return answer[3:]


def _explained(error: Exception) -> str:
    """What the start of Julia said, in a few lines, and what to do."""
    too_old = locate.too_old(locate.place().executable)
    if too_old:
        return too_old
    said = str(getattr(error, "stderr", None) or error).strip()
    return f"It did not start: {said[:1000]}\nFind out more: python -m pyphoton doctor."


def say(text: str) -> None:
    """Tell what one waits for, on stderr."""
    print(f"pyphoton: {text}", file=sys.stderr, flush=True)  # noqa: T201
