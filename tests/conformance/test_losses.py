"""Losses against numbers worked out by hand, the formulas of their docstrings in NumPy, and torch where it has the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from running import close, numbers

import pyphoton as pp
from pyphoton import losses
from pyphoton.errors import ArgumentError, ShapeError, UnknownName
from pyphoton.graph import trace
from pyphoton.tensor import Tensor

P = np.array([[1.0, -2.0], [0.5, 3.0]])
Y = np.array([[0.0, -1.0], [0.5, 1.0]])
ODDS = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
ONE_HOT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
E = 1e-7

BY_HAND = {
    "mse": (pp.MSE(), P, Y, (1 + 1 + 0 + 4) / 4),
    "mse-sum": (pp.MSE(reduction="sum"), P, Y, 6.0),
    "mae": (pp.MAE(), P, Y, (1 + 1 + 0 + 2) / 4),
    "ln-3": (pp.LNLoss(3), P, Y, (1 + 1 + 0 + 8) / 4),
    "ln-default-is-mse": (pp.LNLoss(), P, Y, 1.5),
    "pseudo-huber": (pp.PseudoHuberLoss(), P, Y, (2 * (2**0.5 - 1) + 5**0.5 - 1) / 4),
    "pseudo-huber-2": (pp.PseudoHuberLoss(2.0), P, Y, 4 * (2 * (1.25**0.5 - 1) + 2**0.5 - 1) / 4),
    "bce": (pp.BCELoss(), np.array([[0.8, 0.4]]), np.array([[1.0, 0.0]]), -(np.log(0.8 + E) + np.log(0.6 + E)) / 2),
    "bce-of-certainty": (pp.BCELoss(), np.array([[0.0]]), np.array([[1.0]]), -np.log(E)),
    "bce-scores": (pp.BCELoss(use_sigmoid=True), np.array([[2.0, -1.0]]), np.array([[1.0, 0.0]]), (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2),
    "bce-large-score": (pp.BCELoss(use_sigmoid=True), np.array([[-1000.0]]), np.array([[1.0]]), 1000.0),
    "cross-entropy": (pp.CrossEntropyLoss(), ODDS, ONE_HOT, -(np.log(0.7 + E) + np.log(0.3 + E)) / 2),
    "cross-entropy-labels": (pp.CrossEntropyLoss(), ODDS, np.array([0, 2]), -(np.log(0.7 + E) + np.log(0.3 + E)) / 2),
    "cross-entropy-labels-column": (pp.CrossEntropyLoss(), ODDS, np.array([[0], [2]]), -(np.log(0.7 + E) + np.log(0.3 + E)) / 2),
    "cross-entropy-weight": (pp.CrossEntropyLoss(0.5), ODDS, ONE_HOT, -(np.log(0.7 + E) + np.log(0.3 + E)) / 4),
    "cross-entropy-weights": (pp.CrossEntropyLoss([1.0, 1.0, 5.0]), ODDS, ONE_HOT, -(np.log(0.7 + E) + 5 * np.log(0.3 + E)) / 2),
    "cross-entropy-sum": (pp.CrossEntropyLoss(reduction="sum"), ODDS, ONE_HOT, -(np.log(0.7 + E) + np.log(0.3 + E))),
    "cross-entropy-scores": (pp.CrossEntropyLoss(use_softmax=True), np.array([[0.0, np.log(3.0)]]), np.array([1]), -np.log(0.75)),
    "nll": (pp.nll, np.array([[0.0, np.log(3.0)]]), np.array([0]), -np.log(0.25)),
    "hinge": (pp.HingeLoss(), np.array([[0.3, -2.0, 0.5]]), np.array([[1.0, 0.0, 0.0]]), (0.7 + 0.0 + 1.5) / 3),
    "hinge-margin": (pp.HingeLoss(2.0), np.array([[0.3, -2.5]]), np.array([[1.0, -1.0]]), 1.7 / 2),
    "hinge-as-given": (pp.HingeLoss(autofix=False), np.array([[0.3, -2.0]]), np.array([[1.0, 0.0]]), (0.7 + 1.0) / 2),
    "squared-hinge": (pp.SquaredHingeLoss(), np.array([[0.3, -2.0, 0.5]]), np.array([[1.0, 0.0, 0.0]]), (0.49 + 0.0 + 2.25) / 3),
    "focal": (pp.FocalLoss(), np.array([[0.8, 0.4]]), np.array([[1.0, 0.0]]), -(0.04 * np.log(0.8 + E) + 0.16 * np.log(0.6 + E)) / 2),
    "focal-alpha": (pp.FocalLoss(1.0, 0.25), np.array([[0.8, 0.4]]), np.array([[1.0, 0.0]]), -(0.25 * 0.2 * np.log(0.8 + E) + 0.4 * np.log(0.6 + E)) / 2),
    "focal-gamma-0-is-bce": (pp.FocalLoss(0.0), np.array([[0.8, 0.4]]), np.array([[1.0, 0.0]]), -(np.log(0.8 + E) + np.log(0.6 + E)) / 2),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    """A loss called on arrays gives the number worked out from its formula."""
    loss, p, y, want = BY_HAND[name]
    assert float(loss(p, y)) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", [n for n in BY_HAND if "column" not in n])
def test_by_hand_in_training(name, backend, float64):
    """A loss inside a workout is the same number, whatever backend computes it."""
    loss, p, y, want = BY_HAND[name]
    workout = pp.Workout(pp.Sequential(), loss, backend=backend)
    assert workout.evaluate((p, y))["loss"] == pytest.approx(want, rel=1e-12)


AGAINST_TORCH = {
    "mse": (pp.MSE(), lambda p, y: F.mse_loss(p, y)),
    "mae": (pp.MAE(), lambda p, y: F.l1_loss(p, y)),
    "pseudo-huber-far-away": (pp.PseudoHuberLoss(1e-9), lambda p, y: 1e-9 * F.l1_loss(p, y)),
    "bce-scores": (pp.BCELoss(use_sigmoid=True), lambda p, y: F.binary_cross_entropy_with_logits(p, (y > 0).double())),
    "cross-entropy-scores": (pp.CrossEntropyLoss(use_softmax=True), lambda p, y: F.cross_entropy(p, y.argmax(1))),
    "cross-entropy-weights": (
        pp.CrossEntropyLoss([0.2, 1.0, 3.0], use_softmax=True),
        lambda p, y: F.cross_entropy(p, y.argmax(1), weight=torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64), reduction="sum") / len(p),
    ),
    "nll": (pp.nll, lambda p, y: F.cross_entropy(p, y.argmax(1))),
}


@pytest.mark.parametrize("name", AGAINST_TORCH)
def test_against_torch(name):
    """Where torch has the loss, the numbers are torch's."""
    loss, reference = AGAINST_TORCH[name]
    p, y = numbers(6, 3, seed=1), numbers(6, 3, seed=2)
    target = y.argmax(1) if "entropy" in name or name == "nll" else (y > 0).astype(float) if "bce" in name else y
    want = reference(torch.from_numpy(p), torch.from_numpy(y))
    assert float(loss(p, target)) == pytest.approx(float(want), rel=1e-6 if "huber" in name else 1e-12)


