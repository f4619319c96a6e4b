"""Which Julia and which project: found without starting anything. The first of these that says something decides:

- PYPHOTON_JULIA (a program) and PYPHOTON_JULIA_PROJECT (a folder with Flux and PythonCall), or juliacall's own names for
  them, PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT: nothing is installed or downloaded, juliapkg is not even imported.
  With a project alone, the `julia` of the PATH runs it;
- juliapkg otherwise: it takes PYPHOTON_JULIA, an installed `julia` that suits, or downloads one, and keeps a project beside
  the Python environment. `pyphoton install` lets it do that.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

JULIA, PROJECT = "PYPHOTON_JULIA", "PYPHOTON_JULIA_PROJECT"
JULIACALL = {JULIA: "PYTHON_JULIACALL_EXE", PROJECT: "PYTHON_JULIACALL_PROJECT"}
PACKAGE = "julia"


@dataclass(frozen=True)
class Place:
    """An executable and a project; empty where nothing is known of them yet."""

    executable: str = ""
    project: str = ""

    @property
    def complete(self) -> bool:
        """Whether both are known."""
        return bool(self.executable and self.project)


def place() -> Place:
    """What the environment says; then what juliapkg has prepared."""
    executable, project = _variable(JULIA), _variable(PROJECT)
    executable = (shutil.which(executable) or executable) if executable else ""
    if project and not executable:
        executable = shutil.which("julia") or ""
    return Place(executable, project) if project else _prepared(executable)


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(JULIACALL[name]) or ""


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
        return Place(str(done["executable"]), str(STATE["project"])) if executable in ("", done["executable"]) else Place(executable)
    except (OSError, ValueError, KeyError):
        return Place(executable)


def given() -> bool:
    """Whether the environment names a project, so that juliapkg has nothing to do."""
    return bool(_variable(PROJECT))


def missing() -> str:
    """Why Julia cannot be used, as far as it can be told without starting it, with the way out; empty when nothing is wrong."""
    if not find_spec("juliacall"):
        return "juliacall is not installed: pip install 'pyphoton[julia]'."
    if not package().is_dir():
        return "The Julia sources of PyPhoton are not beside the Python package: install it again."
    found = place()
    if _variable(PROJECT) and not Path(found.project, "Project.toml").is_file():
        return f"{PROJECT} names {found.project}, which has no Project.toml: correct it, or unset it."
    if _variable(PROJECT) and not found.executable:
        return f"{PROJECT} is set, but there is no Julia: install one (https://julialang.org/install), or set {JULIA} to its program."
    if _variable(JULIA) and not os.access(found.executable, os.X_OK):
        return f"{JULIA} names {found.executable}, which is no program: correct it, or unset it."
    return ""


def unprepared() -> str:
    """What to do before Julia can start without installing anything; empty when nothing is left to do."""
    return "" if place().complete else "Julia is not prepared yet: python -m pyphoton install."


def package() -> Path:
    """The folder of the Julia package PyPhoton: inside the installed Python package, or at the top of a checkout."""
    here = Path(__file__).resolve().parents[2]
    inside = here / PACKAGE
    return inside if inside.is_dir() else here.parent / PACKAGE
