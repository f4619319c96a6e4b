"""Hooks: the one small form that every callback is turned into before training begins.

A hook that is None is never called, and where no callback of a fit has a hook for steps, the epoch runs without
asking Python once. All hooks take the Fit first.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pyphoton.arguments import checked


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a running `fit_` is about. `epochs` are those of this call; `validating`: whether there is validation data.

    `batches()` is the number of minibatches of an epoch, None where it is not known before the epoch is read.
    """

    workout: Any
    epochs: int
    validating: bool
    batches: Callable[[], int | None]


@dataclasses.dataclass(frozen=True)
class Step:
    """One step: its number in the epoch, from 0, what was measured (empty before it is done), and its minibatch (X, Y)."""

    number: int
    values: Mapping[str, float]
    batch: Callable[[], tuple[Any, Any]]


@dataclasses.dataclass(frozen=True)
class Hooks:
    """What a callback wants to be called for.

    Epochs are numbered from 0 in each call of `fit_`. `epoch` gets the epoch's means and validation values by name.
    `end` comes once for every callback that began, also after stop(), Ctrl-C or an error, which it is then given.
    """

    begin: Callable[[Fit], None] | None = None
    epoch_begin: Callable[[Fit, int], None] | None = None
    step_begin: Callable[[Fit, Step], None] | None = None
    step: Callable[[Fit, Step], None] | None = None
    epoch: Callable[[Fit, int, Mapping[str, float]], None] | None = None
    end: Callable[[Fit, BaseException | None], None] | None = None
    replaces_bar: bool = False


class Callback(ABC):
    """Base of the library's own callbacks and meters. Their state is plain numbers, made anew when a fit begins."""

    @abstractmethod
    def hooks(self) -> Hooks:
        """What it wants to be called for."""


T = TypeVar("T", bound=type)


def callback(cls: T) -> T:
    """Make `cls` a dataclass whose constructor refuses unknown arguments; two callbacks are never equal."""
    made: Any = dataclasses.dataclass(eq=False)(cls)
    made.__init__ = checked(made.__init__, made.__name__)
    return made  # type: ignore[no-any-return]
