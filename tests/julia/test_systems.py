"""What a system's training asks Julia for: an epoch over arrays in memory is one crossing, a streamed minibatch one, however many models and turns."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.systems import GANSystem, MLSystem, configure_optimizers, setup

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(24, 3)).astype("float32")
Y = RANDOM.normal(size=(24, 1)).astype("float32")
Z = RANDOM.normal(size=(24, 2)).astype("float32")


class Pair(MLSystem):
    """Two models with an optimiser each."""

    def __init__(self):
        self.a, self.b = pp.Dense(1), pp.Sequential(pp.Dense(4, pp.tanh), pp.Dense(1))

    def loss(self, batch):
        """Squares of both."""
        x, y = batch
        return pp.MSE()(self.a(x), y) + pp.MSE()(self.b(x), y)

    def configure_optimizer(self):
        """An Adam for each."""
        return configure_optimizers(self, pp.Adam, 1e-2)


def gan():
    """A GAN of two small models."""
    return GANSystem(pp.Dense(3), pp.Dense(1), latent=2)


@pytest.mark.parametrize(("make", "data"), [(Pair, (X, Y)), (gan, (X, Z)), (gan, X)])
def test_an_epoch_is_one_crossing(asked, julia, make, data):
    """Arrays in memory, minibatches of 4: one request for each epoch; the second run plans nothing anew."""
    trainer = setup(make(), data, backend="julia").fit(1, batch_size=4)
    before = len(asked)
    trainer.fit(3, batch_size=4)
    found = asked[before:]
    assert found.count("epoch") == 3
    assert found.count("step") == 0
    assert set(found) <= {"epoch", "state"}


@pytest.mark.parametrize(("make", "data"), [(Pair, (X, Y)), (gan, (X, Z))])
def test_a_streamed_minibatch_is_one_crossing(asked, julia, make, data):
    """Six minibatches of a list: six requests for each epoch, with two turns as with one."""
    batches = [(data[0][i : i + 4], data[1][i : i + 4]) for i in range(0, 24, 4)]
    trainer = setup(make(), batches, backend="julia").fit(1)
    before = len(asked)
    trainer.fit(2)
    found = asked[before:]
    assert found.count("step") == 12
    assert set(found) <= {"step", "state"}


@pytest.mark.parametrize(("make", "data"), [(Pair, (X, Y)), (gan, (X, Z))])
def test_julia_and_torch_train_alike(julia, make, data):
    """From the same seed, three epochs of shuffled minibatches: weights and losses of both engines."""
    systems = [make(), make()]
    trainers = [setup(system, data, backend=name, seed=4).fit(3, batch_size=8) for system, name in zip(systems, ("julia", "torch"), strict=True)]
    for path, p in systems[0].parameters.items():
        np.testing.assert_allclose(p.value, systems[1].parameters[path].value, rtol=1e-4, atol=1e-5, err_msg=path)
    for name in trainers[0].history:
        np.testing.assert_allclose(trainers[0].history(name)[1], trainers[1].history(name)[1], rtol=1e-4, atol=1e-6)


def test_a_checkpoint_of_one_engine_goes_on_on_the_other(julia, tmp_path):
    """Two epochs in Julia, saved; two more on torch are what four in Julia are, where no random numbers of the engine are used."""
    whole, half = Pair(), Pair()
    setup(whole, (X, Y), backend="julia", seed=4).fit(4)
    path = setup(Pair(), (X, Y), backend="julia", seed=4).fit(2).save(tmp_path / "half.pp")
    setup(half, (X, Y), backend="torch").load(path).fit(2)
    for path, p in whole.parameters.items():
        np.testing.assert_allclose(half.parameters[path].value, p.value, rtol=1e-4, atol=1e-5, err_msg=path)
