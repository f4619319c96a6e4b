"""fit, evaluate, predict and the callbacks of the Keras face: what comes back, in which order, against formulas and real Keras."""

import csv
import math
from copy import deepcopy

import numpy as np
import pytest
from keras_net import Net, chain, installed_keras

import pyphoton as pp
from pyphoton import keras
from pyphoton.errors import KeraFlowError, PhotonError, UnknownName, Unsupported
from pyphoton.keras import callbacks, optimizers

RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(20, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")


def line(optimizer=None, **compiled):
    """A linear model with kernel and bias 0."""
    model = chain(pp.Dense(1))
    model.compile(optimizer or optimizers.SGD(0.1), **{"loss": "mse", **compiled})
    model.predict(X)
    for array in pp.weights(model):
        array[...] = 0.0
    return model


def descended(x, y, rate, epochs, batch):
    """Kernel, bias and mean losses of linear regression by SGD, in the data's order."""
    w, b, losses = np.zeros((3, 1)), np.zeros(1), []
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(x), batch):
            u, v = x[i : i + batch], y[i : i + batch]
            e = u @ w + b - v
            total += float((e**2).sum())
            w, b = w - rate * 2 * u.T @ e / len(u), b - rate * 2 * e.mean(axis=0)
        losses.append(total / len(x))
    return w, b, losses


def test_fit_is_gradient_descent():
    """Weights and the history's losses, means over samples with a smaller last minibatch, are those of the formula."""
    model = line()
    history = model.fit(X, Y[:, 0], batch_size=8, epochs=3, shuffle=False)
    w, b, losses = descended(X, Y, 0.1, 3, 8)
    np.testing.assert_allclose(pp.weights(model)[0], w, rtol=1e-5)
    np.testing.assert_allclose(pp.weights(model)[1], b, rtol=1e-4)
    assert history.history == {"loss": pytest.approx(losses, rel=1e-5)}
    assert history.epoch == [0, 1, 2] and history[1] == {"loss": history.history["loss"][1]} and len(history) == 3
    assert model.history is history


def test_the_last_fraction_validates():
    """validation_split takes the end before shuffling; validation_data comes before it; values are means over all samples."""
    model = line(metrics=["mae"])
    history = model.fit(X, Y, batch_size=4, epochs=2, validation_split=0.3, shuffle=False)
    w, b, _ = descended(X[:14], Y[:14], 0.1, 2, 4)
    error = X[14:] @ w + b - Y[14:]
    assert history.history["val_loss"][-1] == pytest.approx(float((error**2).mean()), rel=1e-4)
    assert history.history["val_mae"][-1] == pytest.approx(float(np.abs(error).mean()), rel=1e-4)
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    weights = np.arange(4.0)
    history = model.fit(X, Y, validation_split=0.3, validation_data=(X[:4], Y[:4], weights))
    error = (model.predict(X[:4]) - Y[:4]) ** 2
    assert history.history["val_loss"] == [pytest.approx(float((weights[:, None] * error).mean()), rel=1e-4)]
    for wrong in ([X, Y], X, {"x": X}):
        with pytest.raises(KeraFlowError, match="a tuple"):
            model.fit(X, Y, validation_data=wrong)
    for fraction in (1.0, -0.1, 0.99, "half"):
        with pytest.raises(KeraFlowError, match="validation_split"):
            model.fit(X, Y, validation_split=fraction)


def test_validation_now_and_then():
    """validation_freq: each so many-th epoch, or those in a list, from 1."""
    model = line()
    assert len(model.fit(X, Y, epochs=5, validation_data=(X, Y), validation_freq=2).history["val_loss"]) == 2
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), validation_freq=[1, 3], validation_batch_size=7)
    assert [("val_loss" in row) for row in history] == [True, False, True]


