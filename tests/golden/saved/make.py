"""Writes the files of this folder: a workout's model as `save` writes it, what it predicts, and the losses of two epochs that follow.

    PYTHONPATH=. python tests/golden/saved/make.py        # only for a new format: files that were written before have to be read for ever
"""

import json
from pathlib import Path

import numpy as np

from pyphoton import SGD, BatchNorm, Dense, Sequential, Workout, save, tanh

HERE = Path(__file__).parent
X = (np.arange(24, dtype="float32").reshape(8, 3) % 7) / 7
Y = np.stack([X.sum(axis=1), X[:, 0] - X[:, 1]], axis=1)


def smooth(p, y):
    """A loss that has no name."""
    return ((p - y) ** 2 + 1).log().mean()


if __name__ == "__main__":
    workout = Workout(Sequential(Dense(4, tanh), BatchNorm(), Dense(2)), smooth, SGD(0.1), seed=4)
    workout.fit_((X, Y), epochs=1, batch_size=4, shuffle=False, verbose=False)
    save(workout, HERE / "model.safetensors")
    predicted = workout.predict(X).tolist()
    workout.fit_((X, Y), epochs=2, batch_size=4, shuffle=False, verbose=False)
    losses = [row["loss"] for row in workout.history.epochs[1:]]
    (HERE / "model.json").write_text(json.dumps({"x": X.tolist(), "y": Y.tolist(), "predicted": predicted, "losses": losses}), "utf-8")
