"""Dropout as users meet it: random and right on average while training, gone everywhere else."""

from __future__ import annotations

import numpy as np
import pytest
from running import network, output

import pyphoton as pp

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
X = np.random.default_rng(0).uniform(1.0, 3.0, (100, 200)).astype("float32")  # of the model's seed, as users' data often is


@BACKENDS
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_distribution(backend, rate):
    """The share of zeros is the rate, the rest is scaled so that the mean is kept, in every row and column alike."""
    y = output(network(pp.Dropout(rate), X, backend=backend), X, training=True)
    zeros = y == 0
    spread = np.sqrt(rate * (1 - rate))  # the standard deviation of one zero
    assert abs(zeros.mean() - rate) < 5 * spread / np.sqrt(X.size)
    assert np.abs(zeros.mean(0) - rate).max() < 6 * spread / 10
    assert np.abs(zeros.mean(1) - rate).max() < 6 * spread / np.sqrt(200)
    np.testing.assert_allclose(y[~zeros], X[~zeros] / np.float32(1 - rate), rtol=1e-6)
    assert abs(y.mean() - X.mean()) < 5 * np.sqrt((X**2).mean() * rate / (1 - rate) / X.size)


@BACKENDS
def test_off_in_evaluation(backend):
    """Without training Dropout returns its input, bit by bit."""
    found = network(pp.Dropout(0.7), X, backend=backend)
    np.testing.assert_array_equal(output(found, X), X)
    workout = pp.Workout(pp.Sequential(pp.Dropout(0.7)), "mse", backend=backend)
    np.testing.assert_array_equal(workout.predict(X), X)
    assert workout.evaluate((X, X))["loss"] == 0.0


@BACKENDS
def test_rates_0_and_1(backend):
    """Rate 0 keeps everything, rate 1 nothing, without a NaN."""
    np.testing.assert_array_equal(output(network(pp.Dropout(0), X, backend=backend), X, training=True), X)
    np.testing.assert_array_equal(output(network(pp.Dropout(1), X, backend=backend), X, training=True), np.zeros_like(X))


@BACKENDS
def test_every_call_drops_anew(backend):
    """Two calls, and two dropout layers in one model, drop independently of each other."""
    found = network(pp.Concurrent(pp.Dropout(0.5), pp.Dropout(0.5)), X, backend=backend)
    masks = [half != 0 for _ in range(2) for half in np.split(output(found, X, training=True), 2, axis=1)]
    for i, a in enumerate(masks):
        for b in masks[i + 1 :]:
            assert abs((a & b).mean() - 0.25) < 5 * np.sqrt(3 / 16 / X.size)


def test_same_seed_same_training():
    """Two workouts of one seed drop the same numbers, of two seeds others."""
    found = []
    for seed in (3, 3, 4):
        layer = pp.Dense(1, initw="ones")
        workout = pp.Workout(pp.Sequential(pp.Dropout(0.5), layer), "mse", seed=seed, backend="torch")
        workout.step_(X, X[:, :1])
        found.append(layer.parameters.kernel.value.copy())
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


def test_gradient_flows_where_numbers_were_kept():
    """The gradient of a sum after Dropout is the mask, scaled."""
    layer = pp.Dense(300, use_bias=False)
    workout = pp.Workout(pp.Sequential(layer, pp.Dropout(0.4)), lambda p, y: p.sum(), pp.SGD(1.0), backend="torch")
    ones = np.ones((1, 1), "float32")
    workout.network.forward_plan((ones,), False)
    before = layer.parameters.kernel.value.copy()
    workout.step_(ones, ones)
    moved = (before - layer.parameters.kernel.value).ravel()
    dropped = np.isclose(moved, 0, atol=1e-5)
    np.testing.assert_allclose(moved[~dropped], 1 / 0.6, rtol=1e-5)
    assert abs(dropped.mean() - 0.4) < 5 * np.sqrt(0.24 / 300)


@pytest.mark.parametrize("rate", [-0.1, 1.5, "half", True])
def test_refusals(rate):
    """A rate that is no probability is refused."""
    with pytest.raises(pp.ArgumentError, match="rate"):
        pp.Dropout(rate)