def test_minibatches_as_they_come():
    """A list, a generator with steps_per_epoch, a sequence and a DataLoader give what arrays in order give."""
    pairs = [(X[i : i + 5], Y[i : i + 5]) for i in range(0, 20, 5)]

    def forever():
        while True:
            yield from pairs

    class Sequence:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            if index >= 4:
                raise IndexError
            return pairs[index]

    w, _, losses = descended(X, Y, 0.1, 2, 5)
    for source, options in ((iter(pairs * 2), {"steps_per_epoch": 4}), (forever(), {"steps_per_epoch": 4}), (Sequence(), {}), (lambda: iter(pairs * 2), {"steps_per_epoch": 4})):
        model = line()
        assert model.fit(source, epochs=2, **options).history["loss"] == pytest.approx(losses, rel=1e-5)
        np.testing.assert_allclose(pp.weights(model)[0], w, rtol=1e-4)
    weighted = line().fit(((x, y, np.zeros(5)) for x, y in pairs), steps_per_epoch=4)
    assert weighted.history["loss"] == [0.0]
    assert line().evaluate(Sequence()) == pytest.approx(float((Y**2).mean()), rel=1e-5)
    assert line().predict(Sequence()).shape == (20, 1)
    for wrong in ({"x": Sequence(), "y": Y}, {"x": X, "y": Y, "steps_per_epoch": 2}, {"x": 3}, {"x": iter([1]), "steps_per_epoch": 1}):
        with pytest.raises(KeraFlowError):
            line().fit(**wrong)


def test_a_torch_loader_trains():
    """torch's DataLoader of a TensorDataset."""
    torch = pytest.importorskip("torch", reason="its DataLoader is read")
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=5)
    assert line().fit(loader, epochs=2).history["loss"] == pytest.approx(descended(X, Y, 0.1, 2, 5)[2], rel=1e-5)


def test_tables_train():
    """A pandas table and its column."""
    pandas = pytest.importorskip("pandas", reason="its tables are read")
    table = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y[:, 0]})
    history = line().fit(table[["a", "b", "c"]], table["y"], batch_size=5, shuffle=False)
    assert history.history["loss"] == pytest.approx(descended(X, Y, 0.1, 1, 5)[2], rel=1e-5)


def test_evaluate_predict_and_single_batches():
    """A number or [loss, metrics...]; lists for several outputs; train_on_batch is one update and tells the loss before it."""
    model = line(metrics=["mae"])
    loss, mae = model.evaluate(X, Y, batch_size=7)
    assert (loss, mae) == (pytest.approx(float((Y**2).mean()), rel=1e-5), pytest.approx(float(np.abs(Y).mean()), rel=1e-5))
    assert model.test_on_batch(X, Y, return_dict=True) == pytest.approx({"loss": loss, "mae": mae}, rel=1e-5)
    assert model.train_on_batch(X, Y) == pytest.approx([loss, mae], rel=1e-5)
    np.testing.assert_allclose(pp.weights(model)[0], descended(X, Y, 0.1, 1, 20)[0], rtol=1e-5)
    np.testing.assert_allclose(model.predict(X, batch_size=3), model.predict_on_batch(X), rtol=1e-6)
    both = Net(lambda members, x: (members[0](x), members[0](x) * 2.0), [pp.Dense(1)], outputs=("a", "b"))
    a, b = both.predict(X)
    np.testing.assert_allclose(b, 2 * a, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside real Keras
def test_several_outputs_report_as_keras_does():
    """Names, order and numbers of [loss, metrics, losses of outputs] are real Keras's."""
    real = installed_keras()
    into = real.Input((3,))
    theirs = real.Model(into, [real.layers.Dense(1, name="a")(into), real.layers.Dense(2, name="b")(into)])
    options = {"loss": ["mse", "mae"], "loss_weights": [2.0, 0.5], "metrics": [["mae"], ["mse"]]}
    theirs.compile("sgd", **options)
    mine = Net(lambda members, x: (members[0](x), members[1](x)), [pp.Dense(1), pp.Dense(2)], outputs=("a", "b"))
    mine.compile("sgd", **options)
    mine.predict(X)
    for array, value in zip(pp.weights(mine), theirs.get_weights(), strict=True):
        array[...] = value
    targets = [Y, np.tile(Y, 2)]
    expected = theirs.evaluate(X, targets, verbose=0, return_dict=True)
    assert mine.evaluate(X, targets, return_dict=True) == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-4)
    assert mine.evaluate(X, targets) == pytest.approx([float(v) for v in theirs.evaluate(X, targets, verbose=0)], rel=1e-4)


