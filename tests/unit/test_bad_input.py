"""Bad input: a PhotonError that says where, expected, received and what to do, and a workout that stays as it was.

Each refusal is tried twice: on a workout that has trained, whose weights, optimiser, random numbers, counters and
history must not change by a bit; and on a fresh one. Afterwards good training must give the numbers of a twin that
never saw the bad input.
"""

import re

import numpy as np
import pytest
from snapshot import assert_same, everything

import pyphoton as pp
from pyphoton import (
    LSTM,
    MSE,
    SGD,
    Adam,
    ArgumentError,
    BatchNorm,
    Conv2D,
    CrossEntropyLoss,
    DataError,
    Dense,
    Dropout,
    NonFiniteLoss,
    PhotonError,
    Sequential,
    ShapeError,
    TraceError,
    UnknownName,
    Workout,
    identity,
    relu,
)

RANDOM = np.random.default_rng(21)
X = RANDOM.normal(size=(20, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, 20)
GOOD = [(X[i : i + 5], LABELS[i : i + 5]) for i in range(0, 20, 5)]


def fresh():
    """A classifier with running statistics, random numbers and an optimiser with state."""
    model = Sequential(Dense(6, relu), BatchNorm(), Dropout(0.5), Dense(3))
    return Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.01), seed=1)


def told(error):
    """All that a person is shown of an error: its text and its notes."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def assert_refused(action, kind, words, workout, twin):
    """`action(workout)` raises `kind` with all `words`, changes nothing, and good training then equals the twin's."""
    trained = workout.steps > 0
    before = everything(workout) if trained else None
    with pytest.raises(kind) as caught:
        action(workout)
    assert isinstance(caught.value, PhotonError)
    text = told(caught.value)
    for word in words:
        assert word in text
    if trained:
        assert_same(everything(workout), before)
    else:
        assert (workout.steps, workout.epochs, dict(workout.history), workout.history.epochs) == (0, 0, {}, [])
    for w in (workout, twin):
        w.fit_(GOOD, epochs=2)
    assert workout.history["loss"] == twin.history["loss"]
    assert_same(everything(workout)[:2], everything(twin)[:2])


def with_label(value, at=7, dtype="int64"):
    """The labels with one of them replaced."""
    labels = LABELS.astype(dtype)
    labels[at] = value
    return labels


def with_number(value, at=7):
    """The inputs with one number replaced."""
    x = X.copy()
    x[at, 2] = value
    return x


def stream(bad):
    """Two good minibatches, a bad one, and a good one."""
    return [*GOOD[:2], bad, GOOD[3]]


