"""copy.deepcopy of models: numbers of their own. The README of early Flux: "If you want to ... make a copy, just do so"."""

import copy

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron, SimpleRecurrent

from pyphoton import LSTM, MSE, SGD, BatchNorm, Dense, Sequential, Workout, fit_, freeze_
from pyphoton.flux import Chain, Input, back_, net, param, relu, tanh, torch_, train_, unroll, update_

RANDOM = np.random.default_rng(31)
X, Y = RANDOM.normal(size=(6, 4)).astype("float32"), RANDOM.normal(size=(6, 3)).astype("float32")


def shared():
    """One layer in two places."""
    a = Dense(4, 4, tanh)
    return Chain(a, a, Dense(3))


MODELS = {
    "layer": lambda: Dense(4, 3),
    "chain": lambda: Chain(Input(4), Dense(5), relu, Dense(3)),
    "layer twice": shared,
    "batch norm": lambda: Sequential(BatchNorm(), Dense(3)),
    "net": lambda: FullyConnected(4, 3),
    "nets": lambda: Chain(FullyConnected(4, 5), Perceptron(Dense(5, 3))),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_has_numbers_of_its_own(name):
    """A copy of what was trained computes the same; training the one leaves the other; both have as many parameters."""
    model = MODELS[name]()
    train_(model, (X, Y), batch=3, eta=0.02)
    before = model(X)
    made = copy.deepcopy(model)
    np.testing.assert_array_equal(made(X), before)
    assert list(made.parameters) == list(model.parameters)
    assert not any(np.shares_memory(a.value, b.value) for a, b in zip(made.parameters.values(), model.parameters.values(), strict=True))
    train_(model, (X, Y), batch=3, eta=0.02)
    np.testing.assert_array_equal(made(X), before)
    changed = model(X)
    train_(made, (X, Y), batch=3, eta=0.1)
    np.testing.assert_array_equal(model(X), changed)
    assert np.abs(made(X) - before).max() > 1e-3


def test_fluxs_own_test_of_conversions():
    """d' = deepcopy(d); back_ and update_ of the converted model: it still equals d, and differs from d'."""
    d = Dense(4, 3)
    d(X)
    before = copy.deepcopy(d)
    made = torch_(d)
    assert back_(made, np.ones((6, 3)), X).shape == (6, 4)
    update_(made, 0.1)
    np.testing.assert_allclose(made(X), d(X), rtol=1e-5)
    assert np.abs(d(X) - before(X)).max() > 0.01
    np.testing.assert_allclose(before(X) - d(X), np.tile(0.1 * (X @ X.sum(0))[:, None] + 0.6, (1, 3)), rtol=1e-3, atol=1e-4)


def test_what_a_copy_keeps():
    """One layer twice is one layer twice; what is frozen stays frozen; a model without numbers is copied without; a sample stays one."""
    made = copy.deepcopy(shared())
    assert made[0] is made[1] and not made.built
    made(X)
    assert len(made.parameters) == 4
    freeze_(made[0])
    again = copy.deepcopy(made)
    kernel = again[0].parameters.kernel.value.copy()
    fit_(Workout(again, MSE(), SGD(0.5)), (X, Y), epochs=1, verbose=False)
    np.testing.assert_array_equal(again[0].parameters.kernel.value, kernel)
    sequences = Chain(LSTM(3))
    sequences(RANDOM.normal(size=(2, 5, 4)))
    assert copy.deepcopy(sequences)(RANDOM.normal(size=(5, 4))).shape == (3,)


def test_states_are_copied():
    """A stepped net goes on in the copy without the original's knowing; an unrolled one begins anew; a trained start is the copy's own."""
    m = SimpleRecurrent(4, 3)
    m(X)
    made = copy.deepcopy(m)
    second = m(X)
    np.testing.assert_array_equal(made(X), second)
    np.testing.assert_allclose(copy.deepcopy(unroll(m, 2))(np.stack([X, X], 1))[:, 1], second, rtol=1e-5)
    start = param(np.zeros(3))
    trained = unroll(SimpleRecurrent(*(np.array(getattr(m, f)) for f in ("Wx", "Wh", "b")), start), 2)
    trained(np.stack([X, X], 1))
    own = copy.deepcopy(trained)
    fit_(Workout(own, MSE(), SGD(0.5)), (np.stack([X, X], 1), np.ones((6, 2, 3), "float32")), epochs=1, verbose=False)
    assert not start.x.any()
    assert own.model.start_of("hidden").all()


def test_a_function_shares_what_it_takes_from_outside():
    """As Python's functions do: a layer in a closure is no part of the object that is copied."""
    dense = Dense(4, 3)
    model = net(lambda x: dense(x))
    model(X)
    assert copy.deepcopy(model).function is model.function
