"""Steps of several sessions, and gradients inside of models, cross to Julia as often as a plain epoch does."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import get_backend
from pyphoton.backends.base import Stream, Turn, Whole
from pyphoton.graph import trace
from pyphoton.layers import Dense
from pyphoton.optimisers import SGD, Adam
from pyphoton.plan import plan
from pyphoton.systems import fgsm, pgd
from pyphoton.tensor import Tensor, apply


@pytest.fixture
def crossings(julia, monkeypatch):
    """What is asked of Julia from now on, in order."""
    found = []
    for name in ("door", "unlocked_door"):
        door = getattr(julia, name)
        monkeypatch.setattr(julia, name, lambda request, door=door: found.append(json.loads(request)["call"]) or door(request))
    return found


def two_models():
    """A module of two layers, a session for each, two turns, and 64 samples."""
    a, b = Dense(4, "tanh"), Dense(2)

    def made(function):
        tensors = Tensor((None, 3), "float32"), Tensor((None, 2), "float32")
        return plan(trace(function, *tensors, paths={"a": a, "b": b}))

    def first(x, y):
        return apply("mean", apply("square", a(pgd(a, lambda p, _: p.sum(), x, y, 0.1, steps=3, clip=None)) - 0.5))

    def second(x, y):
        return apply("mean", apply("square", b(a(x)) - y))

    plans = made(first), made(second)
    random = np.random.default_rng(0)
    given = {p: random.normal(size=v.shape).astype("float32") for made_ in plans for p, v in made_.params.items()}
    module = get_backend("julia").module(given, roles=dict.fromkeys(given, "weight"), device="cpu", seed=0)
    sessions = [module.session(o, frozenset(p for p in given if p[0] != w)) for o, w in ((SGD(0.1), "a"), (Adam(0.1), "b"))]
    turns = (Turn(plans[0], (0,)), Turn(plans[1], (1,)), Turn(plans[1], (0, 1)))
    return module, sessions, turns, (random.normal(size=(64, 3)).astype("float32"), random.normal(size=(64, 2)).astype("float32"))


def test_an_epoch_of_three_turns_is_one_crossing(crossings):
    """Over whole arrays, with attacks of three steps inside and a rate for each session: one; also for the second epoch."""
    module, sessions, turns, arrays = two_models()
    joint = module.joint(sessions)
    data = Whole(turns, arrays, 64, np.arange(64)[::-1], 4)
    joint.epoch(data)  # plans are made known to Julia once
    del crossings[:]
    reports = [joint.epoch(data, rates=lambda step: (0.1 / (1 + step), 0.01)) for _ in range(2)]
    assert crossings == ["epoch", "epoch"]
    assert reports[0].values.shape == (16, 3) and reports[1].values.mean() < reports[0].values.mean()


def test_a_streamed_minibatch_of_three_turns_is_one_crossing(crossings):
    """One for each minibatch, and one more at the end where a session gathers several."""
    module, sessions, turns, arrays = two_models()
    sessions[1] = module.session(Adam(0.1, accumulate=2), sessions[1].module.parameters.keys() - {"b.kernel", "b.bias"})
    joint = module.joint(sessions)
    batches = [(turns, tuple(a[i : i + 8] for a in arrays), 8) for i in range(0, 64, 8)]
    joint.epoch(Stream(batches[:1]))
    del crossings[:]
    report = joint.epoch(Stream(batches, 8))
    assert crossings == ["step"] * 8 + ["finish"] and report.values.shape == (8, 3)


def test_adversarial_training_by_a_workout_is_one_crossing_an_epoch(crossings):
    """A model that attacks itself in its own forward: fit_ over arrays leaves Python once an epoch, shuffled."""

    class Hardened(pp.Layer):
        def __init__(self):
            self.model = pp.Sequential(Dense(8, "tanh"), Dense(1))

        def forward(self, x):
            return self.model(fgsm(self.model, lambda p, _: p.sum(), x, x, 0.1, clip=None))

    workout = pp.Workout(Hardened(), pp.MSE(), pp.Adam(0.01), backend="julia")
    x = np.random.default_rng(1).normal(size=(60, 3)).astype("float32")
    y = x[:, :1].copy()
    workout.fit_((x, y), epochs=1, verbose=False)
    del crossings[:]
    workout.fit_((x, y), epochs=3, verbose=False)
    assert crossings.count("epoch") == 3 and "step" not in crossings
