"""Self-reference and unroll: held to loops that are written out, and to differences. No engine is named."""

from typing import Any

import numpy as np
import pytest
from readme_nets import SimpleRecurrent, SimpleRecurrent2
from test_nets import check_gradients

from pyphoton import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    Adam,
    ArgumentError,
    Dense,
    Dropout,
    PhotonError,
    Sequential,
    ShapeError,
    TraceError,
    Workout,
    concatenate,
    fit_,
    freeze_,
    gradients,
    history,
    load_workout,
    save_workout,
    sigmoid,
    tanh,
)  # fmt: skip
from pyphoton.flux import flip, net, prev, recurrent, reset_, stateless, unroll, unroll1, zeros

σ = sigmoid
RANDOM = np.random.default_rng(3)
CYCLE = "This model has a cycle; try unrolling it first"


def vcat(*values):
    """Features one after the other."""
    return concatenate(values, axis=-1)


def numbers(*shape):
    """Float32 numbers around 0."""
    return RANDOM.normal(size=shape).astype("float32")


def logistic(x):
    """σ in NumPy."""
    return 1 / (1 + np.exp(-x))


def by_hand(m, x, hidden=None):
    """SimpleRecurrent on (batch, steps, features) with NumPy."""
    Wx, Wh, b = (np.asarray(v) for v in (m.Wx, m.Wh, m.b))
    h = np.zeros((len(x), len(b))) + np.asarray(m.given["hidden"]) if hidden is None else hidden
    outputs = []
    for t in range(x.shape[1]):
        h = logistic(x[:, t] @ Wx.T + h @ Wh.T + b)
        outputs.append(h)
    return np.stack(outputs, 1)


# ---- the five checks -------------------------------------------------------------------------------------------------------


def test_unrolled_is_a_loop():
    """unroll(m, 5) gives what a loop over five steps gives, from a start that is not zero, for batches and one sequence."""
    m = SimpleRecurrent(*(getattr(SimpleRecurrent(3, 4), f) for f in ("Wx", "Wh", "b")), np.array([0.1, -2, 3, 0.5]))
    x = numbers(2, 5, 3)
    want = by_hand(m, x)
    np.testing.assert_allclose(unroll(m, 5)(x), want, rtol=1e-5)
    np.testing.assert_allclose(unroll(m, 5)(x[1]), want[1], rtol=1e-5)


def test_gradients_are_differences(float64):
    """Of Wh above all, and of Wx and b, over five steps; the start of the state is not trained."""
    workout = Workout(unroll(SimpleRecurrent(3, 4), 5), MSE(), SGD(0.1))
    x, y = RANDOM.normal(size=(2, 5, 3)), RANDOM.normal(size=(2, 5, 4))
    assert sorted(p.split(".")[-1] for p in gradients(workout, (x, y)).keys()) == ["Wh", "Wx", "b"]
    check_gradients(workout, (x, y))


def test_two_calls_of_five_are_one_of_ten():
    """The state goes on from call to call."""
    m = SimpleRecurrent(3, 4)
    x = numbers(2, 10, 3)
    whole, half = unroll(m, 10), unroll(m, 5)
    np.testing.assert_allclose(np.concatenate([half(x[:, :5]), half(x[:, 5:])], 1), whole(x), rtol=1e-5)
    reset_(half)
    np.testing.assert_allclose(half(x[:, :5]), by_hand(m, x[:, :5]), rtol=1e-5)


def test_samples_are_apart_and_steps_are_not():
    """Another sample 0 leaves sample 1 as it is, to the last bit; another step 0 changes step 4."""
    m, x = unroll(SimpleRecurrent(3, 4), 5, stateful=False), numbers(2, 5, 3)
    before = m(x)
    other = x.copy()
    other[0] += 1
    np.testing.assert_array_equal(m(other)[1], before[1])
    other = x.copy()
    other[:, 0] += 1
    after = m(other)
    assert np.abs(after[:, 4] - before[:, 4]).min() > 0
    other = x.copy()
    other[:, 4] += 1
    np.testing.assert_array_equal(m(other)[:, :4], before[:, :4])


