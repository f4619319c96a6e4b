"""Why does it not learn? Two sick networks, and what their activations and gradients say."""

import os

from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 3))

digits = load_digits()
X, Y = digits.data / 16, digits.target
train, test = (X[:1400], Y[:1400]), (X[1400:], Y[1400:])
batch = (X[:100], Y[:100])


def train_one(model, lr):
    """Some epochs of plain gradient descent."""
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), SGD(lr), metrics=[accuracy()], seed=1)
    return fit_(workout, train, epochs=epochs)


def reached(workout):
    """The share of new digits that are read right."""
    return evaluate(workout, test)["accuracy"]


# The first patient: two layers and a rate that is far too high. It guesses.
sick = train_one(Sequential(Dense(64, relu), Dense(64, relu), Dense(10)), lr=1.0)
print(f"accuracy, high rate: {reached(sick):.3f}")

# A unit is dead when it gives 0 for every sample: its gradient is 0 as well, so it never comes back.
found = activation_statistics(sick, batch[0])
print(found)
print(f"dead, high rate: {found['1'].dead:.3f}")

# The remedy: a lower rate (and new weights, for dead units stay dead).
well = train_one(Sequential(Dense(64, relu), Dense(64, relu), Dense(10)), lr=0.1)
print(f"dead, low rate: {activation_statistics(well, batch[0])['1'].dead:.3f}")
print(f"accuracy, low rate: {reached(well):.3f}")

# The second patient: six layers of sigmoids. It guesses, too, and none of its units is dead.
deep = train_one(Sequential(*[Dense(64, sigmoid) for _ in range(6)], Dense(10)), lr=0.1)
print(f"accuracy, sigmoid: {reached(deep):.3f}")

# ratio is the norm of a gradient in units of its weights: each layer gives only a part of it on to the one before.
found = gradient_statistics(deep, batch)
for path in ("6.kernel", "3.kernel", "0.kernel"):
    print(f"{path}: gradient / weights {found[path].ratio:.1e}")
print(f"ratio: {found['0.kernel'].ratio / found['6.kernel'].ratio:.1e}")

# The remedy: an activation that lets gradients through, with initial weights that fit it.
deep = train_one(Sequential(*[Dense(64, relu, initw=he_normal) for _ in range(6)], Dense(10)), lr=0.1)
print(f"accuracy, relu: {reached(deep):.3f}")
