"""Optimizers and schedules of the Keras face: five updates of each against real Keras's, and the arguments of both eras."""

import numpy as np
import pytest
from keras_net import chain, installed_keras

import pyphoton as pp
from pyphoton import keras
from pyphoton.errors import KeraFlowError, UnknownName, Unsupported
from pyphoton.keras import optimizers
from pyphoton.keras.optimizers import schedules

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(10, 4)).astype("float32")
Y = RANDOM.normal(size=(10, 1)).astype("float32") * 3

CASES = {
    "SGD": {}, "SGD momentum": {"learning_rate": 0.05, "momentum": 0.9}, "SGD nesterov": {"momentum": 0.8, "nesterov": True},
    "SGD decayed": {"learning_rate": 0.1, "weight_decay": 0.05}, "RMSprop": {"learning_rate": 0.02}, "Adagrad": {"learning_rate": 0.1},
    "Adadelta": {"learning_rate": 1.0}, "Adam": {"learning_rate": 0.05}, "Adam epsilon": {"learning_rate": 0.05, "epsilon": 0.3},
    "Adam decayed": {"learning_rate": 0.05, "weight_decay": 0.1}, "AdamW": {"learning_rate": 0.05}, "Adamax": {"learning_rate": 0.05},
    "Nadam": {"learning_rate": 0.05}, "SGD clipnorm": {"clipnorm": 0.5}, "SGD clipvalue": {"clipvalue": 0.3}, "SGD global_clipnorm": {"global_clipnorm": 0.4},
}  # fmt: skip


def trained(optimizer, steps=5):
    """Kernel and bias of a small model after some updates, from kernel 0.1 and bias 0."""
    model = chain(pp.Dense(1))
    model.compile(optimizer, "mse")
    model.predict(X)
    kernel, bias = pp.weights(model)
    kernel[...], bias[...] = 0.1, 0.0
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return pp.weights(model)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside real Keras
@pytest.mark.parametrize("name", CASES)
def test_five_updates_are_those_of_keras(name):
    """The same weights after five updates: places of epsilon, first accumulators, decay and clipping are Keras's."""
    real = installed_keras()
    model = real.Sequential([real.Input((4,)), real.layers.Dense(1, kernel_initializer=real.initializers.Constant(0.1))])
    model.compile(getattr(real.optimizers, name.split()[0])(**CASES[name]), "mse")
    for _ in range(5):
        model.train_on_batch(X, Y)
    found = trained(getattr(optimizers, name.split()[0])(**CASES[name]))
    for mine, theirs in zip(found, model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=1e-6)


SCHEDULES = {
    "ExponentialDecay": (0.1, 10, 0.5), "ExponentialDecay stairs": (0.1, 10, 0.5, True), "InverseTimeDecay": (0.1, 4, 0.5),
    "PiecewiseConstantDecay": ([5, 20], [0.1, 0.05, 0.01]), "PolynomialDecay": (0.1, 20, 0.01, 2.0), "PolynomialDecay cycle": (0.1, 20, 0.01, 1.0, True),
    "CosineDecay": (0.1, 20, 0.1), "CosineDecay warm": (0.01, 20, 0.1, None, 0.2, 5), "CosineDecayRestarts": (0.1, 8, 2.0, 0.9, 0.1),
    "CosineDecayRestarts equal": (0.1, 8, 1.0),
}  # fmt: skip


def made(module, name):
    """The schedule; Keras's CosineDecay has a name where ours has its next argument."""
    arguments = SCHEDULES[name]
    if None in arguments:
        return module.CosineDecay(*arguments[:3], warmup_target=arguments[4], warmup_steps=arguments[5])
    return getattr(module, name.split()[0])(*arguments)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_keras(name):
    """The rate of each of 40 steps."""
    real = installed_keras()
    theirs, mine = (made(m, name) for m in (real.optimizers.schedules, schedules))
    np.testing.assert_allclose([mine(t) for t in range(40)], [float(theirs(t)) for t in range(40)], rtol=1e-4, atol=1e-7)


def test_a_schedule_sets_the_rate_of_each_update():
    """SGD with stairs is SGD with those numbers one after the other; `decay` is lr / (1 + decay t)."""
    by_hand = chain(pp.Dense(1))
    for optimizer, rates in (
        (optimizers.SGD(schedules.PiecewiseConstantDecay([0, 1], [0.1, 0.05, 0.01])), (0.1, 0.05, 0.01)),
        (optimizers.SGD(lr=0.1, decay=0.5), (0.1, 0.1 / 1.5, 0.05)),
    ):
        by_hand.compile(optimizers.SGD(1.0), "mse")
        by_hand.predict(X)
        kernel, bias = pp.weights(by_hand)
        kernel[...], bias[...] = 0.1, 0.0
        for rate in rates:
            by_hand.optimizer.learning_rate = rate
            by_hand.train_on_batch(X, Y)
        for mine, theirs in zip(trained(optimizer, 3), pp.weights(by_hand), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_arguments_of_both_eras():
    """lr is learning_rate; unknown names and numbers that cannot be are refused with the way out."""
    assert optimizers.Adam(lr=0.3).learning_rate == 0.3 and optimizers.get("sgd").learning_rate == 0.01
    assert isinstance(optimizers.get(pp.Adam(0.2)), optimizers.Optimizer) and optimizers.get(pp.Adam(0.2)).learning_rate == 0.2
    config = optimizers.Adam(0.3, beta_1=0.8, clipnorm=2.0).get_config()
    assert optimizers.Adam.from_config(config).get_config() == config
    for wrong in ({"clipnorm": 0}, {"clipvalue": -1.0}, {"clipnorm": 1.0, "clipvalue": 1.0}, {"learning_rate": -1.0}, {"momentun": 0.9}):
        with pytest.raises(KeraFlowError):
            optimizers.SGD(**wrong)
    for unsupported in ({"amsgrad": True}, {"use_ema": True}):
        with pytest.raises(Unsupported):
            optimizers.Adam(**unsupported)
    with pytest.raises(Unsupported):
        optimizers.RMSprop(weight_decay=0.1)
    with pytest.raises(UnknownName, match="adam"):
        optimizers.get("adm")
    with pytest.raises(KeraFlowError):
        optimizers.get(3)
    assert keras.optimizers.schedules.CosineDecay(0.1, 10)(10) == pytest.approx(0.0, abs=1e-12)
