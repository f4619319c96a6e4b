"""Descriptions: they print the constructor that makes them again, become JSON and come back, and never change."""

import dataclasses
import importlib
import inspect
import json
import pkgutil

import numpy as np
import pytest

import pyphoton
import pyphoton as pp
from pyphoton import initialisers, layers, losses, metrics, optimisers
from pyphoton.description import Description, from_config, to_config

NAMES = {name: getattr(pp, name) for name in pp.__all__}
WRITTEN = [
    # layers
    "Activation(relu)", "AdaptiveAvgPool((2, 1))", "AdaptiveAvgPool(3)", "AdaptiveMaxPool(2)", "AvgPool()",
    "AvgPool(pool_size=3, padding=1, strides=2, include_padding=False)", "AvgPool1D(pool_size=3)", "AvgPool2D(pool_size=(3, 2))",
    "AvgPool3D(strides=1)", "BatchNorm()", "BatchNorm(relu, momentum=0.2, epsilon=0.001, scale=False, shift=False)",
    "Concurrent(Dense(2), Dense(3))", "Concurrent(Dense(2), name='both')", "Conv1D(4, 3)", "Conv1D(4, 3, relu, padding='same')",
    "Conv1DTranspose(4, 3, strides=2, output_padding=1)", "Conv2D(4, 3)", "Conv2D(4, 3, in_channels=2)", "Conv2D(4, (3, 5), tanh, padding=(1, 2), strides=2, dilation=2)",
    "Conv2D(4, 3, groups=2, use_bias=False, initw=Constant(value=0.5), name='c')", "Conv2DTranspose(4, 3, dilation=2)", "Conv3D(2, 2)",
    "Conv3DTranspose(2, 2)", "Dense(3)", "Dense(3, relu)", "Dense(3, softmax, use_bias=False)", "Dense(3, initw=Scaled(scale=2.0, fan='in'))",
    "Dense(3, initb=Constant(value=1.0), flatten=False, name='head')", "Dense(7, 3)", "Dense(7, 3, use_bias=False)", "Dense(3, relu, features=7)", "Dropout()", "Dropout(rate=0.25)", "Embedding(9, 3)",
    "Embedding(9, 3, init=Uniform(scale=0.1))", "Flatten()", "GRU(4)", "GRU(4, num_layers=2, activation=relu, dropout=0.1)", "GlobalAvgPool()",
    "GlobalMaxPool()", "Input(3)", "Input(1, 8, 8)", "Input(None, 3)", "Input(3, name='x')", "LSTM(4)", "LSTM(4, activation=relu)",
    "LSTM(4, num_layers=2, bidirectional=True, last_only=False, initf=Constant(value=2.0))", "LayerNorm()", "LayerNorm(tanh, epsilon=0.01)",
    "LogSoftmax()", "LogSoftmax(axis=1)", "MaxPool()", "MaxPool(pool_size=(2, 3), padding='same')", "MaxPool1D()", "MaxPool2D(strides=1)",
    "MaxPool3D()", "RNN(4)", "RNN(4, activation=relu)", "RNN(4, initr=Orthogonal())", "Reshape((2, 3))", "Reshape((-1,))", "Residual(Dense(3))",
    "Residual(Dense(3), combine='add')", "Residual(Dense(3), relu, name='r', combine='add')", "Sequential()", "Sequential(Dense(3))",
    "Sequential(Dense(3), relu, Sequential(Dropout(), name='inner'))", "SkipConnection(Dense(3))", "SkipConnection(Sequential(Dense(3)), name='s')",
    "ResidualBlock(4)", "ResidualBlock(4, strides=2, bottleneck=True, project=True)", "Softmax()", "Softmax(axis=1)",
    # losses
    "BCELoss()", "BCELoss(use_sigmoid=True)", "CrossEntropyLoss()", "CrossEntropyLoss(use_softmax=True, reduction='sum')",
    "CrossEntropyLoss(weight=(1.0, 2.0, 3.0))", "FocalLoss()", "FocalLoss(gamma=1.0, alpha=0.5)", "HingeLoss()", "HingeLoss(margin=2.0, autofix=False)",
    "LNLoss()", "LNLoss(n=3)", "MAE()", "MSE()", "MSE(reduction='sum')", "MSE(reduction='none')", "PseudoHuberLoss()", "PseudoHuberLoss(delta=0.5)",
    "SquaredHingeLoss()", "SquaredHingeLoss(margin=0.5)", "LossSum((MSE(),), (1.0,))",
    # optimisers
    "Adadelta()", "Adadelta(lr=0.5)", "Adagrad()", "Adagrad(eps=1e-08)", "Adam()", "Adam(lr=0.01, beta1=0.8, gclip=1.0)", "AdamW()",
    "AdamW(weight_decay=0.1)", "Adamax()", "Adamax(beta2=0.9)", "Momentum()", "Momentum(gamma=0.5)", "Nesterov()", "Nesterov(lr=0.1)", "Rmsprop()",
    "Rmsprop(rho=0.5)", "SGD()", "SGD(lr=0.1)", "SGD(gclip=2.0)", "SGD(accumulate=4, schedule=CosineDecay(10))", "AdamW(beta1=0.8, clip_norm=1.0, weight_decay=0.1)",
    # schedules
    "StepDecay(3)", "StepDecay(3, gamma=0.5, per='step')", "MultiStepDecay((3, 5))", "ExponentialDecay(0.9)", "InverseTimeDecay(0.1)", "CosineDecay(10)",
    "CosineDecay(10, minimum=0.01)", "WarmUp(5)", "WarmUp(5, then=CosineDecay(20, per='step'))", "WarmUp(5, start=0.5, per='epoch')", "OneCycle(100)",
    "OneCycle(100, rise=0.5)", "ReduceOnPlateau()", "ReduceOnPlateau(factor=0.5, monitor='loss')", "LambdaSchedule(relu)",
    # metrics
    "Accuracy()", "Accuracy(threshold=0.2, name='acc')", "BinaryAccuracy()", "BinaryAccuracy(threshold=0.3)", "OneHotBinaryAccuracy()",
    # initialisers
    "Bilinear()", "Constant()", "Constant(value=2.0)", "Gaussian()", "Gaussian(mean=1.0, std=0.5)", "Orthogonal()", "Orthogonal(scale=2.0)", "Scaled()",
    "Scaled(scale=2.0, fan='out', uniform=False)", "Uniform()", "Uniform(scale=0.2)",
    # transformers
    "ImageCrop((20, 30))", "ImageCrop((4, 4), center=True)", "Map(relu)", "Map(relu, axis='X')", "MiniBatch()", "MiniBatch(batch_size=4, shuffle=False)",
    "Noise()", "Noise(level=0.5, axis='Y')", "Normalizer()", "Normalizer(means=[0.5, 1.0], stds=2.0)", "OneHotEncoder(('a', 'b'))", "OneHotEncoder((0, 1, 2))",
    "Split()", "Split(valid_perc=0.25, shuffle=False)", "Standardizer()", "Standardizer(axis='Y')", "Subset((0, 2))",
]  # fmt: skip


