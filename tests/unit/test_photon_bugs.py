"""What Photon got wrong, or only meant: each test fails where the old mistake comes back. Others of these stand beside
their subject: pools, recurrence and layers in tests/conformance, losses in test_losses.py, data in test_fit_data.py.
"""

import numpy as np
import pytest

from pyphoton import (
    LSTM,
    MSE,
    RNN,
    SGD,
    AvgPool,
    BatchNorm,
    BCELoss,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Flatten,
    HingeLoss,
    LogSoftmax,
    MaxPool,
    Sequential,
    Softmax,
    SquaredHingeLoss,
    Workout,
    bce_loss,
    fit_,
    get_backend,
    mae,
    mse,
    nll,
    predict,
    relu,
    set_context,
    validate,
    weights,
)

RANDOM = np.random.default_rng(29)
X, Y = RANDOM.normal(size=(40, 6)), RANDOM.normal(size=(40, 3))
ONE_HOT = np.eye(3)[RANDOM.integers(0, 3, 40)]


@pytest.fixture(params=["numpy", None], ids=["numpy", "engine"])
def engine(request):
    """NumPy, and the engine of the tests: models that are built from now on run there."""
    set_context(backend=request.param)
    return get_backend()


def test_batch_norm_as_the_first_layer_trains():
    """Photon's BatchNorm looked whether its input was being differentiated: as the first layer it never saw that it was training."""
    model = Sequential(BatchNorm(), Dense(3))
    workout = Workout(model, MSE(), SGD(0.1))
    predict(workout, X)
    fit_(workout, (X, Y), batch_size=None)
    own = model[0].parameters
    np.testing.assert_allclose(own.mean.value, 0.1 * X.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(own.variance.value, 0.9 + 0.1 * X.var(0, ddof=1), rtol=1e-4)
    assert (own.scale.value != 1).all()
    assert (own.shift.value != 0).all()


def test_batch_norm_normalises_the_batch_as_the_first_layer():
    """The loss of the first step is that of inputs with mean 0 and deviation 1, not that of inputs divided by the starting state."""
    model = Sequential(BatchNorm(), Dense(3))
    predict(model, X)
    w, b = weights(model)[2:4]
    normal = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)
    wanted = np.mean((normal @ w + b - 3 * Y) ** 2)
    assert Workout(model, MSE()).step_(X, 3 * Y) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("layer", [Softmax, LogSoftmax])
def test_softmax_is_of_one_sample(layer, engine):
    """Photon's softmax went over the whole minibatch: here every sample sums to 1, whatever stands beside it."""
    x = RANDOM.normal(size=(4, 5)).astype("float32")
    y = layer()(x)
    np.testing.assert_allclose((np.exp(y) if layer is LogSoftmax else y).sum(1), np.ones(4), rtol=1e-5)
    np.testing.assert_allclose(layer()(x[:1]), y[:1], rtol=1e-5)
    columns = layer(axis=0)(x)
    np.testing.assert_allclose((np.exp(columns) if layer is LogSoftmax else columns).sum(0), np.ones(5), rtol=1e-5)


def test_cross_entropy_of_scores_is_of_one_sample():
    """`use_softmax` normalised over the whole minibatch: here the loss is the mean of the losses of single samples."""
    loss = CrossEntropyLoss(use_softmax=True)
    single = [float(loss(Y[i : i + 1], ONE_HOT[i : i + 1])) for i in range(40)]
    assert float(loss(Y, ONE_HOT)) == pytest.approx(np.mean(single), rel=1e-6)
    assert Workout(Sequential(), loss).evaluate((Y, ONE_HOT))["loss"] == pytest.approx(np.mean(single), rel=1e-5)


@pytest.mark.parametrize("loss", [CrossEntropyLoss(), BCELoss()], ids=repr)
def test_certainty_is_no_nan(loss):
    """0 log 0 was NaN: a sure and right prediction costs nothing, and its gradient is finite."""
    sure = 60 * (2 * ONE_HOT - 1)
    model = Sequential(Dense(3, initw=lambda shape: np.eye(*shape)), Softmax())
    workout = Workout(model, loss, SGD())
    assert workout.evaluate((sure, ONE_HOT))["loss"] == pytest.approx(0, abs=1e-5)
    workout.step_(sure, ONE_HOT)
    assert all(np.isfinite(a).all() for a in weights(model))
    assert np.isfinite(workout.evaluate((sure, ONE_HOT[:, ::-1]))["loss"])


