"""Plans of representative models, compared with files: what is sent to engines changes only on purpose.

`pytest --regen` writes the files anew. The Julia package runs the same files without Python.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.flux import net, unroll
from pyphoton.network import Network
from pyphoton.plan import Plan, plan

GOLDEN = Path(__file__).parents[1] / "golden"


class TwoIntoTwo(pp.Layer):
    """Two inputs and two outputs."""

    def __init__(self):
        self.left, self.right = pp.Dense(4, pp.tanh), pp.Dense(4)

    def forward(self, a, b):
        """A gated sum, and its largest number."""
        mixed = self.left(a) * self.right(b)[:, ::-1] + 0.5
        return mixed, mixed.max(axis=1, keepdims=True)


def _perceptron():
    return pp.Sequential(pp.Dense(16, pp.relu), pp.Dropout(0.2), pp.Dense(3)), [(None, 8)]


def _convolutions():
    encoder = pp.Sequential(
        pp.Conv2D(4, 3, pp.relu, padding="same"), pp.MaxPool2D(), pp.Conv2D(6, (2, 3), strides=2, groups=2, use_bias=False), pp.BatchNorm(pp.relu),
        name="encoder",
    )  # fmt: skip
    return pp.Sequential(encoder, pp.Flatten(), pp.Dense(10)), [(None, 1, 12, 10)]


def _autoencoder():
    layers = pp.Conv1D(4, 3, pp.elu, strides=2), pp.Conv1DTranspose(2, 3, strides=2, output_padding=1), pp.AdaptiveAvgPool(5)
    return pp.Sequential(*layers, pp.Reshape((-1,)), pp.LogSoftmax()), [(None, 2, 12)]


def _words():
    return pp.Sequential(pp.Embedding(20, 6), pp.LSTM(5, 2, bidirectional=True), pp.Dense(2)), [(None, 7)]


def _sequences():
    layers = pp.RNN(4, "relu", last_only=False), pp.LayerNorm(), pp.GRU(3, dropout=0.1)
    return pp.Sequential(*layers), [(None, 5, 2)]


def _joined():
    shared = pp.Dense(4, pp.sigmoid)
    inner = pp.Concurrent(shared, pp.Residual(shared, combine="add"), pp.SkipConnection(pp.Dense(4), lambda y, x: y - x))
    return pp.Sequential(inner, pp.Softmax(), name="joined"), [(None, 4)]


def _two_into_two():
    return TwoIntoTwo(), [(None, 3), (None, 2)]


def _pools():
    branches = pp.GlobalAvgPool(), pp.GlobalMaxPool(), pp.Sequential(pp.AvgPool(2, padding="same", include_padding=False), pp.Flatten())
    return pp.Concurrent(*branches), [(None, 2, 5, 4)]


@net
class Remembers:
    """A net with a state that a Dense layer makes of the input and of itself."""

    layer: Any
    h: Any

    def forward(self, x):
        """h = tanh(layer([x h]))."""
        self.h = pp.tanh(self.layer(pp.concatenate([x, self.h])))
        return self.h


def _recurrence():
    return pp.Sequential(unroll(Remembers(pp.Dense(4), np.zeros(4)), 5), pp.Dense(2)), [(None, 5, 3)]


MODELS = {
    "perceptron": _perceptron, "convolutions": _convolutions, "autoencoder": _autoencoder, "words": _words, "sequences": _sequences,
    "joined": _joined, "two_into_two": _two_into_two, "pools": _pools,
    "recurrence": _recurrence,
}  # fmt: skip


def _forward(name):
    model, shapes = MODELS[name]()
    tensors = [pp.Tensor(s) for s in shapes]
    return plan(pp.trace(model, tuple(tensors) if len(tensors) > 1 else tensors[0]))


def _training():
    workout = pp.Workout(_perceptron()[0], pp.CrossEntropyLoss(use_softmax=True), acc=pp.accuracy(), backend="numpy")
    workout.evaluate((np.zeros((2, 8)), np.array([0, 2])))
    (made,) = workout.network._plans.values()
    return made


PLANS = {**{name: (lambda name=name: _forward(name)) for name in MODELS}, "training": _training}


@pytest.mark.parametrize("name", PLANS)
def test_plan_is_the_golden_one(name, request):
    """The plan of a model is the one in its file."""
    text = PLANS[name]().to_json(indent=1) + "\n"
    file = GOLDEN / f"{name}.json"
    if request.config.getoption("--regen"):
        file.write_text(text)
    assert json.loads(text) == json.loads(file.read_text())
    assert text == file.read_text()


@pytest.mark.parametrize("name", PLANS)
def test_golden_plan_runs(name):
    """A golden plan, read from its file, gives what the model gives, on every engine that is here."""
    read = Plan.from_json((GOLDEN / f"{name}.json").read_text())
    assert read.to_json() == PLANS[name]().to_json()
    random = np.random.default_rng(1)
    values = {path: random.uniform(0.5, 1, p.shape).astype("float32") for path, p in read.params.items()}
    roles = {path: p.role for path, p in read.params.items()}
    shapes = [(2, *v.shape[1:]) for v in read.inputs]
    arrays = tuple(
        random.integers(0, v.below, s) if v.below else random.uniform(-1, 1, s).astype("float32")
        for s, v in zip(shapes, read.inputs, strict=True)
    )
    results = [
        pp.get_backend(b).module({k: v.copy() for k, v in values.items()}, roles=roles, device="cpu", seed=0).run(p, arrays)
        for b in ("numpy", "torch")
        for p in (read, PLANS[name]())
    ]
    for result in results[1:]:
        for got, want in zip(result, results[0], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_golden_files_are_all_used():
    """No golden file is left over."""
    assert {f.stem for f in GOLDEN.glob("*.json")} == set(PLANS)


def test_parameters_of_a_plan_are_those_of_the_network():
    """Names, shapes and roles in a plan are those of the parameters that training moves."""
    model, _ = _convolutions()
    network = Network(model, backend="numpy")
    made = network.forward_plan((np.zeros((1, 1, 12, 10)),), False)
    assert {p: (v.shape, v.role) for p, v in made.params.items()} == {p: (v.shape, v.role) for p, v in network.parameters.items()}
    assert {p for p, v in made.params.items() if v.role == "state"} == {"encoder.3.mean", "encoder.3.variance"}
