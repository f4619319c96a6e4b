"""Photon's ways of writing things, in Python: each pair of the two columns does what it says.

`!` becomes a trailing `_`, a symbol `:name` a string. Predictions run on NumPy's engine, too.
"""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    Adam,
    ArgumentError,
    BatchNorm,
    BCELoss,
    BinaryAccuracy,
    Concurrent,
    ConsoleMeter,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    EarlyStop,
    FocalLoss,
    MaxPool,
    Momentum,
    Residual,
    Sequential,
    ShapeError,
    SilentMeter,
    Workout,
    accuracy,
    add,
    add_,
    fit_,
    freeze_,
    getmetricname,
    getmetricvalue,
    gradients,
    hasmetric,
    history,
    identity,
    output_size,
    predict,
    relu,
    set_context,
    stop,
    unfreeze_,
    validate,
    weights,
)

RANDOM = np.random.default_rng(23)
X, Y = RANDOM.normal(size=(40, 6)), RANDOM.normal(size=(40, 3))
BITS = (Y > 0).astype(float)


@pytest.fixture(params=["numpy", None], ids=["numpy", "engine"])
def engine(request):
    """NumPy, and the engine of the tests: models that are built from now on run there."""
    set_context(backend=request.param)


def small(loss=None, opt=None, **options):
    """A workout of one small model."""
    return Workout(Sequential(Dense(4, relu), Dense(3)), loss or MSE(), opt or SGD(), seed=1, **options)


# ---- models ----------------------------------------------------------------------------------------------------------


def test_auto_flatten(engine):
    """Conv2D(64, 3, relu) twice, MaxPool and Dense(10): images (4, 3, 28, 28) give (4, 10), flattened before the last layer."""
    mymodel = Sequential(Conv2D(64, 3, relu), Conv2D(64, 3, relu), MaxPool(), Dense(10))
    assert mymodel(np.zeros((4, 3, 28, 28), "f4")).shape == (4, 10)
    assert weights(mymodel)[4].shape == (64 * 12 * 12, 10)


def test_activations_by_function_and_by_name(engine):
    """`Dense(64, relu)`, `Dense(64, "relu")` and `LSTM(64, relu)`: a function or its name in the second place; a number there is layers."""
    x = RANDOM.normal(size=(5, 6))
    by_function, by_name = Dense(8, relu), Dense(8, "relu")
    plain = Sequential(Dense(8))
    y = plain(x)
    for layer in (by_function, by_name):
        layer(x)
        pp.weights_(layer, weights(plain))
        np.testing.assert_allclose(layer(x), np.maximum(y, 0), rtol=1e-5, atol=1e-6)
    steps = RANDOM.normal(size=(5, 4, 3))
    assert (LSTM(7, relu)(steps) >= 0).all()
    assert (LSTM(7)(steps) < 0).any()
    assert len(weights(_built(LSTM(7, 2), steps))) == 6
    assert len(weights(_built(GRU(5, 2, bidirectional=True), steps))) == 12
    assert (RNN(20, 2, activation="relu", dropout=0.5)(steps) >= 0).all()


def _built(layer, x):
    layer(x)
    return layer


def test_residual_joins_and_does_not_add(engine):
    """`Residual(Dense(16, relu), Dense(3))(X)`: the input and what the layers make of it, side by side, the input first.

    Photon computed the axis wrongly and raised for every array; others add.
    """
    inner = Sequential(Dense(16, relu), Dense(3))
    y = Residual(*inner)(X)
    assert y.shape == (40, 9)
    np.testing.assert_allclose(y[:, :6], X, rtol=1e-6)
    np.testing.assert_allclose(y[:, 6:], inner(X), rtol=1e-5, atol=1e-6)
    images = RANDOM.normal(size=(2, 3, 5, 5))
    joined = Residual(Conv2D(8, 3, padding=1))(images)
    assert joined.shape == (2, 11, 5, 5)
    np.testing.assert_allclose(joined[:, :3], images, rtol=1e-6)
    assert Residual(Dense(5))(RANDOM.normal(size=(4, 3))).shape == (4, 8)
    with pytest.raises(ShapeError, match="concatenate"):
        Residual(Conv2D(8, 3))(images)


def test_concurrent(engine):
    """`Concurrent(identity, Conv2D(8, 3, padding=1))`: all members get the same input, and their channels are joined."""
    images = RANDOM.normal(size=(2, 3, 5, 5))
    layer = Conv2D(8, 3, padding=1)
    y = Concurrent(identity, layer)(images)
    assert y.shape == (2, 11, 5, 5)
    np.testing.assert_allclose(y[:, :3], images, rtol=1e-6)
    np.testing.assert_allclose(y[:, 3:], layer(images), rtol=1e-5, atol=1e-6)


