"""Recurrent layers of the Keras face without Keras: Keraflow's vectors, formulas, dropout, states, gradients, errors."""

from copy import deepcopy

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.keras.layers.cells import RNN, GRUCell, LSTMCell
from pyphoton.keras.layers.masking import Masking
from pyphoton.keras.layers.recurrent import GRU, LSTM, SimpleRNN
from pyphoton.keras.layers.wrappers import Bidirectional, TimeDistributed
from pyphoton.keras.states import is_stateful, reset_states_
from pyphoton.tensor import Tensor

X = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
ONES = {"init": "ones", "inner_init": "ones", "activation": "linear"}
GATES = {**ONES, "inner_activation": "linear"}
RAMP = np.arange(1.0, 7).reshape(1, 3, 2).astype("float32")


@pytest.fixture
def float64():
    """Models of float64, for one test."""
    pp.set_context(dtype="float64")
    yield
    pp.reset_context()


def test_keraflows_simple_rnn_vector():
    """All weights 1, activation linear: h = sum(x) + 2 h, for each of two units."""
    h = 0
    for t in range(3):
        h = RAMP[0, t].sum() + 2 * h
    np.testing.assert_allclose(SimpleRNN(2, **ONES)(RAMP), [[h, h]])
    np.testing.assert_allclose(SimpleRNN(2, go_backwards=True, return_sequences=True, **ONES)(RAMP)[0, :, 0], [11, 29, 61])


def test_keraflows_gru_vector():
    """z = r = sum(x) + 2 h, and n with the reset gate before the product."""
    h = 0.0
    for t in range(3):
        z = RAMP[0, t].sum() + 2 * h
        h = z * h + (1 - z) * (RAMP[0, t].sum() + 2 * z * h)
    np.testing.assert_allclose(GRU(2, reset_after=False, **GATES)(RAMP), [[h, h]], rtol=1e-5)


def test_keraflows_lstm_vector():
    """All gates are sum(x) + 2 h; the forget gate's bias is 0 there, and what forget_bias_init says here."""
    for start in (0.0, 1.0):
        h = c = 0.0
        for t in range(3):
            z = RAMP[0, t].sum() + 2 * h
            c = (z + start) * c + z * z
            h = z * c
        layer = LSTM(2, forget_bias_init="one" if start else "zero", **GATES)
        np.testing.assert_allclose(layer(RAMP), [[h, h]], rtol=1e-5)


