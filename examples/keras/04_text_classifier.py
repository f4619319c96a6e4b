"""Which module does a sentence of Python's documentation belong to? Embedding with a mask, and an LSTM. The text is Keras's; only the import is another one."""

import argparse
import email.message
import os
import random
import re
import statistics

import numpy as np

from pyphoton import keras
from pyphoton.keras import layers

epochs = int(os.environ.get("EPOCHS", 15))
keras.utils.set_random_seed(4)

# Sentences from docstrings that come with Python: what is computed (0), what is read and written (1).
topics = [[random, statistics], [argparse, email.message]]
sentences, labels = [], []
for label, modules in enumerate(topics):
    for module in modules:
        texts = [module.__doc__ or ""]
        for thing in vars(module).values():
            texts += [getattr(thing, "__doc__", None) or ""] + [getattr(m, "__doc__", None) or "" for m in vars(thing).values()] if isinstance(thing, type) else []
            texts += [thing.__doc__ or ""] if callable(thing) and not isinstance(thing, type) else []
        for sentence in {s for text in texts if isinstance(text, str) for s in re.split(r"[.\n]\s*\n|\.\s", text)}:
            words = re.findall(r"[a-z]+", sentence.lower())
            if len(words) >= 4:
                sentences.append(words)
                labels.append(label)

vocabulary = {word: i + 1 for i, word in enumerate(sorted({w for s in sentences for w in s}))}  # 0 is for steps that are not there
x = keras.utils.pad_sequences([[vocabulary[w] for w in s] for s in sentences], maxlen=20, padding="post", truncating="post")
y = np.array(labels, "float32")
order = np.random.permutation(len(x))
x, y = x[order], y[order]
part = len(x) * 4 // 5

inputs = keras.Input(shape=(None,), dtype="int32")
h = layers.Embedding(len(vocabulary) + 1, 32, mask_zero=True)(inputs)
h = layers.LSTM(32)(h)
outputs = layers.Dense(1, activation="sigmoid")(h)
model = keras.Model(inputs, outputs)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.005), metrics=["accuracy"])
model.fit(x[:part], y[:part], batch_size=16, epochs=epochs, verbose=0)

loss, accuracy = model.evaluate(x[part:], y[part:], verbose=0)
print(f"{part} sentences to learn from, {len(x) - part} to test, {len(vocabulary)} words; accuracy: {accuracy:.3f}")
if accuracy < 0.65:
    raise SystemExit("not learnt")
