"""Nets and unrolled nets on both engines: in a Flux.Chain over the same memory, equal in training, and no call across the border."""

from typing import Any

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.flux import Chain, flip, flux, net, param, randn, recurrent, torch_, train_, unroll

pytestmark = pytest.mark.usefixtures("julia")


def batch(*shape):
    """Float32 numbers around 0."""
    return np.random.default_rng(4).normal(size=shape).astype("float32")


RANDOM = np.random.default_rng(12)


@net
class Start:
    """h = tanh(x W + h)."""

    W: Any
    h: Any

    def forward(self, x):
        """One step."""
        self.h = pp.tanh(x @ self.W + self.h)
        return self.h


@net
class Gate:
    """x times σ(x W)."""

    W: Any

    def forward(self, x):
        """One line."""
        return x * pp.sigmoid(x @ self.W)


def gate():
    """A gate of 4 features."""
    return Gate(RANDOM.normal(size=(4, 4)))


def net_models():
    """Nets and unrolled nets between layers of Flux, one of them twice, with a state that starts elsewhere than at zero."""
    m = recurrent.Recurrent(3, 4)
    m.y = RANDOM.normal(size=4)
    trained = Start(RANDOM.normal(size=(3, 3)), param(RANDOM.normal(size=3)))
    dense = pp.Dense(3, pp.tanh)
    return {
        "net": (Chain(pp.Dense(3), net(lambda x: pp.tanh(dense(x)) * x), pp.Dense(2)), (4,)),
        "unrolled": (Chain(unroll(m, 5), pp.LSTM(3, last_only=False), unroll(trained, 5), unroll(flip(recurrent.LSTM(3, 3)), 5), pp.Dense(2, flatten=False)), (5, 3)),
        "images": (Chain(pp.Conv2D(2, 3, pp.relu), lambda x: x.flatten(), pp.Dense(4), gate(), pp.Dense(2)), (1, 5, 5)),
    }


NET_MODELS = net_models()


@pytest.mark.parametrize("name", NET_MODELS)
def test_nets_in_a_flux_chain(flux_module, call, descend, name):
    """A Chain with nets is a Flux.Chain, too: equal values, the same memory, and a step of Flux's Descent is PyPhoton's step."""
    model, shape = NET_MODELS[name]
    x = batch(3, *shape)
    made = flux(model)
    wanted = made(x)
    pp.flux.reset_(made.model)
    native = made.native
    assert flux_module.seval("m -> m isa Flux.Chain")(native)
    np.testing.assert_allclose(call(native, x), wanted, rtol=1e-4, atol=1e-5)
    trained = {n: p for n, p in model.parameters.items() if p.role == "weight"}
    addresses = flux_module.seval("m -> sort!([UInt(pointer(a)) for a in Flux.trainables(m)])")(native)
    assert sorted(map(int, addresses)) == sorted(p.value.ctypes.data for p in trained.values())
    before = {n: p.value.copy() for n, p in trained.items()}
    descend(native, x)
    found = {n: p.value.copy() for n, p in trained.items()}
    for n, p in trained.items():
        p.set_(before[n])
    pp.Workout(made, lambda p, y: (p - y).square().sum() * 0.5, pp.SGD(0.1)).step_(x, np.zeros_like(wanted))
    for n, p in trained.items():
        assert np.abs(found[n] - before[n]).max() > 1e-4, n
        np.testing.assert_allclose(p.value, found[n], atol=3e-5)
    np.testing.assert_allclose(call(native, x), stateless_call(made, x), rtol=1e-4, atol=1e-5)


def stateless_call(made, x):
    """The model's output from the starts of its states."""
    pp.flux.reset_(made.model)
    return pp.predict(made, x, makebatch=False)


SEQUENCE = (5, 3)
PAIRS = {
    "chain": (lambda: Chain(pp.Input(4), pp.Dense(6, pp.tanh), pp.BatchNorm(), pp.Dense(2)), (4,), (2,)),
    "layer twice": (lambda: (lambda a: Chain(a, pp.relu, a, pp.Dense(2)))(pp.Dense(4)), (4,), (2,)),
    "images": (lambda: Chain(pp.Conv2D(3, 2, pp.tanh), pp.MaxPool(2), lambda x: x.flatten(), pp.Dense(2)), (1, 5, 5), (2,)),
    "LSTM": (lambda: pp.LSTM(3, last_only=False), SEQUENCE, (5, 3)),
    "net": (lambda: Chain(Gate(randn(4, 4)), pp.Dense(2)), (4,), (2,)),
    "unrolled": (lambda: Chain(unroll(recurrent.Recurrent(3, 4), 5), pp.Dense(2, flatten=False)), SEQUENCE, (5, 2)),
    "unrolled, both ways": (lambda: unroll(Chain(recurrent.LSTM(3, 4), flip(recurrent.GatedRecurrent(4, 2))), 5, stateful=False), SEQUENCE, (5, 2)),
    "trained start": (lambda: unroll(Start(randn(3, 3), param(np.zeros(3))), 5), SEQUENCE, (5, 3)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_model_on_torch_asks_julia_for_nothing(name, asked):
    """With Julia as the default: converting, calling, `train_` and `.native` cross no bridge; the original, asked afterwards, has learnt."""
    pp.set_context(backend="julia")
    make, into, out = PAIRS[name]
    model, x, y = make(), batch(6, *into), batch(6, *out)
    untrained = np.array(model(x))
    pp.flux.reset_(model)
    asked.clear()
    made = torch_(model)
    made(x)
    train_(made, (x, y), batch=3, eta=0.01)
    assert made.native is not None
    pp.flux.reset_(model)
    wanted = pp.predict(made, x, makebatch=False)
    assert [call for call in asked if call not in ("reset", "close")] == []
    got = pp.predict(model, x, makebatch=False)
    assert asked.count("run") == 1
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert np.abs(got - untrained).max() > 1e-4


@pytest.mark.parametrize("name", PAIRS)
def test_three_steps_from_the_same_weights_are_equal(name):
    """Both engines give the same outputs and losses for three seeded steps."""
    make, into, out = PAIRS[name]
    x, y = batch(8, *into), batch(8, *out)
    losses, outputs = [], []
    for convert in (torch_, flux):
        pp.seed_(5)
        workout = pp.Workout(convert(make()), "mse", pp.Adam(0.05))
        losses.append([workout.step_(x, y) for _ in range(3)])
        outputs.append(workout.predict(x))
    np.testing.assert_allclose(*losses, rtol=1e-5)
    np.testing.assert_allclose(*outputs, rtol=1e-3, atol=1e-5)
    assert losses[0][2] < losses[0][0]
