"""Making the Julia project of an engine that has one of its own, by Julia's Pkg: `pyphoton install --engine knet`. Never done by an import."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pyphoton.backends.julia import engines, kept, locate, mixtures, projects, sources
from pyphoton.backends.julia.runtime import say
from pyphoton.errors import BackendMissing


def make() -> None:
    """Make the project of the engine that this process wants, in a folder beside it, and move it to its place when all of it is there.

    Julia's Pkg installs and compiles the packages; it tells its steps itself, on stderr. Where anything fails nothing is left, and an older project
    stays. Errors: BackendMissing with what Pkg said and the way out.
    """
    engine = engines.wanted()
    here = kept.folder(engine)
    if here is None:
        raise BackendMissing("Julia", hint=f"juliapkg is not installed: {engines.extra()}.")
    julia = _julia()
    if here.exists() and not kept.stamp(engine):
        raise BackendMissing("Julia", hint=f"{here} is in the way: a folder that PyPhoton has not made. Move it away.")
    say(f"making a Julia project with {engines.package()} in {here}, once; this takes some minutes ...")
    here.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{here.name}-", dir=here.parent) as made:
        source = kept.source(engine)
        project = Path(made, "project")
        project.mkdir()
        (project / "Project.toml").write_text(source, "utf-8")
        _run(julia, project, sources.project_file(engine).with_name("make.jl"))
        (project / kept.STAMP).write_text(json.dumps({"executable": julia, "source": source}, indent=1), "utf-8")
        if here.exists():
            shutil.rmtree(here)
        project.rename(here)


def _julia() -> str:
    """The Julia that suits: PYPHOTON_JULIA, one that juliapkg has or finds, or one that it downloads. Errors: BackendMissing."""
    given, least = locate.given_program(), mixtures.versions()["julia"]
    if given:
        return given
    say(f"looking for Julia {mixtures.julia_wanted()} ...")
    from juliapkg.compat import Compat
    from juliapkg.find_julia import find_julia
    from juliapkg.state import STATE

    try:
        found = str(find_julia(Compat.parse(f"~{least}"), prefix=STATE["install"], install=True)[0])
    except Exception as error:
        hint = f"{error}. Is there a network? Without one, set {locate.JULIA} to such a program. {mixtures.GET}"
        raise BackendMissing("Julia", f"Julia {mixtures.julia_wanted()}", "none, and none could be downloaded", hint) from error
    wrong = locate.unfit_julia(found)
    if wrong:
        raise BackendMissing("Julia", hint=wrong)
    return found


def _run(julia: str, project: Path, script: Path) -> None:
    """Let Pkg fill the project. PythonCall is told of this Python, and needs none of its own. Errors: BackendMissing."""
    variables = {"JULIA_PYTHONCALL_EXE": sys.executable, "JULIA_CONDAPKG_BACKEND": "Null", "JULIA_LOAD_PATH": os.pathsep.join(["@", "@stdlib"])}
    command = [julia, f"--project={project}", "--startup-file=no", str(script)]
    done = subprocess.run(command, env={**os.environ, **variables}, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        said = done.stdout.strip()[:1000] or f"exit code {done.returncode}"
        hint = f"{said}\nNothing was changed. Is there a network? Without one, set {locate.PROJECT} to a project that has {engines.package()}, made elsewhere from {script.parent / 'Project.toml'}."
        raise BackendMissing("Julia", f"a project with {engines.package()}, made by Julia's Pkg", "an error", hint)
    missing = {engines.package(), "PythonCall"} - set(projects.packages(str(project)))
    if missing:
        raise BackendMissing("Julia", f"a project with {engines.package()}", f"one without {', '.join(sorted(missing))}", f"Nothing was changed. Try again: {engines.install()}.")
