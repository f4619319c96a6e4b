"""A loss and a metric of your own: a forecast that should be too low only one time in ten."""

import os

from sklearn.datasets import load_diabetes

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 60))

data = load_diabetes()
X, Y = data.data * 20, data.target[:, None] / 100
train, test = (X[:342], Y[:342]), (X[342:], Y[342:])

QUANTILE = 0.9


# A loss is a function of (prediction, target) that gives one number. Operators and NumPy-like functions are followed once
# and become part of the graph: every engine runs and differentiates it.
def pinball(predicted, target):
    """What is too low costs nine times what is too high; the best answer is then the 90 % quantile."""
    short = target - predicted
    return maximum(QUANTILE * short, (QUANTILE - 1) * short).mean()


# A metric is a function of the same kind; it is only measured.
def covered(predicted, target):
    """The share of targets that are not above the prediction."""
    return where(target <= predicted, 1.0, 0.0).mean()


workout = Workout(Sequential(Dense(8, relu), Dense(1)), pinball, Adam(0.005), covered=covered, seed=1)
fit_(workout, train, test, epochs=epochs)

steps, losses = history(workout, "loss")
print(f"loss: {losses[:11].mean():.3f} -> {losses[-11:].mean():.3f}")
print(f"covered, training: {evaluate(workout, train)['covered']:.3f}")
print(f"covered, test: {evaluate(workout, test)['covered']:.3f}")
