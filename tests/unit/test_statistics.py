"""Statistics of activations and gradients: every column against NumPy on numbers that are known otherwise."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    LSTM,
    MSE,
    SGD,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    MaxPool,
    Residual,
    Sequential,
    Workout,
    activation_statistics,
    gradient_statistics,
    gradients,
    predict,
    relu,
)

RANDOM = np.random.default_rng(8)
X, Y = RANDOM.normal(size=(10, 4)).astype("float32"), RANDOM.normal(size=(10, 2)).astype("float32")
IMAGES = RANDOM.normal(size=(6, 1, 8, 8)).astype("float32")


def check(row, values, unit_axis):
    """All columns of a row against the output itself, computed layer by layer."""
    values = np.asarray(values, "float64")
    others = tuple(i for i in range(values.ndim) if i != unit_axis)
    expected = {
        "mean": values.mean(), "std": values.std(), "min": values.min(), "max": values.max(), "zeros": (values == 0).mean(),
        "dead": (np.abs(values).max(axis=others) == 0).mean(), "norm": np.sqrt((values**2).reshape(len(values), -1).sum(1)).mean(),
    }  # fmt: skip
    assert {name: getattr(row, name) for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_every_layer_of_a_network():
    """A row per layer with the statistics of what a model that ends there predicts; the activation is applied, dropout is not."""
    model = Sequential(Conv2D(4, 3, relu), MaxPool(), BatchNorm(), Dropout(0.5), Dense(3, relu), Dense(2))
    found = activation_statistics(model, IMAGES)
    assert [(r.path, r.layer) for r in found] == [
        ("0", "Conv2D(4, 3, relu)"), ("1", "MaxPool()"), ("2", "BatchNorm()"), ("3", "Dropout()"), ("4", "Dense(3, relu)"), ("5", "Dense(2)"),
    ]  # fmt: skip
    assert [r.shape for r in found][::4] == [(None, 4, 6, 6), (None, 3)]
    for number, row in enumerate(found):
        check(row, predict(model[: number + 1], IMAGES), 1)
    assert found["0"].min == 0
    assert 0.2 < found["0"].zeros < 0.8


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_same_on_every_engine(backend):
    """Forward statistics need no engine that trains."""
    pytest.importorskip("torch", reason="one of the two engines")
    model = Sequential(Dense(5, pp.softsign), LSTM(3, relu, last_only=False), Dense(2))
    found = activation_statistics(Workout(model, MSE(), backend=backend, seed=2), X)
    check(found["0"], predict(model[:1], X), 1)
    check(found["1"], predict(model[:2], X), 2)


def test_dead_units():
    """A unit that is 0 for every sample is dead; one that is 0 now and then is not."""
    layer = Dense(4, relu)
    predict(layer, X)
    layer.parameters.bias.set_(np.array([-100, 0, 0, 100]))
    (row,) = activation_statistics(layer, X)
    assert row.dead == 0.25
    assert 0.25 < row.zeros < 0.75


@pytest.mark.parametrize(("layer", "shape"), [(Conv2D(4, 3, relu), (6, 1, 8, 8)), (Conv1D(4, 3, relu), (6, 1, 9))])
def test_dead_channels(layer, shape):
    """The units of a convolution are its channels: dead when 0 at all positions."""
    x = RANDOM.normal(size=shape).astype("float32")
    predict(layer, x)
    layer.parameters.bias.set_(np.array([-100, -100, -100, 100]))
    assert activation_statistics(layer, x)[0].dead == 0.75


def test_dead_features_of_sequences():
    """The units of a sequence of vectors are its features."""
    layer = Dense(4, relu, flatten=False)
    x = RANDOM.normal(size=(6, 3, 5)).astype("float32")
    predict(layer, x)
    layer.parameters.bias.set_(np.array([-100, 100, 100, 100]))
    assert activation_statistics(layer, x)[0].dead == 0.25


def test_functions_and_branches_have_rows():
    """A function is one row of its result, whatever it does inside; a container that joins has a row of its own."""

    def squashed(x):
        return pp.sqrt(x * x + 1.0) - 1.0

    model = Sequential(squashed, Residual(Dense(3, relu)), pp.softmax)
    found = activation_statistics(model, X)
    assert [(r.path, r.layer) for r in found] == [("0", "squashed"), ("1.0", "Dense(3, relu)"), ("1", "Residual"), ("2", "softmax")]
    check(found["0"], np.sqrt(X**2 + 1) - 1, 1)
    assert found["2"].mean == pytest.approx(1 / 7)


def test_a_layer_that_is_called_twice():
    """Each call has a row."""
    layer = Dense(4)
    found = activation_statistics(Sequential(layer, layer), X)
    assert [r.path for r in found] == ["0", "0 (2)"]
    check(found["0 (2)"], predict(Sequential(layer, layer), X), 1)


def test_several_inputs_and_one_number():
    """A tuple of inputs; an output without a batch axis has a norm of its own and no units."""
    a, b = Dense(3), Dense(3)
    found = activation_statistics(lambda x, y: (a(x) + b(y)).sum(), (X, Y))
    total = found[-1]
    assert total.shape == ()
    assert total.norm == pytest.approx(abs(total.mean))
    assert np.isnan(total.dead)


def test_numbers_that_are_not_finite_are_shown_not_hidden():
    """NaN and infinity arrive in the table without a warning: that is what one looks for."""
    model = Sequential(lambda x: pp.log(x * 0.0 + 1.0) / (x * 0.0), lambda x: pp.exp(x + 1e30))
    found = activation_statistics(model, np.ones((2, 3)))
    assert np.isnan(found[0].mean)
    assert np.isnan(found[1].max)
    infinite = activation_statistics(lambda x: pp.exp(x * 1e5), np.ones((2, 3)))[0]
    assert infinite.max == float("inf")


def test_gradients_of_each_parameter():
    """Every column against NumPy on the gradients; frozen parameters are absent, and nothing changes."""
    workout = Workout(Sequential(Dense(3, relu), Dense(2)), MSE(), SGD(), seed=1)
    workout.fit_((X, Y), verbose=False)
    workout.freeze_(workout.model[1].parameters.bias)
    before = [w.copy() for w in pp.weights(workout.model)]
    found, expected = gradient_statistics(workout, (X, Y)), gradients(workout, (X, Y))
    assert [r.path for r in found] == ["0.kernel", "0.bias", "1.kernel"]
    for row in found:
        g, w = expected[row.path].astype("float64"), workout.network.parameters[row.path].value
        assert row.shape == g.shape
        columns = {
            "mean": g.mean(), "std": g.std(), "min": g.min(), "max": g.max(), "zeros": (g == 0).mean(), "norm": np.sqrt((g**2).sum()),
            "weight_norm": np.sqrt((w**2).sum()), "ratio": np.sqrt((g**2).sum() / (w**2).sum()),
        }  # fmt: skip
        assert {name: getattr(row, name) for name in columns} == pytest.approx(columns, rel=1e-4, abs=1e-7)
    assert workout.steps == 1
    assert all((a == b).all() for a, b in zip(before, pp.weights(workout.model), strict=True))


def test_a_parameter_of_zeros_has_no_ratio():
    """A bias that was never updated is 0, so a relative size would mean nothing."""
    workout = Workout(Dense(2), MSE(), SGD())
    assert np.isnan(gradient_statistics(workout, (X, Y))["dense.bias"].ratio)


def test_the_tables_as_text():
    """Headings, a rule, a row each with shares as percentages; an empty table says so."""
    workout = Workout(Sequential(Dense(3, relu), Dense(2)), MSE(), SGD())
    lines = str(activation_statistics(workout, X)).splitlines()
    assert lines[0].split() == ["path", "layer", "shape", "mean", "std", "min", "max", "zeros", "dead", "norm"]
    assert set(lines[1]) == {"-"}
    assert lines[2].startswith("0     Dense(3, relu)  (batch, 3)")
    assert lines[2].split()[-2].endswith("%")
    assert repr(gradient_statistics(workout, (X, Y))).splitlines()[0].endswith("norm  weight norm  ratio")
    workout.freeze_()
    assert str(gradient_statistics(workout, (X, Y))) == "no rows"


def test_refusals():
    """A path that is not there names the near ones; no data, wrong shapes and wrong objects are refused."""
    workout = Workout(Sequential(Dense(3, relu), Dense(2)), MSE(), SGD())
    found = activation_statistics(workout, X)
    with pytest.raises(pp.UnknownName, match=r"statistics: .*'7'"):
        found["7"]
    with pytest.raises(pp.DataError):
        activation_statistics(workout, X[:0])
    with pytest.raises(pp.ShapeError, match="0 Dense"):
        activation_statistics(workout, X[:, :3])
    with pytest.raises(pp.ArgumentError, match="a Workout first"):
        gradient_statistics(workout.model, (X, Y))
