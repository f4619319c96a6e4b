"""A layer of one's own, with build, call and add_weight. The text is Keras's; only the import is another one."""

import os

import numpy as np
from sklearn.datasets import load_diabetes

from pyphoton import keras
from pyphoton.keras import layers, ops

epochs = int(os.environ.get("EPOCHS", 60))
keras.utils.set_random_seed(3)


class Gated(layers.Layer):
    """A dense layer whose outputs are each let through by a gate from 0 to 1. The size of the gates is penalised."""

    def __init__(self, units, rate=1e-4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.rate = rate

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.g = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="g")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, inputs):
        gate = 1 / (1 + ops.exp(-(inputs @ self.g)))
        self.add_loss(self.rate * ops.mean(gate * gate))
        return (inputs @ self.w + self.b) * gate


# 442 patients, ten measurements, and how far the illness went on.
data = load_diabetes()
x = (data.data / data.data.std(axis=0)).astype("float32")
y = ((data.target - data.target.mean()) / data.target.std()).astype("float32")[:, None]

model = keras.Sequential([keras.Input(shape=(10,)), Gated(16), Gated(1)])
print("weights:", [tuple(w.shape) for w in model.weights])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
model.fit(x[:340], y[:340], epochs=epochs, batch_size=16, verbose=0)

error = model.evaluate(x[340:], y[340:], verbose=0)[0]
explained = 1 - error / float(np.var(y[340:]))
print(f"accuracy: {explained:.3f}")  # the part of the variance that is explained
if explained < 0.2:
    raise SystemExit("not learnt")