WIDE = np.ones((5, 3), "float32")
OBJECTS = np.array([[object()] * 4] * 20)
FIT = {
    # shapes
    "targets of another width": (lambda w: w.fit_((X, np.ones((20, 4)))), ShapeError, ["CrossEntropyLoss", "(batch, 3)", "(batch, 4)"]),
    "inputs without features": (lambda w: w.fit_((X[:, 0], LABELS)), ShapeError, ["0 Dense(6, relu)", "(batch,)", "features"]),
    # whole numbers
    "label too large": (lambda w: w.fit_((X, with_label(3))), DataError, ["targets", "0 to 2", "received 3", "sample 7", "more outputs"]),
    "label negative": (lambda w: w.fit_((X, with_label(-1))), DataError, ["targets", "0 to 2", "-1", "sample 7", "count from 0"]),
    "label in a column": (lambda w: w.fit_((X, with_label(3)[:, None])), DataError, ["targets", "0 to 2", "3", "sample 7"]),
    "label with a fraction": (lambda w: w.fit_((X, with_label(1.5, dtype="float64"))), DataError, ["targets", "whole numbers", "1.5", "sample 7"]),
    "label NaN": (lambda w: w.fit_((X, with_label(np.nan, dtype="float64"))), DataError, ["targets", "whole numbers", "nan", "sample 7"]),
    "label infinite": (lambda w: w.fit_((X, with_label(np.inf, dtype="float64"))), DataError, ["targets", "inf", "sample 7"]),
    "label beyond int64": (lambda w: w.fit_((X, with_label(1e30, dtype="float64"))), DataError, ["targets", "1e+30", "sample 7"]),
    "label only in validation": (lambda w: w.fit_(GOOD, (X, with_label(3))), DataError, ["targets", "0 to 2", "3 at sample 7"]),
    "labels of text": (lambda w: w.fit_((X, np.array(["cat"] * 20))), DataError, ["targets", "numbers", "<U3"]),
    "labels under identity": (lambda w: w.fit_((X, with_label(3)), convertor=identity), PhotonError, ["targets", "0 to 2", "3"]),
    "integers under identity": (lambda w: w.fit_((X.astype("int64"), LABELS), convertor=identity), DataError, ["inputs", "float32", "int64"]),
    # counts
    "unequal numbers of samples": (lambda w: w.fit_((X, LABELS[:19])), DataError, ["inputs 20", "targets 19", "as many samples"]),
    "unequal within a tuple": (lambda w: w.fit_(((X, X[:3]), LABELS)), DataError, ["inputs[0] 20", "inputs[1] 3", "targets 20"]),
    "no samples": (lambda w: w.fit_((X[:0], LABELS[:0])), DataError, ["at least one sample", "none"]),
    "no minibatches": (lambda w: w.fit_([]), DataError, ["at least one minibatch", "none"]),
    "used-up iterator": (lambda w: w.fit_(iter(())), DataError, ["at least one minibatch", "none", "used up"]),
    "empty tuple of inputs": (lambda w: w.fit_(((), LABELS)), DataError, ["inputs", "at least one array", "empty tuple"]),
    "empty minibatch": (lambda w: w.fit_(stream((X[:0], LABELS[:0]))), DataError, ["at least one sample", "minibatch 3"]),
    "single numbers": (lambda w: w.fit_((np.float32(1), np.int64(1))), DataError, ["inputs", "batch axis", "single number"]),
    "no validation minibatches": (lambda w: w.fit_(GOOD, []), DataError, ["at least one minibatch", "none"]),
    "used-up validation": (lambda w: w.fit_(GOOD, iter(())), DataError, ["at least one minibatch", "none", "used up"]),
    # numbers that are none
    "NaN in the inputs": (lambda w: w.fit_((with_number(np.nan), LABELS), shuffle=False, batch_size=5), NonFiniteLoss, ["step", "data", "Clean"]),
    "infinity in the inputs": (lambda w: w.fit_((with_number(np.inf), LABELS)), NonFiniteLoss, ["step", "data", "Clean"]),
    "inputs of text": (lambda w: w.fit_((X.astype(str), LABELS)), DataError, ["inputs", "numbers", "<U"]),
    "inputs None": (lambda w: w.fit_((None, LABELS)), DataError, ["inputs", "numbers", "NoneType"]),
    "inputs of objects": (lambda w: w.fit_((OBJECTS, LABELS)), DataError, ["inputs", "numbers", "object"]),
    "inputs with None inside": (lambda w: w.fit_(([[1.0, None, 2.0, 3.0]] * 20, LABELS)), DataError, ["inputs", "numbers", "object"]),
    "ragged lists": (lambda w: w.fit_(([[1.0, 2.0], [3.0]], LABELS[:2])), DataError, ["inputs", "equal rows", "list"]),
    "complex numbers": (lambda w: w.fit_((X * 1j, LABELS)), DataError, ["inputs", "numbers", "complex"]),
    "dates": (lambda w: w.fit_((X.astype("int64").astype("M8[s]"), LABELS)), DataError, ["inputs", "numbers", "datetime64"]),
    "a dictionary of inputs": (lambda w: w.fit_(({"a": X}, LABELS)), DataError, ["inputs", "numbers", "dict"]),
    # minibatches
    "wrong features in a minibatch": (lambda w: w.fit_(stream((WIDE, LABELS[:5]))), ShapeError, ["0 Dense(6, relu)", "(batch, 4)", "(batch, 3)", "minibatch 3"]),
    "wrong label in a minibatch": (lambda w: w.fit_(stream((X[:5], np.full(5, 3)))), DataError, ["targets", "0 to 2", "minibatch 3"]),
    "text in a minibatch": (lambda w: w.fit_(stream((X[:5].astype(str), LABELS[:5]))), DataError, ["inputs", "numbers", "minibatch 3"]),
    "unequal minibatch": (lambda w: w.fit_(stream((X[:5], LABELS[:4]))), DataError, ["inputs 5", "targets 4", "minibatch 3"]),
    "NaN in a minibatch": (lambda w: w.fit_(stream((with_number(np.nan)[5:10], LABELS[5:10]))), NonFiniteLoss, ["data", "step"]),
    "no pair in a minibatch": (lambda w: w.fit_(stream(X[:5])), DataError, ["minibatches (X, Y)", "ndarray", "minibatch 3"]),
    "minibatch None": (lambda w: w.fit_(stream(None)), DataError, ["minibatches (X, Y)", "NoneType", "minibatch 3"]),
    "bad minibatch of a generator": (lambda w: w.fit_(iter(stream((WIDE, LABELS[:5])))), ShapeError, ["(batch, 3)", "minibatch 3"]),
    "bad minibatch of validation": (lambda w: w.fit_(GOOD, stream((WIDE, LABELS[:5]))), ShapeError, ["(batch, 3)", "minibatch 3"]),
    "convertor that returns nothing": (lambda w: w.fit_(GOOD, convertor=lambda batch: None), DataError, ["minibatches (X, Y)", "NoneType"]),
    # forms of data
    "only inputs": (lambda w: w.fit_(X), DataError, ["(X, Y)", "ndarray"]),
    "a triple": (lambda w: w.fit_((X, LABELS, X)), DataError, ["(X, Y)"]),
    "a number": (lambda w: w.fit_(5), DataError, ["data", "(X, Y)", "int"]),
    "a string": (lambda w: w.fit_("digits"), DataError, ["data", "(X, Y)", "str"]),
    "a dictionary": (lambda w: w.fit_({"x": X, "y": LABELS}), DataError, ["data", "(X, Y)", "dict"]),
    "None": (lambda w: w.fit_(None), DataError, ["data", "(X, Y)", "NoneType"]),
    "function of a number": (lambda w: w.fit_(lambda: 5), DataError, ["data", "(X, Y)", "int"]),
    "function of None": (lambda w: w.fit_(lambda: None), DataError, ["data", "(X, Y)", "NoneType"]),
    "validation of a number": (lambda w: w.fit_(GOOD, 5), DataError, ["(X, Y)", "int"]),
    # arguments
    "epochs below 0": (lambda w: w.fit_(GOOD, epochs=-1), ArgumentError, ["epochs", "-1"]),
    "epochs a fraction": (lambda w: w.fit_(GOOD, epochs=1.5), ArgumentError, ["epochs", "1.5"]),
    "epochs text": (lambda w: w.fit_(GOOD, epochs="3"), ArgumentError, ["epochs", "'3'"]),
    "epochs True": (lambda w: w.fit_(GOOD, epochs=True), ArgumentError, ["epochs", "True"]),
    "epochs None": (lambda w: w.fit_(GOOD, epochs=None), ArgumentError, ["epochs", "None"]),
    "batch_size 0": (lambda w: w.fit_((X, LABELS), batch_size=0), ArgumentError, ["batch_size", "0"]),
    "batch_size below 0": (lambda w: w.fit_((X, LABELS), batch_size=-4), ArgumentError, ["batch_size", "-4"]),
    "batch_size a fraction": (lambda w: w.fit_((X, LABELS), batch_size=2.5), ArgumentError, ["batch_size", "2.5"]),
    "batch_size True": (lambda w: w.fit_((X, LABELS), batch_size=True), ArgumentError, ["batch_size", "True"]),
    "batch_size text": (lambda w: w.fit_((X, LABELS), batch_size="8"), ArgumentError, ["batch_size", "'8'"]),
    "on_nan unknown": (lambda w: w.fit_(GOOD, on_nan="stop"), ArgumentError, ["on_nan", "'stop'", "raise", "ignore"]),
    "unknown argument": (lambda w: w.fit_(GOOD, epoch=2), ArgumentError, ["fit_", "epoch", "epochs"]),
    "unknown argument of the function": (lambda w: pp.fit_(w, GOOD, batchsize=2), ArgumentError, ["fit_", "batchsize", "batch_size"]),
    "callbacks no function": (lambda w: w.fit_(GOOD, callbacks=5), ArgumentError, ["callbacks", "5"]),
    "callbacks with something else": (lambda w: w.fit_(GOOD, callbacks=[lambda *_: None, "stop"]), ArgumentError, ["callbacks", "'stop'"]),
    "convertor no function": (lambda w: w.fit_(GOOD, convertor="float32"), ArgumentError, ["convertor", "'float32'"]),
    # the other verbs
    "step_ with a bad label": (lambda w: w.step_(X, with_label(3)), DataError, ["targets", "0 to 2"]),
    "step_ with NaN": (lambda w: w.step_(with_number(np.nan), LABELS), NonFiniteLoss, ["step", "data"]),
    "step_ with text": (lambda w: w.step_("x", LABELS), DataError, ["inputs", "numbers"]),
    "validate without a pair": (lambda w: w.validate(X), DataError, ["(X, Y)"]),
    "validate with a bad label": (lambda w: w.validate((X, with_label(3))), DataError, ["targets", "0 to 2"]),
    "evaluate nothing": (lambda w: w.evaluate([]), DataError, ["at least one minibatch", "none"]),
    "evaluate a used-up iterator": (lambda w: w.evaluate(iter(())), DataError, ["at least one minibatch", "none"]),
    "evaluate with batch_size 0": (lambda w: w.evaluate((X, LABELS), batch_size=0), ArgumentError, ["batch_size", "0"]),
    "gradients with a bad label": (lambda w: w.gradients((X, with_label(-2))), DataError, ["targets", "-2"]),
    "gradients without a pair": (lambda w: w.gradients(X), DataError, ["(X, Y)"]),
    "predict nothing": (lambda w: w.predict(X[:0]), DataError, ["at least one sample", "none"]),
    "predict text": (lambda w: w.predict("abc"), DataError, ["inputs", "numbers"]),
    "predict with batch_size 0": (lambda w: w.predict(X, batch_size=0), ArgumentError, ["batch_size", "0"]),
}  # fmt: skip


