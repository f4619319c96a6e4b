"""Every argument acts: each field of each public layer is changed, and something that users can see has to change with it.

What has to change is named: "output" (of both engines, with the same parameters), "parameters" (as they are drawn),
"training" (outputs or running state while training), "path" (the name in plans), "error" (what was accepted is
refused). A layer or field without an entry fails.
"""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import layers, losses, metrics, optimisers
from pyphoton.network import Network

FLAT, IMAGE, STEPS, LINE, VOLUME = (3, 4), (2, 4, 6, 6), (3, 5, 2), (2, 4, 9), (2, 4, 4, 5, 4)
NAME = {"name": ("mine", "path")}
_dense = {
    "units": (3, "output"), "activation": ("tanh", "output"), "use_bias": (False, "parameters"), "initw": ("ones", "parameters"),
    "initb": ("ones", "parameters"), "flatten": (False, "output"), "features": (7, "error"), **NAME,
}  # fmt: skip
_conv = {
    "channels": (6, "output"), "kernel_size": (3, "output"), "activation": ("tanh", "output"), "padding": (1, "output"), "strides": (2, "output"),
    "dilation": (2, "output"), "groups": (2, "parameters"), "use_bias": (False, "parameters"), "initw": ("ones", "parameters"),
    "initb": ("ones", "parameters"), "in_channels": (7, "error"), **NAME,
}  # fmt: skip
_pool = {"pool_size": (3, "output"), "padding": (1, "output"), "strides": (1, "output"), **NAME}
_mean_pool = {**_pool, "include_padding": (False, "output")}
_adaptive = {"size": (3, "output"), **NAME}
_recurrent = {
    "hidden": (5, "output"), "num_layers": (2, "output"), "activation": ("tanh", "output"), "dropout": (0.9, "training"),
    "bidirectional": (True, "output"), "last_only": (False, "output"), "return_sequences": (True, "output"), "initw": ("ones", "parameters"),
    "initr": ("ones", "parameters"), "initb": (0.5, "parameters"), **NAME,
}  # fmt: skip
_norm = {"activation": ("relu", "output"), "epsilon": (0.5, "output"), "scale": (False, "parameters"), "shift": (False, "parameters"), **NAME}
_transpose = {**_conv, "output_padding": (1, "output")}

# layer: (the arguments that it starts with, the shape of the input, {field: (another value, what changes)})
TABLE = {
    "Dense": ({"units": 2}, (2, 3, 4), _dense),
    "Embedding": (
        {"vocabulary": 5, "dim": 2}, (3, 4), {"vocabulary": (9, "parameters"), "dim": (3, "output"), "init": ("ones", "parameters"), **NAME},
    ),
    "Dropout": ({}, FLAT, {"rate": (0.9, "training"), **NAME}),
    "Flatten": ({}, IMAGE, NAME),
    "Reshape": ({"dims": (2, 2)}, FLAT, {"dims": ((4, 1), "output"), **NAME}),
    "Activation": ({"function": "relu"}, FLAT, {"function": ("tanh", "output"), **NAME}),
    "Softmax": ({}, STEPS, {"axis": (1, "output"), **NAME}),
    "LogSoftmax": ({}, STEPS, {"axis": (1, "output"), **NAME}),
    "Input": ({"dims": (4,)}, FLAT, {"dims": ((5,), "error"), **NAME}),
    "Conv1D": ({"channels": 4, "kernel_size": 2}, LINE, _conv),
    "Conv2D": ({"channels": 4, "kernel_size": 2}, IMAGE, _conv),
    "Conv3D": ({"channels": 4, "kernel_size": 2}, VOLUME, _conv),
    "Conv1DTranspose": ({"channels": 4, "kernel_size": 2, "strides": 3}, LINE, _transpose),
    "Conv2DTranspose": ({"channels": 4, "kernel_size": 2, "strides": 3}, IMAGE, _transpose),
    "Conv3DTranspose": ({"channels": 4, "kernel_size": 2, "strides": 3}, VOLUME, _transpose),
    "MaxPool": ({}, IMAGE, _pool), "MaxPool1D": ({}, LINE, _pool), "MaxPool2D": ({}, IMAGE, _pool), "MaxPool3D": ({}, VOLUME, _pool),
    "AvgPool": ({"padding": 1}, IMAGE, _mean_pool | {"padding": (0, "output")}),
    "AvgPool1D": ({"padding": 1}, LINE, _mean_pool | {"padding": (0, "output")}),
    "AvgPool2D": ({"padding": 1}, IMAGE, _mean_pool | {"padding": (0, "output")}),
    "AvgPool3D": ({"padding": 1}, VOLUME, _mean_pool | {"padding": (0, "output")}),
    "AdaptiveAvgPool": ({"size": 2}, IMAGE, _adaptive), "AdaptiveMaxPool": ({"size": 2}, IMAGE, _adaptive),
    "GlobalAvgPool": ({}, IMAGE, NAME), "GlobalMaxPool": ({}, IMAGE, NAME),
    "RNN": ({"hidden": 4}, STEPS, {**_recurrent, "activation": ("relu", "output")}), "GRU": ({"hidden": 4}, STEPS, _recurrent),
    "LSTM": ({"hidden": 4}, STEPS, {**_recurrent, "initf": ("zeros", "parameters")}),
    "BatchNorm": ({}, FLAT, {**_norm, "momentum": (0.9, "training")}), "LayerNorm": ({}, FLAT, _norm),
    "Sequential": ({"layers": [pp.relu]}, FLAT, {"layers": ([pp.tanh], "output"), **NAME}),
    "Concurrent": ({"layers": [pp.relu]}, FLAT, {"layers": ([pp.tanh], "output"), **NAME}),
    "Residual": ({"layers": [pp.relu]}, FLAT, {"layers": ([pp.tanh], "output"), "combine": ("add", "output"), **NAME}),
    "SkipConnection": ({"layer": pp.relu}, FLAT, {"layer": (pp.tanh, "output"), "combine": (lambda y, x: y * x, "output"), **NAME}),
}  # fmt: skip
CHANGES = [(layer, field) for layer, (_, _, fields) in TABLE.items() for field in fields]


