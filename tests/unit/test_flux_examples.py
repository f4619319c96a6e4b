"""The scripts in examples/flux/ run on the engine that the tests run on, and print figures that training has earned."""

import runpy

import pytest
from test_examples import FOLDER, check, check_index

FLUX = FOLDER / "flux"
MOST_LINES = 80  # equations and their fields take more lines than layers
SCRIPTS = sorted(path.name for path in FLUX.glob("*.py"))
RUNS = {
    "01_mlp.py": ({"EPOCHS": 3}, 0.75),
    "02_convnet.py": ({"EPOCHS": 2}, 0.65),
    "03_batching.py": ({"EPOCHS": 10}, 0.55),
    "04_char_rnn.py": ({"EPOCHS": 3, "LETTERS": 30000}, 0.3),
    "05_translation.py": ({"EPOCHS": 6, "DATES": 1500}, 0.8),
}
"""How small a script is run, and the accuracy that it must reach so."""
DIGITS = {"01_mlp.py", "02_convnet.py"}
"""Those whose data come with scikit-learn."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_learns(name, monkeypatch, capsys):
    """Run as a main program, in this process; what it prints is what it should have reached."""
    if name in DIGITS:
        pytest.importorskip("sklearn", reason="the example's data come with it")
    settings, least = RUNS[name]
    for key, value in settings.items():
        monkeypatch.setenv(key, str(value))
    runpy.run_path(str(FLUX / name), run_name="__main__")
    check(capsys.readouterr().out, {"accuracy": (least, 1)})


def test_the_index_names_every_script_once():
    """examples/flux/README.md has a line for each script in order; scripts are short, and tested above."""
    check_index(FLUX, SCRIPTS, MOST_LINES)
    assert sorted(RUNS) == SCRIPTS


@pytest.mark.parametrize(("name", "size", "little"), [("04_char_rnn.py", "LETTERS", 8000), ("05_translation.py", "DATES", 200)])
def test_nothing_learnt_is_a_failure(name, size, little, monkeypatch):
    """A script ends with an error where it has not learnt: one epoch of a few updates is not enough."""
    monkeypatch.setenv("EPOCHS", "1")
    monkeypatch.setenv(size, str(little))
    with pytest.raises(SystemExit, match="not learnt"):
        runpy.run_path(str(FLUX / name), run_name="__main__")