@pytest.mark.parametrize("what", FIT)
def test_refused_after_training(what):
    """A workout that has trained is left as it was, and goes on as if nothing had been."""
    action, kind, words = FIT[what]
    workout, twin = (fresh().fit_(GOOD) for _ in range(2))
    assert_refused(action, kind, words, workout, twin)


@pytest.mark.parametrize("what", [w for w in FIT if not w.startswith("validate")])
def test_refused_at_first(what):
    """A fresh workout refuses the same, and trains afterwards as if nothing had been."""
    action, kind, words = FIT[what]
    assert_refused(action, kind, [w for w in words if w != "(batch, 4)"], fresh(), fresh())


BUILT = {
    "fewer features": (lambda w: w.fit_((X[:, :3], LABELS)), ["0 Dense(6, relu)", "expected", "(batch, 4)", "received (batch, 3)", "build a new layer"]),
    "more features": (lambda w: w.fit_((np.ones((20, 9)), LABELS)), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 9)"]),
    "images": (lambda w: w.fit_((np.ones((20, 3, 4)), LABELS)), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3, 4)"]),
    "validation": (lambda w: w.fit_(GOOD, (X[:, :3], LABELS)), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3)"]),
    "predict": (lambda w: w.predict(X[:, :3]), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3)"]),
    "predict one sample": (lambda w: w.predict(X[0, :3]), ["0 Dense(6, relu)", "(batch, 4)", "(batch, 3)"]),
    "evaluate": (lambda w: w.evaluate((X[:, :3], LABELS)), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3)"]),
    "step_": (lambda w: w.step_(X[:, :3], LABELS), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3)"]),
    "gradients": (lambda w: w.gradients((X[:, :3], LABELS)), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3)"]),
    "call": (lambda w: w.model(X[:, :3]), ["0 Dense(6, relu)", "(batch, 4)", "received (batch, 3)"]),
}


