"""The Julian verbs as free functions: `fit!` is `fit_`, and what acts on a workout or model takes it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyphoton.data.scaling import Standardizer
from pyphoton.errors import ArgumentError
from pyphoton.gradient import Gradients
from pyphoton.network import network_of
from pyphoton.workout import Workout


def _workout(verb: str, what: Any) -> Workout:
    if not isinstance(what, Workout):
        raise ArgumentError(verb, "a Workout first", repr(what), "Make one: Workout(model, loss, opt).")
    return what


def fit_(workout: Any, data: Any, validation: Any = None, **options: Any) -> Any:
    """Train a workout; see Workout.fit_ for the forms of data and all options. Returns the workout.

    `fit_(standardizer, dataset)` learns mean and standard deviation; see Standardizer.
    """
    if isinstance(workout, Standardizer) and validation is None and not options:
        return workout.fit_(data)
    return _workout("fit_", workout).fit_(data, validation, **options)


def step_(workout: Workout, x: Any, y: Any) -> float:
    """One update on one minibatch; see Workout.step_. Returns its loss."""
    return _workout("step_", workout).step_(x, y)


def validate(workout: Workout, batch: Any) -> dict[str, float]:
    """Measure one minibatch and keep the values as `val_...`; see Workout.validate."""
    return _workout("validate", workout).validate(batch)


def evaluate(workout: Workout, data: Any, **options: Any) -> dict[str, float]:
    """Loss and metrics over data; see Workout.evaluate."""
    return _workout("evaluate", workout).evaluate(data, **options)


def predict(workout_or_model: Any, x: Any, **options: Any) -> Any:
    """The model's output for a batch or for one sample; see Workout.predict. Takes a workout or a model."""
    if isinstance(workout_or_model, Workout):
        return workout_or_model.predict(x, **options)
    if not callable(workout_or_model):
        raise ArgumentError("predict", "a Workout or a model first", repr(workout_or_model))
    return network_of(workout_or_model).predict(x, **options)


def gradients(workout: Workout, batch: Any, **options: Any) -> Gradients:
    """Pairs (parameter, gradient) of one minibatch, and gradients by path; see Workout.gradients."""
    return _workout("gradients", workout).gradients(batch, **options)


def history(workout: Workout, name: str) -> tuple[Any, Any]:
    """(steps, values) of a metric. Errors: UnknownName."""
    return _workout("history", workout).history(name)


def hasmetric(workout: Workout, name: str) -> bool:
    """Whether values of `name` are recorded."""
    return name.lstrip(":") in _workout("hasmetric", workout).history


def getmetricvalue(workout: Workout, name: str, step: int | None = None, *, f: Callable[[float], Any] | None = None) -> float | None:
    """The value of `name` at `step` (the newest step when None), or None. `f` is called with the value if there is one."""
    found = _workout("getmetricvalue", workout)
    value = found.history.last(name, found.steps if step is None else step)
    if f is not None and value is not None:
        f(value)
    return value


def getmetricname(name: str, phase: str = "train") -> str:
    """What a metric is called in the history: its own name in the phase "train", `val_name` in the phase "valid"."""
    name, phase = name.lstrip(":"), phase.lstrip(":")
    if phase not in ("train", "valid"):
        raise ArgumentError("getmetricname", 'the phase "train" or "valid"', repr(phase))
    return f"val_{name}" if phase == "valid" else name
