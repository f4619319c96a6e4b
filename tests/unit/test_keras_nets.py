"""Nets and unrolled models on Keras: `model = tf(unroll(model, 10))`, as the README of early Flux has it."""

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron, SimpleRecurrent, SimpleRecurrent2
from test_unroll import Lags

import pyphoton as pp
from pyphoton.flux import (
    Chain,
    Dense,
    Dropout,
    Input,
    flip,
    net,
    param,
    recurrent,
    relu,
    softmax,
    tanh,
    tf,
    torch_,
    train_,
    unroll,
    zeros,
)
from pyphoton.interop.keras_model import keras_module

try:
    keras = keras_module()
except pp.BackendMissing as error:
    pytest.skip(f"there is no Keras that can be imported: {error}", allow_module_level=True)

# Keras itself reads its variables in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
RANDOM = np.random.default_rng(5)
X, S = RANDOM.normal(size=(6, 4)).astype("float32"), RANDOM.normal(size=(6, 5, 4)).astype("float32")


def simple(start=None):
    """The explicit form, from a start."""
    return SimpleRecurrent(*(RANDOM.normal(size=s) for s in ((3, 4), (3, 3), 3)), RANDOM.normal(size=3) if start is None else start)


inner = Dense(4, 3)
MODELS = {
    "nets": (lambda: Chain(Input(4), FullyConnected(4, 3), relu, Perceptron(Dense(3, 2)), softmax), X),
    "anonymous": (lambda: Chain(net(lambda x: tanh(inner(x)) * x[:, :3] + 0.5)), X),
    "functions": (lambda: net(lambda x: pp.where(x > 0, x.square().mean(axis=1, keepdims=True), pp.maximum(x, -0.5)).flatten()), X),
    "unrolled": (lambda: unroll(simple(), 5), S),
    "joined": (lambda: unroll(SimpleRecurrent2(Dropout(Dense(7, 3)), zeros(3)), 5), S),
    "lags": (lambda: unroll(Lags(*(RANDOM.normal(size=s) for s in ((4, 2), (2, 2), (2, 2))), RANDOM.normal(size=2)), 5), S),
    "chain": (lambda: Chain(unroll(Chain(simple(), Dense(3, tanh)), 5), unroll(flip(recurrent.LSTM(3, 2)), 5)), S),
    "same input": (lambda: unroll(simple(), 3, seq=False), X),
    "trained start": (lambda: unroll(simple(param(RANDOM.normal(size=3))), 5), S),
}


@pytest.mark.parametrize("name", MODELS)
def test_keras_computes_the_same(name):
    """Outputs equal the model's from the starts of its states, twice, of a batch and of one sample; weights go there and back."""
    make, x = MODELS[name]
    model = make()
    wanted = pp.predict(pp.Workout(model, "mse"), x, makebatch=False)
    made = tf(model)
    assert isinstance(made.native, keras.Model)
    for _ in range(2):
        np.testing.assert_allclose(made(x), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made(x[1]), wanted[1], rtol=1e-4, atol=1e-5)
    if name == "functions":
        return
    before = {n: p.value.copy() for n, p in model.parameters.items()}
    made.fit_(x, np.zeros_like(wanted), opt=keras.optimizers.SGD(0.1), batch_size=6)
    after = {n: p.value.copy() for n, p in model.parameters.items()}
    for n, p in model.parameters.items():
        p.set_(before[n])
    pp.Workout(torch_(model), "mse", pp.SGD(0.1)).step_(x, np.zeros_like(wanted))
    if name != "joined":  # dropout draws other masks
        for n, p in model.parameters.items():
            np.testing.assert_allclose(after[n], p.value, rtol=1e-3, atol=1e-5, err_msg=n)
    changed = [n for n, p in model.parameters.items() if p.role == "weight" and not np.array_equal(after[n], before[n])]
    assert changed == [n for n, p in model.parameters.items() if p.role == "weight"]


def test_a_model_that_has_met_nothing_is_built_of_the_first_data():
    """`model = unroll(model, 10); model = tf(model)` before any data."""
    m = simple()
    model = tf(unroll(m, 5))
    assert model(S).shape == (6, 5, 3)
    single = tf(FullyConnected(4, 2))
    assert single(X[0]).shape == (2,)
    with pytest.raises(pp.ShapeError, match="or one sample"):
        model(X)


def test_sequences_train_on_keras():
    """train_(tf(unroll(m, 5)), Xs, Ys, eta=...) is train_ of the stateless model, batch for batch."""
    xs, ys = list(S.reshape(2, 3, 5, 4)), [np.eye(2, dtype="float32")[RANDOM.integers(0, 2, (3, 5))] for _ in range(2)]
    ends = []
    fields = [np.array(v) for v in simple().given.values()]
    for convert in (lambda m: m, tf):
        m, last = SimpleRecurrent(*fields), FullyConnected(np.ones((3, 2)), np.array([0.5, -0.5]))
        train_(convert(unroll(Chain(m, last, softmax), 5, stateful=False)), xs, ys, epoch=2, eta=0.5)
        ends.append([np.array(v) for v in (m.Wx, m.Wh, m.b, last.W, last.b)])
    for got, want in zip(*ends, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


def test_what_keras_cannot_share_is_refused():
    """A layer that stands in a net and beside it would be two copies; a net of two outputs is no layer of a Chain there."""
    dense = Dense(4, 4)
    model = Chain(dense, net(lambda x: dense(x) * 2))
    model(X)
    with pytest.raises(pp.Unsupported, match="each parameter in one place"):
        tf(model)
    pair = net(lambda x: (x, x))
    pair(X)
    with pytest.raises(pp.Unsupported, match="one output"):
        tf(pair)(X)