@pytest.mark.parametrize("what", BUILT)
def test_wrong_feature_count(what):
    """Inputs of another width than the model was built for name the layer, both shapes and the way out."""
    action, words = BUILT[what]
    workout, twin = (fresh().fit_(GOOD) for _ in range(2))
    assert_refused(action, ShapeError, words, workout, twin)


RANKS = {
    "Conv2D on flat data": (Conv2D(2, 3), (4, 9), ["conv Conv2D(2, 3)", "4 axes", "(batch, channels, height, width)", "(batch, 9)"]),
    "Conv2D without channels": (Conv2D(2, 3), (4, 8, 8), ["4 axes", "(batch, 8, 8)"]),
    "Conv2D on too small images": (Conv2D(2, 3), (4, 1, 2, 2), ["at least 3", "Pad the input"]),
    "LSTM on images": (LSTM(3), (4, 1, 8, 8), ["lstm LSTM(3)", "(batch, steps, features)", "(batch, 1, 8, 8)"]),
    "MaxPool on flat data": (pp.MaxPool(), (4, 9), ["MaxPool", "spatial", "(batch, 9)"]),
    "BatchNorm on single numbers": (BatchNorm(), (4,), ["BatchNorm", "(batch, channels, ...)", "(batch,)"]),
    "Input of another shape": (Sequential(pp.Input(5), Dense(1)), (4, 6), ["0 Input(5)", "(batch, 6)"]),
    "Reshape that does not fit": (pp.Reshape((2, 5)), (4, 9), ["Reshape((2, 5))", "10 numbers", "(batch, 9)"]),
    "Dense(10, 5) on six": (Dense(10, 5), (4, 6), ["10 features", "(batch, 6)"]),
    "Concurrent of unequal images": (
        pp.Concurrent(Conv2D(2, 3), Conv2D(2, 5)), (4, 1, 8, 8), ["equal except on axis 1", "(batch, 2, 6, 6)", "(batch, 2, 4, 4)"],
    ),
    "Residual that adds": (pp.Residual(Dense(3), combine="add"), (4, 2), ["Residual", "keep the shape (batch, 2)", "(batch, 3)"]),
}  # fmt: skip