def test_cross_entropy_of_probabilities_as_targets():
    """Targets may be probabilities; labels are their one-hot form."""
    soft = np.array([[0.5, 0.5, 0.0], [0.1, 0.1, 0.8]])
    want = -(soft * np.log(ODDS + E)).sum(1).mean()
    assert float(pp.CrossEntropyLoss()(ODDS, soft)) == pytest.approx(want, rel=1e-12)


def test_weight_of_a_call_wins():
    """A weight given with the call stands for the constructor's."""
    loss = pp.CrossEntropyLoss(2.0)
    assert float(loss(ODDS, ONE_HOT, 0.5)) == pytest.approx(0.25 * float(loss(ODDS, ONE_HOT)))
    assert float(loss(ODDS, ONE_HOT, [1.0, 9.0, 1.0])) == pytest.approx(0.5 * float(loss(ODDS, ONE_HOT)))


@pytest.mark.parametrize("loss", [pp.MSE, pp.MAE, pp.LNLoss, pp.PseudoHuberLoss, pp.HingeLoss, pp.SquaredHingeLoss, pp.BCELoss, pp.FocalLoss], ids=lambda c: c.__name__)
def test_reductions(loss):
    """mean is the mean of "none", sum its sum, and a function is called on it."""
    p, y = numbers(4, 3, seed=1, low=0.1, high=0.9), numbers(4, 3, seed=2, low=0.1, high=0.9)
    each = loss(reduction="none")(p, y)
    assert each.shape == (4, 3)
    assert float(loss()(p, y)) == pytest.approx(each.mean(), rel=1e-12)
    assert float(loss(reduction="sum")(p, y)) == pytest.approx(each.sum(), rel=1e-12)
    assert float(loss(reduction=lambda e: e.max())(p, y)) == each.max()


