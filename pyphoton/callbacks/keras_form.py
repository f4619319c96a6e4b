"""Callbacks with Keras's methods: on_epoch_end(epoch, logs) and its companions, and LambdaCallback, which is made of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyphoton.arguments import checked
from pyphoton.callbacks.hooks import Fit, Hooks, Step
from pyphoton.errors import ArgumentError
from pyphoton.stopping import StopTraining

METHODS = {
    "on_train_begin": ("logs",), "on_train_end": ("logs",), "on_epoch_begin": ("epoch", "logs"), "on_epoch_end": ("epoch", "logs"),
    "on_train_batch_begin": ("batch", "logs"), "on_train_batch_end": ("batch", "logs"), "on_batch_begin": ("batch", "logs"),
    "on_batch_end": ("batch", "logs"), "set_model": ("model",), "set_params": ("params",),
}  # fmt: skip
"""The methods that are called, with their arguments."""

def keras(methods: Mapping[str, Callable[..., Any]]) -> Hooks:
    """Hooks that call these methods. `model` is the workout; `self.model.stop_training = True` ends the training.

    Epochs and batches are counted from 0 in each fit and epoch, as Keras does. `logs` are plain dictionaries: of the
    minibatch, or of the epoch's means with the validation values. `on_batch_end` is called where `on_train_batch_end` is absent.
    """
    last: dict[str, float] = {}

    def begin(fit: Fit) -> None:
        last.clear()
        vars(fit.workout).pop("stop_training", None)
        if "set_params" in methods:
            methods["set_params"]({"epochs": fit.epochs, "steps": fit.batches(), "verbose": 0})
        _call(methods.get("set_model"), fit, fit.workout)
        _call(methods.get("on_train_begin"), fit, {})

    def epoch_end(fit: Fit, number: int, row: Mapping[str, float]) -> None:
        last.update(row)
        _call(methods.get("on_epoch_end"), fit, number, dict(row))

    return Hooks(
        begin=begin, epoch=epoch_end,
        epoch_begin=lambda fit, number: _call(methods.get("on_epoch_begin"), fit, number, {}),
        step_begin=_step(methods.get("on_train_batch_begin", methods.get("on_batch_begin"))),
        step=_step(methods.get("on_train_batch_end", methods.get("on_batch_end"))),
        end=lambda fit, error: _call(methods.get("on_train_end"), fit, dict(last)),
    )  # fmt: skip


def _step(method: Callable[..., Any] | None) -> Callable[[Fit, Step], None] | None:
    return None if method is None else lambda fit, step: _call(method, fit, step.number, dict(step.values))


def _call(method: Callable[..., Any] | None, fit: Fit, *args: Any) -> None:
    """Call a method, obey its `stop_training`, and keep the workout's history: Keras's History puts itself there."""
    if method is None:
        return
    history = fit.workout.history
    try:
        method(*args)
    finally:
        fit.workout.history = history
    if vars(fit.workout).pop("stop_training", False):
        raise StopTraining("stop_training was set")


class LambdaCallback:
    """A callback made of functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))`.

    The functions take what Keras gives them: on_train_begin, on_train_end (logs); on_epoch_begin, on_epoch_end (epoch, logs);
    on_train_batch_begin, on_train_batch_end (batch, logs), for which on_batch_begin and on_batch_end are older names.
    `epoch` and `batch` count from 0, `logs` is a dictionary of what was measured. Errors: ArgumentError.
    """

    @checked
    def __init__(
        self, on_epoch_begin: Callable[..., Any] | None = None, on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None, on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None, on_train_batch_end: Callable[..., Any] | None = None,
        on_batch_begin: Callable[..., Any] | None = None, on_batch_end: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        given = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end, "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin, "on_train_batch_end": on_train_batch_end,
            "on_batch_begin": on_batch_begin, "on_batch_end": on_batch_end,
        }  # fmt: skip
        functions = {name: function for name, function in given.items() if function is not None}
        if not functions:
            raise ArgumentError("LambdaCallback", "at least one function", "none", f"It takes {', '.join(given)}.")
        for name, function in functions.items():
            if not callable(function):
                raise ArgumentError(f"LambdaCallback {name}=", "a function", repr(function))
        for both in ("begin", "end"):
            if {f"on_batch_{both}", f"on_train_batch_{both}"} <= set(functions):
                raise ArgumentError("LambdaCallback", f"on_train_batch_{both} or on_batch_{both}", "both")
        vars(self).update(functions)

    def __repr__(self) -> str:
        return f"LambdaCallback({', '.join(vars(self))})"