@pytest.mark.parametrize("what", RANKS)
def test_wrong_rank_or_size(what):
    """A layer that meets an input it cannot take says which layer, what it takes and what came."""
    layer, shape, words = RANKS[what]
    workout = Workout(layer, MSE(), seed=1)
    with pytest.raises(ShapeError) as caught:
        workout.fit_((np.ones(shape), np.ones((4, 1))))
    for word in words:
        assert word in told(caught.value)
    assert (workout.steps, len(workout.history)) == (0, 0)
    assert not layer.built


def test_the_path_of_a_nested_layer_is_told():
    """An error deep inside names the whole path: `encoder.1 Dense(3)`."""
    encoder = Sequential(Dense(4), Dense(3), name="encoder")
    model = Sequential(encoder, Dense(2))
    model(np.ones((2, 5), "float32"))
    other = Sequential(pp.Dense(7), encoder)
    with pytest.raises(ShapeError, match=r"^encoder.0 Dense\(4\): expected an input like \(batch, 5\), received \(batch, 7\)"):
        other(np.ones((2, 5), "float32"))


# ---- losses that are not finite -------------------------------------------------------------------------------------------


def diverging(**options):
    """A model whose second layer takes logarithms of negative numbers from the third minibatch on."""
    model = Sequential(Dense(1, initw=1.0, name="first"), lambda x: x.log(), Dense(1, name="last"))
    x = np.concatenate([np.full((10, 1), 2.0), np.full((10, 1), -1.0)])
    return Workout(model, MSE(), SGD(0.0), seed=1, **options), (x, np.ones((20, 1)))


def test_nan_loss_says_step_and_layer():
    """The error names the step whose loss was not finite and the first layer that made it so."""
    workout, data = diverging()
    with pytest.raises(NonFiniteLoss) as caught:
        workout.fit_(data, batch_size=5, shuffle=False)
    for word in ("loss at step 3", "finite", "NaN", "log", "1", "on_nan='ignore'"):
        assert word in told(caught.value)
    assert re.search(r"first from \S*1\S* log", told(caught.value))
    assert isinstance(caught.value, ArithmeticError)
    assert (workout.steps, workout.epochs, dict(workout.history), workout.history.epochs) == (0, 0, {}, [])


def test_nan_loss_in_a_later_epoch_counts_all_steps():
    """The step of the error counts on from the training before."""
    workout, (x, y) = diverging()
    workout.fit_((x[:10], y[:10]), batch_size=5, epochs=3)
    with pytest.raises(NonFiniteLoss, match="loss at step 9"):
        workout.fit_((x, y), batch_size=5, shuffle=False)
    assert (workout.steps, workout.epochs) == (6, 3)


def test_loss_that_grows_over_all_bounds():
    """A learning rate that is far too large is named as the cause; weights and history are those before the epoch."""
    workout = Workout(Sequential(Dense(5), Dense(1)), MSE(), SGD(1e6), seed=1)
    control = Workout(Sequential(Dense(5), Dense(1)), MSE(), SGD(1e6), seed=1)
    p = control.predict(X)
    with pytest.raises(NonFiniteLoss, match="smaller learning rate"):
        workout.fit_((X, X[:, :1]), batch_size=2, epochs=3)
    np.testing.assert_array_equal(workout.predict(X), p)
    assert (workout.steps, len(workout.history)) == (0, 0)


def test_probabilities_are_asked_for_when_scores_come():
    """Cross-entropy on scores gives NaN from its logarithm; the error says to use softmax."""
    with pytest.raises(NonFiniteLoss, match=r"log.*use_softmax=True"):
        Workout(Dense(3, initb=-5.0), CrossEntropyLoss(), seed=1).fit_((X, LABELS))


def test_nan_loss_can_be_ignored():
    """on_nan="ignore" records the NaN, does all steps and keeps the epoch."""
    workout, data = diverging()
    workout.fit_(data, batch_size=5, shuffle=False, on_nan="ignore")
    assert (workout.steps, workout.epochs) == (4, 1)
    assert np.isnan(workout.history("loss")[1]).tolist() == [False, False, True, True]


def test_nan_in_a_metric_does_not_end_training():
    """Only the loss has to be finite."""
    workout = Workout(Dense(1), MSE(), SGD(0.1), odd=lambda p, y: ((p - y) * 0.0 - 1.0).mean().log(), seed=1)
    workout.fit_((X, X[:, :1]), batch_size=5)
    assert np.isnan(workout.history("odd")[1]).tolist() == [True] * 4


