"""What runs now: a step of a system that is traced, which records what it does besides computing, or a hook.

A step that asks for its number (`batch_idx`, `current_epoch`, `global_step`) gets a Counter, which notices when its value is
used: what was traced is then good for that value only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeAlias

from pyphoton.errors import ArgumentError, DataError, NotBuilt, ShapeError, TraceError
from pyphoton.tensor import Tensor
from pyphoton.typing import show

RESERVED = ("epoch", "steps", "seconds", "lr")
"""What a row of the history has besides what is logged."""
Counters: TypeAlias = Mapping[str, int]


class Counter:
    """A whole number that notes in `used` when its value matters; elsewhere it is as good as an int."""

    __slots__ = ("name", "used", "value")

    def __init__(self, name: str, value: int, used: set[str]) -> None:
        self.name, self.value, self.used = name, value, used

    def __index__(self) -> int:
        self.used.add(self.name)
        return self.value

    def __bool__(self) -> bool:
        return bool(operator.index(self))

    def __hash__(self) -> int:
        return hash(operator.index(self))

    def __repr__(self) -> str:
        return str(operator.index(self))

    def __format__(self, spec: str) -> str:
        return format(operator.index(self), spec)

    def __float__(self) -> float:
        return float(operator.index(self))

    __int__ = __index__


def _forwarded(name: str) -> Callable[..., Any]:
    def method(self: Counter, *others: Any) -> Any:
        known = [operator.index(o) if isinstance(o, Counter) else o for o in others]
        return getattr(operator.index(self), name)(*known)

    return method


for _name in (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow and rand or ror xor rxor "
    "lshift rlshift rshift rrshift neg pos abs invert round trunc floor ceil eq ne lt le gt ge"
).split():
    setattr(Counter, f"__{_name}__", _forwarded(f"__{_name}__"))
Integral.register(Counter)


@dataclass(frozen=True)
class Log:
    """One number that is kept by name: a tensor of the step, or a number that stays what it is. `plain`: by that name everywhere."""

    name: str
    value: Any
    on_step: bool
    on_epoch: bool
    prog_bar: bool
    plain: bool = False

    @property
    def step_name(self) -> str:
        """What a step's value is called."""
        return f"{self.name}_step" if self.on_epoch and not self.plain else self.name

    @property
    def epoch_names(self) -> tuple[str, ...]:
        """What the epoch's mean is called."""
        return (self.name, f"{self.name}_epoch") if self.on_step and not self.plain else (self.name,)


def checked_log(name: Any, value: Any, on_step: Any, on_epoch: Any) -> None:
    """Errors: ArgumentError, ShapeError for what cannot be kept."""
    if not isinstance(name, str) or not name:
        raise ArgumentError("log", "a name", repr(name), 'Write self.log("accuracy", value).')
    if name in RESERVED:
        raise ArgumentError("log", f"a name of your own: the history keeps {', '.join(RESERVED)} by itself", repr(name))
    where = f"log({name!r})"
    if isinstance(value, Tensor):
        if value.shape != ():
            raise ShapeError(where, "one number", show(value.shape), "Reduce it: value.mean().")
    else:
        number(value, where)
    if on_step is False and on_epoch is False:
        raise ArgumentError(where, "on_step or on_epoch", "neither", "A number that is kept nowhere need not be logged.")


def number(value: Any, where: str) -> float:
    """A Python number of what is one. Errors: ArgumentError."""
    if isinstance(value, bool | str | bytes) or value is None:
        raise ArgumentError(where, "one number", repr(value))
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentError(where, "one number", repr(value)) from None


class Hook:
    """A hook of the system that runs: what it logs belongs to the epoch's row."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def log(self, name: Any, value: Any, *, on_step: bool | None, on_epoch: bool | None, prog_bar: bool) -> None:
        """Keep a number of the epoch."""
        checked_log(name, value, on_step, on_epoch)
        self.row[name] = number(value, f"log({name!r})")


_running: ContextVar[Any] = ContextVar("running", default=None)


@contextmanager
def during(what: Any) -> Iterator[None]:
    """Inside, this is what runs: a recorded step, or a hook."""
    token = _running.set(what)
    try:
        yield
    finally:
        _running.reset(token)


def running(asked: str, *, hooks: bool = False) -> Any:
    """The step that is traced now, or, with `hooks`, the hook. Errors: TraceError where there is none."""
    found = _running.get()
    if found is None or (isinstance(found, Hook) and not hooks):
        places = "a step of a system (training_step ...)" + (", or a hook of an epoch" if hooks else "")
        raise TraceError(asked, f"a call in {places}", "one outside of it")
    return found


def bound_batch(asked: str) -> Any:
    """The batch of the running step. Errors: DataError where none runs."""
    found = _running.get()
    if found is None or isinstance(found, Hook):
        raise DataError(asked, "a batch", "none, and no step runs whose batch it could be", f"Write {asked}(system, batch).")
    return found.batch


def counter(name: str, value: Callable[[], int]) -> Any:
    """The counter of the running step, or the number itself outside of steps. Errors: NotBuilt before `setup`."""
    found = _running.get()
    return value() if found is None or isinstance(found, Hook) else found.counter(name)


def trainer_of(system: Any) -> Any:
    """The trainer that `setup` made for a system. Errors: NotBuilt."""
    found = vars(system).get("_trainer")
    if found is None:
        raise NotBuilt(type(system).__name__, "a system that has a trainer", "none", "Write trainer = setup(system, data) first.")
    return found
