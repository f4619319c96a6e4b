"""Every refusal of the library, in one form: where, expected, received, what to do.

PhotonError
├── ArgumentError    (ValueError, TypeError, AssertionError)  a layer, loss, optimiser ... was described wrongly
│   ├── UnknownName  (KeyError)                                a name that is in no table; the nearest ones are given
│   └── KeraFlowError                                          what the Keras face's rules for names and lists refuse
├── ShapeError       (ValueError)    an array does not fit the layer that it reaches
├── DataError        (ValueError)    data that cannot be trained on: empty, unequal, not numeric, labels out of range
├── LayoutError      (ValueError, BufferError)  memory that cannot be shared as it is; where a copy helps, the text says so
├── TraceError       (TypeError)     a Python function that cannot be followed symbolically
├── NonFiniteLoss    (ArithmeticError)  the loss became NaN or infinite
├── NotBuilt         (RuntimeError)  something was asked for that exists only once the input's shape is known
├── MissingMethod    (NotImplementedError)  a class of the user's lacks a method that is needed now
├── Unsupported      (NotImplementedError)  this backend cannot do that; the way out is in the text
├── BackendMissing   (ImportError)   the engine is not installed
└── FileError        (ValueError)    a saved file that is damaged, foreign or of a newer format
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """One layer or function of the model in which an error arose: plain data.

    `name` is its class or function name, `text` how it prints, `path` its place in the model, `inputs` the shapes that it
    was called with; `file` and `line` say where in its own code the error went on, None where the code is not Python.
    """

    name: str
    text: str
    path: str
    inputs: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        source = f"  at {self.file}:{self.line}" if self.file else ""
        text = self.text if len(self.text) <= 60 else f"{self.name}(...)"
        return f"{f'{self.path} {text}'.strip()}, called with {self.inputs}{source}"


class Trace(tuple[Frame, ...]):
    """The models that an error passed through, from the innermost layer to the outermost; prints one to a line."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(f"{'in ' if i else ''}{frame}" for i, frame in enumerate(self))


class PhotonError(Exception):
    """Base of all errors of this library.

    `where` names the layer, argument or file; `expected`, `received` and `hint` complete the sentence. `trace` lists the
    layers and functions of the model that the error passed through, the innermost first; empty outside of models.
    """

    trace: Trace = Trace()

    def __init__(self, where: str, expected: str = "", received: str = "", hint: str = "") -> None:
        self.where, self.expected, self.received, self.hint = where, expected, received, hint
        super().__init__(where, expected, received, hint)

    def __str__(self) -> str:
        parts = [f"expected {self.expected}"] if self.expected else []
        parts += [f"received {self.received}"] if self.received else []
        sentence = f"{self.where}: {', '.join(parts)}." if parts else f"{self.where}:" if self.hint else self.where
        return f"{sentence} {self.hint}" if self.hint else sentence


class ArgumentError(PhotonError, ValueError, TypeError, AssertionError):
    """A layer, loss, optimiser or call was given an argument that it cannot have."""


class UnknownName(ArgumentError, KeyError):
    """A name that stands in no table."""


class KeraFlowError(ArgumentError):
    """An argument of the Keras face that the rules for names, lists and single values refuse."""


class ShapeError(PhotonError, ValueError):
    """An array does not fit the layer that it reaches."""


class DataError(PhotonError, ValueError):
    """Data that cannot be trained on."""


class LayoutError(PhotonError, ValueError, BufferError):
    """An array's memory cannot be shared with Julia as it is."""


class TraceError(PhotonError, TypeError):
    """A Python function cannot be followed with symbolic tensors."""


class NonFiniteLoss(PhotonError, ArithmeticError):
    """The loss became NaN or infinite."""


class NotBuilt(PhotonError, RuntimeError):
    """Parameters or shapes were asked for before the input's shape was known."""


class MissingMethod(PhotonError, NotImplementedError):
    """A class of the user's lacks a method that is needed now; the text shows what to write."""


class Unsupported(PhotonError, NotImplementedError):
    """The backend cannot do what was asked."""


class BackendMissing(PhotonError, ImportError):
    """The engine that was asked for is not installed."""


class FileError(PhotonError, ValueError):
    """A saved file is damaged, foreign, or of a newer format."""


def passed(error: PhotonError, frame: Frame) -> None:
    """The error leaves one more model: its trace grows."""
    error.trace = Trace((*error.trace, frame))


def tell_trace(error: PhotonError) -> None:
    """Show the trace below the error's text (Python 3.11 and later), where there is more in it than the layer itself."""
    if len(error.trace) > 1 and hasattr(error, "add_note"):
        error.add_note(str(error.trace))


def note(error: BaseException, text: str) -> None:
    """Add to an error's text: to the hint of our own, a note to others (Python 3.11 and later show those)."""
    if isinstance(error, PhotonError):
        error.hint = f"{error.hint} ({text})".strip()
        error.args = (error.where, error.expected, error.received, error.hint)
    elif hasattr(error, "add_note"):
        error.add_note(text)


def near(name: object, known: Iterable[str]) -> str:
    """A sentence with the known names nearest to `name`, or all of them when none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name)[:80].lower(), names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(repr(c) for c in close)}?" if close else f"Known: {', '.join(names)}."
