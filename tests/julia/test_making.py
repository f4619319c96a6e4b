"""`pyphoton install --engine knet` makes a project by Julia's own Pkg: whole, or not at all. The packages are empty ones of a small registry."""

from __future__ import annotations

import json
import shutil
from importlib import metadata

import pytest
from processes import output, python, script
from small_registry import depot

from pyphoton.backends.julia import locate, projects

JULIA = locate.place().executable
pytestmark = [
    pytest.mark.skipif(bool(locate.missing()) or projects.numbers(projects.julia(JULIA))[:2] != (1, 10), reason="there is no Julia 1.10, which Knet needs"),
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git, with which the packages of the small registry are made"),
]
NOTHING = dict.fromkeys((locate.PROJECT, *locate.JULIACALL.values(), "PYPHOTON_ENGINE"))
MAKE = """
import json, sys
from pyphoton.__main__ import main
from pyphoton.backends.julia import engines, locate, making
def place():
    with engines.during("knet"):
        return [locate.place().executable, locate.place().project, locate.wrong(), locate.unprepared()]
def make():
    with engines.during("knet"):
        making.make()
    return place()
"""
INSTALL = MAKE + "sys.exit(main(['install', '--engine', 'knet']))"
NOWHERE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "JULIA_PKG_SERVER": "http://127.0.0.1:9"}


def where(folder):
    """Variables: the Julia that is here, and a place for projects of this test's own."""
    return {**NOTHING, locate.JULIA: JULIA, "PYTHON_JULIAPKG_PROJECT": str(folder / "kept" / "julia_env")}


def refused(done):
    """The one error that an install ends with."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr[done.stderr.rindex("pyphoton: BackendMissing") :]


@pytest.mark.slow
def test_a_project_is_made_and_found(tmp_path):
    """Pkg resolves what the registry says and GPUCompiler by its address; the project is found without variables, by Knet only; an old one is replaced."""
    variables = {**where(tmp_path), **depot(tmp_path, metadata.version("juliacall"))}
    made = tmp_path / "kept" / "julia_env_knet"
    age = f"import pathlib; p = pathlib.Path({str(made)!r}, 'pyphoton.json'); p.write_text(p.read_text().replace('~1.4', '~1.3'))"
    said = output(MAKE + f"print(json.dumps([place(), make(), locate.place().project]))\n{age}\nprint(json.dumps([place(), make()]))", **variables)
    (before, after, of_flux), (aged, again) = map(json.loads, said.splitlines())
    assert before[1] == "" and "is not made yet: python -m pyphoton install --engine knet" in before[3]
    assert after == again == [JULIA, str(made), "", ""]
    assert of_flux != str(made)
    assert aged[1] == "" and "was made for another" in aged[3]
    found = projects.packages(str(made))
    assert (found["Knet"], found["GPUCompiler"], found["PythonCall"]) == ("1.4.10", "0.17.3", metadata.version("juliacall"))
    assert "repo-url" in (made / "Manifest.toml").read_text() and "Flux" not in found
    assert [p.name for p in made.parent.iterdir()] == [made.name]


@pytest.mark.slow
def test_nothing_half_made_is_left(tmp_path):
    """Where Pkg does not find a package the command ends with one error, in Pkg's words, with the way out; what was there before is as it was."""
    variables = {**where(tmp_path), **depot(tmp_path, metadata.version("juliacall"), without=["Knet"])}
    old = tmp_path / "kept" / "julia_env_knet"
    old.mkdir(parents=True)
    (old / "pyphoton.json").write_text('{"executable": "julia", "source": "older"}')
    error = refused(python(INSTALL, **variables))
    assert "Knet" in error and "Nothing was changed" in error and locate.PROJECT in error and "Project.toml" in error
    assert len(error.splitlines()) <= 12, error
    assert [p.name for p in old.parent.iterdir()] == [old.name] and (old / "pyphoton.json").read_text().endswith('"older"}')


def test_without_a_network(tmp_path):
    """No registry, no package server: one readable error with the way out, and nothing is left."""
    error = refused(python(INSTALL, **where(tmp_path), **NOWHERE, JULIA_DEPOT_PATH=str(tmp_path / "depot")))
    assert "Is there a network?" in error and locate.PROJECT in error
    assert len(error.splitlines()) <= 12, error
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path):
    """A folder in the project's place that PyPhoton has not made is not touched."""
    (tmp_path / "kept" / "julia_env_knet").mkdir(parents=True)
    (tmp_path / "kept" / "julia_env_knet" / "mine.txt").write_text("mine")
    error = refused(python(INSTALL, **where(tmp_path)))
    assert "julia_env_knet is in the way" in error and "Move it away" in error
    assert (tmp_path / "kept" / "julia_env_knet" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("version", ["1.9.4", "1.11.2", "1.12.0"])
def test_a_julia_that_knet_cannot_run_on(tmp_path, version):
    """It is refused before anything starts, with the version that is needed and how to get it."""
    julia = script(tmp_path, f"echo julia version {version}", "exit 0")
    error = refused(python(INSTALL, **{**where(tmp_path), locate.JULIA: julia}))
    assert f"is Julia {version}" in error and "Knet needs 1.10.3" in error and "juliaup add 1.10" in error and locate.JULIA in error
