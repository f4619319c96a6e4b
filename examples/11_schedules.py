"""A learning rate over time: a warm-up and a cosine, against the same rate all the time."""

import os

import numpy as np
from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 20))

digits = load_digits()
X, Y = digits.data / 16, digits.target
train, test = (X[:1400], Y[:1400]), (X[1400:], Y[1400:])
EPOCH = 22  # steps: 1400 digits in minibatches of 64


def train_one(opt, seed):
    """The same network from the same weights: the loss of the last epoch, and the test accuracy of the last five."""
    model = Sequential(Dense(64, relu), Dense(64, relu), Dense(10))
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), opt, metrics=[accuracy()], seed=seed)
    fit_(workout, train, test, epochs=epochs, batch_size=64)
    return history(workout, "loss")[1][-EPOCH:].mean(), history(workout, "val_accuracy")[1][-5:], workout


# A rate of 0.1 with momentum is rather high for this network. A schedule belongs to the optimiser and counts the workout's
# steps: one epoch up from a tenth of the rate, then down to 0 along half a cosine wave.
schedule = WarmUp(EPOCH, CosineDecay(max(1, (epochs - 1) * EPOCH), per="step"))
kinds = {
    "constant": Momentum(0.1),
    "warm-up": Momentum(0.1, schedule=WarmUp(EPOCH)),
    "warm-up and cosine": Momentum(0.1, schedule=schedule),
}

# One run could be luck: three, from different weights.
losses = {}
for kind, opt in kinds.items():
    runs = [train_one(opt, seed) for seed in (1, 2, 3)]
    losses[kind] = np.mean([loss for loss, _, _ in runs])
    reached, moves = np.mean([a.mean() for _, a, _ in runs]), np.mean([np.ptp(a) for _, a, _ in runs])
    print(f"{kind:<18}: loss {losses[kind]:.4f}; test accuracy {reached:.3f}, still moves by {moves:.3f}")

# With a high rate the weights keep jumping around the minimum; with a falling one they come to rest.
print(f"ratio: {losses['warm-up and cosine'] / losses['constant']:.3f}")

# The rate that was used is in the history, beside what it did: plot_history(workout, ["lr", "loss"], path="rate.png").
_, rates = history(runs[-1][2], "lr")
print("learning rate at the begin of each epoch:", *(f"{rate:.3f}" for rate in rates[::EPOCH]))
print(f"accuracy: {reached:.3f}")