# ---- names and arguments -----------------------------------------------------------------------------------------------------

NAMES = {
    "activation": (lambda: Dense(3, "rellu"), ["Dense", "activation", "'rellu'", "'relu'"]),
    "activation of LSTM": (lambda: LSTM(3, "tanhh"), ["LSTM", "activation", "'tanhh'", "'tanh'"]),
    "activation without near names": (lambda: Dense(3, "zzz"), ["'zzz'", "relu", "sigmoid", "tanh"]),
    "Activation": (lambda: pp.Activation("sigmid"), ["Activation", "'sigmid'", "'sigmoid'"]),
    "loss": (lambda: Workout(Dense(1), "msee"), ["loss", "'msee'", "'mse'"]),
    "loss by half": (lambda: Workout(Dense(1), "cross_entropy"), ["loss", "'cross_entropy'", "crossentropy"]),
    "optimiser": (lambda: Workout(Dense(1), "mse", "adamm"), ["opt", "'adamm'", "'adam'"]),
    "metric": (lambda: Workout(Dense(1), "mse", metrics=["accurcy"]), ["metrics", "'accurcy'", "'accuracy'"]),
    "initialiser": (lambda: Dense(3, initw="xaver"), ["Dense initw", "'xaver'", "'xavier'"]),
    "backend": (lambda: Workout(Dense(1), "mse", backend="troch"), ["backend", "'troch'", "'torch'"]),
    "backend of get_backend": (lambda: pp.get_backend("nunpy"), ["backend", "'nunpy'", "'numpy'"]),
    "device": (lambda: Workout(Dense(1), "mse", device="gpu9").predict(X), ["device", "'gpu9'", "cpu"]),
    "dtype": (lambda: pp.set_context(dtype="float23"), ["dtype", "'float23'", "'float32'"]),
}


@pytest.mark.parametrize("what", NAMES)
def test_unknown_names_come_with_the_nearest(what):
    """A name that is in no table is refused with the names that are nearest to it."""
    action, words = NAMES[what]
    with pytest.raises(UnknownName) as caught:
        action()
    for word in words:
        assert word in told(caught.value)
    assert isinstance(caught.value, KeyError)


