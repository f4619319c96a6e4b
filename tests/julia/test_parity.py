"""Julia against torch, engine against engine: every case of the table, and the demo's network on real digits."""

import numpy as np
import pytest

from pyphoton import Adam, CrossEntropyLoss, Workout, accuracy, demo, seed_
from pyphoton.backends.base import Stream
from pyphoton.conformance.cases import CASES
from pyphoton.conformance.problem import Problem, difference, largest
from pyphoton.optimisers import SGD

pytestmark = pytest.mark.usefixtures("julia")


def _has_weights(case):
    """Whether there is something to train, and one output to train it on."""
    problem = Problem(case, "float64")
    return bool(problem.parameters) and len(problem.plan.outputs) == 1


TRAINED = [name for name, case in CASES.items() if case.slope and not case.random and _has_weights(case)]
TOLERANCE = {"float32": 1e-5, "float64": 1e-9}


def both(name, dtype):
    """The problem of a case, and a module with its parameters on either engine."""
    problem = Problem(CASES[name], dtype)
    return problem, [problem.module(backend, "cpu", problem.copies()) for backend in ("julia", "torch")]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", TRAINED)
def test_ten_adam_steps(name, dtype):
    """Losses and parameters after ten steps of Adam; float32 where a gradient that is nearly 0 turns its sign is given 1e-4."""
    problem, modules = both(name, dtype)
    plan, arrays = problem.regression()
    stream = [(plan, arrays, len(arrays[0]))] * 10
    reports = [m.session(Adam(0.01), problem.state).epoch(Stream(stream), train=True) for m in modules]
    assert difference(reports[0].values, reports[1].values) <= 10 * TOLERANCE[dtype]
    assert largest(modules[0].read(), modules[1].read()) <= (1e-4 if dtype == "float32" else 1e-7)


@pytest.mark.parametrize("name", TRAINED)
def test_ten_sgd_steps_and_gradients_in_float32(name):
    """Gradients by parameter and input, and ten steps of SGD."""
    problem, modules = both(name, "float32")
    plan, arrays = problem.regression()
    sessions = [m.session(SGD(0.05), problem.state) for m in modules]
    (values, by_path, by_input), (values_, by_path_, by_input_) = [s.gradient(plan, arrays) for s in sessions]
    assert difference(values, values_) <= 1e-5
    assert largest(by_path, by_path_) <= 1e-4
    for mine, torchs in zip(by_input, by_input_, strict=True):
        assert (mine is None) == (torchs is None)
        assert mine is None or difference(mine, torchs) <= 1e-4
    reports = [s.epoch(Stream([(plan, arrays, len(arrays[0]))] * 10), train=True) for s in sessions]
    assert difference(reports[0].values, reports[1].values) <= 1e-4
    assert largest(modules[0].read(), modules[1].read()) <= 1e-4


def test_demo_learns_alike():
    """The demo's network on the digits: the same loss at every step of the first epoch, to four digits and more."""
    train_x, test_x, train_y, test_y = demo.digits()
    curves = {}
    for backend in ("torch", "julia"):
        seed_(0)
        workout = Workout(
            demo.network(),
            CrossEntropyLoss(use_softmax=True),
            Adam(0.004),
            metrics=[accuracy()],
            backend=backend,
            seed=0,
        )
        workout.fit_((train_x, train_y), (test_x, test_y), epochs=1, verbose=False)
        curves[backend] = [workout.history(name)[1] for name in ("loss", "accuracy", "val_loss", "val_accuracy")]
    for mine, torchs in zip(curves["julia"], curves["torch"], strict=True):
        np.testing.assert_allclose(mine, torchs, rtol=5e-5)
    assert len(curves["julia"][0]) == 43