def test_another_batch_size_begins_anew():
    """States belong to a batch: one of another size starts where the field starts."""
    m = SimpleRecurrent(3, 4)
    u, x = unroll(m, 5), numbers(4, 5, 3)
    first = u(x)
    assert np.abs(u(x) - first).max() > 1e-3
    np.testing.assert_allclose(u(x[:2]), by_hand(m, x[:2]), rtol=1e-5)
    np.testing.assert_allclose(u(x), first, rtol=1e-6)


def test_cycle_without_unroll_is_refused():
    """A workout or a Sequential of a model that refers to itself."""
    m, x = SimpleRecurrent(3, 4), numbers(2, 3)
    for run in (
        lambda: Workout(m, MSE(), SGD()).predict(x),
        lambda: fit_(Workout(m, MSE(), SGD()), (x, numbers(2, 4)), verbose=False),
        lambda: Sequential(m, Dense(2))(x),
    ):
        with pytest.raises(PhotonError, match=CYCLE):
            run()


# ---- equations -------------------------------------------------------------------------------------------------------------


def test_stacked_form_is_the_explicit_form():
    """σ(layer(vcat(x, hidden))) with Wx over Wh is σ(Wx*x + Wh*hidden + b): values, and after training."""
    m = SimpleRecurrent(3, 4)
    layer = Dense(7, 4)
    other = SimpleRecurrent2(layer, zeros(4))
    x, y = numbers(2, 5, 3), numbers(2, 5, 4)
    u, v = unroll(m, 5, stateful=False), unroll(other, 5, stateful=False)
    v(x)
    layer.parameters.kernel.set_(np.concatenate([np.asarray(m.Wx), np.asarray(m.Wh)], 1).T)
    layer.parameters.bias.set_(np.asarray(m.b))
    np.testing.assert_allclose(v(x), u(x), rtol=1e-5)
    for model in (u, v):
        fit_(Workout(model, MSE(), SGD(0.5)), [(x, y)], epochs=3, verbose=False)
    np.testing.assert_allclose(v(x), u(x), rtol=1e-4)


def test_dropout_around_a_dense():
    """SimpleRecurrent2(Dropout(Dense(...))): training draws new masks for each step, prediction has none."""
    model = unroll(SimpleRecurrent2(Sequential(Dense(4), Dropout(0.5)), zeros(4)), 6, stateful=False)
    x, y = numbers(8, 6, 3), numbers(8, 6, 4)
    workout = Workout(model, MSE(), SGD(0.1), seed=3)
    np.testing.assert_array_equal(workout.predict(x), workout.predict(x))
    dropped = workout.network.run((x,), False, training=True)
    halves = [(dropped[:, t] == 0.5).mean() for t in range(6)]
    assert 0.2 < min(halves) <= max(halves) < 0.8
    assert any((dropped[:, t] == 0.5).tolist() != (dropped[:, 0] == 0.5).tolist() for t in range(1, 6))
    before = workout.evaluate((x, y))["loss"]
    fit_(workout, (x, y), epochs=5, verbose=False)
    assert workout.evaluate((x, y))["loss"] < before


@net
class Lags:
    """y = tanh(x*A + y{-1}*B - y{-3}*C)."""

    A: Any
    B: Any
    C: Any
    y: Any

    def forward(self, x):
        """Two lags."""
        self.y = tanh(x @ self.A + prev(self.y) @ self.B - prev(self, "y", 3) @ self.C)
        return self.y


def test_lags(float64):
    """prev(self.y, k) is the value k steps ago, across calls too; its gradients are differences."""
    m = Lags(*(RANDOM.normal(size=s) for s in ((3, 2), (2, 2), (2, 2))), np.array([0.5, -0.2]))
    x = RANDOM.normal(size=(2, 8, 3))
    A, B, C = (np.asarray(v) for v in (m.A, m.B, m.C))
    y = [np.broadcast_to(m.given["y"], (2, 2))] * 3
    for t in range(8):
        y.append(np.tanh(x[:, t] @ A + y[-1] @ B - y[-3] @ C))
    want = np.stack(y[3:], 1)
    np.testing.assert_allclose(unroll(m, 8)(x), want, rtol=1e-9)
    u = unroll(m, 4)
    np.testing.assert_allclose(np.concatenate([u(x[:, :4]), u(x[:, 4:])], 1), want, rtol=1e-9)
    steps = [m(x[0, t]) for t in range(8)]
    np.testing.assert_allclose(steps, want[0], rtol=1e-9)
    check_gradients(Workout(unroll(m, 4), MSE(), SGD(0.1)), (x[:, :4], want[:, 4:]))


