"""Dense layers read digits: metrics, validation, learning curves and the confusion matrix."""

import os

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 20))

# A quarter is kept back, each digit in both parts alike. The model never learns from that quarter.
digits = load_digits()
train_x, test_x, train_y, test_y = train_test_split(digits.data / 16, digits.target, test_size=0.25, stratify=digits.target, random_state=0)

# Sizes of inputs are not written down: the first data show that there are 64 numbers in a sample.
model = Sequential(Dense(128, relu), Dropout(0.2), Dense(64, relu), Dense(10))

# The loss takes scores (use_softmax=True) and class numbers. Metrics are measured beside it.
workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.003), metrics=[accuracy()], seed=1)
fit_(workout, (train_x, train_y), (test_x, test_y), epochs=epochs, batch_size=32)

# The table of the model: what it holds, and what one digit costs.
print(summary(workout))

# What was measured stays with the workout, by name and step.
steps, losses = history(workout, "loss")
print(f"loss: {losses[:10].mean():.3f} -> {losses[-10:].mean():.3f} in {steps[-1]} steps")

# Which digits are taken for which? Rows are true digits, columns are guesses.
matrix = confusion_matrix(test_y, predict(workout, test_x))
print(matrix)
print(f"accuracy: {matrix.trace() / matrix.sum():.3f}")

# Both as pictures: plot_history(workout, path="curves.png"); plot_confusion(matrix, path="confusion.png")
