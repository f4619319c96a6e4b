"""Digits by a small LeNet: convolutions in nested models, minibatches, a callback, as in the first Flux's integration examples."""

import os

from sklearn.datasets import load_digits

from pyphoton import Adam
from pyphoton.flux import Batched, Chain, Conv2D, Dense, MaxPool, accuracy, logloss, onehot, softmax, tanh, train_

epochs = int(os.environ.get("EPOCHS", 8))

# An image is (channels, height, width), so a Batch of 20 of them holds an array (20, 1, 8, 8).
digits = load_digits()
data = [(image[None] / 16, onehot(label, range(10), dtype="float32")) for image, label in zip(digits.images, digits.target, strict=True)]
train, test = data[:1400], data[1400:]

# A model in a model is a layer like any other.
features = Chain(Conv2D((3, 3), out=20), tanh, MaxPool((2, 2), stride=(2, 2)), Conv2D((2, 2), in_=20, out=50), tanh)
lenet = Chain(features, Dense(100), tanh, Dense(10), softmax)

# Each Batch makes one update. A callback without arguments is called once in five seconds at most.
progress = [lambda: print("while training:", round(accuracy(lenet, test), 3))]
train_(lenet, list(Batched(train, 20)), epoch=epochs, loss=logloss, opt=Adam(0.001), cb=progress)

print(f"accuracy: {accuracy(lenet, test):.3f}")
