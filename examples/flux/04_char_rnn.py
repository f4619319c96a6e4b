"""A text letter by letter: two LSTMs as equations, unrolled over 50 letters; then letters are drawn, as in the first Flux's char-rnn."""

import os
import sys
from pydoc_data.topics import topics

import numpy as np

from pyphoton import Adam, seed_
from pyphoton.flux import *

epochs, length, hidden = (int(os.environ.get(name, usual)) for name, usual in (("EPOCHS", 10), ("LETTERS", 50_000), ("HIDDEN", 64)))
seed_(1)

# What help() says about the language: half a million letters of English prose, in a module that comes with every Python.
text = " ".join(" ".join(topics[name] for name in sorted(topics)).lower().split())[:length]
alphabet = sorted(letter for letter in set(text) if text.count(letter) >= 20)
vectors = {letter: onehot(letter, alphabet, dtype="float32") for letter in alphabet}
text = [letter for letter in text if letter in vectors]
N, steps, streams = len(alphabet), 50, 25


def minibatches(letters):
    """25 streams side by side, cut into sequences of 50 letters: each Batch goes on where the one before it ended."""
    return list(batches(*(sequences([vectors[letter] for letter in part], steps) for part in chunk(letters, streams))))


# The target is the next letter. The last two minibatches are for testing.
xs, ys = minibatches(text[:-1]), minibatches(text[1:])
test = list(zip(xs[-2:], ys[-2:], strict=True))

model = Chain(Input(N), LSTM(N, hidden), LSTM(hidden, hidden), Dense(hidden, N), softmax)
unrolled = unroll(model, steps)  # the same parameters at each of 50 steps; states go on from call to call


def loss():
    """The loss of one letter in the test set. It is log(N) for who guesses blindly."""
    reset_(unrolled)
    return np.mean([logloss(unrolled(x), y) / (streams * steps) for x, y in test])


def sample(scores_of, count, temperature):
    """Draw letters one by one. The largest of scores / temperature + Gumbel noise is a draw from softmax(scores / temperature)."""
    random, letters = np.random.default_rng(1), [" "]
    for _ in range(count):
        scores = scores_of(vectors[letters[-1]][None])[0]  # one sequence of one step: (1, N) -> (1, N)
        letters.append(onecold(scores / temperature + random.gumbel(size=N), alphabet))
    return "".join(letters)


before = loss()
print(f"{len(text)} letters, {N} different ones\nlog(N): {np.log(N):.3f}")
train_(unrolled, xs[:-2], ys[:-2], epoch=epochs, opt=Adam(0.02), cb=lambda: print(f"while training: {loss():.3f}"))
print(f"loss: {before:.3f} -> {loss():.3f}\naccuracy: {accuracy(unrolled, test):.3f}")
for temperature in (0.5, 1):
    print(f"at temperature {temperature}:{sample(unroll(model[:-1], 1), 300, temperature)}")  # without its softmax
if loss() > 0.85 * before:
    sys.exit("It has not learnt.")
