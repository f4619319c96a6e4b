"""EarlyStop, AutoSave and EpochSave: when they act, what they keep, and which metrics they know."""

import math

import numpy as np
import pytest
from snapshot import assert_same, copies

import pyphoton as pp
from pyphoton import (
    MSE,
    SGD,
    Adam,
    ArgumentError,
    AutoSave,
    BatchNorm,
    Dense,
    EarlyStop,
    EpochSave,
    Sequential,
    UnknownName,
    Workout,
    accuracy,
    relu,
    saving,
)
from pyphoton.callbacks.hooks import Fit
from pyphoton.stopping import StopTraining

RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(24, 3)).astype("float32")
Y = RANDOM.normal(size=(24, 1)).astype("float32")
VALID = (X[:8], Y[:8])


def fresh(opt=None, **options):
    """A small workout with running statistics, which restoring has to put back, too."""
    return Workout(Sequential(Dense(4, relu), BatchNorm(), Dense(1)), MSE(), opt or Adam(0.01), seed=2, **options)


def fed(callback, values, name="val_loss", stop_at=None):
    """(after how many epochs it asked to stop, or None; the reason) when the metric takes these values, an epoch each."""
    workout = Workout(Dense(1), MSE())
    fit = Fit(workout, len(values), True, lambda: None)
    hooks = callback.hooks()
    hooks.begin(fit)
    for number, value in enumerate(values):
        workout.epochs = number + 1
        try:
            hooks.epoch(fit, number, {name: value} if value is not None else {})
        except StopTraining as request:
            return number + 1, str(request)
    return None, ""


# ---- EarlyStop ---------------------------------------------------------------------------------------------------------

SEQUENCES = {
    "improving": ({}, [5, 4, 3, 2, 1], None),
    "first worse one": ({}, [5, 4, 4.5, 1], 3),
    "equal is no improvement": ({}, [5, 5], 2),
    "patience": ({"patience": 2}, [5, 6, 6, 4, 5, 5, 5, 1], 7),
    "patience counts from the best": ({"patience": 1}, [5, 3, 4, 3.5, 1], 4),
    "not over the one before but over the best": ({}, [3, 5, 4], 2),
    "min_delta": ({"min_delta": 0.5}, [5, 4.4, 4.0, 1], 3),
    "min_delta is over the best, not over the last": ({"min_delta": 0.5, "patience": 3}, [5, 4.8, 4.6, 4.4, 4.2], None),
    "max": ({"mode": "max"}, [1, 2, 3, 2.5], 4),
    "max with Photon's colon": ({"mode": ":max"}, [1, 2, 3, 4], None),
    "max and min_delta": ({"mode": "max", "min_delta": 0.5}, [1, 1.4], 2),
    "nan is no improvement": ({"patience": 1}, [5, math.nan, math.nan, 1], 3),
    "nan at first": ({"patience": 1}, [math.nan, 4, 3, 2], None),
    "only nan": ({}, [math.nan, 1], 1),
    "missing values do not count": ({}, [5, None, 4, None], None),
}


@pytest.mark.parametrize("case", SEQUENCES)
def test_early_stop_ends_at_the_right_epoch(case):
    """Over these values of an epoch each it asks to stop after exactly this one. (Photon's stopped after the first.)"""
    options, values, wanted = SEQUENCES[case]
    assert fed(EarlyStop("val_loss", **options), values)[0] == wanted


def test_early_stop_tells_what_it_saw():
    """best, best_epoch and waited are plain numbers, and the reason names metric, epoch and value."""
    callback = EarlyStop(":val_loss", patience=1)
    ended, reason = fed(callback, [5.0, 4.0, 4.5, 4.25])
    assert (ended, callback.best, callback.best_epoch, callback.waited) == (4, 4.0, 2, 2)
    assert reason == "val_loss has not improved since epoch 2 (4)"
    assert repr(callback) == "EarlyStop(metric='val_loss', mode='min', patience=1, min_delta=0.0, restore_best=False)"


def test_early_stop_begins_anew_in_each_fit():
    """Used again it does not remember the best of the last time."""
    callback = EarlyStop("val_loss")
    assert fed(callback, [1.0, 2.0])[0] == 2
    assert fed(callback, [5.0, 4.0, 3.0])[0] is None
    assert callback.best == 3.0


def test_early_stop_in_a_fit():
    """It does not stop while val_loss improves; at a rate that cannot learn it stops after patience + 2 epochs."""
    learning = fresh(SGD(0.01))
    learning.fit_((X, Y), (X, Y), epochs=4, callbacks=EarlyStop())
    improving = np.diff(learning.history("val_loss")[1]) < 0
    assert learning.epochs == (4 if improving.all() else 2 + int(np.argmin(improving)))
    assert learning.epochs > 1
    stuck = Workout(Dense(1), MSE(), SGD(0.0), seed=1)
    stuck.fit_((X, Y), (X, Y), epochs=9, callbacks=EarlyStop(patience=2))
    assert stuck.epochs == 4
    assert stuck.stopped.startswith("val_loss has not improved since epoch 1")


