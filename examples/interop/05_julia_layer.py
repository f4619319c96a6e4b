"""An activation that is written in Julia, with a parameter of its own: a network that goes on with a wave where relu only draws a line.

It runs inside Julia, and on torch through Julia; `pip install '.[julia]'` is needed for both.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 300))

# Two waves to learn from, and the two that follow.
x = np.linspace(-6, 6, 512, dtype="float32")[:, None]
further = np.linspace(6, 18, 512, dtype="float32")[:, None]


def wave(t):
    """A wave on a slope."""
    return np.sin(t) + 0.3 * t


# The file is read when the layer is made, and saved with the model. Parameters stand behind the inputs; a shape may follow from the input's.
snake = {"file": Path(__file__).with_name("snake.jl"), "params": {"a": (lambda shape: shape[1:], "ones")}}


def periodic():
    """With the activation that is written in Julia."""
    return Sequential(Dense(32), Julia("snake", **snake), Dense(32), Julia("snake", **snake), Dense(1))


def straight():
    """With relu."""
    return Sequential(Dense(32, relu), Dense(32, relu), Dense(1))


errors, answers = {}, {}
for name, model in (("snake", periodic()), ("relu", straight())):
    workout = Workout(model, MSE(), Adam(0.01), seed=3)
    fit_(workout, (x, wave(x)), epochs=epochs, batch_size=64, verbose=False)
    _, losses = history(workout, "loss")
    print(f"loss: {losses[0]:.3f} -> {losses[-1]:.5f}")
    answers[name] = predict(workout, further)
    errors[name] = float(np.mean((answers[name] - wave(further)) ** 2))
    print(f"error further on, {name}: {errors[name]:.3f}")
    if name == "snake":
        saved = save(workout, Path(tempfile.mkdtemp()) / "snake.pp")
print(f"ratio: {errors['snake'] / errors['relu']:.3f}")

# A file of somebody else's may have any code in it: loading runs none of it, and safe_mode=False lets it run.
again = load(saved, safe_mode=False)
print(f"difference after loading: {np.abs(again(further) - answers['snake']).max():.1e}")
