"""Epochs as transactions: an epoch that ends in an error leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyphoton.stopping import StopTraining


@contextmanager
def undone_on_error(workout: Any) -> Iterator[None]:
    """Run the body; when it raises, put back weights, optimiser state, counters and history, and raise on.

    Ending on purpose (stop(), Ctrl-C) keeps what was done.
    """
    network, history = workout.network, workout.history
    values = {path: p.value.copy() for path, p in network.parameters.items()}
    session, made_for = workout._session, workout._made_for
    state = None if session is None else {k: np.array(v) for k, v in session.state().items()}
    steps, epochs, rows = workout.steps, workout.epochs, len(history.epochs)
    marks = {name: len(column) for name, column in history.items()}
    try:
        yield
    except (StopTraining, KeyboardInterrupt):
        raise
    except BaseException:
        for path, parameter in network.parameters.items():
            parameter.set_(values[path] if path in values else parameter.draw())
        workout._session, workout._made_for = session, made_for
        if session is not None and state is not None:
            session.load(state)
        workout.steps, workout.epochs = steps, epochs
        if {name: len(column) for name, column in history.items()} != marks:
            history.forget_after(steps, rows)
        raise