def test_before_compile():
    """fit and evaluate say that the model is to be compiled; predict works."""
    model = chain(pp.Dense(1))
    assert model.predict(X).shape == (20, 1) and not model.compiled and model.optimizer is None
    for call in (lambda: model.fit(X, Y), lambda: model.evaluate(X, Y), lambda: model.train_on_batch(X, Y), lambda: model.workout):
        with pytest.raises(KeraFlowError, match="Please call compile before"):
            call()


def test_compiling_again_keeps_the_weights():
    """Another optimizer and loss, the same weights; steps count from 0."""
    model = line()
    model.fit(X, Y)
    before = [w.copy() for w in pp.weights(model)]
    model.compile("adam", "mae", metrics=["mse"])
    np.testing.assert_array_equal(pp.weights(model)[0], before[0])
    assert model.workout.steps == 0 and model.metrics_names == ["loss", "mse"]


def test_a_copy_is_not_compiled():
    """A deep copy predicts the same with weights of its own, and is to be compiled anew."""
    model = line()
    model.fit(X, Y)
    copy = deepcopy(model)
    expected = model.predict(X)
    model.fit(X, Y)
    np.testing.assert_array_equal(copy.predict(X), expected)
    assert not copy.compiled and model.compiled


def test_verbs():
    """The free functions do what the methods do; nb_epoch is epochs; both at once are refused."""
    model = chain(pp.Dense(1))
    keras.compile_(model, loss="mse", optimizer="sgd", metrics=["mae"])
    assert len(keras.fit_(model, X, Y, nb_epoch=3).history["loss"]) == 3
    assert keras.evaluate(model, X, Y) == model.evaluate(X, Y)
    np.testing.assert_array_equal(keras.predict(model, X), keras.predict_on_batch(model, X))
    before = keras.test_on_batch(model, X, Y)
    assert keras.train_on_batch_(model, X, Y) == pytest.approx(before, rel=1e-5)
    with pytest.raises(KeraFlowError, match="both"):
        model.fit(X, Y, epochs=2, nb_epoch=2)
    with pytest.raises(KeraFlowError, match=r"pyphoton\.keras"):
        keras.fit_(pp.Dense(1), X, Y)
    for wrong in ({"epoch": 3}, {"verbose": 7}, {"epochs": -1}, {"workers": 4}):
        with pytest.raises(PhotonError):
            model.fit(X, Y, **wrong)


def test_a_loss_that_calls_an_engine():
    """A function that torch alone can run trains as one step."""
    torch = pytest.importorskip("torch", reason="the loss calls it")

    def outside(y_true, y_pred):
        return torch.nn.functional.mse_loss(y_pred, y_true, reduction="none")

    model = line(loss=outside)
    assert model.fit(X, Y, batch_size=5, shuffle=False).history["loss"] == pytest.approx(descended(X, Y, 0.1, 1, 5)[2], rel=1e-5)


def test_a_loss_of_your_own():
    """A class with call(y_true, y_pred) and a function of a sample's loss are weighted; a number for the batch cannot be."""
    from pyphoton.keras import losses

    class Quartic(losses.Loss):
        """(y_true - y_pred)^4."""

        def call(self, y_true, y_pred):
            """Of each element."""
            return (y_true - y_pred) ** 4

    weights = np.arange(20.0)
    expected = float((weights[:, None] * Y**4).mean())
    for loss in (Quartic(), lambda t, p: (t - p) ** 4):
        assert line(loss=loss).evaluate(X, Y, sample_weight=weights) == pytest.approx(expected, rel=1e-5)
    mean = line(loss=lambda t, p: ((t - p) ** 4).mean())
    assert mean.evaluate(X, Y) == pytest.approx(float((Y**4).mean()), rel=1e-5)
    with pytest.raises(PhotonError, match="loss of each sample"):
        mean.evaluate(X, Y, sample_weight=weights)
    with pytest.raises(PhotonError, match="number for each sample"):
        line(loss=losses.MeanSquaredError(reduction="none")).fit(X, Y)


def test_without_a_loss_nothing_is_compared():
    """A model compiled without loss and metrics needs no targets, and its loss is what its layers add: here nothing."""
    assert chain_without_loss().fit(X, epochs=2).history == {"loss": [0.0, 0.0]}


