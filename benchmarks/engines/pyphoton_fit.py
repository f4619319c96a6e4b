"""PyPhoton as a user writes it: a Workout and one call of fit_ per epoch, on any of its backends."""

from __future__ import annotations

from benchmarks.cases import Case, data
from benchmarks.engines import Training
from pyphoton import (
    LSTM,
    Adam,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    MaxPool,
    Sequential,
    Workout,
    fit_,
    history,
    relu,
)


def _model(name: str) -> Sequential:
    """Return the PyPhoton model of a case."""
    match name:
        case "mlp":
            return Sequential(Dense(256, relu), Dense(10))
        case "conv":
            return Sequential(Conv2D(16, 3, relu), Conv2D(32, 3, relu), MaxPool(2), Dense(10))
        case "lstm":
            return Sequential(LSTM(64), Dense(10))
        case "tiny":
            return Sequential(Dense(16, relu), Dense(3))
    raise KeyError(f"no PyPhoton model for the case {name!r}")


def build(case: Case, *, backend: str) -> Training:
    """Build the workout; an epoch is the whole call of fit_."""
    x, y = data(case)
    workout = Workout(_model(case.name), CrossEntropyLoss(use_softmax=True), Adam(), backend=backend)

    def epoch() -> None:
        """Train one epoch."""
        fit_(workout, (x, y), epochs=1, batch_size=case.batch, verbose=False)

    def loss() -> float:
        """Return the mean of the last epoch's recorded losses."""
        _, values = history(workout, "loss")
        last = list(values)[-(case.samples // case.batch) :]
        return float(sum(last) / len(last))

    return Training(epoch, loss)
