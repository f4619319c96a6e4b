"""Photon's own tests (its folder test/), carried over: shapes batch-first, values against NumPy where it tested shapes only.

Those of predictions run on NumPy's engine, too.
"""

import numpy as np
import pytest

from pyphoton import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    Adam,
    AdaptiveAvgPool,
    AvgPool,
    BCELoss,
    Concurrent,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    CrossEntropyLoss,
    Dense,
    FocalLoss,
    HingeLoss,
    L1Loss,
    L2Loss,
    Layer,
    LNLoss,
    MaxPool,
    Momentum,
    PseudoHuberLoss,
    Residual,
    Sequential,
    ShapeError,
    SquaredHingeLoss,
    Workout,
    accuracy,
    fit_,
    get_backend,
    getmetricname,
    gradients,
    hasmetric,
    history,
    identity,
    predict,
    relu,
    set_context,
    validate,
    weights,
    zeros,
)

RANDOM = np.random.default_rng(19)


def randn(*shape):
    """Normal random numbers in float32."""
    return RANDOM.normal(size=shape).astype("float32")


@pytest.fixture(params=["numpy", None], ids=["numpy", "engine"])
def engine(request):
    """NumPy, and the engine of the tests: models that are built from now on run there."""
    set_context(backend=request.param)
    return get_backend()


def counters(workout):
    """Steps and epochs."""
    return workout.steps, workout.epochs


# ---- dense -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dense(dtype, engine):
    """10 numbers through two layers: a row of 16, in the context's number type from the parameters to the output."""
    set_context(dtype=dtype)
    x = RANDOM.normal(size=(1, 10)).astype(dtype)
    model = Sequential(Dense(32, relu), Dense(16))
    y = model(x)
    assert (y.shape, y.dtype) == ((1, 16), dtype)
    w1, b1, w2, b2 = weights(model)
    assert {a.dtype for a in (w1, b1, w2, b2)} == {np.dtype(dtype)}
    wanted = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(y, wanted, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(16,), (8, 2), (2, 2, 2, 2)], ids=str)
def test_dense_flattens(shape, engine):
    """A sample of any number of axes is a row of its numbers, in their order."""
    x = randn(3, *shape)
    model = Dense(4)
    y = model(x)
    w, b = weights(model)
    np.testing.assert_allclose(y, x.reshape(3, 16) @ w + b, rtol=1e-4, atol=1e-5)


# ---- convolutions ----------------------------------------------------------------------------------------------------

