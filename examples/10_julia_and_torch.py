"""The same model on every engine that is here: the same weights, the same numbers."""

import os

import numpy as np
from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 3))

digits = load_digits()
X, Y = digits.images[:, None] / 16, digits.target

curves, scores = {}, {}
for name in ("torch", "julia"):
    # A backend that is asked for is used or refused, with what to install; it is never replaced in silence.
    try:
        get_backend(name)
    except BackendMissing as missing:
        print(missing)
        continue
    # seed= decides the first weights and the order of the samples, whichever engine runs.
    model = Sequential(Conv2D(8, 3, relu), MaxPool(), Dense(32, relu), Dense(10))
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.003), backend=name, seed=5)
    print(workout.network.backend.describe())
    fit_(workout, (X[:1024], Y[:1024]), epochs=epochs)
    _, curves[name] = history(workout, "loss")
    scores[name] = predict(workout, X[1024:])

    # NumPy predicts with the very same arrays: they belong to the layers, not to the engine.
    here = predict(Workout(model, "mse", backend="numpy"), X[1024:])
    print(f"largest difference to numpy: {np.abs(here - scores[name]).max():.1e}")
    print(f"loss: {curves[name][:8].mean():.3f} -> {curves[name][-8:].mean():.3f}")

# Rounding errors grow while training; after some hundred steps the curves still lie on each other.
if len(curves) == 2:
    print(f"largest difference of the losses: {np.abs(curves['torch'] - curves['julia']).max():.1e}")