def test_reading_after_the_assignment_is_the_new_value():
    """A state that is read before it is assigned is that of the last step, afterwards the new one; prev stays the old."""

    @net
    class Order:
        s: Any

        def forward(self, x):
            old = self.s
            self.s = x + self.s
            return vcat(old, self.s, prev(self.s))

    x = np.array([[[1.0], [10.0], [100.0]]], "float32")
    assert unroll(Order(zeros(1)), 3)(x)[0].tolist() == [[0, 1, 0], [1, 11, 1], [11, 111, 11]]
    m = Order(zeros(1))
    assert [m(x[0, t]).tolist() for t in range(3)] == [[0, 1, 0], [1, 11, 1], [11, 111, 11]]


def test_two_states_of_which_one_is_assigned_twice():
    """The last assignment of a step is what the next one starts from."""

    @net
    class Twice:
        a: Any
        b: Any

        def forward(self, x):
            self.a = self.a + x
            self.b = self.b + self.a
            self.a = self.a * 2
            return self.b

    x = np.ones((1, 4, 1), "float32")
    a, b, want = 0.0, 0.0, []
    for _ in range(4):
        a += 1
        b += a
        a *= 2
        want.append([b])
    assert unroll(Twice(zeros(1), zeros(1)), 4)(x)[0].tolist() == want


def test_prev_of_what_is_no_state():
    """A parameter, k of 0, and a call outside of a step."""

    @net
    class Wrong:
        W: Any
        k: Any
        h: Any

        def forward(self, x):
            self.h = prev(self.W, self.k) + x
            return self.h

    with pytest.raises(ArgumentError, match="a state of a net"):
        unroll(Wrong(zeros(2), 1, zeros(2)), 2)(numbers(1, 2, 2))
    with pytest.raises(ArgumentError, match="a number of steps from 1"):
        unroll(Wrong(zeros(2), 0, zeros(2)), 2)(numbers(1, 2, 2))
    with pytest.raises(TraceError, match="a step of a net"):
        prev(numbers(2))


def test_state_of_another_shape_is_refused():
    """A state keeps the shape of its start."""

    @net
    class Grows:
        h: Any

        def forward(self, x):
            self.h = vcat(self.h, x)
            return self.h

    with pytest.raises(ShapeError, match=r"h: expected \(batch, ...\) like its start \(2,\), received \(batch, 5\)"):
        unroll(Grows(zeros(2)), 2)(numbers(1, 2, 3))


# ---- the definitions of recurrent layers -----------------------------------------------------------------------------------


def _fields(model, **values):
    for name, value in values.items():
        model.parameters[name].set_(value)


def test_recurrent_is_rnn():
    """y = tanh(x Wxy + y Wyy + by) and the native RNN with the same weights: values and gradients."""
    definition, layer = recurrent.Recurrent(3, 4), RNN(4, tanh, last_only=False)
    x, y = numbers(2, 6, 3), numbers(2, 6, 4)
    native = Workout(layer, MSE(), SGD(0.1))
    native.predict(x)
    p = layer.parameters
    p["bias_0"].set_(numbers(4))
    unrolled = Workout(unroll(definition, 6, stateful=False), MSE(), SGD(0.1))
    unrolled.predict(x)
    _fields(definition, Wxy=p["kernel_0"].value, Wyy=p["recurrent_0"].value, by=p["bias_0"].value)
    np.testing.assert_allclose(unrolled.predict(x), native.predict(x), rtol=1e-4, atol=1e-6)
    got, want = gradients(unrolled, (x, y)), gradients(native, (x, y))
    for name, path in (("Wxy", "kernel_0"), ("Wyy", "recurrent_0"), ("by", "bias_0")):
        np.testing.assert_allclose(got[f"model.{name}"], want[_path(want, path)], rtol=1e-3, atol=1e-6)


def _path(found, name):
    return next(p for p in found.keys() if p.split(".")[-1] == name)


