"""A system's own hooks, Lightning's: called around training and measuring, with the system alone."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from pyphoton.callbacks.hooks import Callback, Fit, Hooks, Step
from pyphoton.errors import UnknownName, near
from pyphoton.stopping import StopTraining
from pyphoton.systems.recording import Hook, during

HOOKS = (
    "on_fit_start", "on_fit_end", "on_train_start", "on_train_end", "on_train_epoch_start", "on_train_epoch_end",
    "on_train_batch_start", "on_train_batch_end", "on_validation_epoch_start", "on_validation_epoch_end",
    "on_test_epoch_start", "on_test_epoch_end", "on_exception",
)  # fmt: skip
"""The methods that are called. Those of batches take (batch, batch_idx), the end's (outputs, batch, batch_idx), the exception's it."""


def check_hooks(system: Any) -> None:
    """Errors: UnknownName for a method that looks like a hook and would never be called."""
    for name in dir(type(system)):
        if name.startswith("on_") and name not in HOOKS and callable(getattr(type(system), name)):
            raise UnknownName(type(system).__name__, f"hooks that are called: {', '.join(HOOKS)}", name, near(name, HOOKS))


class SystemHooks(Callback):
    """The system's hooks as a callback. `row` is the epoch's, into which `self.log` writes."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.row: MutableMapping[str, float] = {}

    def call(self, name: str, *arguments: Any) -> None:
        """Call one hook, where the system has it. Errors: StopTraining when it has set `trainer.should_stop`."""
        method = getattr(self.trainer.system, name, None)
        if method is None:
            return
        with during(Hook(self.row)):
            method(*arguments)
        if vars(self.trainer).pop("should_stop", False):
            raise StopTraining("should_stop was set")

    def hooks(self) -> Hooks:
        """What the system wants to be called for; the end of an epoch is the trainer's own affair, for what is logged there counts."""
        system = self.trainer.system
        return Hooks(
            begin=self._begin, epoch_begin=lambda fit, number: self.call("on_train_epoch_start"), end=self._end,
            step_begin=self._step_begin if hasattr(system, "on_train_batch_start") else None,
            step=self._step if hasattr(system, "on_train_batch_end") else None,
        )  # fmt: skip

    def _begin(self, fit: Fit) -> None:
        vars(self.trainer).pop("should_stop", None)
        self.call("on_fit_start")
        self.call("on_train_start")

    def _end(self, fit: Fit, error: BaseException | None) -> None:
        if error is not None:
            self.call("on_exception", error)
        self.call("on_train_end")
        self.call("on_fit_end")

    def _step_begin(self, fit: Fit, step: Step) -> None:
        self.call("on_train_batch_start", step.batch(), step.number)

    def _step(self, fit: Fit, step: Step) -> None:
        self.call("on_train_batch_end", dict(step.values), step.batch(), step.number)
