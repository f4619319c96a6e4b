"""Convolutions read digits: images, pooling, batch normalisation, and a look inside."""

import os

from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 6))

# Images are (N, channels, height, width): one channel of 8 x 8 numbers from 0 to 1.
digits = load_digits()
X, Y = digits.images[:, None] / 16, digits.target
train, test = (X[:1400], Y[:1400]), (X[1400:], Y[1400:])

# Dense flattens what comes out of the pooling.
model = Sequential(
    Conv2D(16, 3, relu, padding="same"),
    BatchNorm(),
    MaxPool(),
    Conv2D(32, 3, relu, padding="same"),
    MaxPool(),
    Dense(10),
)
workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.003), metrics=[accuracy()], seed=1)
fit_(workout, train, test, epochs=epochs)

# What comes out of each layer: are there channels that are 0 whatever the digit ("dead")?
print(activation_statistics(workout, test[0][:100]))

# How strong is the gradient of each parameter, compared with the parameter itself?
print(gradient_statistics(workout, (X[:32], Y[:32])))

steps, losses = history(workout, "loss")
print(f"loss: {losses[:10].mean():.3f} -> {losses[-10:].mean():.3f}")
print(f"accuracy: {evaluate(workout, test)['accuracy']:.3f}")
