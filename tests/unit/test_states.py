"""States of nets: starts that are trained, single steps in every dtype, and what a state cannot be."""

from typing import Any

import numpy as np
import pytest
from readme_nets import SimpleRecurrent
from test_nets import check_gradients
from test_unroll import Lags, by_hand

from pyphoton import MSE, SGD, ArgumentError, Workout, fit_, freeze_, gradients, tanh
from pyphoton.flux import net, param, unroll, unroll1

RANDOM = np.random.default_rng(17)


def numbers(*shape):
    """Float32 numbers around 0."""
    return RANDOM.normal(size=shape).astype("float32")


def test_a_start_that_is_a_param_is_trained(float64):
    """zeros(n) stays; param(zeros(n)) has the gradient of differences, through lags and for every sample of the batch."""
    start = param([0.3, -0.2, 0.1, 0.5])
    m = SimpleRecurrent(*(getattr(SimpleRecurrent(3, 4), f) for f in ("Wx", "Wh", "b")), start)
    workout = Workout(unroll(m, 5, stateful=False), MSE(), SGD(0.5))
    batch = RANDOM.normal(size=(2, 5, 3)), RANDOM.normal(size=(2, 5, 4))
    found = gradients(workout, batch)
    assert sorted(p.split(".")[-1] for p in found.keys()) == ["Wh", "Wx", "b", "hidden"]
    check_gradients(workout, batch)
    roles = {path: p.role for path, p in workout.network.forward_plan((batch[0],), False).params.items()}
    assert roles == dict.fromkeys(("model.Wh", "model.Wx", "model.b", "model.hidden"), "weight")  # what files say
    slope = found["model.hidden"].copy()
    workout.step_(*batch)
    np.testing.assert_allclose(start.x, [0.3, -0.2, 0.1, 0.5] - 0.5 * slope, rtol=1e-10)
    np.testing.assert_allclose(workout.predict(batch[0]), by_hand_from(m, batch[0], start.x), rtol=1e-8)
    lags = Lags(*(RANDOM.normal(size=s) for s in ((3, 2), (2, 2), (2, 2))), param([0.5, -0.2]))
    workout = Workout(unroll(lags, 4), MSE(), SGD(0.1))
    check_gradients(workout, (batch[0][:, :4], batch[1][:, :4, :2]))
    assert "model.y" in gradients(workout, (batch[0][:, :4], batch[1][:, :4, :2])).keys()


def by_hand_from(m, x, start):
    """SimpleRecurrent from a start."""
    return by_hand(m, x, np.broadcast_to(start, (len(x), len(start))))


def test_a_carried_state_is_a_constant_for_the_start(float64):
    """Of two minibatches in order, only the first begins at the start: the start moves by the first one's gradient alone."""
    start = param(np.zeros(4))
    m = SimpleRecurrent(*(getattr(SimpleRecurrent(3, 4), f) for f in ("Wx", "Wh", "b")), start)
    batches = [(RANDOM.normal(size=(2, 5, 3)), RANDOM.normal(size=(2, 5, 4))) for _ in range(2)]
    workout = Workout(unroll(m, 5), MSE(), SGD(0.5))
    slope = gradients(workout, batches[0])["model.hidden"].copy()
    fit_(workout, batches, epochs=1, verbose=False)
    np.testing.assert_allclose(start.x, -0.5 * slope, rtol=1e-10)


def test_a_param_as_a_field_is_one_variable():
    """What training changes is the param's own number; one that another layer has is refused."""
    W, b = param(numbers(3, 2)), param(np.zeros(2))

    @net
    class Linear:
        W: Any
        b: Any

        def forward(self, x):
            return x @ self.W + self.b

    model, x = Linear(W, b), numbers(4, 3)
    np.testing.assert_allclose(model(x), x @ W.x, rtol=1e-5)
    before = W.x.copy()
    fit_(Workout(model, MSE(), SGD(0.5)), (x, numbers(4, 2)), epochs=1, verbose=False)
    assert np.abs(W.x - before).max() > 1e-3
    np.testing.assert_allclose(model(x), x @ W.x + b.x, rtol=1e-5)
    with pytest.raises(ArgumentError, match=r"Linear.W: expected a parameter that stands alone.*Share the layer that has it"):
        Linear(W, param(np.zeros(2)))
    frozen = Linear(param(numbers(3, 2)), param(np.zeros(2)))
    freeze_(frozen)
    kept = frozen.W.copy()
    fit_(Workout(frozen, MSE(), SGD(0.5)), (x, numbers(4, 2)), epochs=1, verbose=False)
    np.testing.assert_array_equal(frozen.W, kept)


@net
class TwoStates:
    """y is read first, s second; s is assigned first, y last. Nothing is returned."""

    W: Any
    y: Any
    s: Any

    def forward(self, x):
        """The value of the last assignment is the result."""
        both = x @ self.W + self.y
        self.s = 0.5 * self.s + both
        self.y = tanh(self.s)


def test_the_last_assignment_is_the_result():
    """Whichever state was read or declared first, for arrays and for engines."""
    m = TwoStates(numbers(3, 2), np.zeros(2), np.ones(2))
    x = numbers(1, 4, 3)
    y, s, want = np.zeros(2), np.ones(2), []
    for t in range(4):
        s = 0.5 * s + x[0, t] @ np.asarray(m.W) + y
        y = np.tanh(s)
        want.append(y)
    np.testing.assert_allclose(unroll(m, 4)(x)[0], want, rtol=1e-4)
    np.testing.assert_allclose([m(v) for v in x[0]], want, rtol=1e-4)


def test_single_steps_have_the_dtype_of_the_context(float64):
    """unroll1 computes in float64 where that is the dtype of models."""
    m = TwoStates(RANDOM.normal(size=(3, 2)), np.zeros(2), np.ones(2))
    x = RANDOM.normal(size=(4, 3))
    states, y = unroll1(m)(None, x)
    want = np.tanh(0.5 + x @ np.asarray(m.W))
    np.testing.assert_allclose(y, want, rtol=1e-12)
    np.testing.assert_allclose(states[1], 0.5 + x @ np.asarray(m.W), rtol=1e-12)


def test_unroll1_knows_nothing_of_calls():
    """Without states it begins at the start, whatever the net remembers of batches of this size, and leaves that as it is."""
    m, x = TwoStates(numbers(3, 2), np.zeros(2), np.ones(2)), numbers(4, 3)
    (_, first), want = unroll1(m)(None, x)
    m(x)
    second = m(x)
    again, y = unroll1(m)(None, x)
    np.testing.assert_array_equal(y, want)
    np.testing.assert_array_equal(again[1], first)
    fresh = TwoStates(np.asarray(m.W), np.zeros(2), np.ones(2))
    fresh(x)
    np.testing.assert_array_equal(fresh(x), second)
    np.testing.assert_array_equal(fresh(x), m(x))
    with pytest.raises(ArgumentError, match=r"unroll1: .*received prev\(\.\.\., k\)"):
        unroll1(Lags(*(numbers(*s) for s in ((3, 2), (2, 2), (2, 2))), np.zeros(2)))(None, x)