def test_lstm_is_lstm():
    """The equations of early Flux and the native LSTM with the same weights (gates i, f, g, o side by side): values and gradients."""
    definition, layer = recurrent.LSTM(3, 4), LSTM(4, last_only=False)
    x, y = numbers(2, 6, 3), numbers(2, 6, 4)
    native = Workout(layer, MSE(), SGD(0.1))
    native.predict(x)
    unrolled = Workout(unroll(definition, 6, stateful=False), MSE(), SGD(0.1))
    unrolled.predict(x)
    parts = {field: np.split(layer.parameters[f"{name}_0"].value, 4, axis=-1) for field, name in (("Wx", "kernel"), ("Wy", "recurrent"), ("b", "bias"))}
    for field, gates in parts.items():
        _fields(definition, **{field + gate: value for gate, value in zip("ifso", gates, strict=True)})
    np.testing.assert_allclose(unrolled.predict(x), native.predict(x), rtol=1e-4, atol=1e-6)
    got, want = gradients(unrolled, (x, y)), gradients(native, (x, y))
    for field, name in (("Wx", "kernel_0"), ("Wy", "recurrent_0"), ("b", "bias_0")):
        joined = np.concatenate([got[f"model.{field}{gate}"] for gate in "ifso"], axis=-1)
        np.testing.assert_allclose(joined, want[_path(want, name)], rtol=1e-3, atol=1e-6)


def test_gated_recurrent():
    """r, u = σ(...); y' = tanh(x Wxh + (r y) Wyh + bh): a loop in NumPy. Native GRU applies r after the product; without Wyh both agree."""
    m = recurrent.GatedRecurrent(3, 4)
    x = numbers(2, 6, 3)
    v = {f: np.asarray(getattr(m, f)) for f in m.fields[:-1]}
    y, want = np.zeros((2, 4)), []
    for t in range(6):
        r, u = (logistic(x[:, t] @ v[f"Wx{g}"] + y @ v[f"Wy{g}"] + v[f"b{g}"]) for g in "ru")
        y = (1 - u) * np.tanh(x[:, t] @ v["Wxh"] + (r * y) @ v["Wyh"] + v["bh"]) + u * y
        want.append(y)
    np.testing.assert_allclose(unroll(m, 6)(x), np.stack(want, 1), rtol=1e-4, atol=1e-6)
    layer = GRU(4, last_only=False)
    native = Workout(layer, MSE(), SGD())
    native.predict(x)
    for name, fields in (("kernel_0", ("Wxr", "Wxu", "Wxh")), ("recurrent_0", ("Wyr", "Wyu", "Wyh")), ("bias_0", ("br", "bu", "bh"))):
        parts = [v[f] * (f != "Wyh") for f in fields]
        layer.parameters[name].set_(np.concatenate(parts, -1))
    _fields(m, Wyh=v["Wyh"] * 0)
    np.testing.assert_allclose(unroll(m, 6, stateful=False)(x), native.predict(x), rtol=1e-4, atol=1e-6)


# ---- unroll in models ------------------------------------------------------------------------------------------------------


def test_chain_with_layers_around():
    """unroll goes through Sequential and nets in nets: a Dense before and behind, shared over the steps."""
    m = SimpleRecurrent(4, 4)

    @net
    class Outer:
        inner: Any
        s: Any

        def forward(self, x):
            self.s = 0.5 * self.s + self.inner(x)
            return self.s

    first, last = Dense(4, tanh), Dense(2)
    u = unroll(Sequential(first, Outer(m, zeros(4)), last), 3, stateful=False)
    x = numbers(2, 3, 5)
    got = u(x)
    K, c, L, d = (np.asarray(v.value) for layer in (first, last) for v in (layer.parameters.kernel, layer.parameters.bias))
    h, s, want = np.zeros((2, 4)), np.zeros((2, 4)), []
    for t in range(3):
        h = logistic(np.tanh(x[:, t] @ K + c) @ np.asarray(m.Wx).T + h @ np.asarray(m.Wh).T + np.asarray(m.b))
        s = 0.5 * s + h
        want.append(s @ L + d)
    np.testing.assert_allclose(got, np.stack(want, 1), rtol=1e-4, atol=1e-6)


def test_one_net_twice_in_a_step():
    """A net that stands twice has one state: the second call goes on from the first."""
    m = SimpleRecurrent(4, 4)
    x = numbers(2, 3, 4)
    got = unroll(Sequential(m, m), 3, stateful=False)(x)
    Wx, Wh, b = (np.asarray(v) for v in (m.Wx, m.Wh, m.b))
    h, want = np.zeros((2, 4)), []
    for t in range(3):
        h = logistic(x[:, t] @ Wx.T + h @ Wh.T + b)
        h = logistic(h @ Wx.T + h @ Wh.T + b)
        want.append(h)
    np.testing.assert_allclose(got, np.stack(want, 1), rtol=1e-4, atol=1e-6)


