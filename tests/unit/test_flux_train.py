"""train_, its losses, accuracy and one-hot labels, held to the loop that Flux had, written in NumPy."""

import math

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    LSTM,
    MSE,
    Adam,
    ArgumentError,
    DataError,
    Dense,
    Gaussian,
    NonFiniteLoss,
    Sequential,
    ShapeError,
    softmax,
    throttle,
    σ,
)
from pyphoton.flux import (
    Batch,
    Batched,
    Seq,
    accuracy,
    batches,
    chunk,
    logloss,
    mse,
    onecold,
    onehot,
    sequences,
    train_,
)

TRUTH = np.array([0, 4, 2, 2, -3, 6, -1, 3, 2, -5.0])


def features(seed):
    """256 samples of 10 numbers from 0 to 1, and what is drawn next."""
    random = np.random.default_rng(seed)
    return random.random((256, 10)), random.random(256)


def linear(seed=0):
    """Flux's own test of train!: the truth times x, and noise from 0 to 3."""
    x, noise = features(seed)
    return list(zip(x, x @ TRUTH + 3 * noise, strict=True))


def loop(data, *, epoch=1, batch=1, eta=0.1, sigmoid=False, start=0.0):
    """The loop of 2016: per sample the gradient of half the squared error, summed over `batch` samples, then one update."""
    w, b = np.zeros(10) + start, 0.0
    dw, db, count = np.zeros(10), 0.0, 0
    for _ in range(epoch):
        for x, y in data:
            p = x @ w + b
            p = 1 / (1 + math.exp(-p)) if sigmoid else p
            delta = (p - y) * (p * (1 - p) if sigmoid else 1)
            dw, db, count = dw + delta * x, db + delta, count + 1
            if count % batch == 0:
                w, b = w - eta * dw, b - eta * db
                dw, db = np.zeros(10), 0.0
    return w, b


def correlation(layer):
    """Of the weights and the truth."""
    return np.corrcoef(layer.parameters.kernel.value[:, 0], TRUTH)[0, 1]


