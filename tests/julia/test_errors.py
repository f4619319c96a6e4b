"""What goes wrong in Julia arrives as plain data: type, message, Julia's traceback, causes; and Python's own errors as themselves."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from pyphoton import MSE, SGD, Dense, JuliaError, Sequential, Unsupported, Workout
from pyphoton.backends.base import Whole
from pyphoton.conformance.cases import CASES
from pyphoton.conformance.problem import Problem

X, Y = np.ones((6, 3), "float32"), np.ones((6, 2), "float32")


def failing_step(julia):
    """The error of a dense layer that is given arrays of a wrong size, past all checks of Python."""
    problem = Problem(CASES["dense"], "float64")
    module = problem.module("julia", "cpu")
    with pytest.raises(JuliaError) as caught:
        module.run(problem.plan, (np.ones((2, 9)),))
    return caught.value


def test_type_message_layer_and_both_tracebacks(julia):
    """The error names Julia's type, the layer and the place in Julia's sources; Python's traceback leads to the call."""
    error = failing_step(julia)
    assert error.julia_type == "PyPhoton.StepError"
    assert "DimensionMismatch" in error.message and "dense" in error.message
    assert error.path
    cause = error.__cause__
    assert isinstance(cause, JuliaError) and cause.julia_type == "DimensionMismatch"
    places = [(f.function, f.file.replace("\\", "/").split("/")[-1], f.line > 0) for f in cause.frames]
    assert ("forward", "dense.jl", True) in places
    assert not any(f.function in ("answer", "enter") for f in cause.frames)
    assert "dense.jl:" in str(cause) and "DimensionMismatch" in str(error)
    names, at = [], error.__traceback__
    while at is not None:
        names.append(at.tb_frame.f_code.co_name)
        at = at.tb_next
    assert "failing_step" in names and "run" in names


def test_error_pickles_with_its_causes(julia, tmp_path):
    """It goes through pickle into a process that has no Julia, with its text and causes."""
    error = failing_step(julia)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.frames, again.path) == (str(error), error.frames, error.path)
    assert again.__cause__.julia_type == "DimensionMismatch"
    (tmp_path / "error").write_bytes(pickle.dumps(error))
    code = "import pickle, sys; e = pickle.load(open(sys.argv[1], 'rb')); print(type(e).__name__, e.__cause__.julia_type, 'juliacall' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "error"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["JuliaError", "DimensionMismatch", "False"]


class Mine(Exception):
    """An exception of a user."""


def test_exception_of_a_callback_comes_back_as_itself(julia):
    """What a callback raises is the very object that fit_ raises, and Julia goes on working."""
    workout, raised = Workout(Sequential(Dense(2)), MSE(), SGD(), backend="julia", seed=0), []

    def callback(workout, phase):
        raised.append(Mine(workout.steps))
        raise raised[-1]

    with pytest.raises(Mine) as caught:
        workout.fit_((X, Y), batch_size=2, callbacks=callback)
    assert caught.value is raised[0]
    workout.fit_((X, Y), batch_size=2)
    assert workout.steps >= 3


def test_exception_of_a_hook_inside_julia_comes_back_as_itself(julia):
    """Also through the epoch loop in Julia: the frames between do not change it."""
    problem = Problem(CASES["dense"], "float64")
    plan, arrays = problem.regression()
    session, error = problem.module("julia", "cpu").session(SGD(0.1), frozenset()), Mine("as it is")
    calls = []

    def hook(steps, values):
        calls.append(steps)
        raise error

    data = Whole(plan, arrays, len(arrays[0]), None, 1)
    with pytest.raises(Mine) as caught:
        session.epoch(data, train=True, every=1, hook=hook)
    assert caught.value is error and calls == [1]
    assert len(session.epoch(data, train=True).values) == len(arrays[0])


def test_step_that_julia_does_not_know(julia):
    """A plan with a step without meaning in Julia is refused with its name."""
    problem = Problem(CASES["dense"], "float64")
    broken = problem.plan.to_json().replace('"dense"', '"denser"')
    module = problem.module("julia", "cpu")
    with pytest.raises(Unsupported, match="denser"):
        julia.ask("add_plan", module=module.number, plan=broken)


def test_requests_that_make_no_sense_are_errors(julia):
    """Unknown calls and numbers are answered, with an error."""
    with pytest.raises(JuliaError, match="KeyError"):
        julia.ask("nonsense")
    with pytest.raises(JuliaError, match="there is no module 123456"):
        julia.ask("add_plan", module=123456, plan="{}")
