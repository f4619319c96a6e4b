"""Residual blocks: a deep network learns when its blocks add to what they are given."""

import os

from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 8))

digits = load_digits()
X, Y = digits.data / 16, digits.target
train, test = (X[:1400], Y[:1400]), (X[1400:], Y[1400:])

BLOCKS = 20


def block():
    """Two layers, each with a normalisation before its function."""
    return Sequential(Dense(32), BatchNorm(), relu, Dense(32), BatchNorm())


def train_one(name, blocks):
    """Train a network of these blocks and say how far it gets."""
    model = Sequential(Dense(32), *blocks, relu, Dense(10))
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.002), metrics=[accuracy()], seed=1)
    fit_(workout, train, epochs=epochs)
    found = evaluate(workout, test)
    # The first layer is the one that the gradient reaches last.
    norm = gradient_statistics(workout, (X[:32], Y[:32]))["0.kernel"].ratio
    print(f"{name}: loss {history(workout, 'loss')[1][-10:].mean():.3f}, gradient of the first layer {norm:.2g} of its weights")
    return found["accuracy"]


# SkipConnection(layer) is x + layer(x); without it the same layers follow each other, forty deep.
plain = train_one("without skips", [block() for _ in range(BLOCKS)])
skipped = train_one("with skips   ", [SkipConnection(block()) for _ in range(BLOCKS)])
print(f"accuracy without skips: {plain:.3f}")
print(f"accuracy: {skipped:.3f}")
