"""A series: an LSTM predicts the next value of an electroencephalogram from the last twenty."""

import os

import numpy as np
from matplotlib.cbook import get_sample_data

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 30))

# 800 measurements of four electrodes, which come with matplotlib; one of them, scaled to standard deviation 1.
with get_sample_data("eeg.dat") as file:
    series = np.frombuffer(file.read(), dtype="float64").reshape(800, 4)[:, 0]
series = (series - series[:600].mean()) / series[:600].std()

# Windows of twenty steps with one feature: (N, steps, features). The target is the step behind the window.
steps = 20
X = np.lib.stride_tricks.sliding_window_view(series, steps)[:-1, :, None]
Y = series[steps:, None]
train, test = (X[:580], Y[:580]), (X[600:], Y[600:])

# The LSTM gives its last step (last_only=True is its default); Dense makes one number of it.
model = Sequential(LSTM(32), Dense(1))
workout = Workout(model, MSE(), Adam(0.01, gclip=1.0), seed=1)
fit_(workout, train, test, epochs=epochs)

recorded, losses = history(workout, "loss")
print(f"loss: {losses[:19].mean():.3f} -> {losses[-19:].mean():.3f}")

# What is that worth? The plainest forecast says that the next value is the last one.
error = ((predict(workout, test[0]) - test[1]) ** 2).mean()
plain = ((test[0][:, -1] - test[1]) ** 2).mean()
print(f"squared error: {error:.4f}, of saying the last value again: {plain:.4f}")
print(f"ratio: {error / plain:.3f}")
