"""The script of the grid search runs on the engine that the tests run on, and finds what is better."""

import runpy

import pytest
from test_examples import FOLDER, check

pytest.importorskip("sklearn", reason="the example's data come with it")
SCRIPT = FOLDER / "interop" / "04_grid_search.py"


def test_the_search_learns(monkeypatch, capsys):
    """Shortened and in this process; what it prints is what it should have reached."""
    monkeypatch.setenv("EPOCHS", "5")
    monkeypatch.setenv("JOBS", "1")
    runpy.run_path(str(SCRIPT), run_name="__main__")
    printed = capsys.readouterr().out
    check(printed, {"cross validated": (0.9, 1), "accuracy": (0.9, 1)})
    assert printed.count("'units': 64") == 4
