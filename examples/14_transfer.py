"""What one network has learned helps another: weights from torch, a new last layer, the others frozen."""

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 30))

digits = load_digits()
X, Y = digits.images[:, None].astype("float32") / 16, digits.target

# Somebody trains a network in torch to read ten digits, from 1000 images, and saves its state_dict.
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Flatten(), torch.nn.Linear(256, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(net.parameters(), 0.003)
for rows in np.array_split(np.random.default_rng(0).permutation(12 * 1000) % 1000, 240):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(net(torch.from_numpy(X[rows])), torch.from_numpy(Y[rows])).backward()
    optimizer.step()


def network():
    """The same network here. Its names differ from torch's, which counts activations, so arrays go by their order."""
    return Sequential(Conv2D(16, 3, relu, padding="same"), MaxPool(), Dense(64, relu), Dense(10))


reader = network()
with tempfile.TemporaryDirectory() as folder:
    torch.save(net.state_dict(), Path(folder) / "digits.pt")
    print(load_state_dict_(reader, Path(folder) / "digits.pt", input_shape=(1, 8, 8)).taken)
print(f"difference to torch: {np.abs(predict(reader, X) - net(torch.from_numpy(X)).detach().numpy()).max():.1e}")

# Our question is another one: is there a ring in the digit, as in 0, 6, 8 and 9? Only twenty images have an answer.
ring = np.isin(Y, (0, 6, 8, 9)).astype(int)
few, test = (X[1000:1020], ring[1000:1020]), (X[1200:], ring[1200:])


def answer(body, seed):
    """A new last layer behind `body`, trained on the twenty."""
    workout = Workout(Sequential(*body, Dense(2)), CrossEntropyLoss(use_softmax=True), Adam(0.01), metrics=[accuracy()], seed=seed)
    fit_(workout, few, epochs=epochs, batch_size=10)
    return evaluate(workout, test)["accuracy"]


# A slice of a model shares its weights; frozen, they stay what torch has made of them.
freeze_(reader[:-1])
print(f"accuracy: {np.mean([answer(reader[:-1], seed) for seed in (1, 2, 3)]):.3f}")
print(f"from the start: {np.mean([answer(network()[:-1], seed) for seed in (1, 2, 3)]):.3f}")
