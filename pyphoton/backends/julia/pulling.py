"""A Julia callable and its pullback, called with arrays by pointer: a crossing forwards and one backwards, each a few microseconds.

The other side is julia/ext/pulled_calls.jl, and what is computed there stands in julia/ext/differentiated.jl.
"""

from __future__ import annotations

import ctypes
import functools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyphoton.backends.julia.errors import raise_failure
from pyphoton.backends.julia.keeper import Keeper, dropped
from pyphoton.backends.julia.memory import Memory
from pyphoton.backends.julia.runtime import Runtime, start_with_flux
from pyphoton.errors import ArgumentError

NUMBER, VALUE = -1, -2
"""Instead of a number of axes: one number at that address; the owner is what juliacall shows."""
ROOM = 4096
_thing = ctypes.py_object
_Call = ctypes.PYFUNCTYPE(_thing, _thing, ctypes.c_void_p, _thing)


class Given(NamedTuple):
    """An array for Julia: DLPack's code and bits as one number, number of axes or NUMBER or VALUE, address, shape, who owns it."""

    kind: int
    rank: int
    pointer: int
    shape: tuple[int, ...]
    owner: Any


NONE = Given(0, 0, 0, (), None)
"""No array."""


class _Functions(NamedTuple):
    runtime: Runtime
    apply: Any
    back: Any
    room: Any


@functools.cache
def _functions() -> _Functions:
    runtime = start_with_flux("a Julia function")
    at = runtime.ask("exchange")
    return _Functions(runtime, _Call(at["apply"]), _Call(at["back"]), (ctypes.c_int64 * ROOM)())


def _entered() -> _Functions:
    found = _functions()
    found.runtime.check()
    dropped.clear()
    return found


def julia_module() -> Any:
    """The Julia module that has PyPhoton, with Flux loaded. Errors: Unsupported in another thread or process than Julia's."""
    return _entered().runtime.julia


def prepared(callable_: Any) -> Any:
    """What `pulled` takes: a callable that juliacall shows, its source text, or its name ("MyPkg.f"), with its leaves looked up.

    Errors: ArgumentError for what is none of these, JuliaError for text that Julia cannot read or a name that is not there.
    """
    runtime = _entered().runtime
    if isinstance(callable_, str):
        number = runtime.ask("callable", text=callable_)
        try:
            return runtime.julia.PyPhoton.Differentiable(runtime.julia.PyPhoton.OPEN[number])
        finally:
            runtime.ask("close", number=number)
    import juliacall

    if not isinstance(callable_, juliacall.ValueBase):
        expected = 'a Julia callable as juliacall shows it, its source ("x -> x .^ 2") or its name ("MyPkg.f")'
        raise ArgumentError("a Julia function", expected, type(callable_).__name__)
    return runtime.julia.PyPhoton.Differentiable(callable_)


def pulled(prepared_: Any, inputs: Sequence[Given], *, differentiate: bool, training: bool | None = None) -> tuple[Keeper, bool, list[Memory | None]]:
    """Call it: what keeps the pullback, whether the result was no tuple, and where the results are. Errors: JuliaError."""
    julia = _entered()
    numbers = [int(differentiate), -1 if training is None else int(training), len(inputs)]
    kept = _called(julia.apply, prepared_, numbers, inputs, julia.room)
    return Keeper(kept[0]), bool(julia.room[0]), _memories(julia.room, 2, kept[1:])


def back(pullback: Keeper, slopes: Sequence[Given]) -> list[Memory | None]:
    """The gradients of leaves and then of inputs, for those of the results. Errors: JuliaError."""
    julia = _entered()
    kept = _called(julia.back, pullback.value, [len(slopes)], slopes, julia.room)
    return _memories(julia.room, 0, kept[1:])


def _called(function: Any, first: Any, numbers: list[int], given: Sequence[Given], room: Any) -> tuple[Any, ...]:
    for g in given:
        numbers += (g.kind, g.rank, g.pointer, 1, 0, *g.shape)
    if len(numbers) > ROOM:
        raise ArgumentError("a Julia function", f"arrays that {ROOM} numbers describe", f"{len(given)} arrays")
    room[: len(numbers)] = numbers
    kept = function(first, ctypes.addressof(room), tuple([g.owner for g in given]))
    if isinstance(kept, str):
        raise_failure(json.loads(kept))
    found: tuple[Any, ...] = kept
    return found


def _memories(room: Any, at: int, kept: Sequence[Any]) -> list[Memory | None]:
    found: list[Memory | None] = []
    for keeper in kept:
        kind, rank, pointer, device, number = room[at : at + 5]
        shape = tuple(room[at + 5 : at + 5 + rank])
        found.append(Memory(pointer, shape, divmod(kind, 256), (device, number), Keeper(keeper)) if kind else None)
        at += 5 + rank
    return found


