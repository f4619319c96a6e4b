"""A system's hooks, called by Lightning: what it logs there goes to Lightning, and `system.trainer` is Lightning's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyphoton.systems.hooks import HOOKS
from pyphoton.systems.recording import Hook, during, number


class Seen:
    """Lightning's trainer as a system sees its trainer: `epochs`, `steps`, `should_stop`, and everything that Lightning's has."""

    def __init__(self, module: Any) -> None:
        self._module = module

    @property
    def epochs(self) -> int:
        """The number of the running epoch, from 0."""
        return int(self._module.current_epoch)

    @property
    def steps(self) -> int:
        """The minibatches trained with."""
        return int(self._module.batches_done)

    @property
    def should_stop(self) -> bool:
        """Whether training ends after this minibatch."""
        return bool(self._module.trainer.should_stop)

    @should_stop.setter
    def should_stop(self, value: bool) -> None:
        self._module.trainer.should_stop = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module.trainer, name)


class _LightningHook(Hook):
    """A hook that runs: what it logs is Lightning's."""

    def __init__(self, module: Any) -> None:
        super().__init__({})
        self.module = module

    def log(self, name: Any, value: Any, *, on_step: bool | None, on_epoch: bool | None, prog_bar: bool) -> None:
        """Keep a number of the epoch."""
        self.module.log(name, number(value, f"log({name!r})"), on_step=on_step, on_epoch=on_epoch, prog_bar=prog_bar)


def forwarded(name: str) -> Callable[..., Any]:
    """The method of a LightningModule that calls a system's hook of the same name, where the system has it."""

    def method(self: Any, *arguments: Any) -> Any:
        hook = getattr(self.system, name, None)
        if hook is None:
            return None
        with during(_LightningHook(self)):
            return hook(*arguments)

    method.__name__, method.__doc__ = name, f"The system's `{name}`."
    return method


def forwarding(cls: Any) -> Any:
    """Decorator: give a LightningModule all hooks that systems have, before those that it has itself."""
    for name in HOOKS:
        own, hook = vars(cls).get(name), forwarded(name)
        setattr(cls, name, hook if own is None else _both(hook, own))
    return cls


def _both(first: Callable[..., Any], second: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any) -> Any:
        found = first(self, *arguments)
        second(self, *arguments)
        return found

    method.__name__, method.__doc__ = second.__name__, second.__doc__
    return method
