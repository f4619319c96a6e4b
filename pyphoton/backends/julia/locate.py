"""Which Julia and which project: found without starting anything.

- PYPHOTON_JULIA (an executable) and PYPHOTON_JULIA_PROJECT (a folder with Flux and PythonCall): nothing is installed or
  downloaded, juliapkg is not even imported;
- PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT, juliacall's own names for the same.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

JULIA, PROJECT = "PYPHOTON_JULIA", "PYPHOTON_JULIA_PROJECT"
PACKAGE = "julia"


@dataclass(frozen=True)
class Place:
    """An executable and a project; empty where nothing is said."""

    executable: str = ""
    project: str = ""


def place() -> Place:
    """What the environment says."""
    executable = os.environ.get(JULIA) or os.environ.get("PYTHON_JULIACALL_EXE") or ""
    project = os.environ.get(PROJECT) or os.environ.get("PYTHON_JULIACALL_PROJECT") or ""
    return Place((shutil.which(executable) or executable) if executable else "", project)


def missing() -> str:
    """Why Julia cannot be used, with the way out; empty when it can."""
    if not find_spec("juliacall"):
        return "juliacall is not installed: pip install 'pyphoton[julia]'."
    found = place()
    if found.project and not found.executable:
        return _project_without_julia(found)
    if not found.executable:
        return f"Set {JULIA} to a Julia program and {PROJECT} to a folder with a Julia project that has Flux and PythonCall."
    if not found.project:
        return f"{JULIA} is set to {found.executable}, but {PROJECT} is not: name a folder with a Julia project that has Flux and PythonCall."
    if not os.access(found.executable, os.X_OK):
        return f"{JULIA} names {found.executable}, which is no program: correct it, or unset it."
    if not Path(found.project, "Project.toml").is_file():
        return f"{PROJECT} names {found.project}, which has no Project.toml: correct it, or unset it."
    if not package().is_dir():
        return "The Julia sources of PyPhoton are not beside the Python package: install it again."
    return ""


def _project_without_julia(found: Place) -> str:
    julia = shutil.which("julia")
    hint = f"set {JULIA}={julia}" if julia else f"install Julia and set {JULIA}"
    return f"{PROJECT} is set to {found.project}, but {JULIA} is not: {hint}."


def package() -> Path:
    """The folder of the Julia package PyPhoton: inside the installed Python package, or at the top of a checkout."""
    here = Path(__file__).resolve().parents[2]
    inside = here / PACKAGE
    return inside if inside.is_dir() else here.parent / PACKAGE
