"""Dates in words into digits: an encoder, and a decoder whose equations say where it looks, as in the first Flux's translation example."""

import os
import sys
from typing import Any

import numpy as np

from pyphoton import Adam, seed_
from pyphoton.flux import *

epochs, count, H = (int(os.environ.get(name, usual)) for name, usual in (("EPOCHS", 8), ("DATES", 3000), ("HIDDEN", 32)))
seed_(1)

# "twenty three march nineteen eighty seven", or "march twenty three ...", is 1987-03-23. The first 300 dates are for testing.
ones = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
number = ones + [f"{ten} {one}".removesuffix(" zero") for ten in tens for one in ones[:10]]
dates = np.random.default_rng(1).permutation(np.arange("1910", "2000", dtype="datetime64[D]"))[: count + 300].tolist()
forms = ("{1} {0} nineteen {2}", "{0} {1} nineteen {2}")
sentences = [forms[i % 2].format(f"{d:%B}".lower(), number[d.day], number[d.year % 100]).split() for i, d in enumerate(dates)]
words, letters = ["", *sorted({word for words in sentences for word in words})], "-0123456789"
m, n, length = len(words), len(letters), max(map(len, sentences))

X = np.stack([rpad([onehot(word, words, "float32") for word in s], length, onehot("", words)) for s in sentences])
Y = np.stack([[onehot(letter, letters, "float32") for letter in str(date)] for date in dates])
before = np.concatenate([0 * Y[:, :1], Y[:, :-1]], 1)  # while training, the decoder is told the letter that it should have said


@net
class Decoder:
    """One letter more: the weights say at which words it looks, by what it has said (h) and what the encoder has read (keys)."""

    Wh: Any
    Wk: Any
    v: Any
    lstm: Any
    out: Any
    h: Any

    def forward(self, letter, keys):
        """letter (batch, n) and keys (batch, words, 2H) -> probabilities (batch, n) and weights (batch, words)."""
        weights = softmax(tanh(keys @ self.Wk + (self.h @ self.Wh)[:, None]) @ self.v)
        seen = (weights[:, None] @ keys)[:, 0]
        self.h = self.lstm(vcat(letter, seen))
        return softmax(self.out(vcat(self.h, seen))), weights


forth, back = (unroll(lstm, length, stateful=False) for lstm in (LSTM(m, H), flip(LSTM(m, H))))
step = Decoder(randn(H, H) / 10, randn(2 * H, H) / 10, randn(H) / 10, LSTM(n + 2 * H, H), Dense(3 * H, n), zeros(H))
decode = unroll(step, 10, seq=(True, False), stateful=False)  # letters come one by one, keys are there at every step
encode = net(lambda x: vcat(forth(x), back(x)))
model = net(lambda x, letters: decode(letters, encode(x)))

samples = [((x, b), y) for x, b, y in zip(X[300:], before[300:], Y[300:], strict=True)]
train_(model, list(Batched(samples, 50)), epoch=epochs, loss=lambda p, y: logloss(p[0], y), opt=Adam(0.01))

# Alone it goes on from what it has said itself: the same equations, step by step, on arrays.
keys, letter, said, looks = encode(X[:300]), before[:300, 0], [], []
for _ in range(10):
    p, weights = step(letter, keys)
    letter = np.eye(n, dtype="float32")[onecold(p)]
    said.append(onecold(p, letters))
    looks.append(weights[0, : len(sentences[0])])
right = np.mean(["".join(s) == str(date) for *s, date in zip(*said, dates[:300], strict=True)])

# For each letter of the first answer, where it looked.
print(" ", *sentences[0])
for letter, row in zip(said, looks, strict=True):
    print(letter[0], *(f"{weight:{len(word)}.1f}" for weight, word in zip(row, sentences[0], strict=True)))
print(f"accuracy: {right:.3f}")
if right < 0.5:
    sys.exit("It has not learnt.")