def _public_layers():
    kept_out = {"Layer", "Param", "add", "add_", "output_size"}
    return [name for name in layers.__all__ if name not in kept_out]


def _fields(cls):
    """The constructor's arguments: those of the dataclass, or of a constructor of its own."""
    if dataclasses.is_dataclass(cls):
        return {f.name for f in dataclasses.fields(cls) if f.init}
    return {p for p in inspect.signature(cls).parameters}


def test_every_layer_and_argument_is_in_the_table():
    """A new layer, or a new argument of one, needs an entry here."""
    assert set(TABLE) == set(_public_layers())
    missing = {name: _fields(getattr(layers, name)) ^ set(TABLE[name][2]) for name in TABLE}
    assert {name: fields for name, fields in missing.items() if fields} == {}


def make(layer, /, **changed):
    """A layer of the table with some arguments changed."""
    arguments = {**TABLE[layer][0], **changed}
    positional = arguments.pop("layers" if layer != "Input" else "dims", ())
    return getattr(layers, layer)(*positional, **arguments)


def _input(name):
    shape, random = TABLE[name][1], np.random.default_rng(3)
    return random.integers(0, 5, shape) if name == "Embedding" else random.uniform(-1, 1, shape).astype("float32")


def observe(layer, x, backend):
    """What can be seen of a layer: names, first parameters, outputs with fixed ones, and what training does."""
    network = Network(layer, backend=backend, seed=0)
    made = network.forward_plan((x,), False)
    drawn = {path.split(".")[-1]: p.value.copy() for path, p in network.parameters.items()}
    for path, parameter in network.parameters.items():
        fixed = np.random.default_rng([len(path.split(".")[-1]), *parameter.shape])
        parameter.set_(fixed.uniform(0.1, 1, parameter.shape))
    return {
        "path": [s.path for s in made.steps] + [*made.params],
        "parameters": drawn,
        "output": network.run((x,), False),
        "training": (network.run((x,), False, training=True), {p: v.value.copy() for p, v in network.parameters.items()}),
    }


