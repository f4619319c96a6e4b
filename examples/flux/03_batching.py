"""Batches and sequences that look like lists and are arrays; and a training loop by hand with back_ and update_."""

import os

import numpy as np

from pyphoton import LSTM, Dense, Sequential, softmax
from pyphoton.flux import Batch, Seq, accuracy, back_, batches, chunk, logloss, onehot, rpad, sequences, update_

epochs = int(os.environ.get("EPOCHS", 30))

# A Batch compares and iterates like the list that it was made of; models see its array.
xs = Batch([[1, 2, 3], [4, 5, 6]])
print(xs == [[1, 2, 3], [4, 5, 6]], xs.raw.shape, xs.map(sum))

# Sequences of vectors nest in a Batch: (batch, steps, features). Shorter ones are padded.
A, T, C, G = np.eye(4, dtype="float32")
dna = Batch([Seq([T, A, G]), rpad(Seq([C, G]), 3, A)])
print(dna.raw.shape, dna[1] == [C, G, A])

# A text in 5 parallel streams, each in sequences of 8 letters; what is left over at the end is dropped.
text = "the cat sat on the mat and the dog sat on the cat. " * 8
letters = sorted(set(text))


def streams(part_of_text):
    """A Batch for each stretch of 8 letters: sequence i comes from stream i."""
    vectors = [onehot(letter, letters, dtype="float32") for letter in part_of_text]
    return list(batches(*(sequences(part, 8) for part in chunk(vectors, 5))))


inputs, targets = streams(text[:-1]), streams(text[1:])  # the next letter is the target
print(f"minibatches: {len(inputs)}, each {inputs[0].raw.shape}")

# What train_ does inside the engine, step by step: the gradient of the loss, carried back through the model, and an update.
model = Sequential(LSTM(32, last_only=False), Dense(len(letters), softmax, flatten=False))
losses = []
for _ in range(epochs):
    for x, y in zip(inputs, targets, strict=True):
        prediction = model(x)
        losses.append(logloss(prediction, y) / 40)  # by 5 streams and 8 letters
        delta, _ = back_(logloss, 1, prediction, y)
        back_(model, delta, x)
        update_(model, 0.02)

print(f"loss: {np.mean(losses[: len(inputs)]):.3f} -> {np.mean(losses[-len(inputs) :]):.3f}")
print(f"accuracy: {accuracy(model, list(zip(inputs, targets, strict=True))):.3f}")
