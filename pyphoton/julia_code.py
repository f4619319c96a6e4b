"""Code: Julia code of a user's as plain data, and which of it may run in this process.

Code that was written in this process is trusted: whoever called `Julia(...)` wrote it, or could have run it anyway. What comes from a file
is not, until somebody vouches for it (`load(path, safe_mode=False)`). Trust belongs to the text and not to a layer: copies of a layer, and
the plans that it becomes part of, need no mark of their own, and every engine asks `check` before Julia sees the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyphoton.errors import ArgumentError, FileError

MOST_SHOWN = 4000
_trusted: set[tuple[str, str | None]] = set()


@dataclass(frozen=True)
class Code:
    """An expression of Julia; `file` is the name of the file whose `text` is read before it, None where there is none."""

    source: str
    file: str | None = None
    text: str | None = None

    @staticmethod
    def of(attrs: Mapping[str, Any]) -> Code:
        """The code of a step."""
        return Code(attrs["source"], attrs["file"], attrs["text"])

    @property
    def trusted(self) -> bool:
        """Whether it may run here."""
        return (self.source, self.text) in _trusted

    def trust(self) -> None:
        """It may run in this process from now on."""
        _trusted.add((self.source, self.text))

    def check(self, where: str) -> None:
        """Errors: FileError, which shows the code, unless it is trusted."""
        if not self.trusted:
            raise FileError(
                where, "Julia code that you trust", f"code from a file:\n{self.shown()}\n",
                "It could do whatever you can. Read it, then load the file again with safe_mode=False: load(path, safe_mode=False).",
            )  # fmt: skip

    def shown(self) -> str:
        """The code as people read it, indented."""
        parts = [self.source] if self.text is None else [self.source, f"# {self.file}", self.text.rstrip()]
        text = "\n".join(parts)
        cut = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n... ({len(text) - MOST_SHOWN} more characters)"
        return "\n".join(f"    {line}" for line in cut.splitlines())

    def data(self) -> dict[str, Any]:
        """As a step's attributes have it."""
        return {"source": self.source, "file": self.file, "text": self.text}


def read(source: Any, file: Any) -> Code:
    """The code that a user wrote, trusted. Errors: ArgumentError for an empty source, or a file that cannot be read."""
    if not isinstance(source, str) or not source.strip():
        raise ArgumentError("Julia", "the source of a Julia function, or its name: Julia('x -> x .^ 2')", repr(source))
    if file is None:
        code = Code(source.strip())
    else:
        code = Code(source.strip(), *_text_of(file))
    code.trust()
    return code


def _text_of(file: Any) -> tuple[str, str]:
    """Name and text of a user's file. Errors: ArgumentError."""
    if not isinstance(file, str | Path):
        raise ArgumentError("Julia file=", "the path of a Julia file", repr(file))
    try:
        return Path(file).name, Path(file).read_text("utf-8")
    except OSError as error:
        raise ArgumentError("Julia file=", "a file that can be read", f"{file} ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise ArgumentError("Julia file=", "Julia code in UTF-8", f"{file}, which is something else") from None
