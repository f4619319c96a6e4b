"""A gradient as a step of a model: hand numbers, what it leaves alone, where it may stand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import costs, get_backend
from pyphoton.backends.base import Stream, Whole
from pyphoton.errors import ShapeError, TraceError, Unsupported
from pyphoton.graph import add_loss, gradient_of, opaque, trace
from pyphoton.layers import BatchNorm, Dense, Dropout, Embedding, Sequential
from pyphoton.layers.base import Layer
from pyphoton.optimisers import SGD
from pyphoton.plan import Plan, plan
from pyphoton.tensor import Tensor, apply


def planned(function, *shapes, dtype="float64", **paths):
    """The plan of a function of tensors."""
    return plan(trace(function, *(Tensor((None, *s), "float64") for s in shapes), paths=paths), dtype)


def module_of(made, seed=0):
    """A plan's parameters, drawn, on the engine."""
    random = np.random.default_rng(seed)
    given = {p: random.uniform(0.5, 1.5, v.shape) for p, v in made.params.items()}
    return get_backend().module(given, roles={p: v.role for p, v in made.params.items()}, device="cpu", seed=1)


def squares(p):
    """One number."""
    return apply("sum", apply("square", p))


def test_it_is_a_constant_to_what_is_differentiated_around_it():
    """L = sum(g x) with g = the gradient of sum(x^2) = 2x: the value is 2 sum(x^2), and its gradient g = 2x, not 4x."""
    made = planned(lambda x: (x * gradient_of(squares, x)).sum(), (3,))
    x = np.array([[1.0, -2.0, 0.5]])
    values, _, (slope,) = module_of(made).session(SGD(), frozenset()).gradient(made, (x,))
    assert values == (10.5,)
    np.testing.assert_array_equal(slope, 2 * x)


def test_values_are_central_differences_of_a_network():
    """Through layers with activations, in float64, against differences of the engine's own loss."""
    model = Sequential(Dense(5, "tanh"), Dense(4, "sigmoid"), Dense(2))
    made = planned(lambda x, y: gradient_of(lambda x: squares(model(x) - y), x), (3,), (2,), model=model)
    loss = planned(lambda x, y: squares(model(x) - y), (3,), (2,), model=model)
    module, random = module_of(made), np.random.default_rng(2)
    x, y = random.normal(size=(4, 3)), random.normal(size=(4, 2))
    (got,) = module.run(made, (x, y))
    want = np.empty_like(x)
    for place in np.ndindex(x.shape):
        at = [x.copy(), x.copy()]
        at[0][place] += 1e-5
        at[1][place] -= 1e-5
        want[place] = (module.run(loss, (at[0], y))[0] - module.run(loss, (at[1], y))[0]) / 2e-5
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)


def attacked(model, x, steps=1):
    """x, moved along the signs of the gradient of the model's squares."""
    moved = x
    for _ in range(steps):
        moved = moved + 0.1 * np.sign(gradient_of(lambda x: squares(model(x)), moved))
    return moved


@pytest.mark.parametrize("steps", [1, 2])
def test_weights_get_the_gradient_of_what_is_around_it(steps):
    """The gradients of the weights are those of the plain loss at the moved input, once and twice moved."""
    model = Sequential(Dense(4, "tanh"), Dense(2))
    around = planned(lambda x: squares(model(attacked(model, x, steps))), (3,), model=model)
    plain = planned(lambda x: squares(model(x)), (3,), model=model)
    moved = planned(lambda x: attacked(model, x, steps), (3,), model=model)
    module, x = module_of(around), np.random.default_rng(3).normal(size=(5, 3))
    (there,) = module.run(moved, (x,))
    assert np.abs(there - x).max() == pytest.approx(0.1 * steps)
    session = module.session(SGD(), frozenset())
    got, want = session.gradient(around, (x,)), session.gradient(plain, (there,))
    np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
    assert got[1].keys() == want[1].keys() and len(got[1]) == 4
    for path in want[1]:
        np.testing.assert_allclose(got[1][path], want[1][path], rtol=1e-11)


