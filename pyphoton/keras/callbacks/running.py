"""Callbacks of this face in a running fit: one hook of pyphoton's calls them all, in order, with the model and its logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyphoton.callbacks import hooks
from pyphoton.callbacks.forms import hooks_of, listed
from pyphoton.callbacks.hooks import Fit, Hooks, Step
from pyphoton.callbacks.keras_form import METHODS
from pyphoton.errors import KeraFlowError
from pyphoton.keras.callbacks.base import AUTO, line_per_epoch
from pyphoton.keras.history import History
from pyphoton.stopping import StopTraining


def is_keras(callback: Any) -> bool:
    """Whether a callback has Keras's methods: not pyphoton's own, no plain function, no class."""
    if isinstance(callback, hooks.Callback | type) or hasattr(callback, "on_train_epoch_end") or hasattr(callback, "on_fit_start"):
        return False
    return any(callable(getattr(callback, name, None)) for name in METHODS)


def with_forms(callbacks: Any, rows: Rows) -> list[Any]:
    """The callbacks that a workout is given: its own forms as they are, and `rows`, which calls those of Keras's form."""
    others = [c for c in listed(callbacks) if not is_keras(c)]
    return [*others, rows]


def bar_of(verbose: Any) -> tuple[bool | None, list[Any]]:
    """Whether to show a bar (None: on terminals), and a meter of a line for each epoch instead. Errors: KeraFlowError."""
    if verbose == 2 and not isinstance(verbose, bool):
        return None, [line_per_epoch()]
    if verbose not in (AUTO, 0, 1, None):
        raise KeraFlowError("fit verbose=", '"auto", 0, 1 or 2', repr(verbose))
    return (None if verbose in (AUTO, None) else bool(verbose)), []


class Rows(hooks.Callback):
    """The epochs of a fit: their logs, the History, and the callbacks of Keras's form, which share one dictionary of logs.

    `validate`, where it is set, measures validation data at the end of epochs: each `frequency`-th, or those in a list (from 1).
    """

    def __init__(self, model: Any, compiled: Any, first: int, epochs: int, callbacks: Any) -> None:
        self.model, self.compiled, self.first, self.epochs = model, compiled, first, epochs
        self.callbacks = [c for c in listed(callbacks) if is_keras(c)]
        for callback in self.callbacks:
            hooks_of(callback)  # refuses methods that nothing would call, and wrong arguments
        self.history = History()
        self.validate: Callable[[], Mapping[str, float]] | None = None
        self.frequency: Any = 1

    def hooks(self) -> Hooks:
        """At the begin, each epoch and the end; at each step where a callback wants to know."""
        begins, ends = (self._those("on_train_batch_begin", "on_batch_begin"), self._those("on_train_batch_end", "on_batch_end"))
        return Hooks(
            begin=self._begin, epoch_begin=self._epoch_begin, epoch=self._epoch, end=self._end,
            step_begin=(lambda fit, step: self._step(fit, step, begins, counted=False)) if begins else None,
            step=(lambda fit, step: self._step(fit, step, ends, counted=True)) if ends else None,
        )  # fmt: skip

    def _those(self, *names: str) -> list[Callable[..., Any]]:
        """The first of these methods of each callback that has one that does something."""
        found = []
        for callback in self.callbacks:
            for name in names:
                method = getattr(callback, name, None)
                if callable(method) and not getattr(method, "_is_default", False):
                    found.append(method)
                    break
        return found

    def _asked(self) -> None:
        """Obey `model.stop_training = True`."""
        if vars(self.model).get("stop_training"):
            raise StopTraining("stop_training was set")

    def _call(self, name: str, *args: Any) -> None:
        for method in self._those(name):
            method(*args)
        self._asked()

    def _begin(self, fit: Fit) -> None:
        self.model.stop_training = False
        self.compiled.optimizer.iterations = fit.workout.steps
        self.history.params = {"epochs": self.epochs, "steps": fit.batches(), "verbose": 0}
        self.history.model = self.model
        self.model.history = self.history
        for callback in self.callbacks:
            if hasattr(callback, "set_params"):
                callback.set_params(self.history.params)
            if hasattr(callback, "set_model"):
                callback.set_model(self.model)
        self.model.history = self.history  # Keras's own History puts itself there
        self._call("on_train_begin", {})

    def _epoch_begin(self, fit: Fit, number: int) -> None:
        self._call("on_epoch_begin", self.first + number, {})

    def _step(self, fit: Fit, step: Step, methods: list[Callable[..., Any]], *, counted: bool) -> None:
        self.compiled.optimizer.iterations = fit.workout.steps
        logs = self.compiled.named(step.values) if counted else {}
        for method in methods:
            method(step.number, logs)
        self._asked()

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        self.compiled.optimizer.iterations = fit.workout.steps
        logs = self.compiled.named(row)
        if self.validate is not None and self._due(self.first + number + 1):
            values = self.validate()
            logs |= self.compiled.named({f"val_{name}": value for name, value in values.items()})
        try:
            self._call("on_epoch_end", self.first + number, logs)
        finally:
            self.history.record(self.first + number, logs)

    def _due(self, epoch: int) -> bool:
        frequency = self.frequency
        return epoch in frequency if hasattr(frequency, "__contains__") else epoch % frequency == 0

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        logs = self.history[-1] if len(self.history) else {}
        for method in self._those("on_train_end"):
            method(logs)