def same(a, b):
    """Whether two observations are equal."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize(("name", "field"), CHANGES, ids=lambda v: str(v))
def test_argument_changes_what_it_says(name, field, backend):
    """Another value of an argument changes what the table says, on every engine."""
    value, what = TABLE[name][2][field]
    x = _input(name)
    if name == "LSTM" and field == "dropout":
        value = 1.0
    before = observe(make(name), x, backend)
    if what == "error":
        with pytest.raises(pp.ShapeError):
            observe(make(name, **{field: value}), x, backend)
        return
    after = observe(make(name, **{field: value}), x, backend)
    if what == "path" and not before["path"]:
        assert make(name, **{field: value}).name == value  # the identity has no step to be named in
        return
    assert not same(before[what], after[what])


@pytest.mark.parametrize("name", TABLE)
def test_observing_twice_sees_the_same(name):
    """Two layers made with equal arguments cannot be told apart: the changes above are due to the arguments."""
    x = _input(name)
    for backend in ("numpy", "torch"):
        assert same(observe(make(name), x, backend), observe(make(name), x, backend))


@pytest.mark.parametrize("name", TABLE)
def test_unknown_argument_is_refused(name):
    """A misspelt argument is an error that names the layer, never silence."""
    with pytest.raises(TypeError, match=name if dataclasses.is_dataclass(getattr(layers, name)) else "activatoin"):
        make(name, activatoin="relu")


@pytest.mark.parametrize(("name", "field"), CHANGES, ids=lambda v: str(v))
def test_argument_is_shown(name, field):
    """`repr` prints an argument that is not the default."""
    value, _ = TABLE[name][2][field]
    if (name, field) in {("Input", "name"), ("RNN", "return_sequences"), ("LSTM", "return_sequences"), ("GRU", "return_sequences")}:
        return  # Input has no steps to name; return_sequences is shown as last_only
    assert repr(make(name, **{field: value})) != repr(make(name))


# ---- losses, metrics and optimisers ------------------------------------------------------------------------------------

_binary = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
OTHERS = {
    "MSE": {"reduction": "sum"}, "MAE": {"reduction": "sum"}, "LNLoss": {"n": 3, "reduction": "sum"},
    "PseudoHuberLoss": {"delta": 0.5, "reduction": "sum"}, "BCELoss": {"use_sigmoid": True, "reduction": "sum"},
    "CrossEntropyLoss": {"weight": 3.0, "use_softmax": True, "reduction": "sum"}, "HingeLoss": {"margin": 2.0, "autofix": False, "reduction": "sum"},
    "SquaredHingeLoss": {"margin": 2.0, "autofix": False, "reduction": "sum"}, "FocalLoss": {"gamma": 1.0, "alpha": 0.3, "reduction": "sum"},
    "LossSum": {"losses": (losses.MAE(),), "factors": (0.5,)},
    "Accuracy": {"threshold": 0.1, "name": "acc"}, "BinaryAccuracy": {"threshold": 0.25, "name": "acc"}, "OneHotBinaryAccuracy": {"name": "acc"},
}  # fmt: skip


NEEDED = {"LossSum": {"losses": (losses.MSE(),), "factors": (1.0,)}}
"""Arguments without a default."""


def _classes(module, base):
    return {n: c for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, base) and c is not base and c.__name__ == n}


FOUND = {**_classes(losses, losses.Loss), **_classes(metrics, metrics.Metric)}


def test_every_loss_and_metric_is_in_the_table():
    """A new loss or metric, or a new argument of one, needs an entry here."""
    assert {name: _fields(c) for name, c in FOUND.items()} == {name: set(fields) for name, fields in OTHERS.items()}


@pytest.mark.parametrize(("name", "field"), [(n, f) for n, fields in OTHERS.items() for f in fields])
def test_argument_of_a_loss_or_metric_acts(name, field):
    """Another value of an argument gives another number, or another name in history."""
    usual = FOUND[name](**NEEDED.get(name, {}))
    changed = FOUND[name](**{**NEEDED.get(name, {}), field: OTHERS[name][field]})
    if field == "name":
        assert list(metrics.named([changed], {})) == ["acc"] != list(metrics.named([usual], {}))
        return
    p = np.array([[0.3, 0.6, 0.9], [0.2, 0.15, 0.7]])
    p, y = (p[:, :1], _binary[:, 1:2]) if name == "Accuracy" else (p, _binary)
    assert float(changed(p, y)) != pytest.approx(float(usual(p, y)), rel=1e-3)


OPTIMISED = [(name, f) for name, c in optimisers.NAMES.items() for f in sorted(_fields(c))]


@pytest.mark.parametrize(("name", "field"), OPTIMISED)
def test_argument_of_an_optimiser_acts(name, field):
    """Another value of any argument of an optimiser leads to other weights after five epochs on torch."""
    others = {"gclip": 1e-3, "clip_value": 1e-3, "clip_norm": 1e-3, "eps": 0.3, "accumulate": 2, "schedule": pp.ExponentialDecay(0.5), "eps_hat": True}
    changed = others.get(field, 0.37)
    given = {"eps": 0.3} if field == "eps_hat" else {}  # where eps stands is only seen when it is large
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 8, 3)).astype("float32")
    ends = []
    for arguments in (given, {**given, field: changed}):
        layer = pp.Dense(3, initw=0.5)
        workout = pp.Workout(layer, "mse", optimisers.NAMES[name](**arguments), seed=0, backend="torch")
        workout.fit_((x, y), epochs=5, batch_size=4)
        ends.append(layer.parameters.kernel.value.copy())
    assert np.abs(ends[0] - ends[1]).max() > 1e-6