def test_weights_of_the_gradient_alone_are_not_trained():
    """Training through a gradient moves nothing of what only the gradient uses; its own layers move."""
    inner, outer = Dense(2, "tanh"), Dense(1)
    made = planned(lambda x: squares(outer(x + gradient_of(lambda x: squares(inner(x)), x))), (3,), inner=inner, outer=outer)
    module, x = module_of(made), np.random.default_rng(3).normal(size=(6, 3))
    before = {p: np.array(v) for p, v in module.read().items()}
    session = module.session(SGD(0.01), frozenset())
    session.epoch(Whole(made, (x,), 6, None, 3), train=True)
    moved = {p for p, v in module.read().items() if not np.array_equal(v, before[p])}
    assert moved == {"outer.kernel", "outer.bias"}
    assert all(not g.any() for p, g in session.gradient(made, (x,))[1].items() if p.startswith("inner"))


def test_inside_is_evaluation_while_around_it_is_training():
    """Dropout is off and batch norm uses its running numbers, which do not move, while the same layers train around it."""
    model = Sequential(Dense(4, "tanh"), BatchNorm(), Dropout(0.5), Dense(2))
    slope = planned(lambda x: gradient_of(lambda x: squares(model(x)), x), (3,), model=model)
    both = planned(lambda x: (gradient_of(lambda x: squares(model(x)), x), model(x)), (3,), model=model)
    module, x = module_of(slope), np.random.default_rng(4).normal(size=(6, 3))
    (want,) = module.run(slope, (x,))
    before = {p: np.array(v) for p, v in module.read().items()}
    for _ in range(2):
        np.testing.assert_array_equal(module.run(slope, (x,), training=True)[0], want)
    assert all(np.array_equal(v, before[p]) for p, v in module.read().items())
    got, trained = module.run(both, (x,), training=True)
    np.testing.assert_array_equal(got, want)
    state = {p for p, v in module.read().items() if not np.array_equal(v, before[p])}
    assert {p.split(".")[-1] for p in state} == {"mean", "variance"}
    assert not np.allclose(trained, module.run(both, (x,), training=True)[1])  # dropout around it


@pytest.mark.parametrize("order", [None, np.array([4, 2, 6, 0, 1, 5, 3])])
def test_an_epoch_of_whole_arrays_is_a_loop_over_moved_minibatches(order):
    """Training on a plan with two gradient steps is training on minibatches that were moved before."""
    model = Sequential(Dense(4, "tanh"), Dense(2))
    around = planned(lambda x: squares(model(attacked(model, x, 2))), (3,), model=model)
    plain = planned(lambda x: squares(model(x)), (3,), model=model)
    moved = planned(lambda x: attacked(model, x, 2), (3,), model=model)
    x = np.random.default_rng(3).normal(size=(7, 3))
    one, other = module_of(around), module_of(around)
    report = one.session(SGD(0.01), frozenset()).epoch(Whole(around, (x,), 7, order, 3), train=True)
    session, losses, rows = other.session(SGD(0.01), frozenset()), [], np.arange(7) if order is None else order
    for part in (rows[:3], rows[3:6], rows[6:]):
        there = other.run(moved, (x[part],))
        losses += list(session.epoch(Stream([(plain, there, len(part))]), train=True).values)
    np.testing.assert_allclose(report.values, losses, rtol=1e-12)
    for path, value in other.read().items():
        np.testing.assert_allclose(one.read()[path], value, rtol=1e-12)
    assert one.session(SGD(), frozenset()).epoch(Whole(around, (x,), 7, None, 7), train=False).values.shape == (1, 1)


class Moved(Layer):
    """A model at an input that was moved along its gradient; labels are held."""

    def __init__(self):
        self.model = Sequential(Dense(4, "tanh"), Dense(3))
        self.loss = pp.CrossEntropyLoss(use_softmax=True)

    def forward(self, x, y):
        return self.model(x + 0.1 * np.sign(gradient_of(lambda x, y: self.loss(self.model(x), y), x, y)))


