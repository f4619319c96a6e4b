"""The examples of Photon's own text, run as they are written there (`!` aside), with what they must do."""

import numpy as np
import pytest

from pyphoton import (
    LSTM,
    MSE,
    SGD,
    Conv2D,
    Dense,
    Layer,
    MaxPool,
    NotBuilt,
    Sequential,
    Workout,
    accuracy,
    fit_,
    hasmetric,
    history,
    predict,
    relu,
    weights,
)

RANDOM = np.random.default_rng(11)
N = 80  # fit_ cuts this into minibatches of 32, 32 and 16
SLOW = 1e-12  # a learning rate that leaves the weights as they are


def numbers(*shape):
    """Normal random numbers in float64: fit_ casts them."""
    return RANDOM.normal(size=shape)


def shapes(model):
    """The shapes of a built model's arrays."""
    return [array.shape for array in weights(model)]


# ---- step 1: model ---------------------------------------------------------------------------------------------------


def test_dense_model():
    """relu(x W + b), then a plain layer; sizes come from the first data."""
    mymodel = Sequential(
                Dense(64, relu),
                Dense(10)
    )  # fmt: skip
    with pytest.raises(NotBuilt):
        weights(mymodel)
    x = numbers(4, 7).astype("float32")
    y = mymodel(x)
    w1, b1, w2, b2 = weights(mymodel)
    assert shapes(mymodel) == [(7, 64), (64,), (64, 10), (10,)]
    np.testing.assert_allclose(y, np.maximum(x @ w1 + b1, 0) @ w2 + b2, rtol=1e-5, atol=1e-5)


def test_convolutional_model():
    """Two 3 x 3 convolutions, the largest of each 2 x 2 window, and a layer on all of it."""
    mymodel = Sequential(
                Conv2D(64, 3, relu),
                Conv2D(64, 3, relu),
                MaxPool(),
                Dense(10)
    )  # fmt: skip
    x = numbers(2, 3, 12, 12).astype("float32")
    y = mymodel(x)
    assert y.shape == (2, 10)
    assert shapes(mymodel) == [(64, 3, 3, 3), (64,), (64, 64, 3, 3), (64,), (64 * 4 * 4, 10), (10,)]
    k1, b1, k2, b2, w, b = weights(mymodel)
    seen = x
    for kernel, bias in ((k1, b1), (k2, b2)):
        windows = np.lib.stride_tricks.sliding_window_view(seen, (3, 3), axis=(2, 3))
        seen = np.maximum(np.einsum("nchwij,ocij->nohw", windows, kernel) + bias[:, None, None], 0)
    pooled = seen.reshape(2, 64, 4, 2, 4, 2).max(axis=(3, 5))
    np.testing.assert_allclose(y, pooled.reshape(2, -1) @ w + b, rtol=1e-4, atol=1e-4)


def test_recurrent_model():
    """LSTM(64, relu): the last step's output, then relu; sequences of any length."""
    mymodel = Sequential(
                LSTM(64, relu),
                Dense(64),
                Dense(10)
    )  # fmt: skip
    x = numbers(3, 5, 4).astype("float32")
    y = mymodel(x)
    assert y.shape == (3, 10)
    assert shapes(mymodel)[:3] == [(4, 256), (64, 256), (256,)]
    kernel, recurrent, bias, w1, b1, w2, b2 = weights(mymodel)
    h = c = np.zeros((3, 64))
    for step in range(5):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    np.testing.assert_allclose(y, (np.maximum(h, 0) @ w1 + b1) @ w2 + b2, rtol=1e-4, atol=1e-5)
    assert mymodel(numbers(2, 9, 4)).shape == (2, 10)


@pytest.mark.parametrize(("moon", "less"), [("full", 1), ("new", 0)])
def test_a_layer_is_nothing_more_than_a_function(moon, less):
    """`myLayer(X) = moon == :full ? X .- 1 : X`, alone in a model and before a layer, also while training."""

    def my_layer(X):
        return X - 1 if moon == "full" else X

    x = numbers(6, 3).astype("float32")
    np.testing.assert_allclose(Sequential(my_layer)(x), x - less, rtol=1e-6)
    model = Sequential(my_layer, Dense(2))
    workout = fit_(Workout(model, MSE(), SGD()), (x, numbers(6, 2)), epochs=2)
    w, b = weights(model)
    np.testing.assert_allclose(predict(workout, x), (x - less) @ w + b, rtol=1e-5, atol=1e-6)
    assert workout.steps == 2


# ---- step 2: workout -------------------------------------------------------------------------------------------------


def test_workout_without_metrics():
    """Tracks the loss, which is the mean of squares, before each update."""
    mymodel = Sequential(Dense(64, relu), Dense(10))
    workout = Workout(mymodel, MSE(), SGD())
    assert (workout.steps, workout.epochs) == (0, 0)
    assert not hasmetric(workout, "loss")
    X, Y = numbers(N, 6), numbers(N, 10)
    before = np.mean((mymodel(X) - Y) ** 2)
    fit_(workout, (X, Y), batch_size=None)
    steps, losses = history(workout, ":loss")
    assert steps.tolist() == [1]
    np.testing.assert_allclose(losses, [before], rtol=1e-5)
    assert set(workout.history) == {"loss"}


