"""Initialisers under Keras's names: arguments, seeds, limits, and the deviations that Keras 3 itself draws."""

import numpy as np
import pytest
from keras_net import installed_keras

import pyphoton as pp
from pyphoton.errors import ArgumentError, PhotonError
from pyphoton.initialisers import draw
from pyphoton.keras import constraints, initializers, regularizers


def drawn(init, shape=(200, 300), fans=None):
    """First values."""
    return draw(initializers.get(init), np.random.default_rng(0), shape, fans or shape)


SEEDED = [
    initializers.GlorotUniform, initializers.GlorotNormal, initializers.HeUniform, initializers.HeNormal, initializers.LecunUniform, initializers.LecunNormal,
    initializers.RandomNormal, initializers.RandomUniform, initializers.TruncatedNormal, initializers.VarianceScaling, initializers.Orthogonal,
]  # fmt: skip


@pytest.mark.parametrize("cls", SEEDED)
def test_seed(cls):
    """The same seed gives the same numbers whatever the model's generator is; another seed, and none, give others."""
    one, other = (draw(cls(seed=7), np.random.default_rng(k), (4, 5), (4, 5)) for k in (0, 1))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, draw(cls(seed=8), np.random.default_rng(0), (4, 5), (4, 5)))
    free = [draw(cls(), np.random.default_rng(k), (4, 5), (4, 5)) for k in (0, 1)]
    assert not np.array_equal(*free)
    with pytest.raises(ArgumentError, match="seed"):
        draw(cls(seed=-1), np.random.default_rng(0), (4, 5), (4, 5))


def test_deviations_are_those_of_keras():
    """Each class draws with the standard deviation and the largest number that Keras 3 draws with, within 2 %."""
    keras = installed_keras()
    for cls in SEEDED:
        reference = getattr(keras.initializers, cls.__name__)(seed=3)((200, 300))
        want = np.asarray(reference.detach().cpu() if hasattr(reference, "detach") else reference)
        got = drawn(cls(seed=3))
        assert got.std() == pytest.approx(want.std(), rel=0.02), cls.__name__
        if cls not in (initializers.RandomNormal, initializers.Orthogonal):
            assert abs(got).max() == pytest.approx(abs(want).max(), rel=0.02), cls.__name__


def test_arguments():
    """Keras's names of arguments; Orthogonal(1.1) is Keraflow's: W.T W = 1.21 I."""
    assert drawn(initializers.Constant(2.5)).tolist() == np.full((200, 300), 2.5).tolist()
    assert drawn(initializers.RandomUniform(minval=1, maxval=2)).min() >= 1
    assert drawn(initializers.RandomNormal(mean=3, stddev=0.1)).mean() == pytest.approx(3, abs=0.01)
    assert abs(drawn(initializers.TruncatedNormal(mean=0, stddev=1))).max() <= 2
    scaled = initializers.VarianceScaling(scale=3, mode="fan_out", distribution="uniform")
    assert abs(drawn(scaled)).max() == pytest.approx((9 / 300) ** 0.5, rel=1e-3)
    for made in (initializers.Orthogonal(1.1), initializers.Orthogonal(gain=1.1)):
        w = drawn(made, (6, 4))
        np.testing.assert_allclose(w.T @ w, 1.21 * np.eye(4), atol=1e-12)
    np.testing.assert_array_equal(drawn("identity", (3, 3)), np.eye(3))
    np.testing.assert_array_equal(drawn(initializers.Identity(gain=2.0), (3, 3)), 2 * np.eye(3))
    for shape in ((2, 3), (3,), (2, 2, 2)):
        with pytest.raises(ArgumentError, match="square"):
            drawn("identity", shape)
    for wrong in (lambda: initializers.get("zeroes"), lambda: initializers.VarianceScaling(mode="fan"), lambda: initializers.HeNormal(sed=1)):
        with pytest.raises(PhotonError):
            wrong()


def test_initialisers_of_ones_own():
    """Functions of the shape and Keras's dtype or Keraflow's name, and a subclass with __call__."""

    class Rising(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.arange(np.prod(shape)).reshape(shape)

    wanted = np.arange(6).reshape(2, 3)
    for init in (Rising(), lambda shape, dtype=None: np.arange(6).reshape(shape), lambda shape, name: np.arange(6).reshape(shape)):
        layer = pp.Dense(3, initw=init)
        layer(np.zeros((1, 2)))
        np.testing.assert_array_equal(layer.parameters.kernel.value, wanted)


def test_penalties_and_constraints_are_those_of_keras():
    """The same numbers as Keras 3's on the same array, up to its factor and the epsilon of its precision."""
    keras = installed_keras()
    p = np.random.default_rng(5).normal(size=(4, 3)).astype("float32")

    def told(value):
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)

    for ours, theirs in (
        (regularizers.l1(0.3), keras.regularizers.L1(0.3)),
        (regularizers.L2(0.3), keras.regularizers.L2(0.3)),
        (regularizers.L1L2(0.1, 0.2), keras.regularizers.L1L2(0.1, 0.2)),
        (regularizers.OrthogonalRegularizer(0.3), keras.regularizers.OrthogonalRegularizer(0.3)),
        (regularizers.OrthogonalRegularizer(0.3, "columns"), keras.regularizers.OrthogonalRegularizer(0.3, "columns")),
        (constraints.MaxNorm(1.5, axis=1), keras.constraints.MaxNorm(1.5, axis=1)),
        (constraints.MaxNorm(max_value=0.5), keras.constraints.MaxNorm(max_value=0.5)),
        (constraints.UnitNorm(axis=[0, 1]), keras.constraints.UnitNorm(axis=[0, 1])),
        (constraints.NonNeg(), keras.constraints.NonNeg()),
        (constraints.MinMaxNorm(1.2, 1.5, rate=0.3, axis=1), keras.constraints.MinMaxNorm(1.2, 1.5, rate=0.3, axis=1)),
    ):
        np.testing.assert_allclose(ours(p), told(theirs(keras.ops.convert_to_tensor(p))), rtol=2e-6, atol=1e-7, err_msg=repr(ours))