def test_a_model_with_it_is_tabled_counted_and_written():
    """Class numbers stay whole numbers in the body; JSON and back, table, costs, and steps inside of steps."""
    x, y = np.ones((4, 3), "float32"), np.array([0, 1, 2, 1])
    model = Moved()
    first = model(x, y)
    made = pp.network.network_of(model).forward_plan((x, y), True)
    (step,) = [s for s in made.steps if s.op == "gradient"]
    assert [v.dtype for v in made.inputs] == ["float32", "int64"] and [v.dtype for v in step.body.inputs] == ["float32", "int64"]
    assert set(step.params) == set(made.params) and not step.body.params
    again = Plan.from_json(made.to_json())
    assert again.to_json() == made.to_json()
    assert [s.op for s in again.all_steps()].count("dense") == 4
    np.testing.assert_array_equal(pp.network.network_of(model).module.run(again, (x, y))[0], first)
    inside = sum(c.multiply_adds for c in costs.costs(step.body, made.params))
    found = dict(zip((s.op for s in made.steps), costs.costs(made), strict=True))
    assert inside == 3 * 4 + 4 * 3 and found["gradient"].multiply_adds == 2 * inside
    assert "gradient" in str(pp.summary(model))


def test_losses_that_layers_add_do_not_count_inside():
    """A layer that adds to the loss does so once for its call around the gradient, not for that in it."""

    class Adding(Layer):
        def __init__(self):
            self.dense = Dense(1, use_bias=False, initw=pp.ones)

        def forward(self, x):
            add_loss(apply("mean", x) * 0.0 + 1.0)
            return self.dense(x)

    class Outer(Layer):
        def __init__(self):
            self.inner = Adding()

        def forward(self, x):
            return self.inner(x + 0.0 * gradient_of(lambda x: squares(self.inner(x)), x))

    workout = pp.Workout(Outer(), pp.MSE(), SGD(0.0))
    x, y = np.ones((4, 2), "float32"), np.full((4, 1), 2.0, "float32")
    workout.fit_((x, y), epochs=1)
    assert list(workout.history["loss"].values()) == [pytest.approx(1.0)]


def test_what_cannot_be_is_refused():
    """Whole numbers, several numbers, arrays, and an engine without gradients: each error says what to do."""
    x = Tensor((None, 3), "float32")
    with pytest.raises(ShapeError, match="one number"):
        trace(lambda x: gradient_of(lambda x: x * 2, x), x)
    with pytest.raises(TraceError, match="tensor of floats"):
        trace(lambda x: gradient_of(squares, np.ones(3)) + x, x)
    with pytest.raises(TraceError, match="tensor of floats"):
        trace(lambda n: gradient_of(squares, n), Tensor((None, 3), "int64"))
    table = Embedding(5, 2)
    with pytest.raises(TraceError, match="used as positions"):
        plan(trace(lambda x: gradient_of(lambda x: squares(table(x)), x), x))
    model = Dense(2)
    layer = Sequential(lambda x: gradient_of(lambda x: squares(model(x)), x))
    with pytest.raises(Unsupported, match="torch"):
        pp.Workout(layer, pp.MSE(), SGD(), backend="numpy").predict(np.ones((2, 3), "float32"))
    made = planned(lambda x: gradient_of(squares, x), (3,))
    with pytest.raises(Unsupported, match="torch"):
        get_backend("numpy").module({}, roles={}, device="cpu", seed=0).run(made, (np.ones((1, 3)),))


def test_it_may_be_of_something_that_python_computes():
    """The gradient of a function that cannot be traced, behind a layer, in prediction and around training."""
    pytest.importorskip("torch", reason="torch differentiates what cannot be traced")
    model, x = Dense(2, "tanh"), np.random.default_rng(3).normal(size=(5, 3))

    def total(p):
        return (p**2).sum()

    def moved(score):
        return lambda x: squares(model(x + 0.1 * np.sign(gradient_of(lambda x: score(model(x)), x))))

    one, other = (planned(moved(s), (3,), model=model) for s in (lambda p: opaque(total, (p,), [None], ()), squares))
    got, want = module_of(one), module_of(other)
    np.testing.assert_allclose(got.run(one, (x,)), want.run(other, (x,)), rtol=1e-12)
    for module, made in ((got, one), (want, other)):
        module.session(SGD(0.01), frozenset()).epoch(Whole(made, (x,), 5, None, 2), train=True)
    for path, value in want.read().items():
        np.testing.assert_allclose(got.read()[path], value, rtol=1e-9)
