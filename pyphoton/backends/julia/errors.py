"""What goes wrong in Julia, as plain data: type, message, Julia's traceback and causes. It pickles, and needs no running Julia."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from pyphoton.errors import PhotonError, ShapeError, Unsupported


class Frame(NamedTuple):
    """A place in Julia's sources."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} at {self.file}:{self.line}"


class JuliaError(PhotonError, RuntimeError):
    """An error inside Julia. The Python traceback leads to the call; `frames` go on from there, the innermost first.

    `julia_type` is the name of Julia's exception type, `message` its text, `path` the layer that it happened in, if any.
    What caused it is the `__cause__`, another JuliaError.
    """

    def __init__(self, julia_type: str, message: str, frames: tuple[Frame, ...] = (), path: str = "") -> None:
        self.julia_type, self.message, self.frames, self.path = julia_type, message, frames, path
        plain = message.startswith(julia_type.split(".")[-1]) or julia_type.endswith(".CodeError")  # which begins with file and line
        super().__init__(f"Julia{f', layer {path}' if path else ''}", hint=message if plain else f"{julia_type}: {message}")

    @property
    def julia_traceback(self) -> str:
        """Julia's traceback, one place per line, the innermost first."""
        return "\n".join(f"  {frame}" for frame in self.frames)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(["Julia's traceback, the innermost first:", self.julia_traceback] if self.frames else [])])

    def __reduce__(self) -> Any:
        return _restored, ((self.julia_type, self.message, self.frames, self.path), self.__cause__)


def _restored(args: tuple[Any, ...], cause: BaseException | None) -> JuliaError:
    error = JuliaError(*args)
    error.__cause__ = cause
    return error


def raise_failure(found: Mapping[str, Any]) -> NoReturn:
    """Raise what Julia's `failure` described.

    Errors: Unsupported for a step that it has no meaning for, ShapeError for a result of another shape than its plan says, else JuliaError.
    """
    if found["type"].endswith("UnsupportedStep"):
        raise Unsupported(f"{found['path']} {found['op']}".strip(), "a step that Julia knows", found["op"], found.get("reason", ""))
    error = julia_error(found)
    shape = _caused(found, "OutputShape")
    if shape is not None:
        raise ShapeError(f"{error.path} Julia".strip(), shape["expected"], shape["received"], "What infer= says, or Julia was asked for, has to hold for every batch.") from error
    raise error from error.__cause__


def _caused(found: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any] | None:
    """The error of this kind among an error and its causes."""
    while found is not None and not found["type"].endswith(kind):
        found = found["cause"]
    return found


def julia_error(found: Mapping[str, Any]) -> JuliaError:
    """The error with all its causes."""
    frames = tuple(Frame(*f) for f in found["frames"])
    error = JuliaError(found["type"], found["message"], frames, found.get("path", ""))
    if found["cause"]:
        error.__cause__ = julia_error(found["cause"])
    return error
