"""Python processes of their own, where Julia starts, ends and may not crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyphoton

ROOT = Path(pyphoton.__file__).parents[1]
TRAIN = """
import numpy as np
from pyphoton import Adam, Dense, MSE, Sequential, Workout, relu
X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
def train(backend="julia", **options):
    workout = Workout(Sequential(Dense(8, relu), Dense(2)), MSE(), Adam(0.01), backend=backend, seed=1)
    return workout.fit_((X, X[:, :2]), epochs=2, batch_size=8, **options)
"""


def python(code, *arguments, timeout=280, cwd=None, **environment):
    """A finished process: Python that ran this code, which begins with TRAIN. None removes a variable."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    variables = {k: v for k, v in variables.items() if v is not None}
    command = [sys.executable, *arguments, "-c", TRAIN + code]
    return subprocess.run(command, env=variables, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)


def output(code, *arguments, **options):
    """What it prints; it has to end with 0."""
    done = python(code, *arguments, **options)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr[-3000:]}"
    return done.stdout


def script(folder, *lines):
    """A program called julia that is none."""
    file = folder / "julia"
    file.write_text("\n".join(["#!/bin/sh", *lines]))
    file.chmod(0o755)
    return str(file)
