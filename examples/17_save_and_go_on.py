"""Save a workout and go on from the file: the same as never having stopped, and on another engine, too."""

import os
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from pyphoton import *

half = int(os.environ.get("EPOCHS", 6)) // 2

digits = load_digits()
X, Y = digits.images[:, None] / 16, digits.target
train, test = (X[:1400], Y[:1400]), (X[1400:], Y[1400:])


def new():
    """Adam has a state (two moments of each gradient), and the schedule counts epochs: weights alone would not be enough."""
    model = Sequential(Conv2D(8, 3, relu), MaxPool(), Dense(32, relu), Dropout(0.2), Dense(10))
    opt = Adam(0.005, schedule=CosineDecay(2 * half))
    return Workout(model, CrossEntropyLoss(use_softmax=True), opt, metrics=[accuracy()], seed=3)


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)

    # One workout trains to the end; another is saved in the middle, and what goes on is read from its file.
    whole = fit_(new(), train, test, epochs=2 * half)
    path = save_workout(fit_(new(), train, test, epochs=half), folder / "half.pp")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")

    again = load_workout(path)
    print(f"epoch {again.epochs}, step {again.steps}, {again.opt}")
    # A callback saves while training: AutoSave keeps the epoch that was the best so far.
    best = AutoSave("val_loss", folder / "best.pp")
    fit_(again, train, test, epochs=half, callbacks=best)

    pairs = zip(weights(whole.model), weights(again.model), strict=True)
    print(f"largest difference of weights: {max(np.abs(a - b).max() for a, b in pairs)}")
    print(f"largest difference of losses: {np.abs(history(whole, 'loss')[1] - history(again, 'loss')[1]).max()}")

    # Any engine opens a file: NumPy predicts with the best epoch.
    kept, here = load_workout(best.saved), load_workout(best.saved, backend="numpy")
    print(f"kept epoch {kept.epochs} of {again.epochs}, val_loss {best.best:.3f}")
    print(f"largest difference on numpy: {np.abs(predict(here, test[0]) - predict(kept, test[0])).max():.1e}")
    print(f"accuracy: {evaluate(kept, test)['accuracy']:.3f}")
