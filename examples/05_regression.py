"""Regression: how a disease goes on, from ten measurements; and which of them the model listens to."""

import os

import numpy as np
from sklearn.datasets import load_diabetes

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 60))

# 442 patients: ten numbers each (already scaled), and a measure of the disease a year later, from 25 to 346.
data = load_diabetes()
X, Y = data.data * 20, data.target[:, None]
train, test = slice(0, 342), slice(342, None)

# Targets are scaled, too: a network starts near 0. Predictions are scaled back.
mean, std = Y[train].mean(), Y[train].std()
scaled = (Y - mean) / std

model = Sequential(Dense(16, relu), Dense(1))
workout = Workout(model, MSE(), Adam(0.003), metrics=["mae"], seed=1)
fit_(workout, (X[train], scaled[train]), epochs=epochs)

steps, losses = history(workout, "loss")
print(f"loss: {losses[:11].mean():.3f} -> {losses[-11:].mean():.3f}")

# R^2 compares the squared error with that of always saying the mean: 0 is no better, 1 is perfect.
predicted = predict(workout, X[test]) * std + mean
r2 = 1 - ((predicted - Y[test]) ** 2).sum() / ((Y[test] - Y[train].mean()) ** 2).sum()
print(f"r2: {r2:.3f}")

# A feature matters when predictions are worse without it: shuffle one column after the other.
random, base = np.random.default_rng(0), ((predicted - Y[test]) ** 2).mean()
for column, name in enumerate(data.feature_names):
    shuffled = X[test].copy()
    random.shuffle(shuffled[:, column])
    worse = ((predict(workout, shuffled) * std + mean - Y[test]) ** 2).mean() / base - 1
    print(f"{name:>4}: {worse:+.0%} squared error without it")
