"""Metrics against numbers counted by hand, on arrays and in a workout on both engines."""

from __future__ import annotations

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import metrics
from pyphoton.errors import ArgumentError, UnknownName

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.9, 0.0, 0.1]])
LABELS = np.array([1, 2, 2, 0])
ONE_HOT = np.eye(3)[LABELS]

BY_HAND = {
    "accuracy-labels": (pp.accuracy(), SCORES, LABELS, 3 / 4),
    "accuracy-labels-column": (pp.accuracy(), SCORES, LABELS[:, None], 3 / 4),
    "accuracy-one-hot": (pp.accuracy(), SCORES, ONE_HOT, 3 / 4),
    "accuracy-sequences": (pp.accuracy(), np.stack([SCORES[:2], SCORES[2:]]), np.array([[1, 0], [2, 1]]), 3 / 4),
    "accuracy-one-score": (pp.accuracy(), np.array([[0.6], [0.4], [0.5], [0.9]]), np.array([[1.0], [1.0], [0.0], [1.0]]), 3 / 4),
    "accuracy-one-score-flat": (pp.accuracy(), np.array([0.6, 0.4, 0.5, 0.9]), np.array([1.0, 1.0, 0.0, 0.0]), 2 / 4),
    "accuracy-threshold": (pp.Accuracy(0.3), np.array([0.6, 0.4, 0.2, 0.9]), np.array([1.0, 1.0, 0.0, 0.0]), 3 / 4),
    "binary-accuracy": (pp.BinaryAccuracy(), np.array([[0.6, 0.4], [0.5, 0.9]]), np.array([[1.0, 1.0], [0.0, 0.0]]), 2 / 4),
    "binary-accuracy-threshold": (pp.BinaryAccuracy(0.35), np.array([[0.6, 0.4], [0.3, 0.9]]), np.array([[1.0, 1.0], [0.0, 0.0]]), 3 / 4),
    "one-hot-binary-accuracy": (pp.OneHotBinaryAccuracy(), SCORES, LABELS, 3 / 4),
    "a-loss": (pp.MAE(), SCORES, ONE_HOT, (0.6 + 1.4 + 0.8 + 0.2) / 12),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    """A metric called on arrays gives the share counted by hand."""
    metric, p, y, want = BY_HAND[name]
    assert float(metric(p, y)) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand_in_training(name, backend):
    """A metric inside a workout is the same number, whatever backend computes it."""
    metric, p, y, want = BY_HAND[name]
    workout = pp.Workout(pp.Sequential(), lambda p, y: p.sum() * 0.0, found=metric, backend=backend)
    assert workout.evaluate((p, y))["found"] == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize(
    "metric",
    [lambda p, y: (p.argmax(axis=1) == y).mean(), lambda p, y: (p.argmax(axis=1) == y).astype("float32").mean()],
    ids=["truth-values", "cast"],
)
def test_function_as_metric(metric, backend):
    """A plain function of prediction and target is a metric, also where it takes the mean of truth values."""
    workout = pp.Workout(pp.Sequential(), lambda p, y: p.sum() * 0.0, found=metric, backend=backend)
    assert workout.evaluate((SCORES, LABELS.astype("float32")))["found"] == pytest.approx(3 / 4)


def test_mean_over_minibatches_is_weighted():
    """A metric over data in uneven minibatches is the share of all samples."""
    workout = pp.Workout(pp.Sequential(), pp.CrossEntropyLoss(), acc=pp.accuracy(), backend="torch")
    assert workout.evaluate((SCORES, LABELS), batch_size=3)["acc"] == pytest.approx(3 / 4)


def test_accuracy_is_a_metric_and_a_function():
    """accuracy() is the metric, accuracy(p, y) its value."""
    assert float(pp.accuracy(SCORES, LABELS)) == pytest.approx(3 / 4)
    with pytest.raises(ArgumentError, match="prediction, target"):
        pp.accuracy(SCORES)


def test_names():
    """History's names: the metric's own, words in snake case, and numbers for a name that is taken."""
    found = metrics.named([pp.accuracy(), "mse", pp.BinaryAccuracy(), lambda p, y: p, pp.accuracy], {"top": "acc"})
    assert list(found) == ["accuracy", "mse", "binary_accuracy", "metric", "accuracy_2", "top"]
    with pytest.raises(UnknownName, match="'accuracy'"):
        metrics.named("acuracy", {})
    for reserved in ("loss", "val_acc"):
        with pytest.raises(ArgumentError, match="kept for the loss"):
            metrics.named([], {reserved: pp.accuracy()})
