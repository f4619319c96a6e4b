"""The scripts in examples/flux/ run on the engine that the tests run on, and print figures that training has earned."""

import re
import runpy

import pytest
from test_examples import FOLDER, MOST_LINES, check

FLUX = FOLDER / "flux"
SCRIPTS = sorted(path.name for path in FLUX.glob("*.py"))
RUNS = {"01_mlp.py": (3, 0.75), "02_convnet.py": (2, 0.65), "03_batching.py": (10, 0.55)}
"""Epochs, and the accuracy that they must reach."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_learns(name, monkeypatch, capsys):
    """Run as a main program, in this process; what it prints is what it should have reached."""
    pytest.importorskip("sklearn", reason="the examples' data come with it")
    epochs, least = RUNS[name]
    monkeypatch.setenv("EPOCHS", str(epochs))
    runpy.run_path(str(FLUX / name), run_name="__main__")
    check(capsys.readouterr().out, {"accuracy": (least, 1)})


def test_the_index_names_every_script_once():
    """examples/flux/README.md has a line for each script in order; scripts are short, and tested above."""
    named = re.findall(r"^\| \[(\S+)\]\((\S+)\) \| \S+", (FLUX / "README.md").read_text("utf-8"), re.M)
    assert [a for a, _ in named] == [b for _, b in named] == SCRIPTS == sorted(RUNS)
    assert {name for name in SCRIPTS if len((FLUX / name).read_text("utf-8").splitlines()) >= MOST_LINES} == set()