def test_linear_regression():
    """Flux's own test: after 5 epochs the weights correlate with the truth by more than 0.99; and they are those of the loop."""
    data = linear()
    model = Dense(10, 1, initw="zeros")
    assert train_(model, data, epoch=5) is model
    assert correlation(model) > 0.99
    w, b = loop(data, epoch=5)
    np.testing.assert_allclose(model.parameters.kernel.value[:, 0], w, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(model.parameters.bias.value, [b], rtol=1e-3, atol=1e-3)
    fresh = Dense(10, 1)
    train_(fresh, data, epoch=5)
    assert correlation(fresh) > 0.99


def test_logistic_regression():
    """Flux's other test: a sigmoid and truth values, 10 epochs, correlation above 0.99 where the data allow it, as the loop says."""
    x, noise = features(58)
    data = [(a, bool(a @ TRUTH + 2 * n > 5)) for a, n in zip(x, noise, strict=True)]
    model = Sequential(Dense(10, 1, initw=Gaussian(std=0.01)), σ)
    model(x)
    w, _ = loop(data, epoch=10, sigmoid=True, start=model[0].parameters.kernel.value[:, 0].astype("float64"))
    train_(model, data, epoch=10)
    np.testing.assert_allclose(model[0].parameters.kernel.value[:, 0], w, rtol=1e-3, atol=1e-3)
    assert correlation(model[0]) > 0.99


@pytest.mark.parametrize("batch", [8, 1, None])
def test_gradients_of_a_batch_are_summed(batch):
    """batch=8 takes one step with the sum of eight gradients, not with their mean; in the order of the data."""
    data = linear()[:160]
    model = Dense(10, 1, initw="zeros")
    train_(model, data, epoch=2, batch=batch, eta=0.01)
    w, _ = loop(data, epoch=2, batch=batch or 1, eta=0.01)
    np.testing.assert_allclose(model.parameters.kernel.value[:, 0], w, rtol=1e-4, atol=1e-5)


CLASSES = [([float(i % 3 == c) for c in range(3)], onehot(i % 3, range(3))) for i in range(45)]


def classifier():
    """A model of three classes."""
    return Sequential(Dense(3, 3), softmax)


def updates(*data, **options):
    """How many updates train_ makes."""
    steps = []
    train_(classifier(), *data, cb=throttle(lambda: steps.append(1), 0), **options)
    return len(steps)


def test_the_number_of_updates(capsys):
    """10 samples each in the form of 2016, with a test set; one in that of 2017, without; a Batch is one; what is left over counts."""
    assert updates(CLASSES, CLASSES[:3]) == 5
    assert updates(CLASSES) == updates(CLASSES, []) == updates(CLASSES, None) == 45
    assert updates(CLASSES, batch=20, epoch=2) == 6
    assert updates(list(Batched(CLASSES, 20))) == 2
    assert updates(Batched(CLASSES, 20), CLASSES, epoch=2) == 4
    assert updates(Batched(iter(CLASSES), 20), epoch=2) == 4
    assert updates((pair for pair in CLASSES), epoch=2) == 90
    assert updates((pair for pair in CLASSES), CLASSES) == 5


def test_accuracy_is_shown(capsys):
    """The accuracy on the test set is printed after each 1000 samples and at the end; without a test set nothing is."""
    x, y = (np.array(part, dtype="float32") for part in zip(*CLASSES, strict=True))
    model = classifier()
    train_(model, (np.tile(x, (50, 1)), np.tile(y, (50, 1))), iter(Batched(CLASSES, 9)), eta=0.5)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[-1] == f"accuracy(m, test) = {accuracy(model, CLASSES):.4g}" == "accuracy(m, test) = 1"
    train_(model, CLASSES)
    assert capsys.readouterr().out == ""


def test_batches_of_arrays_and_samples_train_alike():
    """Pairs of samples, two arrays, and pairs of Batch of the same size give the same weights."""
    x, y = (np.array(part, dtype="float32") for part in zip(*CLASSES, strict=True))
    found = []
    for data, options in ((CLASSES, {"batch": 9}), ((x, y), {"batch": 9}), ((Batch(x), Batch(y)), {"batch": 9}), (list(Batched(CLASSES, 9)), {})):
        pp.seed_(5)
        model = classifier()
        train_(model, data, epoch=2, loss=logloss, **options)
        found.append(model[0].parameters.kernel.value)
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_optimiser_and_loss():
    """opt= and loss= take the places of SGD(0.1) and mse; η is another spelling of eta."""
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    moved = []
    for options in ({"eta": 0.01}, {"η": 0.01}, {"opt": pp.SGD(0.01)}, {"loss": MSE(), "eta": 0.01}, {"opt": Adam(0.01)}):
        model = Dense(1, initw="ones", use_bias=False)
        train_(model, (x, y), batch=4, **options)
        moved.append(float(1 - model.parameters.kernel.value[0, 0]))
    np.testing.assert_allclose(moved, [0.08, 0.08, 0.08, 0.04, 0.01], rtol=1e-3)


def test_sequences_from_two_lists():
    """train_(m, Xs, Ys): each pair of batches of sequences is one update, with the cross-entropy per sample and step."""
    text = "abcab" * 13
    vectors = [onehot(c, "abc", dtype="float32") for c in text]

    def parts(data):
        return list(batches(*(sequences(part, 4) for part in chunk(data, 2))))

    xs, ys = parts(vectors[:-1]), parts(vectors[1:])
    assert [b.raw.shape for b in xs] == [(2, 4, 3)] * 8
    pp.seed_(3)
    model = Sequential(LSTM(6, last_only=False), Dense(3, softmax, flatten=False))
    seen = []
    model(np.asarray(xs[0]))
    expected = -(np.asarray(ys[0]) * np.log(model(np.asarray(xs[0])))).sum() / 8
    workout = pp.Workout(model, pp.flux.losses.sequence_logloss, pp.SGD(0))
    np.testing.assert_allclose(workout.evaluate([(xs[0], ys[0])])["loss"], expected, rtol=1e-5)
    train_(model, xs, ys, epoch=30, opt=Adam(0.03), cb=throttle(lambda: seen.append(1), 0))
    assert len(seen) == 8 * 30
    train_(model, iter(xs), (y for y in ys), epoch=2, opt=Adam(0.03), cb=throttle(lambda: seen.append(1), 0))
    assert len(seen) == 8 * 32
    assert accuracy(model, list(zip(xs, ys, strict=True))) > 0.8


def test_sequences_as_samples():
    """A sample may be a Seq: they are stacked as (N, steps, features)."""
    random = np.random.default_rng(2)
    data = [(Seq(random.normal(size=(5, 2))), [1.0]) for _ in range(7)]
    model = Sequential(LSTM(3, last_only=True), Dense(1))
    train_(model, data, batch=7, epoch=2)
    assert model(np.stack([seq.raw for seq, _ in data]).astype("float32")).shape == (7, 1)


def test_nan_is_an_error():
    """A prediction that is NaN ends training with an error that says so, and the weights are those before the epoch."""
    model = Dense(10, 1)
    model(np.zeros((1, 10)))
    before = model.parameters.kernel.value.copy()
    with pytest.raises(NonFiniteLoss, match="NaN"):
        train_(model, linear(), batch=10, eta=1e6)
    assert np.array_equal(model.parameters.kernel.value, before)
    with pytest.raises(NonFiniteLoss, match="NaN"):
        train_(model, [(np.full(10, np.nan), [1.0])])


@pytest.mark.parametrize(
    ("error", "text", "mistake"),
    [
        (DataError, "at least one pair", lambda m: train_(m, [])),
        (DataError, "pairs", lambda m: train_(m, "ab")),
        (DataError, r"pairs \(x, y\), received tuple", lambda m: train_(m, [(1, 2, 3)])),
        (DataError, "sample 1", lambda m: train_(m, [([1.0, 2, 3], 1.0), ([1.0, 2], 1.0)])),
        (ArgumentError, "several", lambda m: train_(m, CLASSES, eta=0.1, opt=Adam())),
        (ArgumentError, "batch: a whole number", lambda m: train_(m, CLASSES, batch=0)),
        (ArgumentError, "Each Batch makes one update", lambda m: train_(m, Batched(CLASSES, 5), batch=5)),
        (ArgumentError, "Did you mean 'epoch'", lambda m: train_(m, CLASSES, epochs=3)),
        (ShapeError, "targets like the predictions", lambda m: train_(m, [([1.0, 2, 3], [1.0, 2])])),
    ],
)
def test_refusals(error, text, mistake):
    """What does not fit is named before anything is trained."""
    with pytest.raises(error, match=text):
        mistake(classifier())


# ---- losses, accuracy, labels ----------------------------------------------------------------------------------------


def test_losses_are_sums():
    """Half the sum of squares and the sum of -y log p: of a sample, of a batch, and of numbers."""
    p, y = np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert mse(p, y) == pytest.approx((0.04 + 0.04 + 0.25 + 0.25) / 2)
    assert mse(p[0], y[0]) == mse([0.2, 0.8], [0, 1]) == pytest.approx(0.04)
    assert mse(3.0, 1.0) == 2
    assert mse(np.ones((2, 1, 3)), np.zeros((2, 3))) == 3
    assert logloss(p, y) == pytest.approx(-math.log(0.8) - math.log(0.5), rel=1e-5)
    assert logloss(p[0], y[0]) == pytest.approx(-math.log(0.8), rel=1e-5)
    assert math.isfinite(logloss([0.0, 1.0], [1, 0]))
    with pytest.raises(ShapeError):
        mse(np.ones((3, 2)), np.ones((3, 1)))


def test_accuracy():
    """The share of samples whose largest output stands where the largest target does; class numbers will do; steps count each."""
    model = Dense(2, 3)
    model(np.zeros((1, 2)))
    model.parameters.kernel.set_([[1, 0, 0], [0, 2, 0]])
    x = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], "float32")  # classes 0, 1, 1 and, of equal ones the first, 0
    y = np.eye(3)[[0, 1, 0, 1]]
    for data in (list(zip(x, y, strict=True)), (x, y), [(Batch(x[:3]), Batch(y[:3])), (Batch(x[3:]), Batch(y[3:]))], (x, np.array([0, 1, 0, 1]))):
        assert accuracy(model, data) == 0.5
    steps = Dense(3, flatten=False)
    steps(x[None])
    steps.parameters.kernel.set_([[1, 0, 0], [0, 2, 0]])
    assert accuracy(steps, (x[None], np.eye(3)[None, [0, 1, 1, 1]])) == 0.75
    with pytest.raises(DataError, match="BinaryAccuracy"):
        accuracy(Dense(1), (x, y[:, :1]))
    with pytest.raises(DataError, match="like the outputs"):
        accuracy(model, (x, y[:, :2]))


def test_onehot():
    """A label that is absent gives zeros, which pyphoton's own refuse."""
    assert onehot("c", ["a", "b", "c"]).tolist() == [0, 0, 1]
    assert onehot("c", "abc", dtype="float32").dtype == np.float32
    assert onehot("x", "abc").tolist() == [0, 0, 0]
    assert onehot(7, range(5, 9)).tolist() == [0, 0, 1, 0]


def test_onecold():
    """The first maximum wins; a matrix goes row by row; labels count from 0 unless they are given."""
    assert onecold([0.0, 1.0, 0.0], ["a", "b", "c"]) == "b"
    assert onecold([3, 7, 7]) == 1
    assert onecold([[1, 2], [5, 3]]).tolist() == [1, 0]
    assert onecold(Batch([[1, 2], [5, 3]]), "ab") == ["b", "a"]
    assert onecold(np.eye(3)[None], "abc") == [["a", "b", "c"]]
    assert all(onecold(onehot(c, "abc"), "abc") == c for c in "abc")
    for bad in (lambda: onecold([1, 2], "abc"), lambda: onecold(5), lambda: onecold([])):
        with pytest.raises(ArgumentError, match="onecold"):
            bad()
