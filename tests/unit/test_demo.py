"""The demo and the command line, as a newcomer meets them."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

import pyphoton
from pyphoton import load, predict
from pyphoton.__main__ import main
from pyphoton.demo import digits

PNG = b"\x89PNG\r\n\x1a\n"


def command(*arguments, **environment):
    """`python -m pyphoton` in a process of its own."""
    settings = {**os.environ, **environment, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "pyphoton", *map(str, arguments)], capture_output=True, text=True, env=settings, timeout=280
    )


@pytest.mark.slow
def test_the_demo_learns_draws_saves_and_says_so(tmp_path):
    """At least 97 % on a quarter that it has not seen; pictures and a model that predicts the same."""
    folder = tmp_path / "made" / "here"
    done = command("demo", "--output", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    reached = float(re.search(r"accuracy on the 450 test digits: ([\d.]+) %", done.stdout)[1])
    assert reached >= 97
    assert re.search(r"^backend: \w+", done.stdout, re.M)
    assert "Conv2D(32, 3, relu, padding=1)" in done.stdout
    assert float(re.search(r"largest difference of its scores ([\d.e+-]+)", done.stdout)[1]) <= 1e-5
    assert "epoch 15/15" in done.stderr
    assert "val_accuracy" in done.stderr
    for name in ("learning-curves.png", "model.png", "worst-mistakes.png"):
        assert str(folder / name) in done.stdout
        assert (folder / name).read_bytes().startswith(PNG)
    _, images, _, labels = digits()
    scores = predict(load(folder / "digits.safetensors"), images)
    assert round(100 * float((scores.argmax(1) == labels).mean()), 2) == reached


def test_too_little_training_is_said_and_is_exit_code_1(tmp_path):
    """One epoch does not reach what the demo promises; its files are there all the same."""
    done = command("demo", "--epochs", 1, "--output", tmp_path)
    assert done.returncode == 1
    assert "below 97%" in done.stdout
    assert (tmp_path / "learning-curves.png").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (["--backend", "numpy"], {}, "Unsupported: backend numpy: expected prediction and evaluation, received training"),
        ([], {"PYPHOTON_BACKEND": "numpy"}, "Unsupported: backend numpy"),
        (["--backend", "nonsense"], {}, "UnknownName: backend: expected a backend, received 'nonsense'"),
        (["--epochs", "0"], {}, "ArgumentError: --epochs: expected a number above 0, received 0"),
        (["--seed", "-1"], {}, "ArgumentError: "),
        (["--output", __file__], {}, "FileError: --output"),
    ],
)
def test_refusals_are_one_line_and_exit_code_2(tmp_path, arguments, environment, text):
    """No traceback."""
    done = command("demo", "--output", tmp_path, *arguments, **environment)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.lstrip("\r").startswith(("epoch", "pyphoton: starting Julia"))]
    (refusal,) = [line for line in lines if line.strip()]
    assert refusal.startswith(f"pyphoton: {text}")


def test_scikit_learn_missing_says_what_to_install(monkeypatch, tmp_path, capsys):
    """The demo needs more than the library does."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["demo", "--output", str(tmp_path)]) == 2
    assert "pip install 'pyphoton[demo]'" in capsys.readouterr().err


def test_the_digits_are_split_alike_every_time():
    """A quarter for the test, each digit in both parts, numbers from 0 to 1."""
    train_x, test_x, train_y, test_y = digits()
    assert train_x.shape == (1347, 1, 8, 8)
    assert test_x.shape == (450, 1, 8, 8)
    assert train_x.dtype == "float32"
    assert (train_x.min(), train_x.max()) == (0, 1)
    assert np.bincount(test_y).min() >= 40
    assert np.bincount(train_y).min() >= 130
    np.testing.assert_array_equal(test_x, digits()[1])


def test_without_a_command_there_is_help(capsys):
    """And exit code 0."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "usage: pyphoton" in shown
    assert re.search(r"^ +demo +train", shown, re.M)


def test_version_and_unknown_commands(capsys):
    """As other programs do it."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pyphoton {pyphoton.__version__}\n"
    with pytest.raises(SystemExit) as ended:
        main(["dema"])
    assert ended.value.code == 2
    assert "dema" in capsys.readouterr().err


def test_help_loads_no_engine():
    """The command line answers at once."""
    code = "import sys; from pyphoton.__main__ import main; main([]); assert not {'torch', 'numpy', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