def test_functions_of_losses():
    """Photon's bce_loss compared the prediction with itself; mse and mae are means, without a half."""
    p = RANDOM.uniform(0.1, 0.9, (40, 3))
    wanted = -np.mean(ONE_HOT * np.log(p + 1e-7) + (1 - ONE_HOT) * np.log(1 - p + 1e-7))
    assert float(bce_loss(p, ONE_HOT)) == pytest.approx(wanted, rel=1e-9)
    assert float(mse(p, Y)) == pytest.approx(np.mean((p - Y) ** 2), rel=1e-9)
    assert float(mae(p, Y)) == pytest.approx(np.mean(np.abs(p - Y)), rel=1e-9)
    workout = Workout(Dense(3), mse, SGD(), metrics=[mae])
    p = predict(workout, X)
    assert workout.evaluate((X, Y)) == pytest.approx({"loss": np.mean((p - Y) ** 2), "mae": np.mean(np.abs(p - Y))}, rel=1e-5)
    assert float(nll(Y, ONE_HOT.argmax(1))) == pytest.approx(float(CrossEntropyLoss(use_softmax=True)(Y, ONE_HOT)), rel=1e-6)


@pytest.mark.parametrize("kind", [HingeLoss, SquaredHingeLoss])
def test_hinge_leaves_the_targets_alone_while_training(kind):
    """Photon wrote -1 over the zeros of the data set: a second epoch, or another loss, then saw other targets."""
    bits = (Y > 0).astype("float32")
    kept = bits.copy()
    fit_(Workout(Dense(3), kind(), SGD()), (X.astype("float32"), bits), epochs=2)
    np.testing.assert_array_equal(bits, kept)


def test_dropout_is_for_training_only():
    """predict, validate and model(x) are the same at every call; the loss of a training step is not theirs."""
    model = Sequential(Dense(50, relu), Dropout(0.5), Dense(3))
    workout = Workout(model, MSE(), SGD())
    np.testing.assert_array_equal(predict(workout, X), predict(workout, X))
    np.testing.assert_allclose(model(X), predict(workout, X), rtol=1e-6)
    calm = validate(workout, (X, Y))
    assert validate(workout, (X, Y)) == calm
    assert workout.step_(X, Y) != pytest.approx(calm["val_loss"], rel=1e-4)


def test_dropout_of_everything_is_zero():
    """Rate 1 gives zeros while training, without a NaN: the loss is that of the bias alone."""
    workout = Workout(Sequential(Dropout(1), Dense(3, initb=0.5)), MSE(), SGD())
    assert workout.step_(X, Y) == pytest.approx(np.mean((0.5 - Y) ** 2), rel=1e-5)


REFUSED = {
    "units below 1": (lambda: Dense(0), AssertionError, "units"),
    "an unknown keyword, which was swallowed": (lambda: Dense(3, activaton=relu), TypeError, "activaton"),
    "an unknown activation, which became relu": (lambda: Dense(3, "rellu"), KeyError, "relu"),
    "a rate above 1": (lambda: Dropout(1.5), AssertionError, "rate"),
    "another activation inside of RNN": (lambda: RNN(3, activation="sigmoid"), AssertionError, "tanh or relu"),
    "a layer that is called 2": (lambda: Flatten(2), ValueError, "name"),
    "a model for a name": (lambda: LSTM(3, name=Dense(2)), ValueError, "name"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_where_it_is_written(what):
    """What Photon asserted, swallowed or guessed is an error of Python's own kind as well as of the library's."""
    make, kind, words = REFUSED[what]
    with pytest.raises(kind, match=words):
        make()


def test_a_built_layer_is_not_built_again(engine):
    """Another number of features is an error, the weights stay, and the old number still works."""
    model = Dense(3)
    before = model(X)
    with pytest.raises(ValueError, match=r"batch, 6.*batch, 5"):
        model(X[:, :5])
    np.testing.assert_array_equal(model(X), before)


def test_max_pool_is_no_mean_and_avg_pool_no_maximum(engine):
    """Photon passed each the other's mode; windows step by their own size unless told."""
    x = np.array([[[[1.0, 2, -5, -6], [3, 4, -7, -8]]]])
    np.testing.assert_array_equal(MaxPool()(x), [[[[4, -5]]]])
    np.testing.assert_array_equal(AvgPool()(x), [[[[2.5, -6.5]]]])
    np.testing.assert_array_equal(MaxPool(2, strides=1)(x), [[[[4, 4, -5]]]])