def written(text):
    """The description that a text makes with the library's public names."""
    return eval(text, dict(NAMES))


@pytest.mark.parametrize("text", WRITTEN)
def test_repr_prints_the_constructor_back(text):
    """repr is the shortest call that makes the description, and evaluates to one with equal arguments."""
    made = written(text)
    assert repr(made) == text
    again = written(repr(made))
    assert type(again) is type(made)
    assert json.dumps(to_config(again)) == json.dumps(to_config(made))


@pytest.mark.parametrize("text", WRITTEN)
def test_descriptions_come_back_from_json(text):
    """to_config gives JSON from which from_config makes a description that prints the same and has the same arguments."""
    made = written(text)
    data = json.loads(json.dumps(to_config(made)))
    back = from_config(data)
    assert type(back) is type(made)
    assert repr(back) == repr(made)
    assert to_config(back) == to_config(made)
    assert back is not made


def test_every_public_description_is_tried():
    """The table above has every public class of layers, losses, metrics, optimisers, schedules, initialisers and transformers."""
    bases = (pp.Layer, pp.Loss, pp.Metric, pp.Optimiser, pp.Initialiser, pp.Schedule, pp.Transformer)
    public = {c.__name__ for c in NAMES.values() if inspect.isclass(c) and issubclass(c, Description) and c not in bases}
    assert public == {text.split("(")[0] for text in WRITTEN}


