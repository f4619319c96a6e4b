"""Epochs as transactions: an epoch that ends in an error leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyphoton import parameters


@contextmanager
def undone_on_error(workout: Any) -> Iterator[None]:
    """Run the body; when it raises, put back weights, optimiser state, counters and history, and raise on.

    Ending on purpose (stop(), the first Ctrl-C) is no error and keeps what was done; a second Ctrl-C, which may come in the
    middle of an update, undoes the epoch.
    """
    network, history = workout.network, workout.history
    known = {id(p): p for p in (*parameters.collect(workout.model).values(), *network.parameters.values())}
    values = {key: p.value.copy() for key, p in known.items()}
    session, made_for = workout._session, workout._made_for
    state = None if session is None else {k: np.array(v) for k, v in session.state().items()}
    counters = workout.steps, workout.epochs
    rows, marks = len(history.epochs), {name: dict(column) for name, column in history.items() if name.startswith("val_")}
    try:
        yield
    except BaseException:
        for parameter in network.parameters.values():
            parameter.set_(values[id(parameter)] if id(parameter) in values else parameter.draw())
        if session is None or state is None:
            network.forget_module()  # random numbers start again, too
            workout._session = workout._made_for = None
        else:
            session.load(state)
            workout._session, workout._made_for = session, made_for
        workout.steps, workout.epochs = counters
        history.undo(workout.steps, rows, marks)
        raise
