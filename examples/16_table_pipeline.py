"""A table with a pipeline: columns by name, a split, scaling that is learned from the training part only."""

import os

from sklearn.datasets import load_breast_cancer

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 15))

# 569 tumours, thirty measurements each; the last column says which are benign. As words, as in most files.
table = load_breast_cancer(as_frame=True).frame
table["kind"] = table.pop("target").map({0: "malignant", 1: "benign"})
measurements = [column for column in table.columns if column != "kind"]

# Samples are rows: (the measurements, the word). The word becomes two numbers, 1 where it stands in the list.
kinds = ["malignant", "benign"]
data = DFDataset(table, measurements, "kind") | OneHotEncoder(kinds)
print(data[0][0][:3], data[0][1])

# A third is kept back, drawn by the seed. Means and deviations are learned from the rest: fit_ has a second meaning here.
learn, test = data | Split(0.33)
scale = fit_(Standardizer(), learn)
print(len(learn), len(test))


def train_one(learn, test):
    """The same small network on these samples."""
    workout = Workout(Sequential(Dense(16, relu), Dense(2)), CrossEntropyLoss(use_softmax=True), Adam(0.003), metrics=[accuracy()], seed=1)
    fit_(workout, learn | MiniBatch(16), test, epochs=epochs)
    return workout


# Columns reach from 0.001 to 4254. Without scaling the large ones drown the others.
raw = train_one(learn, test)
print(f"unscaled: {evaluate(raw, test)['accuracy']:.3f}")
workout = train_one(learn | scale, test | scale)
print(f"accuracy: {evaluate(workout, test | scale)['accuracy']:.3f}")

# Which mistakes? A malignant tumour that is called benign is the worse one.
x, y = next(iter(test | scale | MiniBatch(len(test), shuffle=False)))
matrix = confusion_matrix(y, predict(workout, x))
for kind, row in zip(kinds, matrix, strict=True):
    print(f"{kind:>9}: " + ", ".join(f"{count} called {other}" for other, count in zip(kinds, row, strict=True)))