ARGUMENTS = {
    "units 0": (lambda: Dense(0), ["Dense", "units", "above 0", "0"]),
    "units below 0": (lambda: Dense(-3), ["Dense", "units", "-3"]),
    "units a fraction": (lambda: Dense(2.5), ["Dense", "units", "2.5"]),
    "units text": (lambda: Dense("3"), ["Dense", "units", "'3'"]),
    "units True": (lambda: Dense(True), ["Dense", "units", "True"]),
    "units missing": (lambda: Dense(), ["Dense", "units"]),
    "channels 0": (lambda: Conv2D(0, 3), ["Conv2D", "channels", "0"]),
    "kernel 0": (lambda: Conv2D(4, 0), ["Conv2D", "kernel_size", "0"]),
    "kernel of three": (lambda: Conv2D(4, (3, 3, 3)), ["Conv2D", "kernel_size", "2 of them"]),
    "padding unknown": (lambda: Conv2D(4, 3, padding="full"), ["Conv2D", "padding", "'full'", "same"]),
    "hidden 0": (lambda: LSTM(0), ["LSTM", "hidden", "0"]),
    "layers 0": (lambda: LSTM(3, num_layers=0), ["LSTM", "num_layers", "0"]),
    "contradiction": (lambda: LSTM(3, last_only=False, return_sequences=False), ["LSTM", "contradicting"]),
    "two activations": (lambda: LSTM(3, relu, activation=pp.tanh), ["LSTM", "one activation"]),
    "vocabulary 0": (lambda: pp.Embedding(0, 3), ["Embedding", "vocabulary", "0"]),
    "rate above 1": (lambda: Dropout(1.5), ["Dropout", "rate", "1.5"]),
    "rate below 0": (lambda: Dropout(-0.1), ["Dropout", "rate", "-0.1"]),
    "epsilon 0": (lambda: BatchNorm(epsilon=0), ["BatchNorm", "epsilon", "0"]),
    "pool 0": (lambda: pp.MaxPool(0), ["MaxPool", "pool_size", "0"]),
    "dims 0": (lambda: pp.Reshape((0, 3)), ["Reshape", "above 0"]),
    "two free dims": (lambda: pp.Reshape((-1, -1)), ["Reshape", "at most one -1"]),
    "learning rate below 0": (lambda: SGD(-0.1), ["SGD lr", "-0.1"]),
    "learning rate text": (lambda: SGD("0.1"), ["SGD lr", "'0.1'"]),
    "beta 1": (lambda: Adam(beta1=1.0), ["Adam beta1", "below 1", "1.0"]),
    "reduction": (lambda: MSE(reduction="avg"), ["MSE", "reduction", "'avg'", "mean"]),
    "unknown argument": (lambda: Dense(3, activaton=relu), ["Dense", "activaton=", "'activation'"]),
    "unknown argument of SGD": (lambda: SGD(learning_rate=0.1), ["SGD", "learning_rate=", "lr"]),
    "unknown argument of a loss": (lambda: CrossEntropyLoss(use_softmx=True), ["CrossEntropyLoss", "use_softmx=", "'use_softmax'"]),
    "unknown argument of Sequential": (lambda: Sequential(Dense(1), nam="a"), ["Sequential", "nam", "'name'"]),
    "unknown argument of Residual": (lambda: pp.Residual(Dense(1), combin="add"), ["Residual", "combin", "'combine'"]),
    "unknown argument of Concurrent": (lambda: pp.Concurrent(Dense(1), axis=2), ["Concurrent", "axis"]),
    "too many arguments": (lambda: Dropout(0.5, "name", 3), ["Dropout", "rate, name"]),
    "argument given twice": (lambda: Dense(3, units=4), ["Dense", "units"]),
    "unknown argument of Workout": (lambda: Workout(Dense(1), "mse", optimizer=Adam()), ["optimizer", "Adam()"]),
    "a class for a layer": (lambda: Sequential(Dense), ["Sequential", "Dense(...)"]),
    "a number for a layer": (lambda: Sequential(Dense(3), 5), ["Sequential", "5"]),
    "a number for a model": (lambda: Workout(5, "mse"), ["model", "5"]),
    "a class for a model": (lambda: Workout(Dense, "mse"), ["model", "Dense(...)"]),
    "a number for a loss": (lambda: Workout(Dense(1), 5), ["loss", "5"]),
    "a number for an optimiser": (lambda: Workout(Dense(1), "mse", 0.1), ["opt", "0.1"]),
    "a number for a metric": (lambda: Workout(Dense(1), "mse", metrics=[3]), ["metrics", "3"]),
    "a negative seed": (lambda: Workout(Dense(1), "mse", seed=-1), ["seed", "-1"]),
    "a seed of text": (lambda: pp.seed_("1"), ["seed_", "'1'"]),
    "combine": (lambda: pp.Residual(Dense(1), combine="mul"), ["Residual", "combine", "'mul'"]),
    "add_ to a layer": (lambda: pp.add_(Dense(1), Dense(2)), ["add_", "Sequential", "Dense(1)"]),
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_bad_arguments_are_refused_when_they_are_given(what):
    """An argument that a description cannot have is refused at once, as a ValueError and TypeError, with its name and value."""
    action, words = ARGUMENTS[what]
    with pytest.raises(ArgumentError) as caught:
        action()
    for word in words:
        assert word in told(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_numpy_integers_are_whole_numbers():
    """Counts that come out of arrays, such as `labels.max() + 1`, are whole numbers like any other."""
    layer = Dense(LABELS.max() + 1)
    assert repr(layer) == "Dense(3)"
    workout = Workout(layer, "nll", seed=1).fit_((X, LABELS), epochs=np.int64(2), batch_size=np.int32(10))
    assert (workout.steps, workout.epochs) == (4, 2)
    assert workout.predict(X, batch_size=np.int64(7)).shape == (20, 3)


# ---- functions that cannot be traced --------------------------------------------------------------------------------------------


def branching(x):
    """A Python condition on numbers."""
    if x.sum() > 0:
        return x
    return -x


def counting(x):
    """A loop over the batch."""
    return next(iter(x))


TRACED = {
    "if": (branching, ["branching", "condition", "where("]),
    "while": (lambda x: x if not x > 0 else -x, ["condition", "where("]),
    "float": (lambda x: x * float(x.sum()), ["float(Tensor)", "no numbers"]),
    "int": (lambda x: x * int(x.sum()), ["Tensor", "no numbers"]),
    "math": (lambda x: x * __import__("math").exp(x.sum()), ["Tensor", "no numbers"]),
    "loop over the batch": (counting, ["len(Tensor)", "numbers arrive"]),
    "numpy function": (lambda x: np.linalg.norm(x, axis=1), ["numpy", "norm", "operators"]),
    "numpy sort": (lambda x: np.sort(x, axis=1), ["numpy.sort", "operators"]),
    "numpy ufunc": (lambda x: np.arctan(x), ["numpy.arctan", "operators"]),
    "numpy conversion": (lambda x: np.asarray(x) * 2, ["1 ", "conversion", "array"]),
    "torch function": (lambda x: __import__("torch").relu(x), ["torch", "relu"]),
    "missing method": (lambda x: x.cumsum(), ["AttributeError", "cumsum", "Tensor((batch, 3), float32)"]),
    "own mistake": (lambda x: x + undefined, ["NameError", "undefined"]),  # noqa: F821
    "wrong number of arguments": (lambda x, y: x, ["TypeError", "'y'"]),
    "returns None": (lambda x: None, ["None"]),
    "returns text": (lambda x: "y", ["y"]),
    "index by a tensor": (lambda x: x[x > 0], ["index", "whole numbers and slices"]),
}


@pytest.mark.parametrize("what", TRACED)
def test_functions_that_cannot_be_traced(what):
    """A plain function in a model that cannot be followed symbolically is refused, with its place and the reason."""
    function, words = TRACED[what]
    model = Sequential(Dense(3), function, Dense(1))
    workout = Workout(model, MSE(), seed=1)
    with pytest.raises((TraceError, ShapeError)) as caught:
        workout.fit_((X, X[:, :1]))
    for word in words:
        assert word in told(caught.value)
    assert (workout.steps, len(workout.history)) == (0, 0)
    assert not model.built


@pytest.mark.parametrize("what", ["own mistake", "missing method", "wrong number of arguments", "if"])
def test_untraceable_functions_are_named(what):
    """The error says which member of the model it is, by its path."""
    with pytest.raises(TraceError, match=r"(^|\s)1\b"):
        Workout(Sequential(Dense(3), TRACED[what][0]), MSE()).fit_((X, X[:, :3]))


LOSSES = {
    "no reduction": (MSE(reduction="none"), ShapeError, ["loss", "one number", "(batch, 3)", "mean"]),
    "function without reduction": (lambda p, y: (p - y) ** 2, ShapeError, ["loss", "one number", "(batch, 3)", "mean"]),
    "returns None": (lambda p, y: None, ShapeError, ["loss", "one number", "None"]),
    "returns text": (lambda p, y: "0.5", ShapeError, ["loss", "one number", "'0.5'"]),
    "opaque number": (lambda p, y: p.sub(y).square().mean().item(), PhotonError, ["loss", "gradient"]),
    "opaque vector": (lambda p, y: p.sub(y).square(), PhotonError, ["loss", "one number"]),
    "tuple of outputs": (lambda p, y: MSE()((p, p), y), ArgumentError, ["MSE", "one prediction", "tuple"]),
}


@pytest.mark.parametrize("what", LOSSES)
def test_losses_that_are_none(what):
    """A loss has to give one number that depends on the prediction; anything else is refused and leaves the workout fresh."""
    loss, kind, words = LOSSES[what]
    workout = Workout(Dense(3), loss, SGD(0.1), seed=1)
    with pytest.raises(kind) as caught:
        workout.fit_((X, X[:, :3]))
    for word in words:
        assert word in told(caught.value)
    assert (workout.steps, len(workout.history)) == (0, 0)
    workout.loss = MSE()
    twin = Workout(Dense(3), MSE(), SGD(0.1), seed=1).fit_((X, X[:, :3]))
    assert workout.fit_((X, X[:, :3])).history["loss"] == twin.history["loss"]


def test_embedding_out_of_its_vocabulary():
    """A row number that the table does not have is refused by name and place, in training and in predict."""
    workout = Workout(Sequential(pp.Embedding(5, 3), Dense(2)), MSE(), seed=1)
    good, bad = np.array([[0, 4], [1, 2]]), np.array([[0, 4], [5, 2]])
    workout.fit_((good, np.ones((2, 2))))
    p = workout.predict(good)
    for action in (lambda: workout.fit_((bad, np.ones((2, 2)))), lambda: workout.predict(bad)):
        with pytest.raises(DataError, match=r"inputs.*0 to 4.*5 at sample 1"):
            action()
    assert workout.steps == 1
    np.testing.assert_array_equal(workout.predict(good), p)


def test_errors_have_one_form():
    """str() of an error reads `where: expected ..., received .... what to do`, and its parts are attributes."""
    with pytest.raises(DataError) as caught:
        fresh().fit_((X, with_label(3)))
    e = caught.value
    assert str(e) == f"{e.where}: expected {e.expected}, received {e.received}. {e.hint}"
    assert (e.where, e.expected, e.received) == ("targets", "whole numbers from 0 to 2", "3 at sample 7")
