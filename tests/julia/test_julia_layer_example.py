"""The example of a layer in Julia runs and learns what it says."""

import os
import re
import subprocess
import sys

import pytest
from processes import ROOT

pytestmark = pytest.mark.usefixtures("julia")


@pytest.mark.parametrize("engine", ["julia", "torch"])
def test_the_example(engine):
    """The wave goes on with the activation in Julia, and the model comes back from its file with the same numbers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYPHOTON_BACKEND": engine, "EPOCHS": "150"}
    script = ROOT / "examples" / "interop" / "05_julia_layer.py"
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for before, after in re.findall(r"^loss: ([\d.]+) -> ([\d.]+)", done.stdout, re.M):
        assert float(after) < 0.2 * float(before)
    figures = {name: float(number) for name, number in re.findall(r"^([\w, ]+): ([\d.e+-]+)$", done.stdout, re.M)}
    assert figures["ratio"] < 0.7
    assert figures["difference after loading"] == 0