def test_early_stop_watches_the_mean_of_the_epoch():
    """For a training metric its value is the mean over the epoch, not that of the last minibatch."""
    callback = EarlyStop("loss", patience=9)
    workout = fresh().fit_((X, Y), batch_size=5, epochs=3, callbacks=callback)
    assert callback.best == min(row["loss"] for row in workout.history.epochs)


def diverging(callback, epochs=4):
    """A fit whose val_loss gets worse after the second epoch, and the weights after each epoch."""
    workout, after = fresh(Adam(0.05)), []

    def worse(w, phase):
        if phase == "valid":
            after.append(copies(w))
            if w.epochs >= 2:
                bias = w.network.parameters["2.bias"]
                bias.set_(bias.value + 5 * w.epochs)

    workout.fit_((X, X @ [[1.0], [2.0], [3.0]]), (X, X @ [[1.0], [2.0], [3.0]]), batch_size=8, epochs=epochs, callbacks=[callback, worse])
    values = workout.history("val_loss")[1]
    assert values.argmin() == 1, values
    return workout, after


@pytest.mark.parametrize("patience", [0, 9])
def test_restore_best_puts_the_best_weights_back(patience):
    """After stopping, and when the epochs ran out, weights and running statistics are those of the best epoch, to the last bit."""
    callback = EarlyStop(restore_best=True, patience=patience)
    workout, after = diverging(callback)
    assert workout.epochs == (3 if patience == 0 else 4)
    assert_same(copies(workout), after[1])
    assert workout.evaluate((X, X @ [[1.0], [2.0], [3.0]]))["loss"] == pytest.approx(workout.history("val_loss")[1][1], rel=1e-5)
    assert callback.best_epoch == 2


def test_without_restore_best_the_last_weights_stay():
    """The default leaves the weights of the last epoch."""
    workout, after = diverging(EarlyStop(patience=9))
    after[-1]["2.bias"] += 20  # what the callback after it did
    assert_same(copies(workout), after[-1])


def test_restore_best_leaves_frozen_parameters_alone():
    """What is frozen, before or during the training, is not written to."""
    workout = fresh()
    workout.predict(X)
    first = workout.network.parameters["0.kernel"]
    last = workout.network.parameters["2.kernel"]
    pp.freeze_(first)

    def touch(w, phase):
        if phase == "valid" and w.epochs == 2:
            first.set_(np.full(first.shape, 7.0))
            pp.freeze_(last)
            last.set_(np.full(last.shape, 8.0))

    workout.fit_((X, Y), VALID, epochs=3, callbacks=[EarlyStop(restore_best=True, patience=9), touch])
    assert np.all(first.value == 7)
    assert np.all(last.value == 8)


def test_restore_best_after_an_error_restores_nothing():
    """An error undoes its epoch and nothing else: the weights are those of the epoch before it."""
    after = []

    def fail(w, phase):
        if phase == "valid":
            if w.epochs == 4:
                raise KeyError("own")
            after.append(copies(w))
            w.opt = SGD(lr=0.5)

    workout = fresh()
    with pytest.raises(KeyError):
        workout.fit_((X, Y), VALID, epochs=9, callbacks=[EarlyStop(restore_best=True, patience=9), fail])
    assert_same(copies(workout), after[-1])


# ---- AutoSave and EpochSave ----------------------------------------------------------------------------------------------


def saves():
    """A list, and a function for save= that keeps (epochs, filename) in it."""
    kept = []
    return kept, lambda workout, filename: kept.append((workout.epochs, filename)) or filename


SAVED = {
    "min": ({}, [3.0, 2.0, 2.0, 2.5, 1.0], [1, 2, 5]),
    "max": ({"mode": "max"}, [3.0, 2.0, 3.0, 4.0], [1, 4]),
    "nan": ({}, [math.nan, 3.0, math.nan, 2.0], [2, 4]),
    "missing": ({}, [None, 3.0, None, 4.0], [2]),
}


@pytest.mark.parametrize("case", SAVED)
def test_auto_save_saves_when_strictly_better(case):
    """It saves after exactly these epochs: an equal value is no better one."""
    options, values, wanted = SAVED[case]
    kept, save = saves()
    callback = AutoSave("val_loss", "best.pp", save=save, **options)
    fed(callback, values)
    assert kept == [(epoch, "best.pp") for epoch in wanted]
    assert callback.best == values[wanted[-1] - 1]
    assert (callback.best_epoch, callback.saved) == (wanted[-1], "best.pp")
    fed(callback, [9.0])
    assert callback.best == 9.0


