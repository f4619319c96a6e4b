"""unroll of models with several inputs and outputs: held to loops in NumPy, and to differences. No engine is named."""

from typing import Any

import numpy as np
import pytest
from test_nets import check_gradients

from pyphoton import (
    MSE,
    SGD,
    ArgumentError,
    Dense,
    Embedding,
    Sequential,
    ShapeError,
    Workout,
    concatenate,
    load_workout,
    save_workout,
    softmax,
    tanh,
)  # fmt: skip
from pyphoton.flux import (
    Batch,
    Chain,
    flip,
    infer,
    net,
    randn,
    reset_,
    stateless,
    torch_,
    train_,
    unroll,
    unroll1,
    zeros,
)
from pyphoton.graph import trace
from pyphoton.plan import plan
from pyphoton.tensor import Tensor

RANDOM = np.random.default_rng(5)


@net
class Attention:
    """Where to look, from the state and the keys; what is seen there is the state. Outputs: state (batch, n), weights (batch, T)."""

    Wq: Any
    Wk: Any
    v: Any
    h: Any

    def forward(self, x, keys):
        """One step: x (batch, n), keys (batch, T, n)."""
        weights = softmax(tanh(keys @ self.Wk + (self.h @ self.Wq)[:, None]) @ self.v)
        self.h = tanh((weights[:, None] @ keys)[:, 0] + x)
        return self.h, weights


def attention():
    """One of 3 features and 5 scores."""
    return Attention(randn(3, 5), randn(3, 5), randn(5), np.array([0.5, -1.0, 0.1]))


def by_hand(m, x, keys, h=None):
    """Attention on x (batch, steps, 3) and keys (batch, T, 3), with sums written out."""
    Wq, Wk, v = (np.asarray(p, "float64") for p in (m.Wq, m.Wk, m.v))
    h = np.tile(m.given["h"], (len(x), 1)) if h is None else h
    states, looks = [], []
    for t in range(x.shape[1]):
        scores = np.array([[v @ np.tanh(Wk.T @ key + Wq.T @ h[n]) for key in keys[n]] for n in range(len(x))])
        weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        h = np.tanh(np.array([sum(w * key for w, key in zip(weights[n], keys[n], strict=True)) for n in range(len(x))]) + x[:, t])
        states.append(h)
        looks.append(weights)
    return np.stack(states, 1), np.stack(looks, 1)


def data(steps=4):
    """x (2, steps, 3) and keys (2, 6, 3)."""
    return RANDOM.normal(size=(2, steps, 3)).astype("float32"), RANDOM.normal(size=(2, 6, 3)).astype("float32")


def test_a_sequence_and_what_is_held():
    """seq=(True, False): x goes step by step, keys are whole at every step; two outputs are two sequences. Either form of a call."""
    m, (x, keys) = attention(), data()
    want = by_hand(m, x, keys)
    for got in (stateless(unroll(m, 4, seq=(True, False)))(x, keys), unroll(m, 4, seq=(True, False))((x, keys))):
        assert [g.shape for g in got] == [(2, 4, 3), (2, 4, 6)]
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    one = unroll(m, 4, seq=(True, False))(x[1], keys[1])
    for a, b in zip(one, want, strict=True):
        np.testing.assert_allclose(a, b[1], rtol=1e-4, atol=1e-6)


def test_states_go_on_with_several_inputs():
    """Two calls of two steps are one of four, until reset_."""
    m, (x, keys) = attention(), data()
    half = unroll(m, 2, seq=(True, False))
    want = by_hand(m, x, keys)[0]
    for t in (0, 2):
        np.testing.assert_allclose(half(x[:, t : t + 2], keys)[0], want[:, t : t + 2], rtol=1e-4)
    reset_(half)
    np.testing.assert_allclose(half(x[:, :2], keys)[0], want[:, :2], rtol=1e-4)


