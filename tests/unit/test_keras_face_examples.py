"""The scripts in examples/keras/ run on the engine that the tests run on, and as they are on real Keras, but for the import."""

import os
import re
import runpy
import subprocess
import sys

import pytest
from test_examples import FOLDER, check, check_index

import pyphoton as pp
from pyphoton.interop.keras_model import keras_module

KERAS = FOLDER / "keras"
MOST_LINES = 65
SCRIPTS = sorted(path.name for path in KERAS.glob("*.py"))
RUNS = {
    "01_digits.py": (2, 0.55),
    "02_functional_two_inputs.py": (20, 0.75),
    "03_custom_layer.py": (6, 0.3),
    "04_text_classifier.py": (2, 0.7),
}
"""How many epochs a script is run, and the accuracy that it must reach so."""
pytest.importorskip("sklearn", reason="the examples' data come with it")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_learns(name, monkeypatch, capsys):
    """Run as a main program, in this process; what it prints is what it should have reached."""
    epochs, least = RUNS[name]
    monkeypatch.setenv("EPOCHS", str(epochs))
    runpy.run_path(str(KERAS / name), run_name="__main__")
    check(capsys.readouterr().out, {"accuracy": (least, 1)})


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_keras(name, tmp_path):
    """With `import keras` the same text runs on real Keras and learns there, too."""
    try:
        keras_module()
    except pp.BackendMissing as error:
        pytest.skip(f"there is no Keras that can be imported: {error}")
    text = (KERAS / name).read_text("utf-8")
    ours = re.findall(r"^from pyphoton.*$", text, re.M)
    assert len(ours) == 2
    script = tmp_path / name
    script.write_text(text.replace("from pyphoton import keras", "import keras").replace("from pyphoton.keras import", "from keras import"), "utf-8")
    epochs, least = RUNS[name]
    found = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)], capture_output=True, text=True, check=False, env={**os.environ, "EPOCHS": str(epochs)}, timeout=300,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-2000:]
    check(found.stdout, {"accuracy": (min(least, 0.5), 1)})


def test_the_index_names_every_script_once():
    """examples/keras/README.md has a line for each script in order; scripts are short, and tested above."""
    check_index(KERAS, SCRIPTS, MOST_LINES)
    assert sorted(RUNS) == SCRIPTS
