"""The scripts in examples/systems/ run on the engine that the tests run on, and print figures that training has earned."""

import runpy

import pytest
from test_examples import FOLDER, check, check_index

SYSTEMS = FOLDER / "systems"
MOST_LINES = 90  # classes with their methods take more lines than layers
SCRIPTS = sorted(path.name for path in SYSTEMS.glob("*.py"))
RUNS = {
    "01_gan.py": (80, {"on the ring before": (0, 0.2), "on the ring": (0.6, 1), "directions reached": (7, 8)}),
    "02_adversarial_training.py": (8, {
        "clean, plain training": (0.9, 1), "clean, adversarial training": (0.9, 1), "attacked, plain training": (0, 0.6), "attacked, adversarial training": (0.6, 1),
    }),
    "03_lightning_like.py": (8, {"accuracy": (0.8, 1), "largest difference of weights": (0, 1e-6)}),
}  # fmt: skip
"""With how many epochs a script is run, and what its figures must reach so."""
DIGITS = {"02_adversarial_training.py", "03_lightning_like.py"}
"""Those whose data come with scikit-learn."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_learns(name, monkeypatch, capsys):
    """Run as a main program, in this process; what it prints is what it should have reached."""
    if name in DIGITS:
        pytest.importorskip("sklearn", reason="the example's data come with it")
    epochs, bounds = RUNS[name]
    monkeypatch.setenv("EPOCHS", str(epochs))
    runpy.run_path(str(SYSTEMS / name), run_name="__main__")
    check(capsys.readouterr().out, bounds)


def test_the_index_names_every_script_once():
    """examples/systems/README.md has a line for each script in order; scripts are short, and tested above."""
    check_index(SYSTEMS, SCRIPTS, MOST_LINES)
    assert sorted(RUNS) == SCRIPTS