def test_a_step_at_a_time():
    """unroll1 takes further inputs behind the first, and a net just computes on arrays."""
    m, (x, keys) = attention(), data()
    want = by_hand(m, x, keys)
    states = None
    for t in range(4):
        states, found = unroll1(m)(states, x[:, t], keys)
        for a, b, c in zip(found, want, m(x[:, t], keys), strict=True):
            np.testing.assert_allclose(a, b[:, t], rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(c, b[:, t], rtol=1e-4, atol=1e-6)


def test_gradients_of_attention_are_differences(float64):
    """Through a softmax over steps, products for each sample, the state, and both outputs."""
    model = unroll(attention(), 4, seq=(True, False))
    x, keys = RANDOM.normal(size=(2, 4, 3)), RANDOM.normal(size=(2, 6, 3))
    targets = RANDOM.normal(size=(2, 4, 3)), RANDOM.normal(size=(2, 4, 6))
    workout = Workout(model, lambda p, y: MSE()(p[0], y[0]) + MSE()(p[1], y[1]), SGD(0.1))
    check_gradients(workout, ((x, keys), targets))


@net
class Ends:
    """Outputs of unequal shapes: a number for each sample, a whole number, a matrix, the state."""

    total: Any

    def forward(self, x):
        """One step of a running total."""
        self.total = self.total + x
        return self.total.sum(axis=1), x.argmax(axis=1), x[:, :, None] * x[:, None], self.total


def test_outputs_of_unequal_shapes():
    """Each keeps its shape behind (batch, steps) and its kind: positions are whole numbers."""
    x = data(5)[0]
    total = np.cumsum(x, 1)
    number, place, matrix, state = unroll(Ends(zeros(3)), 5)(x)
    np.testing.assert_allclose(number, total.sum(2), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(place, x.argmax(2))
    assert place.dtype.kind == "i"
    np.testing.assert_allclose(matrix, x[..., None] * x[:, :, None], rtol=1e-6)
    np.testing.assert_allclose(state, total, rtol=1e-5, atol=1e-6)
    assert infer(unroll(Ends(zeros(3)), 5), (2, 5, 3)) == ((2, 5), (2, 5), (2, 5, 3, 3), (2, 5, 3))


def test_two_sequences_backwards():
    """Inputs of unequal width meet at each step, and flip turns both of them round."""

    @net
    class Meet:
        h: Any

        def forward(self, x, y):
            self.h = 0.5 * self.h + x * y
            return self.h, 2 * self.h

    x, y = RANDOM.normal(size=(2, 3, 4)).astype("float32"), RANDOM.normal(size=(2, 3, 1)).astype("float32")
    h, want = np.zeros((2, 4)), {}
    for t in (2, 1, 0):
        want[t] = h = 0.5 * h + x[:, t] * y[:, t]
    one, two = unroll(flip(Meet(zeros(4))), 3)(x, y)
    np.testing.assert_allclose(one, np.stack([want[t] for t in range(3)], 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(two, 2 * one)


def test_words_beside_vectors():
    """Whole numbers of the second input stay positions for an Embedding in the step."""
    table = Embedding(5, 3)
    model = unroll(net(lambda x, word: concatenate((x, table(word)), axis=-1)), 4)
    x, words = data()[0], RANDOM.integers(0, 5, (2, 4))
    y = model(x, words)
    np.testing.assert_allclose(y, np.concatenate([x, np.asarray(table.parameters.table.value)[words]], -1), rtol=1e-6)


def test_what_is_held_is_computed_once():
    """keys @ Wk is the same at every step: one product for all keys, before the scan."""
    made = plan(trace(unroll(attention(), 4, seq=(True, False)), (Tensor((None, 4, 3)), Tensor((None, 6, 3)))))
    (scan,) = [s for s in made.steps if s.op == "scan"]
    assert [s.op for s in made.steps].count("matmul") == 1
    assert [s.op for s in scan.body.steps].count("matmul") == 3
    assert (scan.attrs["sequences"], len(scan.inputs)) == (1, 1 + scan.attrs["held"] + 1)


def test_train_on_tuples():
    """train_ takes minibatches whose inputs are tuples; in a Chain the outputs go on as a tuple."""
    m = Chain(unroll(attention(), 4, seq=(True, False)), lambda pair: pair[0])
    pairs = [((Batch(x), Batch(keys)), Batch(np.tanh(x))) for x, keys in (data() for _ in range(4))]
    before = [np.mean((m((x.raw, k.raw)) - y.raw) ** 2) for (x, k), y in pairs]
    train_(m, pairs, epoch=20, eta=0.02)
    assert np.mean([np.mean((m((x.raw, k.raw)) - y.raw) ** 2) for (x, k), y in pairs]) < 0.8 * np.mean(before)


def test_on_another_engine():
    """torch_ takes such a model, too, and shares its parameters."""
    pytest.importorskip("torch", reason="torch_ needs torch")
    m, (x, keys) = stateless(unroll(attention(), 4, seq=(True, False))), data()
    for a, b in zip(torch_(m)(x, keys), m(x, keys), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_seq_is_saved(tmp_path):
    """Which inputs have steps is part of the architecture."""
    model = unroll(Sequential(Dense(2)), 3, seq=(False,))
    workout, x = Workout(model, MSE(), SGD()), data()[0][:, 0]
    want = workout.predict(x)
    save_workout(workout, tmp_path / "w.pp")
    again = load_workout(tmp_path / "w.pp")
    assert again.model.seq == (False,)
    np.testing.assert_array_equal(again.predict(x), want)
    assert want.shape == (2, 3, 2)


def test_repr_is_the_call():
    """What was said of inputs, states and direction is shown."""
    layer = Dense(2)
    assert repr(unroll(layer, 3)) == f"unroll({layer!r}, 3)"
    assert repr(unroll(flip(layer), 3, seq=(True, False), stateful=False)) == f"unroll(flip({layer!r}), 3, seq=(True, False), stateful=False)"


def test_what_does_not_fit_is_told():
    """seq for another number of inputs, or no truth values; a sequence of another length; an output without samples."""
    m, (x, keys) = attention(), data()
    for bad in ("yes", (), (True, 1), 1):
        with pytest.raises(ArgumentError, match="seq"):
            unroll(m, 4, seq=bad)
    with pytest.raises(ArgumentError, match="1 inputs, as seq= has, received 2"):
        unroll(m, 4, seq=(True,))(x, keys)
    with pytest.raises(ShapeError, match="sequence length 4, received 6"):
        unroll(m, 4)(x, keys)
    with pytest.raises(ShapeError, match="several"):
        unroll(net(lambda x: (x, x.sum())), 4)(x)


def test_a_layer_on_what_is_held(float64):
    """Dense on the keys inside of a step is one step before the scan; its gradients are differences, and those of the step's own layers."""

    @net
    class Look:
        read: Any
        out: Any
        h: Any

        def forward(self, x, keys):
            self.h = tanh(self.out(x * self.h) + self.read(keys).mean(axis=1))
            return self.h

    model = unroll(Look(Dense(2, flatten=False), Dense(2), np.array([0.5, -0.3])), 3, seq=(True, False))
    made = plan(trace(model, (Tensor((None, 3, 2)), Tensor((None, 4, 5)))))
    assert [s.op for s in made.steps].count("dense") == 1
    assert "dense" not in [s.op for s in made.steps[-1].body.steps]
    x, keys = RANDOM.normal(size=(2, 3, 2)), RANDOM.normal(size=(2, 4, 5))
    check_gradients(Workout(model, MSE(), SGD(0.1)), ((x, keys), RANDOM.normal(size=(2, 3, 2))))
