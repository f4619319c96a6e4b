"""Callbacks with Lightning's hooks: on_train_epoch_end(trainer, module) and its companions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyphoton.callbacks.hooks import Fit, Hooks, Step
from pyphoton.stopping import StopTraining

_PAIR = ("trainer", "module")
METHODS = {
    "on_fit_start": _PAIR, "on_fit_end": _PAIR, "on_train_start": _PAIR, "on_train_end": _PAIR,
    "on_train_epoch_start": _PAIR, "on_train_epoch_end": _PAIR, "on_validation_epoch_end": _PAIR, "on_validation_end": _PAIR,
    "on_train_batch_start": (*_PAIR, "batch", "batch_idx"), "on_train_batch_end": (*_PAIR, "outputs", "batch", "batch_idx"),
    "on_exception": (*_PAIR, "exception"),
}  # fmt: skip
"""The methods that are called, with their arguments."""


def lightning(methods: Mapping[str, Callable[..., Any]]) -> Hooks:
    """Hooks that call these methods. `trainer` is the workout, `module` its model; `trainer.should_stop = True` ends the training.

    `outputs` is a dictionary with the loss and metrics of the minibatch, `batch` the minibatch (X, Y) as the engine got it.
    `on_validation_epoch_end` and `on_validation_end` are called where there is validation data, before `on_train_epoch_end`.
    """

    def call(name: str, fit: Fit, *more: Any) -> None:
        if name in methods:
            methods[name](fit.workout, fit.workout.model, *more)

    def obeyed(name: str, fit: Fit, *more: Any) -> None:
        call(name, fit, *more)
        if vars(fit.workout).pop("should_stop", False):
            raise StopTraining("should_stop was set")

    def begin(fit: Fit) -> None:
        vars(fit.workout).pop("should_stop", None)
        call("on_fit_start", fit)
        obeyed("on_train_start", fit)

    def epoch_end(fit: Fit, number: int, row: Mapping[str, float]) -> None:
        if fit.validating:
            call("on_validation_epoch_end", fit)
            call("on_validation_end", fit)
        obeyed("on_train_epoch_end", fit)

    def step_begin(fit: Fit, step: Step) -> None:
        obeyed("on_train_batch_start", fit, step.batch(), step.number)

    def step_end(fit: Fit, step: Step) -> None:
        obeyed("on_train_batch_end", fit, dict(step.values), step.batch(), step.number)

    def end(fit: Fit, error: BaseException | None) -> None:
        if error is not None:
            call("on_exception", fit, error)
        call("on_train_end", fit)
        call("on_fit_end", fit)

    return Hooks(
        begin=begin, epoch=epoch_end, end=end, epoch_begin=lambda fit, number: obeyed("on_train_epoch_start", fit),
        step_begin=step_begin if "on_train_batch_start" in methods else None,
        step=step_end if "on_train_batch_end" in methods else None,
    )  # fmt: skip
