"""Keras 3 on torch: Sequential, compile, fit, with images channels first, the order that torch itself wants."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"  # Keras reads it once, at import

import keras  # type: ignore[import-untyped, unused-ignore]
from keras import layers  # type: ignore[import-untyped, unused-ignore]

from benchmarks.cases import Case, data
from benchmarks.engines import Training
from benchmarks.engines.keras_layers import stack


def build(case: Case) -> Training:
    """Build and compile the model; an epoch is one call of fit."""
    if keras.backend.backend() != "torch":
        raise RuntimeError(f"Keras was imported before with the backend {keras.backend.backend()!r}, not torch")
    keras.utils.set_random_seed(case.seed)
    x, y = data(case)
    model = keras.Sequential([keras.Input(case.shape), *stack(case.name, layers)])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    losses: list[float] = []

    def epoch() -> None:
        """Train one epoch."""
        history = model.fit(x, y, batch_size=case.batch, epochs=1, verbose=0, shuffle=True)
        losses.append(history.history["loss"][0])

    return Training(epoch, lambda: losses[-1])
