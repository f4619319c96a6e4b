"""The Julia projects that `pyphoton install --engine ...` keeps for engines whose packages cannot be in juliapkg's project: where, and whether complete.

A project is made in another folder and then moved to its place (making.py), so that what is there is whole. It is found as long as it was made of
what it would be made of today: the Project.toml of the engine, and juliacall's version.
"""

from __future__ import annotations

import json
import os
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyphoton.backends.julia import sources

STAMP = "pyphoton.json"
"""Beside the Project.toml: the Julia program, and what the project was made of."""


def folder(engine: str) -> Path | None:
    """Beside the project that juliapkg keeps: in the virtual environment, or among Julia's own. None without juliapkg."""
    if not find_spec("juliapkg"):
        return None
    from juliapkg.state import STATE

    return Path(f"{STATE['project']}_{engine}")


def source(engine: str) -> str:
    """The Project.toml that a project is made of: the engine's, with PythonCall of juliacall's version."""
    lines = sources.project_file(engine).read_text("utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    return text.replace("[compat]\n", f'[compat]\nPythonCall = "={metadata.version("juliacall")}"\n')


def stamp(engine: str) -> dict[str, Any]:
    """What was written down when the project was made; empty where none is."""
    here = folder(engine)
    try:
        found = {} if here is None else json.loads((here / STAMP).read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def complete(engine: str, executable: str = "") -> bool:
    """Whether the project is there, for this Julia program, if one is given, and made of what it would be made of today."""
    found = stamp(engine)
    return bool(found) and _runs(found, executable) and bool(find_spec("juliacall")) and found.get("source") == source(engine)


def _runs(found: dict[str, Any], executable: str) -> bool:
    program = found.get("executable", "")
    return executable in ("", program) and os.access(program, os.X_OK)
