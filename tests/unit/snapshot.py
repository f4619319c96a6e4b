"""All that training goes on from, copied, and compared to the last bit."""

import numpy as np


def copies(workout):
    """The weights and the state of the layers, copied."""
    return {path: p.value.copy() for path, p in workout.network.parameters.items()}


def everything(workout):
    """All that training goes on from, and all that was recorded."""
    state = {name: np.array(value) for name, value in workout.session.state().items()}
    recorded = {name: dict(column) for name, column in workout.history.items()}
    return copies(workout), state, recorded, [dict(row) for row in workout.history.epochs], workout.steps, workout.epochs


def assert_same(found, wanted):
    """Equal to the last bit, through dictionaries, lists and arrays."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            assert_same(found[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for f, w in zip(found, wanted, strict=True):
            assert_same(f, w)
    else:
        np.testing.assert_array_equal(found, wanted)