def test_reduction_none_of_cross_entropy_is_per_sample():
    """Cross-entropy has one number per sample."""
    each = pp.CrossEntropyLoss(reduction="none")(ODDS, ONE_HOT)
    close(each, [-np.log(0.7 + E), -np.log(0.3 + E)])


def test_axes_of_length_one_are_features():
    """(2, 1, 3) against (2, 3, 1) is compared number by number, not broadcast."""
    p, y = numbers(2, 1, 3, seed=1), numbers(2, 3, 1, seed=2)
    assert float(pp.MSE()(p, y)) == pytest.approx(((p.ravel() - y.ravel()) ** 2).mean(), rel=1e-12)
    assert float(pp.MSE()(np.ones(3), np.zeros((3, 1)))) == 1.0


def test_hinge_leaves_the_target_alone():
    """autofix reads 0 as -1 and writes nothing."""
    y = np.array([[1.0, 0.0]])
    pp.HingeLoss()(np.array([[0.3, 0.2]]), y)
    assert y.tolist() == [[1.0, 0.0]]


def test_names():
    """Every name is the loss that it says; aliases are the same class."""
    assert losses.get("mse")(P, Y) == pp.MSE()(P, Y)
    assert losses.get("hinge")(P, Y) == pp.HingeLoss()(P, Y)
    assert losses.get(pp.MAE)(P, Y) == pp.MAE()(P, Y)
    assert pp.L2Loss is pp.MSELoss is pp.MSE and pp.L1Loss is pp.MAELoss is pp.MAE
    assert pp.CE is pp.CrossEntropyLoss and pp.BCE is pp.BCELoss
    with pytest.raises(UnknownName, match="'mse'"):
        losses.get("mze")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pp.MSE(reduction="average"), "mean"),
        (lambda: pp.MSE()(P, Y[:, :1]), "targets like the predictions"),
        (lambda: pp.MSE()((P, P), Y), "one prediction"),
        (lambda: pp.CrossEntropyLoss([1.0, 2.0])(ODDS, ONE_HOT), "3 of them"),
        (lambda: losses.get(3), "a loss"),
    ],
)
def test_refusals(make, message):
    """What a loss cannot be, or cannot compare, is refused in words."""
    with pytest.raises((ArgumentError, ShapeError), match=message):
        make()


def test_labels_are_whole_numbers_for_every_engine():
    """The plan of a loss on labels says that they are whole numbers below the number of classes."""
    from pyphoton.plan import plan

    made = plan(trace(pp.CrossEntropyLoss(use_softmax=True), Tensor((None, 3)), Tensor((None,))))
    assert [(v.dtype, v.below) for v in made.inputs] == [("float32", None), ("int64", 3)]


def test_labels_in_a_column_are_whole_numbers_too():
    """(batch, 1) labels reach the engine as whole numbers below the number of classes."""
    from pyphoton.plan import plan

    made = plan(trace(pp.CrossEntropyLoss(use_softmax=True), Tensor((None, 3)), Tensor((None, 1))))
    assert [(v.dtype, v.below) for v in made.inputs] == [("float32", None), ("int64", 3)]