def chain_without_loss():
    """A model whose compile names an optimizer only."""
    model = chain(pp.Dense(1))
    model.compile("sgd")
    return model


def test_a_metric_with_a_state_of_its_own_is_refused():
    """update_state in Python is nothing that an engine could run: the error says what can be written instead."""
    from pyphoton.keras import metrics

    class Counting(metrics.Metric):
        """Keras's way of keeping a state."""

        def update_state(self, y_true, y_pred, sample_weight=None):
            """Count."""

    with pytest.raises(Unsupported, match="value for each sample"):
        line(metrics=[Counting()]).fit(X, Y)


# ---- callbacks -------------------------------------------------------------------------------------------------------


class Diary(callbacks.Callback):
    """What was called, with epoch or batch."""

    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs=None):
        """Note it."""
        self.calls.append("train begin")

    def on_epoch_begin(self, epoch, logs=None):
        """Note it."""
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        """Note it."""
        self.calls.append(f"batch {batch} {sorted(logs)}")

    def on_epoch_end(self, epoch, logs=None):
        """Note it, and add to the logs."""
        self.calls.append(f"epoch end {epoch}")
        logs["added"] = float(epoch)

    def on_train_end(self, logs=None):
        """Note it."""
        self.calls.append("train end")


def test_callbacks_are_called_in_order_with_the_model():
    """Epochs count from initial_epoch; what a callback adds to the logs stands in the history; params and model are there."""
    diary, model = Diary(), line(metrics=["mae"])
    history = model.fit(X, Y, batch_size=10, epochs=4, initial_epoch=2, callbacks=[diary])
    epoch = ["batch 0 ['loss', 'mae']", "batch 1 ['loss', 'mae']"]
    assert diary.calls == ["train begin", "epoch 2", *epoch, "epoch end 2", "epoch 3", *epoch, "epoch end 3", "train end"]
    assert history.epoch == [2, 3] and history.history["added"] == [2.0, 3.0]
    assert diary.model is model and diary.params == {"epochs": 4, "steps": 2, "verbose": 0}


def falling(values):
    """A callback that writes these numbers into the logs as val_loss."""
    return callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=values[epoch]))


def test_early_stopping():
    """It waits `patience` epochs without improvement by min_delta, and goes back to the best weights."""
    values = [5.0, 4.0, 3.95, 4.2, 4.1, 3.0]
    stop = callbacks.EarlyStopping(patience=2, min_delta=0.1, restore_best_weights=True)
    model, kept = line(), []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(pp.weights(model)[0].copy()))
    history = model.fit(X, Y, epochs=6, callbacks=[falling(values), stop, keep])
    assert len(history) == 4 and stop.stopped_epoch == 3 and stop.best_epoch == 1
    np.testing.assert_array_equal(pp.weights(model)[0], kept[1])
    assert len(line().fit(X, Y, epochs=6, callbacks=[falling(values), callbacks.EarlyStopping(patience=1, start_from_epoch=3)])) == 6
    assert len(line().fit(X, Y, epochs=6, callbacks=[falling(values), callbacks.EarlyStopping(patience=2, baseline=3.5)])) == 4
    with pytest.raises(UnknownName, match="val_acc"):
        line().fit(X, Y, callbacks=[callbacks.EarlyStopping("val_acc")])
    for wrong in ({"mode": "up"}, {"monitor": 3}, {"verbose": 5}):
        with pytest.raises(KeraFlowError):
            callbacks.EarlyStopping(**wrong)


def test_a_rate_that_is_assigned_holds_from_the_next_update():
    """LearningRateScheduler sets absolute rates by epoch; a rate that a batch's callback sets acts on the next batch."""
    seen = line().fit(X, Y, epochs=3, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])
    assert seen.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])
    seen = line().fit(X, Y, epochs=3, callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    assert seen.history["learning_rate"] == pytest.approx([0.05, 0.025, 0.0125])
    with pytest.raises(KeraFlowError, match="number"):
        line().fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: None)])
    model = line()

    def off(batch, logs):
        model.optimizer.learning_rate = 0.0

    model.fit(X, Y, batch_size=5, shuffle=False, callbacks=[callbacks.LambdaCallback(on_train_batch_end=off)])
    np.testing.assert_allclose(pp.weights(model)[0], descended(X[:5], Y[:5], 0.1, 1, 5)[0], rtol=1e-5)