IMAGES = {
    "plain": lambda: Sequential(Conv2D(4, 3, relu), Conv2D(4, 3, relu), MaxPool(), Dense(10)),
    "arguments": lambda: Sequential(Conv2D(4, (3, 3), relu, padding=1, strides=2, dilation=2), AvgPool(), Dense(10)),
    "transposed": lambda: Sequential(Conv2D(4, 3, strides=3), Conv2DTranspose(2, (5, 5)), MaxPool(4), Dense(10)),
    "residual": lambda: Sequential(Conv2D(4, 3, strides=4), Residual(Conv2D(4, 3, padding=1)), MaxPool(), Dense(10)),
    "concurrent": lambda: Sequential(MaxPool(4), Concurrent(identity, Conv2D(4, 3, padding=1)), Dense(10)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images(name, engine):
    """Four images give ten scores each, and each image its own: the second one alone has the same."""
    x = randn(4, 3, 40, 40)
    model = IMAGES[name]()
    y = model(x)
    assert y.shape == (4, 10)
    np.testing.assert_allclose(model(x[1:2]), y[1:2], rtol=1e-3, atol=1e-4)
    assert not np.allclose(y[0], y[1], atol=1e-3)


def test_images_of_two_sizes_in_one_model(engine):
    """An adaptive pool makes the same features of 224 x 224 and 100 x 100 pixels: one set of weights takes both."""
    model = Sequential(Conv2D(3, 5, relu, strides=4), AdaptiveAvgPool((10, 10)), Dense(10))
    assert model(randn(2, 3, 224, 224)).shape == (2, 10)
    kept = [a.copy() for a in weights(model)]
    assert model(randn(2, 3, 100, 100)).shape == (2, 10)
    assert all((a == b).all() for a, b in zip(weights(model), kept, strict=True))
    assert kept[2].shape == (300, 10)


def test_volumes(engine):
    """Three spatial axes: (4, 3, 20, 20, 20) gives (4, 10)."""
    model = Sequential(Conv3D(4, 3, relu), MaxPool(3), Dense(10))
    assert model(randn(4, 3, 20, 20, 20)).shape == (4, 10)
    assert [a.shape for a in weights(model)] == [(4, 3, 3, 3, 3), (4,), (4 * 6**3, 10), (10,)]


# ---- recurrent -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_recurrent(kind, engine):
    """(4, 100, 10) gives the last step (4, 20), or every step (4, 100, 20); twice as wide in both directions."""
    x = randn(4, 100, 10)
    assert kind(20)(x).shape == (4, 20)
    assert kind(20, 2)(x).shape == (4, 20)
    assert kind(20, last_only=False)(x).shape == (4, 100, 20)
    assert kind(20, bidirectional=True)(x).shape == (4, 40)
    last, every = kind(20, 2), kind(20, 2, last_only=False)
    a = last(x)
    every(x)
    for name, parameter in last.parameters.items():
        every.parameters[name].set_(parameter.value)
    np.testing.assert_allclose(every(x)[:, -1], a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_recurrence_runs_over_steps_not_over_samples(kind, engine):
    """Photon handed (features, steps, batch) to a library that reads (features, batch, steps): samples saw each other.

    Here another sample changes no number of this one, and another first step changes the last.
    """
    layer, x = kind(5, last_only=False), randn(3, 6, 2)
    y = layer(x)
    other_sample, other_step = x.copy(), x.copy()
    other_sample[0] += 1
    other_step[:, 0] += 1
    np.testing.assert_array_equal(layer(other_sample)[1:], y[1:])
    assert np.abs(layer(other_sample)[0] - y[0]).max() > 1e-3
    assert np.abs(layer(other_step)[:, 5] - y[:, 5]).max() > 1e-6
    later = x.copy()
    later[:, 5] += 1
    np.testing.assert_array_equal(layer(later)[:, :5], y[:, :5])


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_recurrent_layer_of_zeros(kind, engine):
    """With every weight and bias at zero the output is exactly zero; no state is left over from another call."""
    initf = {"initf": zeros} if kind is LSTM else {}
    layer = kind(20, 2, initw=zeros, initr=zeros, initb=zeros, **initf)
    assert (layer(randn(4, 10, 3)) == 0).all()
    drawn, x = kind(4), randn(2, 7, 3)
    first = drawn(x)
    drawn(randn(2, 7, 3))
    np.testing.assert_array_equal(drawn(x), first)


def test_sequences_of_any_length_where_the_last_step_is_taken(engine):
    """LSTM and Dense take 100 and 200 steps; with every step kept, Dense was built for 100 and refuses 200."""
    last = Sequential(LSTM(5), Dense(2))
    assert (last(randn(4, 100, 3)).shape, last(randn(4, 200, 3)).shape) == ((4, 2), (4, 2))
    every = Sequential(LSTM(5, last_only=False), Dense(2))
    assert every(randn(4, 100, 3)).shape == (4, 2)
    with pytest.raises(ShapeError, match=r"100, 5.*200, 5"):
        every(randn(4, 200, 3))


# ---- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [L1Loss(), L2Loss(), LNLoss(3), PseudoHuberLoss()], ids=repr)
def test_losses_of_distances(loss):
    """Above zero, zero where prediction and target are equal, and the same the other way round."""
    p, y = randn(8, 10), randn(8, 10)
    assert loss(p, y) > 0.1
    assert loss(p, p) == 0
    assert loss(p, y) == pytest.approx(loss(y, p), rel=1e-6)


@pytest.mark.parametrize("kind", [BCELoss, CrossEntropyLoss, HingeLoss, SquaredHingeLoss, FocalLoss])
def test_losses_of_classes(kind):
    """Above zero for a wrong answer, and smaller for a better one."""
    right, wrong = np.eye(10)[:8], np.full((8, 10), 0.1)
    assert kind()(wrong, right) > kind()(0.5 * wrong + 0.5 * right, right) > kind()(right, right) - 1e-6
    assert kind()(wrong, right) > 0


@pytest.mark.parametrize("kind", [L1Loss, L2Loss, PseudoHuberLoss, BCELoss, CrossEntropyLoss, HingeLoss, FocalLoss])
def test_losses_look_at_features_only(kind):
    """(8, 1, 10) may be compared with (8, 10, 1): the same as of rows, not of all pairs."""
    p, y = RANDOM.uniform(0.1, 0.9, (2, 8, 10))
    assert kind()(p[:, None, :], y[:, :, None]) == pytest.approx(kind()(p, y), rel=1e-12)


# ---- training --------------------------------------------------------------------------------------------------------


def minibatches(n=10, size=8):
    """Minibatches of float64 numbers, as random ones are in Python."""
    return [(RANDOM.normal(size=(size, 4)), RANDOM.normal(size=(size, 2))) for _ in range(n)]


def test_training():
    """Two epochs of ten minibatches are twenty steps; validation is tracked; measuring and gradients change nothing."""
    workout = Workout(Sequential(Dense(8, relu), Dense(2)), MSE(), SGD())
    data = minibatches()
    fit_(workout, data, data, epochs=2)
    assert counters(workout) == (20, 2)
    assert hasmetric(workout, "loss")
    assert hasmetric(workout, getmetricname("loss", "valid"))
    assert history(workout, "loss")[0].tolist() == list(range(1, 21))
    assert history(workout, "val_loss")[0].tolist() == [10, 20]

    kept = [a.copy() for a in weights(workout.model)]
    validate(workout, data[0])
    pairs = list(gradients(workout, data[0]))
    assert counters(workout) == (20, 2)
    assert [g.shape for _, g in pairs] == [a.shape for a in kept]
    assert all((a == b).all() for a, b in zip(weights(workout.model), kept, strict=True))


def test_training_on_a_function_of_a_channel():
    """Photon's `fit!(workout, () -> Channel(...))`: a function that makes a generator, called for each epoch."""

    def channel():
        for n in range(10):
            yield np.full((8, 4), n / 10), np.full((8, 2), n / 5)

    workout = Workout(Dense(2), MSE(), SGD())
    fit_(workout, channel, epochs=2)
    assert counters(workout) == (20, 2)


@pytest.mark.parametrize("opt", [Adam(), SGD(), Momentum()], ids=repr)
def test_optimisers_take_float64_data(opt):
    """Random data are float64; the default convertor casts them, the parameters stay float32, and the loss goes down."""
    workout = Workout(Sequential(Dense(8, relu), Dense(2)), MSE(), opt)
    fit_(workout, minibatches(4), epochs=10)
    assert {a.dtype for a in weights(workout.model)} == {np.dtype("float32")}
    losses = [row["loss"] for row in workout.history.epochs]
    assert losses[-1] < losses[0]


class Complex(Layer):
    """Photon's test "complex": a table and an image into two outputs."""

    def __init__(self):
        self.table = Dense(20, relu)
        self.image = Sequential(Conv2D(4, 3, relu, strides=2), MaxPool(), Dense(20, relu))
        self.wide, self.narrow = Dense(20), Dense(10)

    def forward(self, X):
        table, image = X
        both = self.table(table) + self.image(image)
        return self.wide(both), self.narrow(both)


def test_several_inputs_and_outputs():
    """Inputs (4, 100) and (4, 3, 50, 50), outputs (4, 20) and (4, 10), and a loss of one's own on tuples."""

    def loss(p, y):
        return (p[0] - y[0]).abs().sum() + (p[1] - y[1]).abs().sum()

    X, Y = (randn(4, 100), randn(4, 3, 50, 50)), (randn(4, 20), randn(4, 10))
    workout = Workout(Complex(), loss, SGD(1e-4))
    before = predict(workout, X)
    assert [part.shape for part in before] == [(4, 20), (4, 10)]
    fit_(workout, [(X, Y)], epochs=3)
    found = history(workout, "loss")[1]
    assert found[0] == pytest.approx(sum(np.abs(p - y).sum() for p, y in zip(before, Y, strict=True)), rel=1e-4)
    assert found[2] < found[0]


def test_linear_regression():
    """Photon's example: 2x - 3y + 4z - 5 is found to a decimal in 5 epochs of 50 minibatches of 8, with the default SGD."""

    def data():
        for _ in range(50):
            x = RANDOM.normal(size=(8, 3))
            yield x, x @ [[2.0], [-3.0], [4.0]] - 5

    model = Dense(1)
    fit_(Workout(model, MSE(), SGD()), data, epochs=5)
    w, b = weights(model)
    np.testing.assert_allclose([*w[:, 0], *b], [2, -3, 4, -5], atol=0.1)


def test_classes_are_learnt():
    """Four corners of a square are told apart, and accuracy() counts them: 1 at the end, for labels and one-hot alike."""
    labels = np.arange(64) % 4
    X = np.stack([labels // 2, labels % 2], axis=1) + 0.1 * RANDOM.normal(size=(64, 2))
    for Y in (labels, np.eye(4)[labels]):
        model = Sequential(Dense(16, relu), Dense(4))
        workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.05), metrics=[accuracy()])
        fit_(workout, (X, Y), (X, Y), epochs=15)
        assert history(workout, "val_accuracy")[1][-1] == 1
