"""Where the Julia package PyPhoton lies, and in it what the Julia project of an engine is made of."""

from __future__ import annotations

from pathlib import Path

PACKAGE = "julia"


def package() -> Path:
    """The folder of the Julia package PyPhoton: inside the installed Python package, or at the top of a checkout."""
    here = Path(__file__).resolve().parents[2]
    inside = here / PACKAGE
    return inside if inside.is_dir() else here.parent / PACKAGE


def project_file(engine: str) -> Path:
    """The Project.toml of an engine that has a project of its own; beside it is what makes the project (make.jl)."""
    return package() / "engines" / engine / "Project.toml"
