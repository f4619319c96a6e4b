"""Learning rates over time, against torch.optim.lr_scheduler and formulas; and that training really uses them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as T

import pyphoton as pp

X = np.random.default_rng(1).normal(size=(12, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]], "float32") + 1).astype("float32")


def torch_rates(make, steps=25, lr=0.3):
    """The rates of a torch scheduler, from the first step on."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimiser)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


PAIRS = {
    "step": (pp.StepDecay(4, 0.5), lambda o: T.StepLR(o, 4, 0.5)),
    "multi-step": (pp.MultiStepDecay((2, 7, 7, 20), 0.3), lambda o: T.MultiStepLR(o, [2, 7, 7, 20], 0.3)),
    "exponential": (pp.ExponentialDecay(0.9), lambda o: T.ExponentialLR(o, 0.9)),
    "cosine": (pp.CosineDecay(25, 0.01), lambda o: T.CosineAnnealingLR(o, 25, 0.01)),
    "inverse-time": (pp.InverseTimeDecay(0.2), lambda o: T.LambdaLR(o, lambda t: 1 / (1 + 0.2 * t))),
    "lambda": (pp.LambdaSchedule(lambda t: 0.95**t), lambda o: T.LambdaLR(o, lambda t: 0.95**t)),
    "warm-up": (pp.WarmUp(8, start=0.25), lambda o: T.LinearLR(o, 0.25, 1.0, 8)),
    "one-cycle": (pp.OneCycle(25), lambda o: T.OneCycleLR(o, 0.3, total_steps=26, cycle_momentum=False, pct_start=0.3 * 25 / 26)),
}


@pytest.mark.parametrize("name", [n for n in PAIRS if n != "one-cycle"])
def test_rates_are_torchs(name):
    """25 rates are those of torch's scheduler of the same formula."""
    ours, theirs = PAIRS[name]
    assert [ours.rate(0.3, t) for t in range(25)] == pytest.approx(torch_rates(theirs), rel=1e-9)


@pytest.mark.parametrize(("length", "rise"), [(25, 0.3), (10, 0.5), (7, 0.9)])
def test_one_cycle_is_torchs(length, rise):
    """OneCycle over its whole length is OneCycleLR; afterwards it stays where it ended."""
    ours = pp.OneCycle(length, rise)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = T.OneCycleLR(optimiser, 0.3, total_steps=length, pct_start=rise, cycle_momentum=False)
    want = []
    for t in range(length):
        want.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if t < length - 1:
            scheduler.step()
    assert [ours.rate(0.3, t) for t in range(length)] == pytest.approx(want, rel=1e-9)
    assert ours.rate(0.3, length + 5) == pytest.approx(want[-1])


@pytest.mark.parametrize("options", [{}, {"cooldown": 3}, {"mode": "max"}, {"minimum": 0.05}, {"threshold": 0.05}, {"patience": 0}])
def test_plateau_is_torchs(options):
    """The rate after each epoch is that of ReduceLROnPlateau, computed from the rows alone."""
    ours = pp.ReduceOnPlateau(0.5, **{"patience": 2, **options})
    values = [3, 2.9, 2.9, 2.95, 2.9, 2.8, 2.79, 2.9, 2.9, 2.9, 2.9, 2.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    names = {"minimum": "min_lr"}
    theirs = T.ReduceLROnPlateau(optimiser, factor=0.5, **{"patience": 2, **{names.get(k, k): v for k, v in options.items()}})
    rows = []
    for t, value in enumerate(values):
        assert ours.rate(0.3, t, rows) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        theirs.step(value)
        rows.append({"loss": 0.0, "val_loss": value})


def test_one_after_the_other():
    """After a warm-up the next schedule begins at its own time 0; both count the same."""
    warm = pp.WarmUp(3, pp.CosineDecay(4, per="step"), start=0.0)
    assert [warm.rate(1.0, t) for t in range(8)] == pytest.approx([0, 1 / 3, 2 / 3, 1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 - math.cos(math.pi / 4)) / 2, 0])
    with pytest.raises(pp.ArgumentError, match="per='step'"):
        pp.WarmUp(3, pp.CosineDecay(4))


