"""First steps: a model, a workout, fit_ and predict."""

import os

from sklearn.datasets import load_digits

from pyphoton import *

# EPOCHS=2 python examples/01_first_steps.py is a shorter run, as in all of these examples.
epochs = int(os.environ.get("EPOCHS", 20))

# 1797 handwritten digits, 8 x 8 numbers from 0 to 16 each, and which digit it is.
digits = load_digits()
X, Y = digits.data / 16, digits.target

model = Sequential(Dense(64, relu), Dense(10))
workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.005))
fit_(workout, (X[:1500], Y[:1500]), epochs=epochs)

guess = predict(workout, X[1500:]).argmax(axis=1)
print(f"accuracy: {(guess == Y[1500:]).mean():.3f}")