def test_forms_of_arguments_end_in_one_form():
    """Names, classes, numbers and functions for one argument make the same description."""
    assert repr(pp.Dense(3, "relu")) == repr(pp.Dense(3, pp.relu)) == repr(pp.Dense(units=3, activation="relu")) == "Dense(3, relu)"
    assert repr(pp.Dense(3, None)) == repr(pp.Dense(3, "linear")) == "Dense(3)"
    assert repr(pp.Dense(3, initb=1)) == repr(pp.Dense(3, initb="ones")) == repr(pp.Dense(3, initb=pp.ones)) == "Dense(3, initb=Constant(value=1.0))"
    assert repr(pp.Dense(10, 5)) == repr(pp.Dense(5, features=10))
    assert repr(pp.LSTM(4, pp.relu)) == repr(pp.LSTM(4, 1, pp.relu)) == "LSTM(4, activation=relu)"
    assert repr(pp.LSTM(4, 2)) == "LSTM(4, num_layers=2)"
    assert repr(pp.GRU(4, return_sequences=True)) == repr(pp.GRU(4, last_only=False)) == "GRU(4, last_only=False)"
    assert repr(pp.Sequential([pp.Dense(3), pp.relu])) == repr(pp.Sequential(pp.Dense(3), pp.relu)) == "Sequential(Dense(3), relu)"
    assert repr(pp.Reshape(6)) == "Reshape((6,))"
    assert repr(pp.Input((3, 4))) == repr(pp.Input(3, 4)) == "Input(3, 4)"
    assert repr(pp.Activation("σ")) == repr(pp.Activation(pp.sigm)) == "Activation(sigmoid)"


def test_functions_of_ones_own_are_named():
    """A function of one's own is printed by its name; a description that holds one cannot become JSON, and says why."""

    def mine(x):
        return x

    layer = pp.Dense(3, mine)
    assert repr(layer) == "Dense(3, mine)"
    with pytest.raises(pp.ArgumentError, match=r"mine.*library"):
        to_config(layer)


def test_descriptions_do_not_change():
    """Fields cannot be set; arguments that are lists are not kept as the caller's own."""
    for made, name in ((pp.Dense(3), "units"), (pp.SGD(), "lr"), (pp.MSE(), "reduction"), (pp.Constant(1.0), "value")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, 7)
    dims = [2, 3]
    layer = pp.Reshape(dims)
    dims[0] = 99
    assert repr(layer) == "Reshape((2, 3))"


def test_identity_and_not_equality_makes_weights_shared():
    """Two equal descriptions are two layers: they compare unequal and hash apart."""
    a, b = pp.Dense(3), pp.Dense(3)
    assert a != b
    assert len({a, b}) == 2
    assert a == a


def test_repr_of_a_built_layer_still_is_its_constructor():
    """Training does not change how a model prints, nor its JSON."""
    model = pp.Sequential(pp.Dense(3, pp.relu), pp.BatchNorm())
    before = repr(model), to_config(model)
    pp.Workout(model, "mse").fit_((np.ones((4, 2)), np.ones((4, 3))))
    assert (repr(model), to_config(model)) == before


@pytest.mark.parametrize(
    "config",
    [
        {"class": "Nonsense", "args": {}}, {"class": "Dense"}, {"class": "Dense", "args": [3]}, {"args": {}}, {"function": "eval"}, {},
        {"class": ["Dense"], "args": {}},
    ],
    ids=str,
)  # fmt: skip
def test_configurations_that_are_none(config):
    """An unknown class or function, or a dictionary without one, is refused with a FileError."""
    with pytest.raises(pp.FileError):
        from_config(config)


@pytest.mark.parametrize("module", [layers, losses, metrics, optimisers, initialisers])
def test_descriptions_have_a_docstring_each(module):
    """Every public class says in its own words what it is; constructors show their arguments to help()."""
    found = [c for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, Description) and not n.startswith("_")]
    assert found
    for cls in found:
        assert cls.__doc__
        assert cls.__doc__ not in {base.__doc__ for base in cls.__mro__[1:]}
        assert not cls.__doc__.startswith(f"{cls.__name__}(")


def test_no_two_classes_share_a_name():
    """A file names a class by its name alone: all classes of the library that files may name are told apart."""
    for module in pkgutil.walk_packages(pyphoton.__path__, "pyphoton."):
        if not module.name.startswith(("pyphoton.backends", "pyphoton.interop", "pyphoton.__main__")):
            importlib.import_module(module.name)
    todo, found = [Description], set()
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        if cls.__module__.startswith("pyphoton.") and cls.in_files and cls is not Description:
            found.add(cls)
    assert len({cls.__name__ for cls in found}) == len(found)