def test_workout_with_metrics():
    """Tracks what it was given, too, and all of it for validation."""
    mymodel = Sequential(Dense(64, relu), Dense(10))
    workout = Workout(mymodel, MSE(), SGD(), metrics=[accuracy()])
    X = numbers(N, 6)
    Y = np.eye(10)[RANDOM.integers(0, 10, N)]
    fit_(workout, (X, Y), (X, Y))
    assert set(workout.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    right = np.mean(predict(workout, X).argmax(1) == Y.argmax(1))
    np.testing.assert_allclose(history(workout, "val_accuracy")[1], [right], rtol=1e-6)


def test_sgd_is_plain_gradient_descent():
    """One step by hand: lr is 0.01 unless told."""
    mymodel = Sequential(Dense(2))
    X, Y = numbers(N, 3), numbers(N, 2)
    mymodel(X)
    w, b = (array.astype("float64") for array in weights(mymodel))
    fit_(Workout(mymodel, MSE(), SGD()), (X, Y), batch_size=None)
    slope = 2 * (X @ w + b - Y) / Y.size
    np.testing.assert_allclose(weights(mymodel)[0], w - 0.01 * X.T @ slope, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weights(mymodel)[1], b - 0.01 * slope.sum(0), rtol=1e-4, atol=1e-6)


def test_the_workout_goes_on_where_it_was():
    """Stateful: a second training session is recorded after the first."""
    workout = Workout(Sequential(Dense(1)), MSE(), SGD())
    data = (numbers(N, 2), numbers(N, 1))
    assert fit_(workout, data) is workout
    assert (workout.steps, workout.epochs) == (3, 1)
    fit_(workout, data, epochs=2)
    assert (workout.steps, workout.epochs) == (9, 3)
    assert history(workout, "loss")[0].tolist() == list(range(1, 10))


# ---- step 3: fit! ----------------------------------------------------------------------------------------------------


class Several(Layer):
    """Adds what Dense makes of each input, and gives one output for each number in `outputs`."""

    def __init__(self, outputs):
        self.into = [Dense(8), Dense(8)]
        self.out = [Dense(n) for n in outputs]

    def forward(self, *x):
        parts = x[0] if isinstance(x[0], tuple) else x
        both = sum(layer(part) for layer, part in zip(self.into, parts, strict=False))
        made = tuple(layer(both) for layer in self.out)
        return made if len(made) > 1 else made[0]


def total(p, y):
    """The sum of the outputs' mean squares; for one output its own."""
    pairs = zip(p, y, strict=True) if isinstance(p, tuple) else [(p, y)]
    return sum(MSE()(a, b) for a, b in pairs)


X1, X2 = numbers(N, 3), numbers(N, 5)
Y1, Y2, Y3 = numbers(N, 1), numbers(N, 2), numbers(N, 4)


@pytest.mark.parametrize(
    ("data", "outputs"),
    [
        ((X1, Y1), (1,)),
        (((X1, X2), Y1), (1,)),
        ((X1, (Y1, Y2, Y3)), (1, 2, 4)),
        (((X1, X2), (Y1, Y2)), (1, 2)),
    ],
    ids=["(X, Y)", "((X1, X2), Y)", "(X, (Y1, Y2, Y3))", "((X1, X2), (Y1, Y2))"],
)
def test_data_forms(data, outputs):
    """Each is the whole data set: cut into minibatches whose losses are those of NumPy, and learnt from."""
    model = Several(outputs)
    workout = Workout(model, total, SGD(SLOW))
    fit_(workout, data, shuffle=False)
    assert workout.steps == 3
    x, y = (part if isinstance(part, tuple) else (part,) for part in data)
    both = sum(a @ w + b for a, (w, b) in zip(x, map(weights, model.into[: len(x)]), strict=True))
    expected = []
    for rows in (slice(0, 32), slice(32, 64), slice(64, 80)):
        errors = [np.mean((both[rows] @ w + b - t[rows]) ** 2) for t, (w, b) in zip(y, map(weights, model.out), strict=True)]
        expected.append(sum(errors))
    np.testing.assert_allclose(history(workout, "loss")[1], expected, rtol=1e-4)
    predicted = predict(workout, data[0])
    predicted = predicted if isinstance(predicted, tuple) else (predicted,)
    assert [p.shape for p in predicted] == [t.shape for t in y]

    learning = fit_(Workout(model, total, SGD(0.05)), data, epochs=5)
    losses = [row["loss"] for row in learning.history.epochs]
    assert losses[-1] < losses[0]


def test_the_convertor_is_optional_and_replaces_the_default():
    """By default batches are cast to the model's dtype; with convertor= that is the user's affair."""
    X, Y = numbers(N, 3), numbers(N, 1)
    seen = []

    def convertor(batch):
        x, y = batch
        seen.append((len(x), x.dtype))
        return x.astype("float32"), y.astype("float32")

    fit_(Workout(Sequential(Dense(1)), MSE(), SGD()), (X, Y), convertor=convertor)
    assert seen == [(32, X.dtype), (32, X.dtype), (16, X.dtype)]