def test_reduce_on_plateau():
    """Factor, patience, cooldown and the least rate, as in real Keras."""
    values = [5.0, 5.0, 5.0, 5.0, 4.0, 4.0, 4.0, 4.0]
    plateau = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.02)
    rates = line().fit(X, Y, epochs=8, callbacks=[falling(values), plateau]).history["learning_rate"]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025])


def test_checkpoints(tmp_path):
    """File names hold the epoch from 1 and values; the best alone; weights alone; after so many minibatches."""
    written = []
    model = line()
    object.__setattr__(model, "save", lambda path: written.append(("model", str(path))))
    object.__setattr__(model, "save_weights", lambda path: written.append(("weights", str(path))))
    path = str(tmp_path / "a" / "{epoch:02d}-{val_loss:.1f}")
    best = callbacks.ModelCheckpoint(path, save_on_improvement=True)
    model.fit(X, Y, epochs=4, callbacks=[falling([3.0, 4.0, 2.0, 2.0]), best])
    assert written == [("model", str(tmp_path / "a" / n)) for n in ("01-3.0", "03-2.0")]
    written.clear()
    often = callbacks.ModelCheckpoint(str(tmp_path / "{epoch}-{batch}"), save_weights_only=True, save_freq=3)
    model.fit(X, Y, epochs=2, batch_size=5, callbacks=[often])
    assert written == [("weights", str(tmp_path / n)) for n in ("1-3", "2-2")]
    with pytest.raises(UnknownName, match="val_los"):
        model.fit(X, Y, callbacks=[callbacks.ModelCheckpoint("{val_los}")])


def test_logs_as_a_table(tmp_path):
    """CSVLogger: a row per epoch, and with append behind the old ones."""
    path = tmp_path / "log.csv"
    model = line(metrics=["mae"])
    first = model.fit(X, Y, epochs=2, callbacks=[callbacks.CSVLogger(path)])
    model.fit(X, Y, epochs=3, initial_epoch=2, callbacks=[callbacks.CSVLogger(path, append=True)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [r["epoch"] for r in rows] == ["0", "1", "2"] and list(rows[0]) == ["epoch", "loss", "mae"]
    assert float(rows[1]["mae"]) == pytest.approx(first.history["mae"][1])


def test_tensorboard_and_what_is_refused(tmp_path):
    """Scalars are written; histograms, servers and unknown arguments are refused."""
    pytest.importorskip("tensorboard", reason="it writes the files")
    line().fit(X, Y, callbacks=[callbacks.TensorBoard(log_dir=tmp_path)])
    assert list(tmp_path.iterdir())
    with pytest.raises(Unsupported):
        callbacks.TensorBoard(histogram_freq=1)
    with pytest.raises(KeraFlowError):
        callbacks.TensorBoard(logdir="x")
    with pytest.raises(Unsupported, match="LambdaCallback"):
        callbacks.RemoteMonitor()


def test_a_loss_that_is_not_finite_stops_where_asked():
    """Training goes on through NaN, as in Keras; TerminateOnNaN ends it at that minibatch."""
    bad = X.copy()
    bad[12] = np.nan
    history = line().fit(bad, Y, batch_size=5, shuffle=False, epochs=2)
    assert len(history) == 2 and math.isnan(history.history["loss"][0])
    model = line()
    model.fit(bad, Y, batch_size=5, shuffle=False, epochs=2, callbacks=[callbacks.TerminateOnNaN()])
    assert model.workout.steps == 3 and model.stop_training


def test_callbacks_of_other_forms_run_beside():
    """pyphoton's own callbacks and real Keras's base class."""
    lines = []
    line().fit(X, Y, callbacks=[lambda workout, phase: lines.append(phase), pp.SilentMeter()], batch_size=10)
    assert lines == ["train", "train", "valid"]
    real = installed_keras()
    stop = real.callbacks.EarlyStopping("loss", patience=0, mode="max")
    assert len(line().fit(X, Y, epochs=5, callbacks=[stop])) < 5