def test_training_has_the_rates_of_the_schedule():
    """Per epoch and per step: weights are those of single steps at these rates, and the history holds the rates."""
    for schedule, wanted in (
        (pp.CosineDecay(4), [0.1 * (1 + math.cos(math.pi * e / 4)) / 2 for e in range(5) for _ in range(3)]),
        (pp.ExponentialDecay(0.8, per="step"), [0.1 * 0.8**t for t in range(15)]),
    ):
        pp.seed_(3)
        one = pp.Workout(pp.Dense(1), pp.MSE(), pp.SGD(0.1, schedule=schedule), seed=1)
        pp.fit_(one, (X, Y), epochs=2, batch_size=4, shuffle=False)
        pp.fit_(one, (X, Y), epochs=3, batch_size=4, shuffle=False)
        other = pp.Workout(pp.Dense(1), pp.MSE(), pp.SGD(0.1), seed=1)
        for t, rate in enumerate(wanted):
            other.opt = pp.SGD(rate)
            rows = slice(t % 3 * 4, t % 3 * 4 + 4)
            other.step_(X[rows], Y[rows])
        for got, want in zip(pp.weights(one.model), pp.weights(other.model), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)
        steps, rates = pp.history(one, "lr")
        assert steps.tolist() == list(range(1, 16)) and rates.tolist() == pytest.approx(wanted)
        assert [row["lr"] for row in one.history.epochs] == pytest.approx(wanted[2::3])


def test_streams_and_callbacks_see_the_rate():
    """A stream of minibatches has the same rates, and a callback reads that of its step."""
    seen = []
    batches = [(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]
    w = pp.Workout(pp.Dense(1), pp.MSE(), pp.SGD(0.1, schedule=pp.StepDecay(2, 0.5, per="step")))
    pp.fit_(w, batches, epochs=1, callbacks=lambda w, phase: seen.append((phase, pp.getmetricvalue(w, "lr"))))
    assert seen == [("train", 0.1), ("train", 0.1), ("train", 0.05), ("valid", 0.05)]


def test_plateau_in_training():
    """A rate that is divided when validation does not improve: after patience epochs of a frozen model."""
    layer = pp.Dense(1)
    w = pp.Workout(layer, pp.MSE(), pp.SGD(0.1, schedule=pp.ReduceOnPlateau(0.1, patience=1)))
    pp.fit_(w, (X, Y), (X, Y), epochs=1)
    pp.freeze_(layer)
    pp.fit_(w, (X, Y), (X, Y), epochs=5)
    assert [row["lr"] for row in w.history.epochs] == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001])


def test_plateau_of_something_unknown():
    """A monitored name that is not measured is named with those that are, and the epoch does not count."""
    w = pp.Workout(pp.Dense(1), pp.MSE(), pp.SGD(0.1, schedule=pp.ReduceOnPlateau(monitor="val_acuracy")), acc=pp.MAE())
    with pytest.raises(pp.UnknownName, match="val_acuracy"):
        pp.fit_(w, (X, Y), epochs=3)


def test_without_a_schedule_the_rows_hold_the_rate():
    """Each epoch's row has the rate; single steps are not filled with what does not change."""
    w = pp.fit_(pp.Workout(pp.Dense(1), pp.MSE(), pp.SGD(0.25)), (X, Y), epochs=2)
    assert [row["lr"] for row in w.history.epochs] == [0.25, 0.25]
    assert not pp.hasmetric(w, "lr")


