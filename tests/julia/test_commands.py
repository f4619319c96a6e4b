"""`pyphoton doctor` and `pyphoton install` on a machine with Julia; and Julia's docstrings."""

import json
import os
import re

import pytest
from processes import ROOT, python

from pyphoton import LSTM, ArgumentError, Conv2D, Dense, Sequential, julia_doc
from pyphoton.backends.julia import locate

COMMAND = "import sys; from pyphoton.__main__ import main; sys.exit(main(sys.argv[1:] or ARGUMENTS))"


def command(*arguments, **environment):
    """A finished `pyphoton ...`."""
    return python(f"ARGUMENTS = {list(arguments)!r}\n{COMMAND}", **environment)


def test_doctor_finds_everything_in_order(julia):
    """The report as JSON: versions, places, shared memory, parity, and exit code 0 for the backend asked for."""
    done = command("doctor", "--json", "--backend", "julia")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["works"] and set(report["working"]) >= {"julia", "numpy"}
    found = {(f["group"], f["name"]): f for f in report["findings"]}
    versions = julia.ask("versions")
    for name in ("Flux", "PythonCall"):
        assert found["julia", name]["detail"] == versions["packages"][name]
    assert found["julia", "PythonCall"]["detail"] == found["julia", "juliacall"]["detail"]
    assert found["julia", locate.JULIA]["detail"] == locate.place().executable
    assert {found["julia", n]["state"] for n in ("start", "shared memory", "parity")} == {"ok"}
    assert versions["julia"] in found["julia", "start"]["detail"]


def test_doctor_names_the_remedy_and_fails(julia):
    """A Julia that is not there: exit code 1 when Julia is asked for, 0 when any backend does; the remedy is in the text."""
    wrong = {"PYPHOTON_JULIA": "/nowhere/julia", "PYPHOTON_JULIA_PROJECT": locate.place().project}
    asked = command("doctor", "--backend", "julia", **wrong)
    assert asked.returncode == 1 and "PROBLEM" in asked.stdout and "unset it" in asked.stdout
    assert asked.stdout.splitlines()[-1] == "backend julia: does NOT work"
    assert command("doctor", PYPHOTON_BACKEND=None, **wrong).returncode == 0
    assert command("doctor", "--backend", "jula", **wrong).returncode == 2


def test_install_says_that_everything_is_ready_and_may_be_called_again(julia):
    """With a given Julia and project there is nothing to install; it is tried, twice with the same words."""
    found = [command("install") for _ in range(2)]
    assert [f.returncode for f in found] == [0, 0], found[0].stderr
    assert all("is ready" in f.stdout and locate.place().project in f.stdout for f in found)


def test_julia_docstrings(julia):
    """julia_doc gives the docstring of the Julia layer, of a class or an object; what has none is refused."""
    assert "activation.(kernel * x .+ bias)" in julia_doc(Dense)
    assert julia_doc(Conv2D(4, 3)).startswith("Conv: cross-correlation") and "GRU" not in julia_doc(LSTM)
    with pytest.raises(ArgumentError, match="Sequential"):
        julia_doc(Sequential)


def test_demo_on_julia(julia, tmp_path):
    """`PYPHOTON_BACKEND=julia pyphoton demo` keeps the demo's promises: accuracy, files, the saved model."""
    done = command("demo", "--output", str(tmp_path), PYPHOTON_BACKEND="julia")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "backend: Julia 1." in done.stdout and "Flux 0.16" in done.stdout
    right = float(done.stdout.split("test digits: ")[1].split("%")[0])
    assert right >= 97
    assert {p.name for p in tmp_path.iterdir()} >= {"learning-curves.png", "worst-mistakes.png", "model.png", "digits.safetensors"}


def test_readme_on_julia(julia, capsys):
    """README's examples that need Julia run and say what is true."""
    blocks = re.findall(r"<!-- needs julia -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert blocks
    for code in blocks:
        exec(compile("from pyphoton import *\n" + code, "README.md", "exec"), {})
    assert "activation.(kernel * x .+ bias)" in capsys.readouterr().out


def test_the_default_environment_may_lie_in_any_depot(julia, tmp_path):
    """With several folders in JULIA_DEPOT_PATH the default environment is the first that exists, as for Julia itself."""
    code = "from pyphoton.backends.julia import locate\nprint(locate.place().project)"
    nothing = dict.fromkeys((locate.JULIA, locate.PROJECT, *locate.JULIACALL.values()))
    usual = python(code, **nothing, JULIA_DEPOT_PATH=None)
    found = python(code, **nothing, JULIA_DEPOT_PATH=f"{tmp_path}{os.pathsep}")
    assert (found.returncode, found.stdout) == (0, usual.stdout), found.stderr