def test_the_forget_bias_begins_at_one():
    """The second block of the bias, unless unit_forget_bias is off."""
    layer, without = LSTM(2), LSTM(2, unit_forget_bias=False)
    layer(X), without(X)
    np.testing.assert_array_equal(layer.parameters["bias"].value, [0, 0, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(without.parameters["bias"].value, np.zeros(8))


def test_initial_weights_by_keraflows_names():
    """W, U and b stand for kernel, recurrent_kernel and bias."""
    layer = SimpleRNN(1, initial_weights={"W": [[1.0], [2.0], [3.0]], "U": [[0.5]], "b": [0.25]}, activation="linear")
    h = 0.0
    for t in range(5):
        h = X[0, t] @ [1, 2, 3] + 0.5 * h + 0.25
    np.testing.assert_allclose(layer(X)[0, 0], h, rtol=1e-5)
    with pytest.raises(pp.ArgumentError, match="shape mismatch"):
        SimpleRNN(1, initial_weights={"U": [[1.0, 2.0]]})(X)


@pytest.mark.parametrize("options", [{"recurrent_dropout": 0.5}, {"dropout": 0.5}], ids=["states", "features"])
def test_dropout_is_one_draw_for_all_steps(options):
    """With all weights 1 and inputs 1, a sequence of training is one of few: each number is dropped at every step or at none."""
    layer = SimpleRNN(1, return_sequences=True, **ONES, **options)
    x = np.ones((64, 4, 1), "float32")
    layer(x)
    network = pp.network.Network(layer)
    y = network.run((x,), False, training=True)[:, :, 0]
    kept = np.array([1.0, 1 + 2, 1 + 2 * 3, 1 + 2 * 7]) if "recurrent_dropout" in options else 2 * np.array([1.0, 2, 3, 4])
    gone = np.ones(4) if "recurrent_dropout" in options else np.zeros(4)
    assert all(np.allclose(row, kept) or np.allclose(row, gone) for row in y)
    assert 10 < sum(np.allclose(row, kept) for row in y) < 54
    np.testing.assert_allclose(network.run((x,), False)[0, :, 0], [1, 2, 3, 4])


@pytest.mark.parametrize("layer", [LSTM(2, recurrent_dropout=0.4, dropout=0.2), GRU(2, dropout=0.3, recurrent_dropout=0.3), RNN([LSTMCell(3, dropout=0.2), GRUCell(2, recurrent_dropout=0.2)])])
def test_layers_with_dropout_train(layer):
    """Ten steps on one batch lower the loss without dropout."""
    pp.seed_(3)
    y = np.full((4, 2), 0.3, "float32")
    w = pp.Workout(layer, pp.mse, pp.Adam(0.05))
    before = np.mean((layer(X) - y) ** 2)
    for _ in range(20):
        w.step_(X, y)
    assert np.mean((layer(X) - y) ** 2) < before


def test_states_go_on_through_predict_in_order():
    """Batches in order are one long sequence; reset_states_ of a layer begins its models anew."""
    layer = LSTM(3, stateful=True, return_sequences=True)
    model = pp.Sequential(layer, pp.Dense(1, flatten=False))
    whole = pp.Sequential(LSTM(3, return_sequences=True), model[1])
    model(X), whole(X)
    for k, p in layer.parameters.items():
        whole[0].parameters[k].set_(p.value)
    reset_states_(layer)
    network = pp.network.network_of(model)
    a, b = (network.predict(part, carried=True) for part in (X[:, :2].copy(), X[:, 2:].copy()))
    np.testing.assert_allclose(np.concatenate([a, b], 1), whole(X), rtol=1e-5, atol=1e-6)
    layer.reset_states()
    np.testing.assert_allclose(network.predict(X[:, :2].copy(), carried=True), a)
    assert is_stateful(model)
    assert not is_stateful(whole)


def test_a_stateful_layer_needs_the_batch_size():
    """A symbolic input without one is refused; with one it is taken."""
    with pytest.raises(pp.keras.KeraFlowError, match="batch_size"):
        LSTM(2, stateful=True)(Tensor((None, 5, 3)))


@pytest.mark.parametrize(
    "layer",
    [SimpleRNN(2), LSTM(2, return_state=True), LSTM(2, inner_activation="hard_sigmoid"), GRU(2), GRU(2, reset_after=False), Bidirectional(GRU(2))],
    ids=["rnn", "lstm with states", "hard lstm", "gru", "gru of 2014", "both ways"],
)
@pytest.mark.parametrize("masked", [False, True], ids=["all steps", "masked"])
def test_gradients_are_central_differences(layer, masked, float64):
    """Of the mean of squares, in float64, for every parameter; and samples do not see each other."""
    layer = deepcopy(layer)
    x = X.astype("float64") * (np.random.default_rng(2).uniform(size=(4, 5, 1)) > 0.4 if masked else 1)
    model = pp.Sequential(Masking(), layer, first) if masked else pp.Sequential(layer, first)
    y = np.random.default_rng(7).normal(size=model(x).shape)
    np.testing.assert_allclose(model(x[1:2]), model(x)[1:2], rtol=1e-9)
    before = {k: p.value.copy() for k, p in model.parameters.items()}
    pp.Workout(model, pp.mse, pp.SGD(1.0)).step_(x, y)
    moved = {k: before[k] - p.value for k, p in model.parameters.items()}
    for k, p in model.parameters.items():
        p.set_(before[k])
    for k, p in model.parameters.items():
        at = np.unravel_index(np.argmax(np.abs(moved[k])), p.shape)
        found = []
        for sign in (1, -1):
            changed = before[k].copy()
            changed[at] += sign * 1e-5
            p.set_(changed)
            found.append(np.mean((model(x) - y) ** 2))
        p.set_(before[k])
        np.testing.assert_allclose(moved[k][at], (found[0] - found[1]) / 2e-5, rtol=1e-5)


def first(y):
    """The output, and the last states scaled and added where there are any."""
    return y if not isinstance(y, tuple) else y[0] + 0.5 * y[2]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: LSTM(2)(X[:, 0]), r"\(batch, steps, features\)"),
        (lambda: LSTM(2)(X, initial_state=[X[:, 0, :2]]), "2 initial states"),
        (lambda: GRU(2)(X, initial_state=X[:, 0]), r"\(batch, 2\)"),
        (lambda: LSTM(2, kernel_regularizer=abs, regularizers={"W": abs}), "one regularizer"),
        (lambda: LSTM(2, return_sequence=True), "return_sequences"),
        (lambda: RNN(3), "state_size"),
    ],
)
def test_what_cannot_be_is_refused(call, text):
    """Errors name what was expected."""
    with pytest.raises(pp.PhotonError, match=text):
        call()


@pytest.mark.parametrize(
    "make",
    [lambda: LSTM(2, trainable=False), lambda: Bidirectional(GRU(1), trainable=False), lambda: RNN([LSTMCell(3), GRUCell(2)], trainable=False), lambda: TimeDistributed(pp.Dense(2), trainable=False)],
    ids=["lstm", "both ways", "cells", "time distributed"],
)  # fmt: skip
def test_what_is_not_trainable_stays(make):
    """trainable=False reaches the layers inside; the layer before it learns."""
    layer, before = make(), pp.Dense(3, flatten=False)
    model = pp.Sequential(before, layer)
    y = np.ones_like(model(X))
    first = {k: p.value.copy() for k, p in model.parameters.items()}
    pp.Workout(model, pp.mse, pp.SGD(1.0)).step_(X, y)
    for k, p in model.parameters.items():
        assert np.array_equal(p.value, first[k]) == (not k.startswith("0.")), k


def test_a_copy_and_a_shared_layer():
    """A shared layer has one set of weights; an input of other features is refused."""
    lstm = LSTM(2)
    both = pp.Sequential(pp.Concurrent(lstm, lstm))
    y = both(X)
    np.testing.assert_allclose(y[:, :2], y[:, 2:])
    assert len(both.parameters) == 3
    with pytest.raises(pp.ShapeError, match="built"):
        lstm(X[:, :, :2].copy())
    np.testing.assert_allclose(lstm(X), y[:, :2])
