"""Which Julia and which project: found without starting anything. The first of these that says something decides:

- where Julia itself is the host of this process (a Julia script that has loaded PythonCall), that Julia;
- PYPHOTON_JULIA (a program) and PYPHOTON_JULIA_PROJECT (a folder with PythonCall and Flux or Knet), or juliacall's own names for
  them, PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT: nothing is installed or downloaded, juliapkg is not even imported.
  With a project alone, the `julia` of the PATH runs it;
- what juliapkg has prepared: it takes PYPHOTON_JULIA, an installed `julia` that suits, or downloads one, and keeps a project
  beside the Python environment. `pyphoton install` lets it do that. That project has Flux; `pyphoton install --engine knet` makes
  another one for Knet beside it (kept.py);
- the `julia` of the PATH with its own default environment, when that has Flux (or Knet, for that engine) and a PythonCall of juliacall's version.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from pyphoton.backends.julia import engines, kept, mixtures, projects
from pyphoton.backends.julia.sources import package as package

JULIA, PROJECT = "PYPHOTON_JULIA", "PYPHOTON_JULIA_PROJECT"
JULIACALL = {JULIA: "PYTHON_JULIACALL_EXE", PROJECT: "PYTHON_JULIACALL_PROJECT"}
OLDEST = (1, 10)


@dataclass(frozen=True)
class Place:
    """An executable and a project, empty where nothing is known of them yet, and whether juliapkg keeps them."""

    executable: str = ""
    project: str = ""
    by_juliapkg: bool = False

    @property
    def complete(self) -> bool:
        """Whether both are known."""
        return bool(self.executable and self.project)


def hosted() -> bool:
    """Whether Julia runs already as the host of this process: PythonCall, loaded there, has made juliacall's module."""
    found = sys.modules.get("juliacall")
    return found is not None and not found.CONFIG.get("inited") and hasattr(found, "Main")


def place() -> Place:
    """What the environment says; then what juliapkg has prepared."""
    executable, project = given_program(), _variable(PROJECT)
    if project and not executable:
        executable = shutil.which("julia") or ""
    if project:
        return Place(executable, project)
    prepared = _prepared(executable) if engines.by_juliapkg() else _kept(executable)
    return prepared if prepared.complete else _default(executable) or prepared


def _variable(name: str) -> str:
    return os.environ.get(_named(name), "")


def _named(name: str) -> str:
    """Which of the two variables says it, this one or juliacall's; empty when neither does."""
    return next((n for n in (name, JULIACALL[name]) if os.environ.get(n)), "")


def given_program() -> str:
    """The program that a variable names, as a path; empty when none does."""
    executable = _variable(JULIA)
    return (shutil.which(executable) or executable) if executable else ""


def _prepared(executable: str) -> Place:
    """What juliapkg has resolved before, as it wrote it down; the executable alone when it has not.

    It is told of a given executable before it is imported, which is when it reads its variables.
    """
    if not find_spec("juliapkg"):
        return Place(executable)
    if executable:
        os.environ.setdefault("PYTHON_JULIAPKG_EXE", executable)
    from juliapkg.state import STATE

    try:
        done = json.loads(Path(STATE["meta"]).read_text("utf-8"))
        return Place(str(done["executable"]), str(STATE["project"]), True) if executable in ("", done["executable"]) else Place(executable)
    except (OSError, ValueError, KeyError):
        return Place(executable)


def _kept(executable: str) -> Place:
    """The project that PyPhoton has made for this engine, with the Julia that it was made with; the executable alone when it has not."""
    engine = engines.wanted()
    here = kept.folder(engine)
    if here is None or not kept.complete(engine, executable):
        return Place(executable)
    return Place(str(kept.stamp(engine)["executable"]), str(here))


def _default(executable: str) -> Place | None:
    """A Julia with its default environment, if that has what is needed."""
    julia = executable or shutil.which("julia")
    found = projects.julia(julia) if julia and find_spec("juliacall") else ""
    if not julia or not found:
        return None
    minor = ".".join(map(str, projects.numbers(found)[:2]))
    project = next((str(p) for d in _depots() if (p := d / "environments" / f"v{minor}").is_dir()), None)
    has = projects.packages(project) if project else {}
    fits = has.get("PythonCall") == metadata.version("juliacall") and engines.package() in has
    return Place(julia, project) if project and fits else None


def _depots() -> list[Path]:
    """Where Julia looks for environments: JULIA_DEPOT_PATH, of which an empty part stands for the usual place."""
    parts = os.environ.get("JULIA_DEPOT_PATH", "").split(os.pathsep)
    return [Path(part).expanduser() if part else Path.home() / ".julia" for part in parts]


def too_old(julia: str) -> str:
    """That this program's Julia is too old, with the way out; empty when it is not, or nothing can be told."""
    found = projects.julia(julia) if julia else ""
    if not found or projects.numbers(found) >= OLDEST:
        return ""
    return f"{julia} is Julia {found}, expected {OLDEST[0]}.{OLDEST[1]} or newer: set {JULIA} to another one, or unset it."


def given() -> bool:
    """Whether Julia and project are there without juliapkg, so that it has nothing to do."""
    found = place()
    return found.complete and not found.by_juliapkg


def missing() -> str:
    """What is not installed, with the way out; empty when nothing is."""
    return "" if hosted() or find_spec("juliacall") else f"juliacall is not installed: {engines.extra()}."


def wrong() -> str:
    """What is wrong with what is there, as far as it can be told without starting it, with the way out; empty when nothing is."""
    if not package().is_dir():
        return "The Julia sources of PyPhoton are not beside the Python package: install it again."
    if hosted():
        return ""
    found = place()
    if _variable(PROJECT) and not Path(found.project, "Project.toml").is_file():
        return f"{PROJECT} names {found.project}, which has no Project.toml: correct it, or unset it."
    if _variable(PROJECT) and not found.executable:
        return f"{PROJECT} is set, but there is no Julia: install one (https://julialang.org/install), or set {JULIA} to its program."
    if _variable(JULIA) and not os.access(found.executable, os.X_OK):
        return f"{JULIA} names {found.executable}, which is no program: correct it, or unset it."
    return unfit_julia(found.executable) or mixtures.wrong_project(found.project, "" if found.by_juliapkg else _named(PROJECT))


def unfit_julia(julia: str) -> str:
    """That the engine cannot run on this Julia program, with the way out; empty when it can, or nothing can be told."""
    return mixtures.wrong_julia(julia, _named(JULIA) or JULIA) if julia else ""


def unprepared() -> str:
    """What to do before Julia can start without installing anything; empty when nothing is left to do."""
    return "" if hosted() or place().complete else f"{_what_is_missing()}: {engines.install()}."


def _what_is_missing() -> str:
    if engines.by_juliapkg():
        return "Julia is not prepared yet"
    made = kept.stamp(engines.wanted())
    return f"The Julia project with {engines.package()} " + ("was made for another Julia or juliacall" if made else "is not made yet")
