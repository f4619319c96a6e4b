"""What a Julia layer says of its parameters: the forms that users write them in, and what a file keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyphoton import initialisers
from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError, FileError
from pyphoton.layers.base import Param
from pyphoton.typing import Shape, show

FORMS = "a shape, (shape, initialiser), a function of the inputs' shapes, or a Param"
OWNER = "Julia params="


@dataclass(frozen=True)
class Own:
    """A parameter that was asked for: its shape, or a function of the inputs' shapes that gives it, and how it begins."""

    name: str
    shape: Any
    init: Any = None
    role: Any = "weight"
    fans: tuple[int, int] | None = None

    def __str__(self) -> str:
        """As it was written."""
        shape = "..." if callable(self.shape) else str(self.shape)
        init = getattr(self.init, "__name__", repr(self.init))
        whole = f"Param({shape}, {init}, {self.role!r}, {self.fans})" if self.fans else shape if self.init is None else f"({shape}, {init})"
        return f"{self.name!r}: {whole}"

    def param(self, *inputs: Shape) -> Param:
        """The parameter for inputs of these shapes. Errors: ArgumentError."""
        if callable(self.shape):
            answer = self.shape(*inputs)
            if isinstance(answer, Param):
                return answer
            shape = _shape(answer)
            if shape is None:
                raise ArgumentError(f"{OWNER} {self.name}", f"known lengths for inputs {', '.join(map(show, inputs))}", repr(answer))
        else:
            shape = self.shape
        init = (initialisers.xavier if len(shape) > 1 else initialisers.zeros) if self.init is None else self.init
        return Param(shape, init, self.role, self.fans or ((shape[0], shape[-1]) if len(shape) > 1 else (1, 1)))


@dataclass(frozen=True)
class Leaf:
    """An array that the Julia object of a layer has of its own."""

    name: str
    shape: tuple[int, ...]
    role: Any


def asked_for(given: Any) -> tuple[Own, ...] | None:
    """The parameters that `params=` names, in order; None where nothing was said. Errors: ArgumentError."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ArgumentError(OWNER, f"a dictionary: names, and {FORMS}", repr(given))
    return tuple(_own(name, what) for name, what in given.items())


def _own(name: Any, what: Any) -> Own:
    if not isinstance(name, str) or not name.isidentifier():
        raise ArgumentError(OWNER, "names that are identifiers", repr(name))
    if isinstance(what, Param):
        return Own(name, what.shape, what.init, what.role, what.fans)
    shape, init = what, None
    if isinstance(what, tuple) and len(what) == 2 and not is_integer(what[1]):
        shape, init = what[0], initialisers.get(what[1], f"{OWNER} {name}")
    known = shape if callable(shape) and not isinstance(shape, type) else _shape(shape)
    if known is None:
        raise ArgumentError(f"{OWNER} {name}", FORMS, repr(what))
    return Own(name, known, init)


def _shape(what: Any) -> tuple[int, ...] | None:
    """Axis lengths; None for something else."""
    lengths = (what,) if is_integer(what) else what
    if not isinstance(lengths, tuple | list) or not all(is_integer(n) and n > 0 for n in lengths):
        return None
    return tuple(map(int, lengths))


# ---- in files ----------------------------------------------------------------------------------------------------------


def kept(owned: Sequence[Own] | None) -> Any:
    """As a file has them; a shape that is a function is left out."""
    if owned is None:
        return None
    return [[o.name, None if callable(o.shape) else list(o.shape), o.init, o.role, o.fans] for o in owned]


def found(rows: Any) -> tuple[Own, ...] | None:
    """What `kept` wrote. Errors: FileError."""
    if rows is None:
        return None
    return tuple(_found(*row) for row in listed(rows, 5))


def _found(name: Any, shape: Any, init: Any, role: Any, fans: Any) -> Own:
    known = _unknown if shape is None else _shape(shape)
    good = isinstance(name, str) and name.isidentifier() and known is not None and role in ("weight", "state")
    good = good and (fans is None or (isinstance(fans, tuple | list) and len(fans) == 2 and all(map(is_integer, fans))))
    if not good or not (init is None or callable(init) or isinstance(init, initialisers.Initialiser)):
        raise FileError("Julia params=", "names, shapes and initialisers", repr((name, shape, init, role, fans))[:200])
    return Own(name, known, init, role, None if fans is None else (int(fans[0]), int(fans[1])))


def _unknown(*inputs: Shape) -> Any:
    """In the place of a function that a file cannot hold."""
    shown = ", ".join(map(show, inputs))
    raise ArgumentError(OWNER, "inputs of the shapes that it was saved with", shown, "Its shapes follow from a Python function, which no file holds.")


def leaves(rows: Any) -> tuple[Leaf, ...] | None:
    """A Julia object's own arrays, from a file or from Julia. Errors: FileError."""
    if rows is None:
        return None
    made = []
    for name, shape, role in listed(rows, 3):
        known = _shape(shape)
        if not isinstance(name, str) or not name.isidentifier() or known is None or role not in ("weight", "state"):
            raise FileError("Julia", "arrays with names and shapes", repr((name, shape, role))[:200])
        made.append(Leaf(name, known, role))
    return tuple(made)


def listed(rows: Any, width: int) -> Sequence[Any]:
    """Rows of a file. Errors: FileError unless each has `width` members."""
    if not isinstance(rows, tuple | list) or not all(isinstance(r, tuple | list) and len(r) == width for r in rows):
        raise FileError("Julia", f"rows of {width}", repr(rows)[:200])
    return rows


