"""The Keras face as its user writes it: compile, and one call of fit per epoch, on any of PyPhoton's backends."""

from __future__ import annotations

import gc

from benchmarks.cases import Case, data
from benchmarks.engines import Training
from benchmarks.engines.keras_layers import stack
from pyphoton.keras import Input, Sequential, layers, losses, optimizers


def build(case: Case, *, backend: str) -> Training:
    """Build and compile the model; an epoch is one call of fit."""
    x, y = data(case)
    model = Sequential([Input(case.shape), *stack(case.name, layers)])
    model.compile(optimizers.Adam(1e-3), losses.SparseCategoricalCrossentropy(from_logits=True), backend=backend, seed=case.seed)
    losses_seen: list[float] = []

    def epoch() -> None:
        """Train one epoch."""
        history = model.fit(x, y, batch_size=case.batch, epochs=1, verbose=0, shuffle=True)
        losses_seen.append(history.history["loss"][0])

    return Training(epoch, lambda: losses_seen[-1], gc.collect)
