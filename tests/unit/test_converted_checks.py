"""What a converted model has to be, whatever the engine: on torch, or in Julia where that is the engine of the tests."""

from typing import Any

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron, SimpleRecurrent, SimpleRecurrent2

from pyphoton import LSTM, MSE, SGD, Sequential, ShapeError, Unsupported, Workout, get_backend, seed_, set_context
from pyphoton.backends.julia import engines
from pyphoton.backends.numpy.run import NumpyModule
from pyphoton.flux import (
    Chain,
    Converted,
    Dense,
    Dropout,
    Input,
    flux,
    knet,
    net,
    randn,
    relu,
    softmax,
    tanh,
    tf,
    torch_,
    train_,
    unroll,
    zeros,
    σ,
)

X = np.random.default_rng(7).normal(size=(6, 4)).astype("float32")
S = np.random.default_rng(8).normal(size=(6, 5, 4)).astype("float32")


@pytest.fixture
def convert():
    """Where the tests run in Julia what converts to its engine, `flux` or `knet`; else `torch_`."""
    return {"flux": flux, "knet": knet}[engines.wanted()] if get_backend().name == "julia" else torch_


def shared():
    """One layer twice."""
    a = Dense(4, 4)
    return Chain(a, tanh, a)


def recurrent():
    """The explicit and the joined form, unrolled."""
    return unroll(Chain(SimpleRecurrent(4, 3), SimpleRecurrent2(Dropout(Dense(5, 2)), zeros(2)), Dense(2)), 5, stateful=False)


MODELS = {
    "chain": (lambda: Chain(Input(4), Dense(5), relu, Dense(3), softmax), X),
    "layer twice": (shared, X),
    "nets": (lambda: Chain(FullyConnected(4, 3), Perceptron(3, 2)), X),
    "anonymous": (lambda: net(lambda x: σ(x) * x), X),
    "tuple out": (lambda: net(lambda x: (x * 2, x)), X),
    "tuple in": (lambda: net(lambda x: x[0] * x[1]), (X, X + 1)),
    "unrolled": (recurrent, S),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_new_and_computes_elsewhere(name, convert, monkeypatch):
    """Another type; with NumPy as the default, NumPy's engine is not called once; outputs equal NumPy's to 1e-5, one sample's too."""
    make, x = MODELS[name]
    set_context(backend="numpy")
    model = make()
    want = model(x)
    made = convert(model)
    assert type(made) is Converted and made.model is model
    calls, run = [], NumpyModule.run
    monkeypatch.setattr(NumpyModule, "run", lambda self, *a, **k: calls.append(1) or run(self, *a, **k))
    got = made(x)
    assert calls == []
    for g, w in zip(*((v if isinstance(v, tuple) else (v,)) for v in (got, want)), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)
    if not isinstance(x, tuple) and not isinstance(want, tuple):
        np.testing.assert_allclose(made(x[2]), want[2], rtol=1e-5, atol=1e-6)
    assert calls == []


def test_train_changes_the_original(convert):
    """train_ on the converted model is the loop of 2016 on the original's numbers: half the squared error, summed over a batch."""
    model = Chain(Dense(4, 2))
    model(X)
    W, b = (p.value.copy() for p in model.parameters.values())
    y = X[:, :2] * 3
    converted = convert(model)
    assert train_(converted, (X, y), batch=3, eta=0.05) is converted
    for part in (slice(0, 3), slice(3, 6)):
        d = X[part] @ W + b - y[part]
        W, b = W - 0.05 * X[part].T @ d, b - 0.05 * d.sum(0)
    np.testing.assert_allclose(model[0].parameters.kernel.value, W, atol=1e-5)
    np.testing.assert_allclose(model[0].parameters.bias.value, b, atol=1e-5)
    np.testing.assert_allclose(model(X), X @ W + b, atol=1e-5)


def test_train_changes_nets_and_what_they_share(convert):
    """The arrays of an unrolled net are the original's, before it is unrolled, too; a layer that stands twice has two parameters, not four."""
    m = SimpleRecurrent(4, 3)
    before = np.array(m.Wh)
    train_(convert(unroll(m, 5)), list(S.reshape(2, 3, 5, 4)), [np.zeros((3, 5, 3))] * 2, loss=MSE(), eta=0.5)
    assert np.abs(m.Wh - before).max() > 1e-3
    twice = shared()
    made = convert(twice)
    made(X)
    assert sorted(made.parameters) == sorted(twice.parameters) == ["0.bias", "0.kernel"]


@net
class TLP:
    """softmax(second(σ(first(x))))."""

    first: Any
    second: Any

    def forward(self, x):
        """Two layers."""
        return softmax(self.second(σ(self.first(x))))


def test_layers_that_do_not_fit_name_the_inner_and_the_outer_model(convert):
    """At the conversion where an Input tells the shape, else at the first call: the inner model first, with lines and both shapes."""
    inside = TLP(FullyConnected(10, 20), FullyConnected(21, 15))
    for act in (lambda: convert(Sequential(Input(10), inside)), lambda: convert(Sequential(inside))(randn(2, 10))):
        with pytest.raises(ShapeError, match=r"\(batch, 20\).*\(21, 15\)") as raised:
            act()
        names = [frame.name for frame in raised.value.trace]
        assert names[:2] == ["FullyConnected", "TLP"]
        assert all(f.line and f.file == inside_of for f, inside_of in zip(raised.value.trace[:2], (FILES["FullyConnected"], FILES["TLP"]), strict=True))


FILES = {c.__name__: c.forward.__code__.co_filename for c in (FullyConnected, TLP)}


def test_a_cycle_is_refused_before_anything_runs(convert):
    """A net with a state, alone and inside of others, on every converter; unrolled it is taken."""
    m = SimpleRecurrent(4, 3)
    for refused in (convert, torch_, flux, tf):
        for model in (m, Chain(m, Dense(2)), Perceptron(m)):
            with pytest.raises(Unsupported, match=r"^This model has a cycle; try unrolling it first\.$"):
                refused(model)
    assert convert(unroll(m, 5))(S).shape == (6, 5, 3)


@pytest.mark.parametrize("make", [lambda: unroll(SimpleRecurrent(4, 3), 5, stateful=False), lambda: LSTM(3, last_only=False)], ids=["net", "LSTM"])
def test_samples_are_apart_and_steps_are_not(make):
    """Another sample 0 leaves sample 1's output as it is, to the last bit; another step 0 changes step 4; of Photon's LSTM, too."""
    model = make()
    before = model(S)
    assert before.shape == (6, 5, 3)
    other = S.copy()
    other[0] += 1
    after = model(other)
    np.testing.assert_array_equal(after[1:], before[1:])
    assert np.abs(after[0] - before[0]).min() > 0
    other = S.copy()
    other[:, 0] += 1
    assert np.abs(model(other)[:, 4] - before[:, 4]).min() > 0
    other = S.copy()
    other[:, 4] += 1
    np.testing.assert_array_equal(model(other)[:, :4], before[:, :4])


def test_a_seeded_workout_repeats_on_the_engine(convert):
    """Three seeded steps of the converted model and of a copy that was made alike have the same losses."""
    found = []
    for wrap in (convert, lambda m: m):
        seed_(3)
        workout = Workout(wrap(recurrent()), MSE(), SGD(0.3))
        found.append([workout.step_(S, np.ones((6, 5, 2), "float32")) for _ in range(3)])
    np.testing.assert_allclose(*found, rtol=1e-5)
    assert found[0][2] < found[0][0]
