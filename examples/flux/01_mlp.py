"""Digits by a multi-layer perceptron: pairs of samples, onehot and train_, as in the first Flux's MNIST.jl."""

import os

from sklearn.datasets import load_digits

from pyphoton.flux import Chain, Dense, Input, accuracy, onecold, onehot, relu, softmax, train_

epochs = int(os.environ.get("EPOCHS", 10))

# A list of pairs: 64 numbers from 0 to 1, and ten of which the one at the digit is 1.
digits = load_digits()
data = [(x / 16, onehot(label, range(10), dtype="float32")) for x, label in zip(digits.data, digits.target, strict=True)]
train, test = data[:1400], data[1400:]

m = Chain(
    Input(64),
    Dense(128), relu,
    Dense(64), relu,
    Dense(10), softmax,
)  # fmt: skip

# The model is a function. Before it has seen data it gives each digit about the same probability.
x, y = test[0]
print("before:", m(x).round(2))

# Ten samples make one update, with the sum of their gradients. The accuracy on `test` is shown every 1000 samples.
train_(m, train, test, epoch=epochs, eta=0.05)

print("after:", m(x).round(2))
print(f"one digit: {onecold(m(x))} is {onecold(y)}")
print(f"accuracy: {accuracy(m, test):.3f}")