def test_dropout_and_batch_norm(engine):
    """`Sequential(Dense(64), BatchNorm(relu), Dropout(0.3))`: predictions are normalised by the running state and drop nothing."""
    model = Sequential(Dense(64), BatchNorm(relu), Dropout(0.3))
    y = model(X)
    w, b = weights(model)[:2]
    np.testing.assert_allclose(y, np.maximum((X @ w + b) / np.sqrt(1 + 1e-5), 0), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model(X), y)


def test_adding_layers(engine):
    """`add!(model, layer)` is add_(model, layer), model.add(layer) and add(model, layer); also before and after the model is built."""
    model = Sequential()
    np.testing.assert_array_equal(model(X.astype("f4")), X.astype("f4"))
    assert add_(model, Dense(4, relu), Dense(5)) is model
    assert model(X).shape == (40, 5)
    assert model.add(Dense(2)) is model
    assert add(model, Dense(7)) is model
    assert (len(model), model(X).shape) == (4, (40, 7))
    assert [layer.units for layer in model] == [4, 5, 2, 7]
    assert (model[0].units, model[-1].units, len(model[1:3])) == (4, 7, 2)
    assert len(Sequential([Dense(4), Dense(2)])) == 2


def test_adding_tensors(engine):
    """`add([a, b, c])` is their sum, of arrays and inside a model; another shape is refused and not broadcast."""
    a, b = Dense(3), Dense(3)
    y = Sequential(lambda x: add([a(x), b(x), x[:, :3]]))(X)
    np.testing.assert_allclose(y, a(X) + b(X) + X[:, :3], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(add((X, X)), 2 * X)
    with pytest.raises(ShapeError, match=r"add.*one shape"):
        add([X, X[:1]])
    for wrong in ([[]], [[1, 2]], [[X, X], Dense(3)]):
        with pytest.raises(ArgumentError, match="add"):
            add(*wrong)
    with pytest.raises(ArgumentError, match="Sequential"):
        add(Dense(3), Dense(2))


SIZES = {
    "strides": (lambda: Conv2D(16, (3, 3), strides=3, padding=1), (224, 224), (75, 75)),
    "dilation": (lambda: Conv2D(16, (3, 3), padding=1, strides=2, dilation=2), (224, 224), (111, 111)),
    "1d": (lambda: Conv1D(3, 4), 20, (17,)),
    "3d": (lambda: Conv3D(3, 3, strides=(1, 2, 3)), (5, 6, 7), (3, 2, 2)),
    "transposed": (lambda: Conv2DTranspose(32, (5, 5), strides=2), (10, 12), (23, 27)),
    "pool": (MaxPool, (7, 8), (3, 4)),
}


@pytest.mark.parametrize("name", SIZES)
def test_output_size(name, engine):
    """`output_size(layer, size)` of a layer that is not built; the layer then makes just that."""
    make, before, after = SIZES[name]
    layer = make()
    assert output_size(layer, before) == after
    before = (before,) if isinstance(before, int) else before
    assert layer(np.zeros((1, 2, *before))).shape[2:] == after


# ---- workouts --------------------------------------------------------------------------------------------------------


def test_metrics_by_list_and_by_keyword():
    """`metrics=[accuracy()]` is called accuracy, `acc=BinaryAccuracy()` acc, and a loss may be a metric: `floss=FocalLoss()`."""
    workout = small(BCELoss(use_sigmoid=True), metrics=[accuracy()], acc=BinaryAccuracy(0.0), floss=FocalLoss())
    p = predict(workout, X)
    fit_(workout, (X, BITS), (X, BITS), batch_size=None)
    assert set(workout.history) == {m for n in ("loss", "accuracy", "acc", "floss") for m in (n, f"val_{n}")}
    assert history(workout, "acc")[1][0] == pytest.approx(((p > 0) == BITS).mean(), abs=1e-6)
    assert history(workout, "accuracy")[1][0] == pytest.approx((p.argmax(1) == BITS.argmax(1)).mean(), abs=1e-6)


@pytest.mark.parametrize(("name", "value"), [("callbacks", print), ("epochs", 3), ("bakend", "torch"), ("optimizer", Adam())])
def test_a_keyword_that_is_no_metric(name, value):
    """What was meant for fit_, or is misspelt, is refused by its name and not kept as a metric."""
    with pytest.raises(ArgumentError, match=f"Workout {name}="):
        small(**{name: value})


def test_a_function_as_loss():
    """`myloss(p, y) = sum(abs.(p[1] - y[1]))`, on tuples of outputs and targets."""

    class TwoHeads(pp.Layer):
        def __init__(self):
            self.first, self.second = Dense(3), Dense(2)

        def forward(self, x):
            return self.first(x), self.second(x)

    workout = Workout(TwoHeads(), lambda p, y: (p[0] - y[0]).abs().sum(), SGD(0.001))
    p = predict(workout, X)
    fit_(workout, [(X, (Y, Y[:, :2]))])
    assert history(workout, "loss")[1][0] == pytest.approx(np.abs(p[0] - Y).sum(), rel=1e-5)


def test_weights_of_samples_come_with_the_data():
    """`loss(p, y, w)` with one weight per sample, here among the targets: each sample's loss times its weight, then the mean."""
    classes = RANDOM.integers(0, 3, 40)
    importance = RANDOM.uniform(0, 2, (40, 1))
    loss = CrossEntropyLoss(use_softmax=True)
    workout = small(lambda p, y: loss(p, y[0], y[1]), SGD(0.1))
    p = predict(workout, X).astype(float)
    each = np.log(np.exp(p).sum(1)) - p[np.arange(40), classes]
    wanted = (importance[:, 0] * each).mean()
    assert float(loss(p, classes, importance)) == pytest.approx(wanted, rel=1e-6)
    assert float(loss(p, np.eye(3)[classes], importance)) == pytest.approx(wanted, rel=1e-6)
    assert workout.step_(X, (classes, importance)) == pytest.approx(wanted, rel=1e-4)
    with pytest.raises(ShapeError, match="each of 40 samples"):
        loss(p, classes, importance[:7])


def test_fit_with_validation_and_epochs():
    """`fit!(workout, train, test, epochs=50)`, as a function and as a method; a second call goes on."""
    workout = small()
    assert fit_(workout, (X, Y), (X[:10], Y[:10]), epochs=50) is workout
    assert (workout.steps, workout.epochs) == (100, 50)
    workout.fit_((X, Y), epochs=1)
    assert (workout.steps, workout.epochs) == (102, 51)
    assert history(workout, "val_loss")[0].tolist() == list(range(2, 102, 2))


def test_minibatches():
    """A list of minibatches, `zip(X, Y)`, and a function that returns a generator: each of five epochs sees them all."""
    pieces = [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 40, 10)]
    losses = {}
    for name, data in {
        "list": pieces,
        "zip": zip([x for x, _ in pieces], [y for _, y in pieces], strict=True),
        "function": lambda: ((x, y) for x, y in pieces),
    }.items():
        workout = fit_(small(), data, epochs=5)
        assert workout.steps == 20
        losses[name] = history(workout, "loss")[1]
    np.testing.assert_array_equal(losses["zip"], losses["list"])
    np.testing.assert_array_equal(losses["function"], losses["list"])