def test_epoch_save_saves_every_epoch():
    """Once per epoch, after the epoch counts, with the name that was given, or None."""
    kept, save = saves()
    fresh().fit_((X, Y), epochs=3, callbacks=[EpochSave(save=save), EpochSave("same.pp", save=save)])
    assert kept == [(epoch, name) for epoch in (1, 2, 3) for name in (None, "same.pp")]


def test_auto_save_keeps_the_best_model(tmp_path):
    """With save=pyphoton.save the file holds the weights of the best epoch."""
    path = tmp_path / "best.safetensors"
    callback = AutoSave("val_loss", path, save=pp.save)
    _, after = diverging(callback)
    assert callback.saved == path
    found = pp.load(path)
    assert_same([p for p in map(np.asarray, pp.parameters.view(found).values())], list(after[1].values()))


needs_save_workout = pytest.mark.skipif(not hasattr(saving, "save_workout"), reason="pyphoton.saving has no save_workout yet")


@needs_save_workout
def test_epoch_save_writes_whole_workouts(tmp_path):
    """By default the whole workout is written, and read back it is that of the last epoch."""
    path = tmp_path / "last.pp"
    callback = EpochSave(path)
    workout = fresh().fit_((X, Y), epochs=2, callbacks=callback)
    again = saving.load_workout(callback.saved)
    assert (again.steps, again.epochs) == (workout.steps, workout.epochs)
    again.fit_((X, Y))
    workout.fit_((X, Y))
    assert_same(copies(again), copies(workout))


@needs_save_workout
def test_auto_save_writes_whole_workouts(tmp_path, monkeypatch):
    """Without a filename each save has a file of its own, in the working directory; an earlier best one stays."""
    monkeypatch.chdir(tmp_path)
    callback = AutoSave("loss")
    workout = fresh().fit_((X, Y), epochs=3, callbacks=callback)
    best = saving.load_workout(callback.saved)
    assert best.epochs == callback.best_epoch
    assert callback.best == min(row["loss"] for row in workout.history.epochs)


def test_a_save_that_fails_ends_the_run_and_keeps_the_workout(tmp_path):
    """A folder that is missing is a FileError, the epoch is undone, and a best that was not saved is not remembered."""
    callback = AutoSave("loss", tmp_path / "missing" / "best.safetensors", save=pp.save)
    workout = fresh()
    with pytest.raises(pp.FileError):
        workout.fit_((X, Y), callbacks=callback)
    assert (workout.steps, callback.best) == (0, None)


# ---- names and arguments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [EarlyStop, AutoSave, lambda name: AutoSave(name, mode="max")])
@pytest.mark.parametrize(
    ("name", "validation", "words"),
    [
        ("val_los", VALID, ["'val_los'", "one of loss, accuracy, val_loss, val_accuracy", "Did you mean 'val_loss'"]),
        ("f1", VALID, ["'f1'", "one of loss, accuracy, val_loss, val_accuracy"]),
        ("val_loss", None, ["'val_loss'", "validation data", "loss, accuracy"]),
        ("val_accuracy", None, ["'val_accuracy'", "validation data"]),
    ],
)
def test_unknown_metric_is_named_at_the_start(make, name, validation, words):
    """A metric that this fit does not measure is refused with the known ones before any data is read."""
    read = []

    def data():
        read.append(1)
        return (X, Y)

    workout = fresh(metrics=[accuracy()])
    with pytest.raises(UnknownName) as caught:
        workout.fit_(data, validation, callbacks=make(name))
    for word in words:
        assert word in str(caught.value)
    assert (read, workout.steps) == ([], 0)


def test_val_loss_of_an_earlier_fit_is_not_this_ones():
    """A name that stands in the history from before is refused all the same when this fit does not measure it."""
    workout = fresh().fit_((X, Y), VALID)
    with pytest.raises(UnknownName, match="validation data"):
        workout.fit_((X, Y), callbacks=EarlyStop())


BAD = {
    "mode": (lambda: EarlyStop("loss", "mini"), "min"),
    "auto save's mode": (lambda: AutoSave("loss", mode=None), "mode"),
    "patience": (lambda: EarlyStop(patience=-1), "patience"),
    "patience of a half": (lambda: EarlyStop(patience=1.5), "patience"),
    "min_delta": (lambda: EarlyStop(min_delta=-0.1), "min_delta"),
    "min_delta nan": (lambda: EarlyStop(min_delta=math.nan), "min_delta"),
    "restore_best": (lambda: EarlyStop(restore_best="yes"), "restore_best"),
    "metric": (lambda: EarlyStop(3), "metric"),
    "no metric": (lambda: AutoSave(), "metric"),
    "unknown argument": (lambda: EarlyStop(patient=3), "patience"),
    "filename": (lambda: EpochSave(3), "filename"),
    "save": (lambda: EpochSave(save="x"), "save"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_refused_at_once(what):
    """The constructor refuses what it cannot use and names the argument."""
    make, word = BAD[what]
    with pytest.raises(ArgumentError, match=word):
        make()