def test_undone_epochs_do_not_count():
    """After an epoch that failed the rate is that of the epoch that is tried again."""
    w = pp.Workout(pp.Dense(1), pp.MSE(), pp.SGD(0.1, schedule=pp.ExponentialDecay(0.5)))
    pp.fit_(w, (X, Y), epochs=1)

    def fail(w, phase):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        pp.fit_(w, (X, Y), epochs=1, callbacks=fail)
    pp.fit_(w, (X, Y), epochs=1)
    assert [row["lr"] for row in w.history.epochs] == [0.1, 0.05]
    assert len(pp.history(w, "lr")[0]) == w.steps == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pp.StepDecay(0), "epochs from 1"),
        (lambda: pp.StepDecay(2, per="batch"), "per="),
        (lambda: pp.MultiStepDecay((5, 2)), "rising"),
        (lambda: pp.ExponentialDecay(-1), "gamma"),
        (lambda: pp.CosineDecay(2.5), "length"),
        (lambda: pp.WarmUp(3, start=2), "start"),
        (lambda: pp.LambdaSchedule(0.5), "function"),
        (lambda: pp.LambdaSchedule(lambda t: "x").rate(0.1, 3), "at t = 3"),
        (lambda: pp.ReduceOnPlateau(mode="best"), "mode"),
        (lambda: pp.ReduceOnPlateau(per="step"), "per="),
        (lambda: pp.CosineDecay(10, eta_min=0), "eta_min"),
    ],
)
def test_refusals(make, message):
    """What a schedule cannot be is refused in words."""
    with pytest.raises(pp.ArgumentError, match=message):
        make()


def test_written_and_read():
    """A schedule is part of the optimiser's description: JSON and back, and its repr makes it again."""
    from pyphoton.description import from_config, to_config

    opt = pp.AdamW(0.01, accumulate=4, clip_norm=1.0, schedule=pp.WarmUp(5, pp.CosineDecay(20, per="step")))
    again = from_config(to_config(opt))
    assert repr(again) == repr(opt) == repr(eval(repr(opt), vars(pp) | {n: getattr(pp, n) for n in ("AdamW", "WarmUp", "CosineDecay")}))
    assert [again.schedule.rate(1.0, t) for t in range(30)] == [opt.schedule.rate(1.0, t) for t in range(30)]


# ---- mixed precision ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision(precision):
    """Training in half precision comes near the whole one, keeps float32 parameters, and predicts float32."""
    results = {}
    for name in (None, precision):
        model = pp.Sequential(pp.Dense(16, pp.tanh), pp.Dense(1))
        w = pp.Workout(model, pp.MSE(), pp.Adam(0.02), backend="torch", seed=4, precision=name)
        pp.fit_(w, (X, Y), epochs=30, batch_size=4)
        results[name] = w.history.epochs[-1]["loss"], w.predict(X)
        assert {a.dtype for a in pp.weights(model)} == {np.dtype("float32")}
    assert results[precision][1].dtype == np.float32
    assert results[precision][0] == pytest.approx(results[None][0], rel=0.2, abs=0.02)
    difference = np.abs(results[precision][1] - results[None][1]).max()
    assert 0 < difference < 0.2


def test_float16_scale_is_found_and_kept():
    """A loss scale that overflows is halved and the step left out; the state goes on in another session."""
    w = pp.Workout(pp.Dense(1), lambda p, y: ((p - y) ** 2).mean() * 50.0, pp.SGD(1e-4), backend="torch", precision="float16")
    w.step_(X, Y)
    before = [a.copy() for a in pp.weights(w.model)]
    w.session.module.precision.scale = 2.0**40
    w.step_(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(before, pp.weights(w.model), strict=True))
    assert w.session.state()["scale"].tolist() == [2.0**39, 0]


def test_mixed_precision_elsewhere():
    """Other engines and other names refuse, with the way out."""
    with pytest.raises(pp.Unsupported, match="torch"):
        pp.Workout(pp.Dense(1), pp.MSE(), backend="numpy", precision="bfloat16")
    with pytest.raises(pp.UnknownName, match="bfloat16"):
        pp.Workout(pp.Dense(1), pp.MSE(), backend="torch", precision="bf16")
