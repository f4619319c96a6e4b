"""Callbacks: the four forms, told apart and called in order; what they cost; errors and stop() in every hook of every form."""

import signal
import threading
from time import sleep

import numpy as np
import pytest
from snapshot import assert_same, copies, everything

import pyphoton as pp
from benchmarks.callbacks import measure
from pyphoton import MSE, Adam, ArgumentError, Dense, LambdaCallback, Sequential, Workout, accuracy, relu, throttle

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(22, 4)).astype("float32")
Y = RANDOM.normal(size=(22, 2)).astype("float32")
BATCHES = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 22, 8)]


def fresh(**options):
    """The same small workout every time."""
    return Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), Adam(0.01), seed=1, **options)


class Keras:
    """Every method of Keras's callbacks, kept as (name, number or None, names in the logs)."""

    def __init__(self, events):
        self.events = events

    def set_model(self, model):
        self.model = model

    def set_params(self, params):
        self.params = params

    def on_train_begin(self, logs=None):
        self.events.append(("on_train_begin", None, sorted(logs)))

    def on_train_end(self, logs=None):
        self.events.append(("on_train_end", None, sorted(logs)))

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(("on_epoch_begin", epoch, sorted(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(("on_epoch_end", epoch, sorted(logs)))

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(("on_train_batch_begin", batch, sorted(logs)))

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(("on_train_batch_end", batch, sorted(logs)))


class Lightning:
    """Every hook of Lightning's callbacks, kept as (name, and what it was given besides trainer and module)."""

    def __init__(self, events):
        self.events = events

    def keep(self, name, trainer, module, *more):
        assert module is trainer.model
        self.events.append((name, *more))

    def on_fit_start(self, trainer, module):
        self.keep("on_fit_start", trainer, module)

    def on_train_start(self, trainer, module):
        self.keep("on_train_start", trainer, module)

    def on_train_epoch_start(self, trainer, module):
        self.keep("on_train_epoch_start", trainer, module)

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.keep("on_train_batch_start", trainer, module, batch, batch_idx)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.keep("on_train_batch_end", trainer, module, outputs, batch, batch_idx)

    def on_validation_epoch_end(self, trainer, module):
        self.keep("on_validation_epoch_end", trainer, module)

    def on_train_epoch_end(self, trainer, module):
        self.keep("on_train_epoch_end", trainer, module)

    def on_train_end(self, trainer, module):
        self.keep("on_train_end", trainer, module)

    def on_fit_end(self, trainer, module):
        self.keep("on_fit_end", trainer, module)


# ---- the four forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [(X, Y), BATCHES, lambda: iter(BATCHES)], ids=["whole", "list", "generator"])
def test_keras_form(data):
    """Keras's methods come in Keras's order, count from 0, and their logs hold what Keras's hold."""
    events = []
    callback = Keras(events)
    workout = fresh().fit_(data, (X, Y), batch_size=8, epochs=2, callbacks=callback)
    epoch = ["loss", "lr", "val_loss"]
    wanted = [("on_train_begin", None, [])]
    for number in (0, 1):
        wanted.append(("on_epoch_begin", number, []))
        for batch in range(3):
            wanted += [("on_train_batch_begin", batch, []), ("on_train_batch_end", batch, ["loss"])]
        wanted.append(("on_epoch_end", number, epoch))
    assert events == [*wanted, ("on_train_end", None, epoch)]
    assert callback.model is workout
    assert callback.params["epochs"] == 2
    assert callback.params["steps"] == (None if callable(data) else 3)


def test_keras_logs_are_the_values_of_step_and_epoch():
    """Logs of a batch are its values, those of an epoch its weighted means and validation."""
    batches, epochs = [], []
    callback = LambdaCallback(on_batch_end=lambda batch, logs: batches.append(logs), on_epoch_end=lambda epoch, logs: epochs.append(logs))
    workout = fresh(metrics=[accuracy()]).fit_((X, Y), (X, Y), batch_size=8, epochs=2, callbacks=callback)
    for name in ("loss", "accuracy"):
        assert [logs[name] for logs in batches] == workout.history(name)[1].tolist()
    assert epochs == [{k: row[k] for k in ("loss", "accuracy", "val_loss", "val_accuracy", "lr")} for row in workout.history.epochs]


def test_keras_history_does_not_take_the_workouts_place():
    """Keras's History makes itself its model's `history` after each epoch; the workout keeps its own."""

    class History(keras_like()):
        def on_train_begin(self, logs=None):
            self.kept = {}

        def on_epoch_end(self, epoch, logs=None):
            for name, value in logs.items():
                self.kept.setdefault(name, []).append(value)
            self.model.history = self

    callback, workout = History(), fresh()
    before = workout.history
    workout.fit_((X, Y), (X, Y), epochs=3, callbacks=callback)
    assert workout.history is before
    assert callback.kept == {name: [row[name] for row in before.epochs] for name in ("loss", "val_loss", "lr")}


@pytest.mark.parametrize("data", [(X, Y), BATCHES], ids=["whole", "list"])
def test_lightning_form(data):
    """Lightning's hooks come in its order, with the workout and its model, the minibatch and what it gave."""
    events = []
    workout = fresh().fit_(data, (X, Y), batch_size=8, shuffle=False, epochs=2, callbacks=Lightning(events))
    assert [event[0] for event in events] == [
        "on_fit_start", "on_train_start",
        *["on_train_epoch_start", *["on_train_batch_start", "on_train_batch_end"] * 3, "on_validation_epoch_end", "on_train_epoch_end"] * 2,
        "on_train_end", "on_fit_end",
    ]  # fmt: skip
    starts = [event[1:] for event in events if event[0] == "on_train_batch_start"]
    ends = [event[1:] for event in events if event[0] == "on_train_batch_end"]
    assert [number for _, number in starts] == [number for _, _, number in ends] == [0, 1, 2] * 2
    assert [outputs for outputs, _, _ in ends] == [{"loss": value} for value in workout.history("loss")[1]]
    for (begun, _), (_, done, _), (x, y) in zip(starts, ends, BATCHES * 2, strict=True):
        for found in (begun, done):
            np.testing.assert_array_equal(found[0], x)
            np.testing.assert_array_equal(found[1], y)


def test_lightning_minibatches_are_those_that_are_trained_on():
    """Of shuffled data with two inputs the hook sees rows that belong together, every sample once, in another order each epoch."""
    seen = []

    class Watch:
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            (a, b), y = batch
            np.testing.assert_array_equal(a, 2 * y)
            np.testing.assert_array_equal(b, 3 * y)
            seen.append(np.asarray(y)[:, 0].tolist())
            assert outputs["loss"] == pytest.approx(np.mean((np.asarray(a + b) - y) ** 2), rel=1e-5)

    numbers = np.arange(22, dtype="float32")[:, None]
    Workout(lambda a, b: a + b, MSE()).fit_(((2 * numbers, 3 * numbers), numbers), batch_size=8, epochs=2, callbacks=Watch())
    first, second = (np.concatenate(part).tolist() for part in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == list(range(22))
    assert first != second


def test_validation_hook_comes_only_with_validation_data():
    """Without validation data there is no on_validation_epoch_end."""
    events = []
    fresh().fit_((X, Y), callbacks=Lightning(events))
    assert "on_validation_epoch_end" not in [event[0] for event in events]


def test_flux_form_is_throttled():
    """A function without arguments is called after the first step, and not again within five seconds."""
    calls = []
    fresh().fit_((X, Y), batch_size=8, epochs=4, callbacks=lambda: calls.append(1))
    assert calls == [1]
    fresh().fit_((X, Y), batch_size=8, epochs=4, callbacks=throttle(lambda: calls.append(2), 0))
    assert calls == [1] + [2] * 12


def test_throttle():
    """The first call counts, those that come too early give None, and the next one after the time is through."""
    calls = []
    often, seldom = (throttle(lambda *args: calls.append(args) or len(calls), s) for s in (0.05, 1000))
    assert [seldom(1), seldom(2), seldom(3)] == [1, None, None]
    assert often(4) == 2
    while often(5) is None:
        pass
    assert calls == [(1,), (4,), (5,)]
    photon = throttle(lambda workout, phase: calls.append(phase), 0)
    fresh().fit_((X, Y), batch_size=8, callbacks=photon)
    assert calls[3:] == ["train"] * 3 + ["valid"]
    for bad in (lambda: throttle(5, 1), lambda: throttle(print, -1), lambda: throttle(print, True)):
        with pytest.raises(ArgumentError, match="throttle"):
            bad()


def test_those_behind_one_that_stops_are_still_called():
    """A log behind EarlyStop has the last epoch, too; the first reason to stop is the one that is kept."""
    seen = []

    def ends(workout, phase):
        if phase == "valid" and workout.epochs == 2:
            pp.stop(workout, "first")

    def too(workout, phase):
        if phase == "valid":
            seen.append(workout.epochs)
            if workout.epochs == 2:
                pp.stop(workout, "second")

    workout = fresh().fit_((X, Y), epochs=5, callbacks=[ends, too])
    assert (seen, workout.stopped, workout.epochs) == ([1, 2], "first", 2)


def test_a_list_of_all_forms_is_called_in_order():
    """Within each moment the callbacks come in the order of the list, whatever their form."""
    events = []

    class L:
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            events.append("lightning")

        def on_train_epoch_end(self, trainer, module):
            events.append("lightning epoch")

    keras = LambdaCallback(
        on_train_batch_end=lambda batch, logs: events.append("keras"), on_epoch_end=lambda epoch, logs: events.append("keras epoch")
    )
    flux = throttle(lambda: events.append("flux"), 0)
    fresh().fit_(BATCHES[:2], callbacks=[lambda w, phase: events.append(phase), keras, flux, L()])
    assert events == ["train", "keras", "flux", "lightning"] * 2 + ["valid", "keras epoch", "lightning epoch"]


def test_cb_is_another_name_of_callbacks():
    """`cb=` is Photon's word for `callbacks=`; both at once are refused before anything is trained."""
    phases = []
    workout = fresh()
    workout.fit_((X, Y), cb=lambda w, phase: phases.append(phase))
    assert phases == ["train", "valid"]
    with pytest.raises(ArgumentError, match="both"):
        workout.fit_((X, Y), cb=[print], callbacks=[print])
    assert workout.steps == 1
    workout.fit_((X, Y), callbacks=None).fit_((X, Y), callbacks=[], cb=phases.append and (lambda w, phase: phases.append("again")))
    assert phases == ["train", "valid", "again", "again"]


def keras_like():
    """A base class as Keras's: empty methods that are marked, and a batch's end that calls the older name."""

    def default(method):
        method._is_default = True
        return method

    class Base:
        model = None

        @default
        def on_epoch_end(self, epoch, logs=None):
            """Do nothing."""

        @default
        def on_batch_end(self, batch, logs=None):
            """Do nothing."""

        @default
        def on_train_batch_end(self, batch, logs=None):
            self.on_batch_end(batch, logs=logs)

        def on_test_begin(self, logs=None):
            """Do nothing."""

        def set_model(self, model):
            self.model = model

    return Base


def spied(workout):
    """(every, whether there is a hook) of each training epoch of the session, and how often the hooks were called."""
    workout.predict(X)
    session, asked, calls = workout.session, [], []
    epoch = session.epoch

    def watched(data, *, train, every=0, hook=None, **options):
        counting = None if hook is None else lambda *args: calls.append(1) or hook(*args)
        if train:
            asked.append((every, hook is not None))
        return epoch(data, train=train, every=every, hook=counting, **options)

    session.epoch = watched
    return asked, calls


class EpochOnly(keras_like()):
    """A subclass with one method: all others are the empty ones of its base."""

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch


class LightningOnly:
    """A hook per epoch, and an empty one per batch as a base class has it."""

    def on_train_epoch_end(self, trainer, module):
        self.epoch = trainer.epochs

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        """Do nothing."""


QUIET = {
    "none": lambda folder: [],
    "keras": lambda folder: EpochOnly(),
    "lightning": lambda folder: LightningOnly(),
    "lambda": lambda folder: LambdaCallback(on_epoch_end=lambda epoch, logs: logs.clear()),
    "the library's": lambda folder: [
        pp.ConsoleMeter(), pp.FileMeter(folder / "log.csv", epoch_only=False), pp.EarlyStop("loss", patience=9, restore_best=True),
        pp.EpochSave(save=lambda w, path: None), pp.AutoSave("loss", save=lambda w, path: None), pp.PlotMeter(path=folder / "a.png"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", QUIET)
@pytest.mark.parametrize("data", [(X, Y), BATCHES], ids=["whole", "list"])
def test_callbacks_without_a_hook_for_batches_cost_nothing_per_batch(kind, data, tmp_path):
    """With only such callbacks the engine is given no hook: an epoch does not come back to Python."""
    workout = fresh()
    asked, calls = spied(workout)
    workout.fit_(data, batch_size=8, epochs=2, callbacks=QUIET[kind](tmp_path))
    assert asked == [(0, False)] * 2
    assert calls == []


def test_callbacks_with_a_hook_for_batches_are_called_for_each():
    """The control of the test above: one hook per step, once each, is what these forms ask for."""
    for callback in (lambda w, phase: None, lambda: None, Keras([]), Lightning([]), pp.ConsoleMeter(epoch_only=False)):
        workout = fresh()
        asked, calls = spied(workout)
        workout.fit_((X, Y), batch_size=8, epochs=2, callbacks=callback)
        assert asked == [(1, True)] * 2
        assert len(calls) == 6


def test_overridden_batch_methods_of_a_base_class_are_called_once():
    """Of on_train_batch_end and on_batch_end the one that was overridden is called, once per step."""
    calls = []

    class Old(keras_like()):
        def on_batch_end(self, batch, logs=None):
            calls.append(("old", batch))

    class New(keras_like()):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(("new", batch))

    fresh().fit_((X, Y), batch_size=8, callbacks=[Old(), New()])
    assert calls == [(name, batch) for batch in range(3) for name in ("old", "new")]


def test_the_benchmark_measures_all_kinds():
    """`python -m benchmarks.callbacks` in its smallest form: a time for every kind of callback."""
    seconds = measure(1, None, rounds=1)
    assert next(iter(seconds)) == "none"
    assert len(seconds) == 7
    assert all(0 < value < 60 for value in seconds.values())


# ---- what is refused ---------------------------------------------------------------------------------------------------


class Both:
    """A method of each library."""

    def on_epoch_end(self, epoch, logs):
        self.epoch = epoch

    def on_train_epoch_end(self, trainer, module):
        self.epoch = 0


class Typo:
    """A method that nothing calls."""

    def on_epochs_end(self, epoch, logs):
        self.epoch = epoch


class WrongArguments:
    """Keras gives a second argument."""

    def on_epoch_end(self, epoch):
        self.epoch = epoch


class Unclear:
    """It could be either library's."""

    def on_train_end(self, *args):
        self.args = args


class NotCalled:
    """A hook that Lightning has."""

    def on_after_backward(self, trainer, module):
        self.module = module


REFUSED = {
    "a number": (5, ["5", "functions of (workout, phase)"]),
    "text": (["loss"], ["'loss'"]),
    "a class": (pp.EarlyStop, ["class EarlyStop", "EarlyStop(...)"]),
    "one argument": (lambda workout: None, ["lambda", "(workout)"]),
    "three arguments": (lambda a, b, c: None, ["(a, b, c)"]),
    "both libraries": (Both(), ["Both", "on_epoch_end and on_train_epoch_end"]),
    "a typing error": (Typo(), ["on_epochs_end", "on_epoch_end"]),
    "wrong arguments": (WrongArguments(), ["WrongArguments.on_epoch_end", "(epoch, logs)", "(epoch)"]),
    "unclear arguments": (Unclear(), ["Unclear", "on_train_end(*args)"]),
    "a hook that is not called": (NotCalled(), ["NotCalled", "on_after_backward"]),
    "a set": ({print}, ["{<built-in"]),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_callback_is_refused_before_training(what):
    """The refusal names the object and what was expected, and nothing is trained or called."""
    callback, words = REFUSED[what]
    workout, begun = fresh(), []
    with pytest.raises(ArgumentError) as caught:
        workout.fit_((X, Y), callbacks=[LambdaCallback(on_train_begin=begun.append), *(callback if isinstance(callback, list) else [callback])])
    for word in words:
        assert word in str(caught.value)
    assert (workout.steps, len(workout.history), begun) == (0, 0, [])


def test_shared_methods_are_told_apart_by_their_arguments():
    """on_train_end alone is Keras's with (logs) and Lightning's with (trainer, module)."""
    given = []

    class K:
        def on_train_end(self, logs=None):
            given.append(sorted(logs))

    class L:
        def on_train_end(self, trainer, module):
            given.append((trainer, module))

    workout = fresh().fit_((X, Y), callbacks=[K(), L()])
    assert given == [["loss", "lr"], (workout, workout.model)]


def test_lambda_callback_refuses_what_it_cannot_call():
    """A LambdaCallback without functions, with an unknown method, or with something else than a function."""
    for arguments, word in (({}, "at least one"), ({"on_epoch": print}, "on_epoch_"), ({"on_epoch_end": 3}, "a function"),
                            ({"on_batch_end": print, "on_train_batch_end": print}, "both")):  # fmt: skip
        with pytest.raises(ArgumentError, match=word):
            LambdaCallback(**arguments)


# ---- errors ------------------------------------------------------------------------------------------------------------


class OwnError(Exception):
    """What the callbacks below raise."""


def keras_failing(name, what):
    """A callback with one of Keras's methods, which does `what`."""
    return LambdaCallback(**{name: lambda *args: what()})


def lightning_failing(name, what):
    """A callback with one of Lightning's hooks, which does `what`."""

    class Failing:
        def on_fit_start(self, trainer, module):
            self.module = module

    setattr(Failing, name, lambda self, *args: what())
    return Failing()


def photon_failing(phase, what):
    """A function of (workout, phase) that does `what` in one of the phases."""
    return lambda w, p: what() if p == phase else None


IN_AN_EPOCH = {
    **{f"photon {p}": (photon_failing, p) for p in ("train", "valid")},
    "flux": (lambda name, what: lambda: what(), ""),
    **{f"keras {n}": (keras_failing, n) for n in ("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end")},
    **{
        f"lightning {n}": (lightning_failing, n)
        for n in ("on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_validation_epoch_end", "on_train_epoch_end")
    },
}
AROUND = {
    **{f"keras {n}": (keras_failing, n) for n in ("on_train_begin", "on_train_end")},
    **{f"lightning {n}": (lightning_failing, n) for n in ("on_fit_start", "on_train_start", "on_train_end", "on_fit_end")},
}


@pytest.mark.parametrize("data", [(X, Y), BATCHES], ids=["whole", "list"])
@pytest.mark.parametrize("where", IN_AN_EPOCH)
def test_error_in_a_hook_comes_out_and_undoes_the_epoch(where, data):
    """In every form and moment: the same exception object, the epoch undone, other callbacks ended, and training can go on."""
    workout, control, ended = fresh(), fresh(), []
    for w in (workout, control):
        w.fit_(data, batch_size=8)
    before = everything(workout)
    mine = OwnError(where)

    def fail():
        raise mine

    make, name = IN_AN_EPOCH[where]
    with pytest.raises(OwnError) as caught:
        workout.fit_(data, (X, Y), batch_size=8, callbacks=[LambdaCallback(on_train_end=ended.append), make(name, fail)])
    assert caught.value is mine
    assert len(ended) == 1
    assert_same(everything(workout), before)
    for w in (workout, control):
        w.fit_(data, batch_size=8)
    assert_same(copies(workout), copies(control))


@pytest.mark.parametrize("where", AROUND)
def test_error_around_the_epochs_comes_out(where):
    """An error at the begin comes out before anything is trained, one at the end keeps what was trained; those that began are ended."""
    workout, ended = fresh(), []

    def fail():
        raise OwnError(where)

    make, name = AROUND[where]
    with pytest.raises(OwnError, match=where):
        workout.fit_((X, Y), batch_size=8, callbacks=[make(name, fail), LambdaCallback(on_train_end=ended.append)])
    at_end = name.endswith("end")
    assert (workout.steps, workout.epochs, len(ended)) == ((3, 1, 1) if at_end else (0, 0, 0))
    assert workout.fit_((X, Y), batch_size=8).epochs == 1 + at_end


def test_error_at_the_end_does_not_hide_the_first_one():
    """When training fails and a callback fails while it is ended, the first error comes out, and the other ones are ended, too."""
    ended = []

    def fail(*_):
        raise OwnError("first")

    def fail_again(*_):
        raise KeyError("second")

    callbacks = [LambdaCallback(on_train_end=fail_again), LambdaCallback(on_train_end=ended.append), fail]
    with pytest.raises(OwnError, match="first") as caught:
        fresh().fit_((X, Y), callbacks=callbacks)
    assert len(ended) == 1
    if hasattr(caught.value, "__notes__"):
        assert "second" in caught.value.__notes__[0]
    with pytest.raises(KeyError, match="second"):
        fresh().fit_((X, Y), callbacks=callbacks[:2])
    assert len(ended) == 2


def test_lightning_is_told_of_the_error():
    """on_exception gets the exception that ends the training."""
    told = []

    class Told:
        def on_exception(self, trainer, module, exception):
            told.append(exception)

    def fail(workout, phase):
        raise OwnError("told")

    with pytest.raises(OwnError) as caught:
        fresh().fit_((X, Y), callbacks=[Told(), fail])
    assert told == [caught.value]
    fresh().fit_((X, Y), callbacks=Told())
    assert len(told) == 1


# ---- stop --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [(X, Y), BATCHES], ids=["whole", "list"])
@pytest.mark.parametrize("where", {**IN_AN_EPOCH, **AROUND})
def test_stop_in_a_hook_ends_cleanly(where, data):
    """stop() in every form and moment ends fit_ without an error, keeps what was trained, and says why in `stopped`."""
    workout, ended = fresh(), []
    make, name = {**IN_AN_EPOCH, **AROUND}[where]
    callbacks = [make(name, lambda: pp.stop(workout, f"stopped in {where}")), LambdaCallback(on_train_end=ended.append)]
    assert workout.fit_(data, (X, Y), batch_size=8, shuffle=False, epochs=5, callbacks=callbacks) is workout
    word = where.split()[-1].removeprefix("on_")
    before = {"train_batch_begin", "train_batch_start", "epoch_begin", "train_epoch_start", "train_begin", "train_start", "fit_start"}
    steps = 0 if word in before else 1 if word in {"train", "flux", "train_batch_end"} else 15 if word in {"train_end", "fit_end"} else 3
    assert (workout.steps, workout.epochs) == (steps, steps // 3)
    assert workout.stopped == f"stopped in {where}"
    assert len(ended) == (word not in {"train_begin", "train_start", "fit_start"})
    assert list(workout.history["loss"] if steps else []) == list(range(1, steps + 1))
    control = fresh()
    for x, y in (BATCHES * 5)[:steps]:
        control.step_(x, y)
    if steps:
        assert_same(copies(workout), copies(control))
    workout.fit_(data, batch_size=8)
    assert (workout.steps, workout.stopped) == (steps + 3, None)


@pytest.mark.parametrize("data", [(X, Y), BATCHES], ids=["whole", "list"])
def test_stop_before_a_later_minibatch_leaves_it_untrained(data):
    """stop() before the third minibatch keeps two steps; the epoch does not count."""
    workout, control = fresh(), fresh()
    before = LambdaCallback(on_train_batch_begin=lambda batch, logs: pp.stop(workout) if batch == 2 else None)
    workout.fit_(data, batch_size=8, shuffle=False, callbacks=before)
    for x, y in BATCHES[:2]:
        control.step_(x, y)
    assert (workout.steps, workout.epochs, len(workout.history.epochs)) == (2, 0, 1)
    assert workout.stopped
    assert_same(copies(workout), copies(control))


def test_stop_in_the_data_keeps_what_was_trained():
    """Data that asks to stop ends the epoch there, and validation data that does leaves the epoch whole, without its mean."""
    workout, control = fresh(), fresh()

    def data():
        yield BATCHES[0]
        pp.stop(workout, "no more data")

    workout.fit_(data, epochs=3)
    control.step_(*BATCHES[0])
    assert (workout.steps, workout.epochs, workout.stopped) == (1, 0, "no more data")
    assert_same(copies(workout), copies(control))
    workout.fit_(BATCHES, data, epochs=3)
    assert (workout.steps, workout.epochs, workout.stopped) == (4, 1, "no more data")
    assert "val_loss" not in workout.history.epochs[-1]


@pytest.mark.parametrize("form", ["keras", "lightning"])
def test_stopping_by_a_flag(form):
    """`model.stop_training = True` and `trainer.should_stop = True` end the training, as in the libraries they come from."""

    class Stops(keras_like()):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    class Should:
        def on_train_epoch_end(self, trainer, module):
            trainer.should_stop = trainer.epochs == 2

    workout = fresh()
    workout.stop_training = workout.should_stop = True  # left over from elsewhere: this fit has not been asked
    workout.fit_((X, Y), epochs=5, callbacks=Stops() if form == "keras" else Should())
    assert workout.epochs == 2
    assert workout.stopped


def test_callbacks_end_after_ctrl_c():
    """After Ctrl-C, also the impatient second one, every callback is ended."""
    ended = []

    def press(times):
        return lambda batch, logs: [signal.raise_signal(signal.SIGINT) for _ in range(times)]

    for times in (1, 2):
        workout = fresh()
        callbacks = [LambdaCallback(on_train_end=ended.append), LambdaCallback(on_train_batch_end=press(times))]
        if times == 1:
            workout.fit_((X, Y), batch_size=8, callbacks=callbacks)
            assert workout.steps == 1
        else:
            with pytest.raises(KeyboardInterrupt):
                workout.fit_((X, Y), batch_size=8, callbacks=callbacks)
        assert len(ended) == times


def test_no_minibatch_is_announced_after_ctrl_c():
    """on_train_batch_begin comes only before minibatches that are trained on."""
    events = []
    callback = LambdaCallback(
        on_train_batch_begin=lambda batch, logs: events.append(batch),
        on_train_batch_end=lambda batch, logs: signal.raise_signal(signal.SIGINT) if batch == 1 else None,
    )
    fresh().fit_((X, Y), batch_size=8, callbacks=callback)
    assert events == [0, 1]


def test_a_fit_in_a_callbacks_end_is_refused():
    """The fit is still running while its callbacks are ended."""
    workout = fresh()
    with pytest.raises(ArgumentError, match="one fit_"):
        workout.fit_((X, Y), callbacks=LambdaCallback(on_train_end=lambda logs: workout.fit_((X, Y))))


def test_throttle_of_flux():
    """The four tests of Flux's own throttle: default, leading, trailing, and the arguments of the last call."""
    calls, period, over = [], 0.2, 0.25
    default = throttle(lambda: calls.append(1), period)
    default(), default(), default()
    sleep(over)
    assert calls == [1]
    default()
    assert calls == [1, 1]
    calls.clear()
    trailing = throttle(lambda: calls.append(1), period, leading=False, trailing=True)
    trailing()
    assert calls == []
    trailing()
    assert calls == []
    sleep(over)
    assert calls == [1]
    calls.clear()
    both = throttle(calls.append, period, leading=True, trailing=True)
    both(1)
    assert calls == [1]
    both(2), both(3)
    assert calls == [1]
    sleep(over)
    assert calls == [1, 3]
    both(4)  # the call that was owed has begun a period, too
    assert calls == [1, 3]
    sleep(over)
    assert calls == [1, 3, 4]


def test_trailing_calls_of_a_fit_come_in_its_own_thread():
    """What is owed is called at a later step or at the end of the fit, never by another thread; an error leaves it out."""
    calls, main = [], threading.get_ident()
    seldom = throttle(lambda: calls.append((workout.steps, threading.get_ident())), 1000, trailing=True)
    workout = fresh()
    workout.fit_((X, Y), batch_size=8, epochs=4, callbacks=seldom)
    assert calls == [(1, main), (12, main)]
    calls.clear()
    ended = throttle(lambda w, phase: calls.append((phase, w.steps)), 1000, leading=False, trailing=True)
    fresh().fit_((X, Y), batch_size=8, epochs=2, callbacks=ended)
    assert calls == [("valid", 6)]
    calls.clear()
    soon = throttle(lambda: calls.append(workout.steps), 0.001, leading=False, trailing=True)
    workout = fresh()
    workout.fit_((X, Y), batch_size=8, callbacks=[lambda w, phase: sleep(0.002), soon])
    assert calls == [2, 3, 3]
    calls.clear()
    again = throttle(lambda: calls.append(1), 1000, leading=False, trailing=True)
    with pytest.raises(ZeroDivisionError):
        fresh().fit_((X, Y), batch_size=8, callbacks=[again, lambda w, phase: 1 // 0])
    assert calls == []


def test_a_throttle_that_never_calls_is_refused():
    """Neither the first call nor the last: nothing would be left."""
    with pytest.raises(ArgumentError, match="never be called"):
        throttle(print, 1, leading=False)
    with pytest.raises(ArgumentError, match="trailing: True or False"):
        throttle(print, 1, trailing=1)
