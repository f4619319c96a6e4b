"""Ctrl-C in fit_: the running minibatch is finished, what was done is kept, and training can go on; twice, it raises."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import pyphoton
from pyphoton import MSE, Adam, Dense, Sequential, Workout, relu

RANDOM = np.random.default_rng(31)
X = RANDOM.normal(size=(22, 4)).astype("float32")
Y = RANDOM.normal(size=(22, 2)).astype("float32")
BATCHES = [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 22, 6)]


def fresh():
    """The same small workout every time."""
    return Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), Adam(0.01), seed=1)


def after(steps):
    """A workout that did `steps` updates on the minibatches, over and over, without being interrupted."""
    workout = fresh()
    if steps >= len(BATCHES):
        workout.fit_(BATCHES, epochs=steps // len(BATCHES))
    for x, y in BATCHES[: steps % len(BATCHES)]:
        workout.step_(x, y)
    workout.predict(X)
    return workout


def assert_consistent(workout):
    """Weights, optimiser and history are those of exactly `steps` updates."""
    control = after(workout.steps)
    for path, parameter in control.network.parameters.items():
        np.testing.assert_array_equal(workout.network.parameters[path].value, parameter.value)
    if workout.steps:
        assert list(workout.history["loss"]) == list(range(1, workout.steps + 1))
        np.testing.assert_array_equal(workout.history("loss")[1], control.history("loss")[1])
    for w in (workout, control):
        w.step_(X, Y)
    for path, parameter in control.network.parameters.items():
        np.testing.assert_array_equal(workout.network.parameters[path].value, parameter.value)


def interrupting(*steps, times=1):
    """A callback that presses Ctrl-C at these steps."""

    def callback(workout, phase):
        if phase == "train" and workout.steps in steps:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    return callback


@pytest.mark.parametrize("step", [1, 3, 6])
def test_interrupt_ends_after_the_running_minibatch(step, capsys):
    """One Ctrl-C ends fit_ after this step, without an exception, says where it stopped, and fit_ goes on from there."""
    before = signal.getsignal(signal.SIGINT)
    workout = fresh()
    assert workout.fit_(BATCHES, epochs=5, callbacks=interrupting(step)) is workout
    assert (workout.steps, workout.epochs, workout.interrupted) == (step, step // 4, True)
    assert f"interrupted after step {step}" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
    workout.fit_(BATCHES)
    assert (workout.steps, workout.interrupted) == (step + 4, False)
    control = after(step)
    control.fit_(BATCHES)
    np.testing.assert_array_equal(workout.predict(X), control.predict(X))
    np.testing.assert_array_equal(workout.history("loss")[1], control.history("loss")[1])


def test_interrupt_keeps_weights_history_and_optimiser():
    """After Ctrl-C everything is that of exactly the steps that were done."""
    workout = fresh().fit_(BATCHES, epochs=5, callbacks=interrupting(6))
    assert workout.steps == 6
    assert [row["steps"] for row in workout.history.epochs] == [4, 6]
    assert_consistent(workout)


def test_interrupt_from_another_thread():
    """A signal that arrives at any moment of a long training, without callbacks, ends it and leaves it consistent."""
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    begun = []

    def data():
        if not begun:
            begun.append(time.perf_counter())
            timer.start()
        return BATCHES

    workout = fresh().fit_(data, epochs=10**7)
    assert time.perf_counter() - begun[0] < 30
    assert workout.interrupted
    assert workout.steps > 0
    assert_consistent(workout)


def test_interrupt_of_whole_arrays_keeps_shuffling_in_order():
    """Interrupted after a whole epoch, the next fit_ shuffles as the second epoch of an uninterrupted one."""
    interrupted, plain = fresh(), fresh()

    def callback(workout, phase):
        if phase == "valid":
            signal.raise_signal(signal.SIGINT)

    interrupted.fit_((X, Y), batch_size=6, epochs=3, callbacks=callback).fit_((X, Y), batch_size=6)
    plain.fit_((X, Y), batch_size=6, epochs=2)
    assert (interrupted.steps, interrupted.epochs) == (8, 2)
    np.testing.assert_array_equal(interrupted.predict(X), plain.predict(X))


def test_interrupt_in_the_last_minibatch_completes_the_epoch():
    """Ctrl-C in the last minibatch finds the epoch done: it counts, and the next one shuffles anew."""
    interrupted, plain = fresh(), fresh()
    interrupted.fit_((X, Y), batch_size=6, epochs=3, callbacks=interrupting(4)).fit_((X, Y), batch_size=6)
    plain.fit_((X, Y), batch_size=6, epochs=2)
    assert (interrupted.steps, interrupted.epochs) == (8, 2)
    np.testing.assert_array_equal(interrupted.predict(X), plain.predict(X))


def test_stop_in_the_last_minibatch_completes_the_epoch():
    """stop() after the last step of an epoch finds it done: it counts, and the next one shuffles anew."""
    stopped, plain = fresh(), fresh()
    stopped.fit_((X, Y), batch_size=6, epochs=3, callbacks=lambda w, phase: pyphoton.stop(w) if w.steps == 4 else None)
    stopped.fit_((X, Y), batch_size=6)
    plain.fit_((X, Y), batch_size=6, epochs=2)
    assert (stopped.steps, stopped.epochs) == (8, 2)
    np.testing.assert_array_equal(stopped.predict(X), plain.predict(X))


def test_interrupt_before_the_first_minibatch_ends_without_an_error():
    """Ctrl-C while the first minibatch is being read ends fit_ as any other: no exception, and a workout that can go on."""

    def data():
        signal.raise_signal(signal.SIGINT)
        yield from BATCHES

    for workout in (fresh(), fresh().fit_(BATCHES)):
        before = workout.steps
        workout.fit_(data)
        assert workout.interrupted
        assert workout.steps <= before + 1
        assert_consistent(workout)


def test_interrupt_reads_no_further_minibatch():
    """After Ctrl-C the next minibatch is not asked for: it may take long to come, and whoever makes them may need it."""
    read = []

    def data():
        for number, batch in enumerate(BATCHES):
            read.append(number)
            yield batch

    fresh().fit_(data, callbacks=interrupting(2))
    assert read == [0, 1]


def test_interrupt_while_validating_keeps_the_epoch_and_records_no_partial_mean():
    """Ctrl-C during validation keeps the trained epoch; a mean over a part of the validation set is not passed off as val_loss."""

    def validation():
        yield BATCHES[0]
        signal.raise_signal(signal.SIGINT)
        yield BATCHES[1]
        yield BATCHES[2]

    workout = fresh().fit_(BATCHES, validation, epochs=3)
    assert (workout.steps, workout.epochs, workout.interrupted) == (4, 1, True)
    whole = workout.evaluate(BATCHES[:3])["loss"]
    assert workout.history.last("val_loss", 4) in (None, pytest.approx(whole, rel=1e-6))
    assert_consistent(workout)


@pytest.mark.parametrize("watched", [True, False])
def test_second_interrupt_raises_and_leaves_a_workout_that_can_go_on(watched):
    """A second Ctrl-C before the first took effect is a KeyboardInterrupt; weights, steps and history still fit together."""
    before = signal.getsignal(signal.SIGINT)
    workout = fresh().fit_(BATCHES)

    def impatient():
        yield from BATCHES[:2]
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        yield BATCHES[2]

    with pytest.raises(KeyboardInterrupt):
        if watched:
            workout.fit_(BATCHES, callbacks=interrupting(7, times=2))
        else:
            workout.fit_(impatient())
    assert signal.getsignal(signal.SIGINT) is before
    assert_consistent(workout)
    assert workout.fit_(BATCHES).steps >= 8


def test_handler_is_restored_after_training_and_after_errors():
    """The program's own handler is back after a normal end and after an error, and is what a later Ctrl-C reaches."""
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append("mine"))
    try:
        mine = signal.getsignal(signal.SIGINT)
        fresh().fit_(BATCHES)
        assert signal.getsignal(signal.SIGINT) is mine
        with pytest.raises(pyphoton.DataError):
            fresh().fit_([])
        assert signal.getsignal(signal.SIGINT) is mine
        signal.raise_signal(signal.SIGINT)
        assert calls == ["mine"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_interrupt_outside_of_training_is_pythons():
    """Between two calls of fit_ Ctrl-C raises KeyboardInterrupt as everywhere."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background starts without it
    try:
        fresh().fit_(BATCHES)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.environ["PYPHOTON_BACKEND"] == "julia", reason="Julia belongs to the thread that first used it: tests/julia/test_processes.py")
def test_training_in_another_thread():
    """In a thread that may not set signal handlers training works, and the handler stays the program's."""
    before, found = signal.getsignal(signal.SIGINT), []
    thread = threading.Thread(target=lambda: found.append(fresh().fit_(BATCHES, epochs=2)))
    thread.start()
    thread.join(60)
    assert found[0].steps == 8
    assert signal.getsignal(signal.SIGINT) is before
    assert_consistent(found[0])


SCRIPT = """
import json, time
import numpy as np
from pyphoton import *
X = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
batches = [(X[i:i + 8], X[i:i + 8, :1]) for i in range(0, 64, 8)]
w = Workout(Dense(1), MSE(), SGD(0.01), seed=0)

def say(word, **more):
    print(word, json.dumps(dict(steps=w.steps, history=len(w.history["loss"]), interrupted=w.interrupted, **more)), flush=True)

fit_(w, batches, epochs=10**9, callbacks=lambda w, phase: say("READY") if w.steps == 1 else None)
say("ENDED", epochs=w.epochs)
fit_(w, batches)
say("AGAIN")

def stuck():
    yield batches[0]
    print("STUCK {}", flush=True)
    time.sleep(600)

try:
    fit_(w, stuck)
except KeyboardInterrupt:
    say("RAISED")
fit_(w, batches)
say("AFTER")
"""


def test_ctrl_c_in_a_program():
    """In a program of its own: SIGINT ends endless training, training goes on, and twice SIGINT leaves a minibatch that hangs."""
    environment = {**os.environ, "PYTHONPATH": str(Path(pyphoton.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    program = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    told = {}

    def wait_for(word):
        for line in program.stdout:
            name, _, rest = line.strip().partition(" ")
            if name in ("READY", "ENDED", "AGAIN", "STUCK", "RAISED", "AFTER"):
                told[name] = json.loads(rest)
                if name == word:
                    return
        pytest.fail(f"the program ended before {word}: {program.stderr.read()[-2000:]}")

    try:
        wait_for("READY")
        program.send_signal(signal.SIGINT)
        wait_for("STUCK")
        for _ in range(2):
            program.send_signal(signal.SIGINT)
            time.sleep(0.2)
        wait_for("AFTER")
        assert program.wait(60) == 0
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
        program.stderr.close()
    ended, again, raised, last = (told[word] for word in ("ENDED", "AGAIN", "RAISED", "AFTER"))
    assert ended["interrupted"]
    assert ended["steps"] == ended["history"] >= 1
    assert ended["epochs"] == ended["steps"] // 8
    assert (again["steps"], again["interrupted"]) == (ended["steps"] + 8, False)
    assert again["history"] == again["steps"]
    assert raised["history"] == raised["steps"]
    assert last["steps"] == last["history"] == raised["steps"] + 8
