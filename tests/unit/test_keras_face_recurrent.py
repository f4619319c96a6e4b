"""SimpleRNN, LSTM and GRU of the Keras face against Keras 3: the same weights, outputs, states and gradients."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.interop.keras_model import keras_module
from pyphoton.keras.layers.masking import Masking
from pyphoton.keras.layers.recurrent import GRU, LSTM, SimpleRNN

try:
    keras = keras_module()
except pp.BackendMissing as error:
    pytest.skip(f"there is no Keras that can be imported: {error}", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
LAYERS = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}
OPTIONS = {
    "last": {},
    "sequences": {"return_sequences": True},
    "state": {"return_state": True, "return_sequences": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "backwards last": {"go_backwards": True, "return_state": True},
    "no bias": {"use_bias": False},
    "other activation": {"activation": "softsign", "return_sequences": True},
}
X = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
LEFT_OUT = X * (np.random.default_rng(2).uniform(size=(4, 5, 1)) > 0.4)


def pair(name, options, *, masked=False, batch=None):
    """The layer here with random weights, and Keras's with the same."""
    layer = LAYERS[name](4, **options)
    layer(X)
    random = np.random.default_rng(3)
    for p in layer.parameters.values():
        p.set_(random.normal(size=p.shape) / 2)
    theirs = getattr(keras.layers, name)(4, **options)
    inputs = keras.Input(batch_shape=(batch, 5, 3))
    model = keras.Model(inputs, theirs(keras.layers.Masking()(inputs) if masked else inputs))
    theirs.set_weights([p.value for p in layer.parameters.values()])
    return layer, model


def same(ours, theirs):
    """Outputs, one or a list, are equal."""
    ours, theirs = (v if isinstance(v, list | tuple) else [v] for v in (ours, theirs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy() if hasattr(b, "detach") else b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True], ids=["all steps", "masked"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_states_are_keras(name, options, masked):
    """The same weights give the same outputs and states."""
    layer, model = pair(name, OPTIONS[options], masked=masked)
    x = LEFT_OUT if masked else X
    ours = pp.Sequential(Masking(), layer) if masked else layer
    same(ours(x), model(x))


def test_the_gru_of_2014_is_keras():
    """reset_after=False has one bias, and the reset gate before the product."""
    layer, model = pair("GRU", {"reset_after": False, "return_sequences": True})
    assert layer.parameters["bias"].shape == (12,)
    same(layer(X), model(X))


@pytest.mark.parametrize("name", LAYERS)
def test_initial_states_are_keras(name):
    """The first step sees the given states."""
    layer, _ = pair(name, {"return_sequences": True})
    states = [np.random.default_rng(k).normal(size=(4, 4)).astype("float32") for k in range(2 if name == "LSTM" else 1)]
    theirs = getattr(keras.layers, name)(4, return_sequences=True)
    theirs.build(X.shape)
    theirs.set_weights([p.value for p in layer.parameters.values()])
    same(layer(X, initial_state=states), theirs(X, initial_state=states if len(states) > 1 else states[0]))


@pytest.mark.parametrize("name", LAYERS)
def test_states_go_on_over_two_batches_as_in_keras(name):
    """stateful: the second batch begins where the first ended, and reset_states begins anew."""
    layer, model = pair(name, {"stateful": True}, batch=4)
    layer.reset_states()
    first = layer(X)
    same(first, model(X))
    same(layer(X[::-1].copy()), model(X[::-1].copy()))
    layer.reset_states()
    np.testing.assert_array_equal(layer(X), first)


@pytest.mark.parametrize("masked", [False, True], ids=["all steps", "masked"])
@pytest.mark.parametrize("options", ["last", "sequences", "backwards", "other activation"])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_keras(name, options, masked):
    """One step of SGD moves every parameter by Keras's gradient of the mean of squares."""
    layer, model = pair(name, OPTIONS[options], masked=masked)
    x = LEFT_OUT if masked else X
    found = model(x)
    y = np.random.default_rng(5).normal(size=found.shape).astype("float32")
    ((found - found.new_tensor(y)) ** 2).mean().backward()
    before = {k: p.value.copy() for k, p in layer.parameters.items()}
    pp.Workout(pp.Sequential(Masking(), layer) if masked else layer, pp.mse, pp.SGD(1.0)).step_(x, y)
    for (k, p), theirs in zip(layer.parameters.items(), model.weights, strict=True):
        np.testing.assert_allclose(before[k] - p.value, theirs.value.grad.numpy(), rtol=1e-5, atol=1e-6)
