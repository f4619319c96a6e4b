"""The Keras face as its user writes it: compile, and one call of fit per epoch, on any of PyPhoton's backends."""

from __future__ import annotations

import gc
from typing import Any

from benchmarks.cases import Case, data
from benchmarks.engines import Training
from benchmarks.engines.pyphoton_fit import _model
from pyphoton.keras import losses, optimizers
from pyphoton.keras.layer import Layer
from pyphoton.keras.training import Trainable


class Net(Trainable, Layer):
    """The layers of a case as a model of the face, with one input and one output."""

    def __init__(self, inside: Any) -> None:
        super().__init__()
        self.inside = inside
        self.input_names, self.output_names = ["x"], ["y"]

    def forward(self, x: Any) -> Any:
        """The layers, one behind the other."""
        return self.inside(x)


def build(case: Case, *, backend: str) -> Training:
    """Build and compile the model; an epoch is one call of fit."""
    x, y = data(case)
    model = Net(_model(case.name))
    model.compile(optimizers.Adam(1e-3), losses.SparseCategoricalCrossentropy(from_logits=True), backend=backend, seed=case.seed)
    losses_seen: list[float] = []

    def epoch() -> None:
        """Train one epoch."""
        history = model.fit(x, y, batch_size=case.batch, epochs=1, verbose=0, shuffle=True)
        losses_seen.append(history.history["loss"][0])

    return Training(epoch, lambda: losses_seen[-1], gc.collect)