def test_seq_false_gives_the_same_input_to_every_step():
    """unroll(m, n, seq=False) of a vector per sample: a sequence of n outputs."""
    m, x = SimpleRecurrent(3, 4), numbers(2, 3)
    want = by_hand(m, np.repeat(x[:, None], 5, 1))
    np.testing.assert_allclose(unroll(m, 5, seq=False)(x), want, rtol=1e-5)


def test_seq_false_has_the_gradient_of_all_steps(float64):
    """The input's part of the gradient adds up over the steps."""
    workout = Workout(Sequential(Dense(3), unroll(SimpleRecurrent(3, 2), 4, seq=False)), MSE(), SGD(0.1))
    check_gradients(workout, (RANDOM.normal(size=(2, 3)), RANDOM.normal(size=(2, 4, 2))))


def test_stateless_begins_every_call_anew():
    """stateful=False, and stateless(m) of an unrolled model with the same parameters."""
    m, x = SimpleRecurrent(3, 4), numbers(2, 5, 3)
    want = by_hand(m, x)
    for model in (unroll(m, 5, stateful=False), stateless(unroll(m, 5)), stateless(Sequential(unroll(m, 5)))):
        model(x)
        np.testing.assert_allclose(model(x), want, rtol=1e-5)


def test_flip_runs_backwards():
    """unroll(flip(m)) of x is unroll(m) of x in reversed order, reversed; a sequence read both ways."""
    m, back, x = SimpleRecurrent(3, 4), SimpleRecurrent(3, 4), numbers(2, 5, 3)
    a, b = unroll(m, 5, stateful=False), unroll(flip(back), 5, stateful=False)
    want = by_hand(back, x[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(b(x), want, rtol=1e-5)
    assert flip(flip(m)) is m
    both = net(lambda x: vcat(a(x), b(x)))
    np.testing.assert_allclose(both(x), np.concatenate([by_hand(m, x), want], -1), rtol=1e-5)


def test_flip_in_a_chain_is_unrolled_part_by_part(float64):
    """Also in a chain in a chain: what stands behind the flipped model sees its whole sequence."""
    m, back, x = SimpleRecurrent(3, 4), SimpleRecurrent(4, 4), RANDOM.normal(size=(2, 5, 3))
    want = by_hand(back, by_hand(m, x)[:, ::-1])[:, ::-1]
    model = unroll(Sequential(Sequential(m, flip(back))), 5, stateful=False)
    np.testing.assert_allclose(model(x), want, rtol=1e-8)
    check_gradients(Workout(model, MSE(), SGD(0.1)), (x, want * 0))


def test_flip_elsewhere_is_refused():
    """Inside of a single step time has no direction."""
    with pytest.raises(ArgumentError, match="flip"):
        unroll(Holder(flip(SimpleRecurrent(3, 4))), 5)


@net
class Holder:
    """A net around a model."""

    layer: Any

    def forward(self, x):
        """One call."""
        return self.layer(x)


def test_unroll1_is_one_step():
    """(states, x) -> (new states, y); three of them are unroll(m, 3); y = tanh(x Wxy + y0 Wyy + by). Nothing is remembered."""
    m = recurrent.Recurrent(3, 4)
    m(numbers(3))  # a call that must not matter
    one, x = unroll1(m), numbers(2, 3, 3)
    start = numbers(2, 4)
    (state,), y = one((start,), x[:, 0])
    want = np.tanh(x[:, 0] @ np.asarray(m.Wxy) + start @ np.asarray(m.Wyy) + np.asarray(m.by))
    np.testing.assert_allclose(y, want, rtol=1e-5)
    np.testing.assert_allclose(state, want, rtol=1e-5)
    states, ys = None, []
    for t in range(3):
        states, y = one(states, x[:, t])
        ys.append(y)
    np.testing.assert_allclose(np.stack(ys, 1), unroll(m, 3, stateful=False)(x), rtol=1e-5)


def test_a_call_is_one_step():
    """m(x) on arrays goes one step on; reset_ begins anew."""
    m, x = SimpleRecurrent(3, 4), numbers(5, 3)
    want = by_hand(m, x[None])[0]
    np.testing.assert_allclose([m(v) for v in x], want, rtol=1e-5)
    assert not np.allclose(m(x[0]), want[0])
    reset_(m)
    np.testing.assert_allclose(m(x[0]), want[0], rtol=1e-5)


def test_unroll_arguments():
    """A length that is none, another length than the sequence's, a model twice unrolled."""
    m = SimpleRecurrent(3, 4)
    for steps in (0, 2.5, True):
        with pytest.raises(ArgumentError, match="a number of steps from 1"):
            unroll(m, steps)
    with pytest.raises(ArgumentError, match="not unrolled yet"):
        unroll(unroll(m, 3), 3)
    with pytest.raises(ShapeError, match="sequence length 5, received 4"):
        unroll(m, 5)(numbers(2, 4, 3))
    with pytest.raises(ShapeError, match="sequence length 5"):
        unroll(m, 5)(numbers(2))


def test_output_that_is_no_tensor():
    """A step gives tensors: the sequences are made of them."""
    with pytest.raises(TraceError, match="a tensor or a tuple of tensors"):
        unroll(net(lambda x: (x, 3)), 3)(numbers(2, 3, 4))


# ---- training --------------------------------------------------------------------------------------------------------------


def _sgd_by_hand(m, batches, lr, carried):
    """SGD on mean squares with the state of the last minibatch as a constant: gradients written out for SimpleRecurrent."""
    Wx, Wh, b = (np.asarray(v).astype("float64") for v in (m.Wx, m.Wh, m.b))
    h, losses = None, []
    for x, y in batches:
        h0 = h if carried and h is not None and len(h) == len(x) else np.zeros((len(x), len(b)))
        hs = [h0]
        for t in range(x.shape[1]):
            hs.append(logistic(x[:, t] @ Wx.T + hs[-1] @ Wh.T + b))
        d = [2 * (hs[t + 1] - y[:, t]) / y.size for t in range(x.shape[1])]
        losses.append(np.mean([(hs[t + 1] - y[:, t]) ** 2 for t in range(x.shape[1])]))
        gx, gh, gb, back = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b), 0
        for t in reversed(range(x.shape[1])):
            z = (d[t] + back) * hs[t + 1] * (1 - hs[t + 1])
            gx, gh, gb, back = gx + z.T @ x[:, t], gh + z.T @ hs[t], gb + z.sum(0), z @ Wh
        Wx, Wh, b, h = Wx - lr * gx, Wh - lr * gh, b - lr * gb, hs[-1]
    return losses, Wh


@pytest.mark.parametrize("carried", [True, False])
def test_training_in_order_carries_states(carried, float64):
    """A list of minibatches: each begins where the last one ended, and gradients stop there; stateful=False begins anew."""
    m = SimpleRecurrent(3, 4)
    batches = [(RANDOM.normal(size=(n, 5, 3)), RANDOM.normal(size=(n, 5, 4))) for n in (2, 2, 2, 3)]
    losses, Wh = _sgd_by_hand(m, batches, 0.5, carried)
    workout = fit_(Workout(unroll(m, 5, stateful=carried), MSE(), SGD(0.5)), batches, epochs=1, verbose=False)
    np.testing.assert_allclose(_losses(workout), losses, rtol=1e-7)
    np.testing.assert_allclose(m.Wh, Wh, rtol=1e-7)


def _losses(workout):
    return history(workout, "loss")[1]


def test_an_epoch_begins_anew():
    """States do not go from one epoch to the next, nor from calls into training or back."""
    m = SimpleRecurrent(3, 4)
    u, x, y = unroll(m, 5), numbers(2, 5, 3), numbers(2, 5, 4)
    want, _ = _sgd_by_hand(m, [(x, y)], 0.0, True)
    u(x)
    workout = fit_(Workout(u, MSE(), SGD(0.0)), [(x, y)], epochs=3, verbose=False)
    np.testing.assert_allclose(_losses(workout), want * 3, rtol=1e-5)
    np.testing.assert_allclose(workout.predict(x), by_hand(m, x), rtol=1e-5)
    np.testing.assert_allclose(workout.predict(x), by_hand(m, x), rtol=1e-5)


def test_shuffled_samples_begin_anew():
    """With (X, Y) as a whole data set minibatches are no sequence: each starts where the field starts."""
    m = SimpleRecurrent(3, 4)
    x, y = numbers(4, 5, 3), numbers(4, 5, 4)
    workout = fit_(Workout(unroll(m, 5), MSE(), SGD(0.0)), (x, y), epochs=1, batch_size=2, verbose=False)
    assert np.mean(_losses(workout)) == pytest.approx(np.mean((by_hand(m, x) - y) ** 2), rel=1e-5)


def test_validation_does_not_disturb():
    """With or without validation, training gives the same numbers; validation in order carries states of its own."""
    batches = [(numbers(2, 5, 3), numbers(2, 5, 4)) for _ in range(3)]
    found = []
    for valid in (None, batches):
        m = SimpleRecurrent(*(np.full(s, 0.3) for s in ((4, 3), (4, 4), 4, 4)))
        workout = fit_(Workout(unroll(m, 5), MSE(), SGD(0.5)), batches, valid, epochs=2, verbose=False)
        found.append(_losses(workout))
    np.testing.assert_array_equal(*found)


def test_failed_epoch_is_undone():
    """NaN in the third minibatch: weights and counters are those before the epoch."""
    m = SimpleRecurrent(3, 4)
    batches = [(numbers(2, 5, 3), numbers(2, 5, 4)) for _ in range(3)]
    batches[2][1][0] = np.nan
    workout = Workout(unroll(m, 5), MSE(), SGD(0.5))
    before = np.array(m.Wh)
    with pytest.raises(PhotonError):
        fit_(workout, batches, epochs=1, verbose=False)
    np.testing.assert_array_equal(m.Wh, before)
    assert workout.steps == 0


def test_nan_in_a_scan_is_found():
    """The error for a loss that is not finite names the scan, not a step after it."""

    @net
    class Grows:
        W: Any
        h: Any

        def forward(self, x):
            self.h = (self.h + x) @ self.W * 1e30
            return self.h

    workout = Workout(Sequential(unroll(Grows(np.ones((2, 2)), zeros(2)), 4), Dense(1)), MSE(), SGD())
    with pytest.raises(PhotonError, match=r"first from .*scan"):
        fit_(workout, (np.ones((2, 4, 2)), np.ones((2, 1))), epochs=1, verbose=False)


def test_frozen_state_matrix_stays():
    """Freezing one array of a net by its parameter keeps it; others move."""
    m = SimpleRecurrent(3, 4)
    workout = Workout(unroll(m, 5), MSE(), Adam(0.1))
    x, y = numbers(4, 5, 3), numbers(4, 5, 4)
    workout.predict(x)
    freeze_(m.parameters["Wh"])
    before = np.array(m.Wh), np.array(m.Wx)
    fit_(workout, (x, y), epochs=2, verbose=False)
    np.testing.assert_array_equal(m.Wh, before[0])
    assert np.abs(m.Wx - before[1]).max() > 0.01


def test_save_and_go_on(tmp_path):
    """A workout of an unrolled net, its weights filled into a new one, goes on as the old one does."""
    batches = [(numbers(2, 5, 3), numbers(2, 5, 4)) for _ in range(3)]
    workout = fit_(Workout(unroll(SimpleRecurrent(3, 4), 5), MSE(), Adam(0.1)), batches, epochs=1, verbose=False)
    save_workout(workout, tmp_path / "net.pp", architecture=False)
    again = load_workout(tmp_path / "net.pp", model=unroll(SimpleRecurrent(3, 4), 5))
    for w in (workout, again):
        fit_(w, batches, epochs=1, verbose=False)
    np.testing.assert_allclose(again.predict(batches[0][0]), workout.predict(batches[0][0]), rtol=1e-6)


def test_learns_to_remember():
    """A net with a state learns what one without cannot: the running parity of bits."""
    bits = RANDOM.integers(0, 2, size=(256, 8, 1)).astype("float32")
    parity = np.cumsum(bits, 1) % 2
    model = Sequential(unroll(recurrent.LSTM(1, 8), 8), Dense(1, sigmoid, flatten=False))
    workout = fit_(Workout(model, MSE(), Adam(0.02)), (bits[:192], parity[:192]), epochs=30, verbose=False)
    right = (workout.predict(bits[192:]) > 0.5) == (parity[192:] > 0.5)
    assert right.mean() > 0.9
