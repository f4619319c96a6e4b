"""What does not go together, found before Julia starts, each in one sentence with the environment to make.

It says only what is certain from the files: a project without a manifest, or whose packages come from another environment, is for
Julia to judge (`check_project` of julia/src/environment.jl, which says the same where Julia is the host).
"""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

from pyphoton.backends.julia import engines, projects, sources

GET = "juliaup (https://julialang.org/install) gets it: juliaup add 1.10."


def versions() -> dict[str, str]:
    """package => the oldest version that the wanted engine works with, "julia" among them; empty for the engine that juliapkg keeps."""
    return {} if engines.by_juliapkg() else projects.needed(sources.project_file(engines.wanted()))


def julia_wanted() -> str:
    """The versions of Julia that the engine runs on, in words."""
    needed = versions()["julia"]
    return f"{needed} or a later {'.'.join(map(str, projects.numbers(needed)[:2]))}"


def wrong_julia(program: str, variable: str) -> str:
    """That the engine cannot run on this Julia program; empty when it can, or nothing can be told."""
    needed, found = versions().get("julia"), projects.julia(program)
    if not needed or not found or projects.fits(found, needed):
        return ""
    return f"{program} is Julia {found}, and {engines.package()} needs {julia_wanted()}. {GET} Then set {variable} to its program, and: {engines.install()}."


def wrong_project(project: str, variable: str) -> str:
    """That the engine cannot be computed with the packages of this project; empty when it can, or nothing can be told.

    variable: what names the project; empty where nothing does.
    """
    found = projects.packages(project) if project else {}
    own = engines.package()
    others = {name: engine for engine, name in engines.PACKAGES.items() if name != own and name in found}
    if found and own not in found and others:
        other, engine = next(iter(others.items()))
        return f"The Julia project {project} has {other} {found[other]} and no {own}. {_way(variable)} Or let {other} compute: {engines.VARIABLE}={engine}."
    unfit = projects.unfit(found, versions()) if own in found else []
    if unfit:
        beside = "".join(f" (beside {other} {found[other]})" for other in others)
        return f"The Julia project {project} has {'; '.join(unfit)}{beside}: {own} cannot run there. {_way(variable)}"
    return _wrong_bridge(project, found.get("PythonCall", ""), variable)


def _wrong_bridge(project: str, found: str, variable: str) -> str:
    """That PythonCall and juliacall are of two versions: they are the two halves of one bridge."""
    if not found or not variable or not find_spec("juliacall"):
        return ""
    wanted = metadata.version("juliacall")
    if found == wanted:
        return ""
    command = f"julia --project={project} -e 'using Pkg; Pkg.add(name=\"PythonCall\", version=\"{wanted}\")'"
    return f"The Julia project {project} has PythonCall {found}, and juliacall is {wanted}: they have to be of one version. {command}; or unset {variable}, and: {engines.install()}."


def _way(variable: str) -> str:
    """What to do to get a project for this engine."""
    after = f", after {variable} was unset" if variable else ""
    return f"{engines.package()} needs a Julia project of its own: {engines.install()} makes one{after}."
