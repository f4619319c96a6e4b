"""The scripts in examples/ run on the engine that the tests run on, and print figures that training has earned."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))
MOST_LINES = 60

# Epochs (None: as many as the script has by itself), and for printed figures what they must reach, from below or from above.
RUNS = {
    "01_first_steps.py": (None, {"accuracy": (0.89, 1)}),
    "02_digits_mlp.py": (10, {"accuracy": (0.95, 1)}),
    "03_digits_convolutions.py": (2, {"accuracy": (0.8, 1)}),
    "04_iris_table.py": (None, {"accuracy": (0.9, 1)}),
    "05_regression.py": (30, {"r2": (0.45, 0.7)}),
    "06_sequence_lstm.py": (15, {"ratio": (0, 0.75)}),
    "07_two_inputs.py": (3, {"accuracy": (0.7, 1), "odd or even": (0.7, 1)}),
    "08_custom_loss_and_metric.py": (None, {"covered, training": (0.85, 0.95), "covered, test": (0.75, 0.97)}),
    "09_residual.py": (4, {"accuracy": (0.6, 1)}),
    "10_julia_and_torch.py": (1, {}),
    "11_schedules.py": (8, {"ratio": (0, 0.6), "accuracy": (0.85, 1)}),
    "12_callbacks.py": (25, {"ratio": (0.3, 0.95)}),
    "13_diagnosis.py": (None, {
        "dead, high rate": (0.5, 1), "accuracy, high rate": (0, 0.3), "dead, low rate": (0, 0.4), "accuracy, low rate": (0.75, 1),
        "accuracy, sigmoid": (0, 0.3), "ratio": (0, 0.01), "accuracy, relu": (0.75, 1),
    }),
    "14_transfer.py": (None, {"difference to torch": (0, 1e-4), "accuracy": (0.77, 1), "from the start": (0, 0.79)}),
    "15_image_files.py": (6, {"accuracy": (0.6, 1), "difference with four threads": (0, 0)}),
    "16_table_pipeline.py": (10, {"accuracy": (0.93, 1), "unscaled": (0, 0.93)}),
    "17_save_and_go_on.py": (4, {
        "largest difference of weights": (0, 0), "largest difference of losses": (0, 0), "largest difference on numpy": (0, 1e-4),
        "accuracy": (0.75, 1),
    }),
}  # fmt: skip
NEEDS = {
    "04_iris_table.py": ["sklearn", "pandas"], "06_sequence_lstm.py": ["matplotlib"], "14_transfer.py": ["sklearn", "torch"],
    "15_image_files.py": ["sklearn", "PIL"], "16_table_pipeline.py": ["sklearn", "pandas"],
}  # fmt: skip


def figures(text):
    """The figures that a script prints as `name: number`, the last of each name."""
    return {name: float(number) for name, number in re.findall(r"^([\w, ]+): (-?[\d.]+(?:e[+-]?\d+)?)$", text, re.M)}


def check(text, bounds):
    """The loss fell, where it is printed, and every figure lies in its bounds."""
    for before, after in re.findall(r"^loss: ([\d.]+) -> ([\d.]+)", text, re.M):
        assert float(after) < 0.9 * float(before)
    found = figures(text)
    for name, (low, high) in bounds.items():
        assert low <= found[name] <= high, text


def run(name, **environment):
    """The script in a process of its own."""
    settings = {**os.environ, "PYTHONPATH": str(FOLDER.parent), **environment}
    done = subprocess.run([sys.executable, str(FOLDER / name)], capture_output=True, text=True, env=settings, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name[:2] != "10"])
def test_a_script_learns(name, monkeypatch, capsys):
    """Run as a main program, in this process; what it prints is what it should have reached."""
    for package in NEEDS.get(name, ["sklearn"]):
        pytest.importorskip(package, reason="the example's data come with it")
    epochs, bounds = RUNS[name]
    if epochs is not None:
        monkeypatch.setenv("EPOCHS", str(epochs))
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    check(capsys.readouterr().out, bounds)


def test_a_process_of_its_own():
    """As a reader starts it; EPOCHS makes it shorter and so worse."""
    pytest.importorskip("sklearn", reason="the example's data come with it")
    assert 0.5 < figures(run("01_first_steps.py", EPOCHS="1"))["accuracy"] < 0.88


def test_every_engine_gives_the_same_numbers():
    """Predictions differ from NumPy's by rounding only, and so do the losses of two engines, where both are here."""
    pytest.importorskip("sklearn", reason="the example's data come with it")
    text = run("10_julia_and_torch.py", EPOCHS="2")
    check(text, {})
    to_numpy = [float(number) for number in re.findall(r"^largest difference to numpy: (\S+)", text, re.M)]
    assert to_numpy
    assert max(to_numpy) < 1e-4
    assert len(to_numpy) == 1 or figures(text)["largest difference of the losses"] < 1e-3


def check_index(folder, scripts, most_lines):
    """The folder's README has a line for each script in order; scripts are numbered and short."""
    named = re.findall(r"^\| \[(\S+)\]\((\S+)\) \| \S+", (folder / "README.md").read_text("utf-8"), re.M)
    assert [a for a, _ in named] == [b for _, b in named] == scripts
    assert [int(name[:2]) for name in scripts] == list(range(1, len(scripts) + 1))
    lengths = {name: len((folder / name).read_text("utf-8").splitlines()) for name in scripts}
    assert {name: n for name, n in lengths.items() if n >= most_lines} == {}


def test_the_index_names_every_script_once():
    """examples/README.md has a line for each script in order; scripts are numbered, short, and tested above."""
    check_index(FOLDER, SCRIPTS, MOST_LINES)
    assert sorted(RUNS) == SCRIPTS


def test_the_index_of_interop_names_every_script_once():
    """examples/interop/README.md has a line for each script in order."""
    folder = FOLDER / "interop"
    check_index(folder, sorted(path.name for path in folder.glob("[0-9]*")), 80)
