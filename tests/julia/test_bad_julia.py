"""No Julia, a wrong one, a project without Flux, broken files, no network: one readable error with the way out, and `auto` runs on torch."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import tomllib
from processes import ROOT, python, script

from pyphoton.backends.julia import locate

pytestmark = pytest.mark.usefixtures("julia")
TRY = "train()"
AUTO = """
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    workouts = [train(None) for _ in range(3)]
print(workouts[0].network.backend.name, len(said), said[0].message if said else "")
"""
NOTHING = dict.fromkeys(("PYPHOTON_JULIA", "PYPHOTON_JULIA_PROJECT", "PYTHON_JULIACALL_EXE", "PYTHON_JULIACALL_PROJECT"))


def project_without_flux(folder):
    """The project, except that Flux is not one of its packages."""
    here = Path(locate.place().project)
    manifest = (here / "Manifest.toml").read_text()
    (folder / "Manifest.toml").write_text(re.sub(r'path = "(\.[^"]*)"', lambda m: f'path = "{(here / m[1]).resolve()}"', manifest))
    (folder / "Project.toml").write_text('[deps]\nPythonCall = "6099a3de-0909-46bc-b1f4-468b9a2dfc0d"\n')
    return str(folder)


def broken_copy(folder):
    """A copy of PyPhoton whose Julia code has a syntax error."""
    shutil.copytree(ROOT / "pyphoton", folder / "pyphoton", ignore=shutil.ignore_patterns("__pycache__"))
    inside = folder / "pyphoton" / "julia"
    if not inside.is_dir():
        shutil.copytree(ROOT / "julia", inside)
    (inside / "src" / "layers" / "dense.jl").write_text("function forward(\n")
    return str(folder)


GIVEN = {"PYPHOTON_JULIA": locate.place().executable, "PYPHOTON_JULIA_PROJECT": locate.place().project}
CASES = {
    "no such program": (lambda f: {**GIVEN, "PYPHOTON_JULIA": "/nowhere/julia"}, ["PYPHOTON_JULIA", "/nowhere/julia", "unset it"]),
    "no such project": (lambda f: {**GIVEN, "PYPHOTON_JULIA_PROJECT": "/nowhere"}, ["PYPHOTON_JULIA_PROJECT", "/nowhere", "Project.toml"]),
    "no Julia": (lambda f: {**GIVEN, "PYPHOTON_JULIA": None, "PATH": "/nowhere"}, ["there is no Julia", "julialang.org"]),
    "wrong version": (lambda f: {**GIVEN, "PYPHOTON_JULIA": script(f, "echo julia version 1.6.7")}, ["is Julia 1.6", "1.10 or newer"]),
    "crashing Julia": (lambda f: {**GIVEN, "PYPHOTON_JULIA": script(f, "echo out of order >&2", "exit 3")}, ["out of order", "doctor"]),
    "no Flux": (lambda f: {**GIVEN, "PYPHOTON_JULIA_PROJECT": project_without_flux(f), "JULIA_LOAD_PATH": "@:@stdlib"}, ["has no Flux", 'Pkg.add(name="Flux"']),
    "syntax error": (lambda f: {**GIVEN, "PYTHONPATH": broken_copy(f)}, ["dense.jl", "doctor"]),
}  # fmt: skip
"""name => (variables, words of the error)"""


@pytest.mark.parametrize("case", CASES)
def test_one_readable_error_and_auto_runs_on_torch(case, tmp_path):
    """By name: BackendMissing in a few lines, with the way out. By auto: torch trains, and it is said once why."""
    variables, words = CASES[case]
    (tmp_path / "elsewhere").mkdir()
    variables, elsewhere = variables(tmp_path), tmp_path / "elsewhere"
    asked = python(TRY, cwd=elsewhere, **variables)
    assert asked.returncode == 1
    error = asked.stderr.split("pyphoton.errors.BackendMissing: ")[-1]
    assert all(word in error for word in words), error
    assert len(error.splitlines()) <= 12, error
    auto = python(AUTO, cwd=elsewhere, PYPHOTON_BACKEND=None, **variables)
    assert auto.returncode == 0, auto.stderr
    line = next(text for text in auto.stdout.splitlines() if text.startswith("torch"))
    assert line.startswith("torch 1 julia is not used, torch is.") and words[0] in auto.stdout


def test_broken_state_of_juliapkg(tmp_path):
    """A damaged record of juliapkg counts as not prepared: auto says what to do and runs on torch."""
    state = tmp_path / "project" / "pyjuliapkg"
    state.mkdir(parents=True)
    (state / "meta.json").write_text("{ damaged")
    auto = python(AUTO, PYPHOTON_BACKEND=None, PYTHON_JULIAPKG_PROJECT=str(tmp_path / "project"), PATH="/nowhere", **NOTHING)
    assert auto.returncode == 0, auto.stderr
    assert "torch 1 julia is not used" in auto.stdout and "python -m pyphoton install" in auto.stdout


def test_install_without_network(tmp_path):
    """`pyphoton install` without a network ends with one readable error and the way out, not with a traceback."""
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "JULIA_PKG_SERVER": "http://127.0.0.1:9"}
    variables = {**NOTHING, "PYTHON_JULIAPKG_PROJECT": str(tmp_path / "project"), "JULIA_DEPOT_PATH": str(tmp_path / "depot"), **nowhere}
    code = "import sys; from pyphoton.__main__ import main; sys.exit(main(['install']))"
    done = python(code, **variables)
    assert done.returncode == 2, done.stderr[-2000:]
    last = done.stderr[done.stderr.rindex("pyphoton: BackendMissing") :]
    assert "PYPHOTON_JULIA" in last and "Is there a network?" in last


def test_the_variables_are_those_of_the_texts():
    """The names in the error texts are those that are read."""
    assert (locate.JULIA, locate.PROJECT) == ("PYPHOTON_JULIA", "PYPHOTON_JULIA_PROJECT")
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["julia"] if sys.version_info >= (3, 11) else True
    assert os.access(locate.place().executable, os.X_OK)
