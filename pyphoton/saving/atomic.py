"""Writing a file so that there is always a whole one: the former until the new one is on the disk.

What is written goes into a temporary file of the same folder, which takes the target's place when it is complete. The
writer holds a lock on it, so that a file without one belongs to a process that is gone, and the next save removes it.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pyphoton.errors import FileError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed: that is the lock
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write in, which takes the place of `path` when the block ends. On any error the former file stays.

    Errors: FileError when it cannot be written, the disk being full among the reasons.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            raise FileError(str(path), "the name of a file", "something else of that name")
        _sweep(target)
        temporary, file = _fresh(target)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if fcntl is not None:  # while it is locked
                    temporary.replace(target)
            if fcntl is None:
                temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise FileError(str(path), "a place that can be written to", str(error), "The former file, if there is one, is as it was.") from None


def _fresh(target: Path) -> tuple[Path, BinaryIO]:
    """A new temporary file, locked, with the target's permissions."""
    while True:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        number = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
        file = os.fdopen(number, "wb")
        try:
            if fcntl is None:
                return temporary, file
            with suppress(OSError):  # a file system without locks
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(number).st_nlink:  # else another process took it for a left-over before it was locked
                with suppress(FileNotFoundError):
                    os.fchmod(number, stat.S_IMODE(target.stat().st_mode))
                return temporary, file
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise
        file.close()


def _sweep(target: Path) -> None:
    """Remove the temporary files of this name that no process writes any more."""
    with os.scandir(target.parent) as found:
        left = [e.path for e in found if e.name.startswith(f".{target.name}.") and e.name.endswith(".part")]
    for path in left:
        with suppress(OSError):  # it is being written, or already gone
            if fcntl is not None:
                with Path(path).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    Path(path).unlink()
            else:
                Path(path).unlink()


def _sync_folder(folder: Path) -> None:
    """Have the folder's new entry on the disk, where folders can be opened."""
    if fcntl is None:
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