def test_no_conversion():
    """`convertor=identity`, for one fit_ or for the whole workout: float32 trains as ever, float64 is refused and not cast."""
    clean = (X.astype("f4"), Y.astype("f4"))
    plain, told, own = small(), small(), small(convertor=identity)
    losses = [history(fit_(w, clean, **o), "loss")[1] for w, o in ((plain, {}), (told, {"convertor": identity}), (own, {}))]
    np.testing.assert_array_equal(losses[1], losses[0])
    np.testing.assert_array_equal(losses[2], losses[0])
    for act in (
        lambda w: fit_(w, (X, Y)),
        lambda w: w.step_(X, Y),
        lambda w: validate(w, (X, Y)),
        lambda w: w.evaluate((X, Y)),
        lambda w: gradients(w, (X, Y)),
    ):
        act(small())
        with pytest.raises(pp.DataError, match=r"float32.*float64"):
            act(small(convertor=identity))


def test_a_convertor_of_the_workout():
    """A function given to Workout sees each minibatch of every verb once; one given to the call stands in its place."""
    seen = []

    def doubled(batch):
        seen.append(len(batch[0]))
        return tuple(pp.KorA(2 * part) for part in batch)

    own, plain = small(convertor=doubled), small()
    fit_(own, (X, Y), shuffle=False)
    fit_(plain, (2 * X, 2 * Y), shuffle=False)
    assert seen == [32, 8]
    np.testing.assert_allclose(history(own, "loss")[1], history(plain, "loss")[1], rtol=1e-5)
    assert own.step_(X, Y) == pytest.approx(plain.step_(2 * X, 2 * Y), rel=1e-5)
    assert validate(own, (X, Y))["val_loss"] == pytest.approx(validate(plain, (2 * X, 2 * Y))["val_loss"], rel=1e-5)
    assert own.evaluate((X, Y))["loss"] == pytest.approx(plain.evaluate((2 * X, 2 * Y))["loss"], rel=1e-5)
    np.testing.assert_allclose(gradients(own, (X, Y))["1.bias"], gradients(plain, (2 * X, 2 * Y))["1.bias"], rtol=1e-4)
    assert own.evaluate((X, Y), convertor=pp.KorA)["loss"] == pytest.approx(plain.evaluate((X, Y))["loss"], rel=1e-5)
    with pytest.raises(ArgumentError, match="convertor"):
        small(convertor="identity")


def test_silence_and_several_callbacks(capsys):
    """`cb=SilentMeter()` prints nothing; a list of callbacks is called in order, metrics named with or without a colon."""
    fit_(small(), (X, Y), cb=SilentMeter())
    assert capsys.readouterr().out == ""
    phases = []
    workout = fit_(small(), (X, Y), (X, Y), epochs=2, cb=[ConsoleMeter([":loss"]), lambda w, phase: phases.append((w.steps, phase)), EarlyStop(":val_loss")])
    said = capsys.readouterr().out
    assert "loss: " in said
    assert "val_loss" not in said
    assert phases == [(1, "train"), (2, "train"), (2, "valid"), (3, "train"), (4, "train"), (4, "valid")]
    assert workout.epochs == 2


@pytest.mark.parametrize("phase", ["train", "valid"])
def test_stopping_by_hand(phase):
    """`stop(workout, "no progress")` in a callback ends the training cleanly in both phases (Photon caught it in one only)."""

    def watch(workout, now):
        if now == phase:
            stop(workout, "no progress")

    workout = fit_(small(), (X, Y), epochs=5, cb=watch)
    assert (workout.stopped, workout.steps) == ("no progress", 1 if phase == "train" else 2)
    assert fit_(workout, (X, Y)).stopped is None


def test_predict(engine):
    """`predict(workout, randn(25))` is one sample, `predict(w, X; makebatch=false)` a batch; a model will do, too."""
    workout = Workout(Dense(4), MSE())
    batch = RANDOM.normal(size=(7, 25))
    y = predict(workout, batch, makebatch=False)
    assert y.shape == (7, 4)
    one = predict(workout, batch[2])
    assert one.shape == (4,)
    np.testing.assert_allclose(one, y[2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(predict(workout.model, batch[2]), y[2], rtol=1e-5, atol=1e-6)
    assert predict(Workout(Dense(4), MSE()), batch[2], makebatch=True).shape == (4,)


def test_freezing():
    """`freeze!(model.params.w)`: that parameter stays and has no gradient, `unfreeze!` lets it go on."""
    workout = fit_(small(opt=Momentum()), (X, Y))
    w = workout.model[0].parameters.w
    kept, others = w.value.copy(), [a.copy() for a in weights(workout.model)[1:]]
    freeze_(w)
    assert [p for p, _ in gradients(workout, (X, Y)) if p is w] == []
    fit_(workout, (X, Y))
    np.testing.assert_array_equal(w.value, kept)
    assert all((a != b).any() for a, b in zip(weights(workout.model)[1:], others, strict=True))
    unfreeze_(w)
    assert [p for p, _ in gradients(workout, (X, Y)) if p is w] == [w]
    fit_(workout, (X, Y))
    assert (w.value != kept).any()


def test_what_was_measured():
    """`hasmetric`, `history`, `getmetricname`, and `getmetricvalue(w, :val_loss) do v ... end`, whose function is not called without a value."""
    workout = fit_(small(opt=Adam()), (X, Y), epochs=2)
    seen = []
    assert not hasmetric(workout, ":val_loss")
    assert getmetricvalue(workout, "val_loss", f=seen.append) is None
    assert seen == []
    validate(workout, (X, Y))
    assert hasmetric(workout, ":val_loss")
    value = getmetricvalue(workout, ":val_loss", f=seen.append)
    assert seen == [value] == [workout.evaluate((X, Y))["loss"]]
    steps, values = history(workout, "loss")
    assert steps.tolist() == [1, 2, 3, 4]
    assert getmetricvalue(workout, "loss", 3, f=seen.append) == values[2] == seen[1]
    with pytest.raises(KeyError):
        history(workout, "lost")
    assert [getmetricname(":loss", ":valid"), getmetricname("acc", "valid"), getmetricname("loss", "train"), getmetricname("loss")] == ["val_loss", "val_acc", "loss", "loss"]
    with pytest.raises(ArgumentError, match="phase"):
        getmetricname("loss", "test")
