"""The container: a safetensors file, which holds arrays by name, with a JSON text about them in its metadata.

A safetensors file is 8 bytes with the length of a JSON header, the header (name => dtype, shape, place), and the arrays'
bytes without gaps. What a file says of itself is checked before anything of that size is read, and all of it is held
against a checksum, so that a damaged file is not read as another one.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pyphoton.errors import ArgumentError, FileError
from pyphoton.saving.atomic import replacing

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAMES = {np.dtype(text): name for name, text in DTYPES.items()}
LONGEST_HEADER = 100_000_000
"""Bytes; the safetensors library reads no longer one."""
MOST_AXES = 32
FORMAT = 1
"""What this version writes, and the newest that it reads."""


@dataclass(frozen=True)
class Entry:
    """One array of a file: its dtype, its shape, and where its bytes begin and end."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def line(self, name: str) -> bytes:
        """What the checksum covers of it besides its bytes."""
        return f"{name} {self.dtype} {','.join(map(str, self.shape))}\n".encode(errors="surrogatepass")


class Stored:
    """An open file whose header has been read: what it says of its arrays, and `about`, the JSON text's data."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.path, self._file = path, file
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise self.damaged(f"a header of {length} bytes in a file of {size}")
        header = self._json(file.read(length))
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not isinstance(metadata.get("pyphoton", ""), str):
            raise self.damaged("metadata that are no text")
        self._text = metadata.get("pyphoton", "null")
        self._check = metadata.get("check")
        self._start = 8 + length
        self.entries = self._entries(header, size - self._start)
        self.about: dict[str, Any] = {}

    def damaged(self, what: str) -> FileError:
        """The error for a file that is not what it should be."""
        return FileError(self.path, "a whole safetensors file of PyPhoton", what)

    def understand(self, kind: str) -> None:
        """Read `about`, a description of this kind. Errors: FileError for another kind, and for a newer format."""
        about = self._json(self._text)
        found = about.get("format")
        match = re.fullmatch(r"pyphoton-(\w{1,20})-(\d{1,6})", found) if isinstance(found, str) else None
        if match is None:
            raise FileError(self.path, f"a {kind} of format {FORMAT}", "a file without a PyPhoton format")
        if int(match[2]) > FORMAT:
            raise FileError(self.path, f"format {FORMAT} at most", f"format {match[2]}", "A newer PyPhoton wrote it: install that one to read it.")
        if match[1] != kind:
            hint = {"model": "load reads it.", "workout": "load_workout reads it."}.get(match[1], "")
            raise FileError(self.path, f"a {kind}", f"a {match[1]}", hint)
        self.about = about

    def read(self) -> dict[str, Any]:
        """All arrays. Errors: FileError when they are not what was written."""
        total = max((e.end for e in self.entries.values()), default=0)
        buffer = np.empty(total, np.uint8)
        self._file.seek(self._start)
        if self._file.readinto(memoryview(buffer)) != total:  # type: ignore[attr-defined, arg-type]
            raise self.damaged("a file that ends too early")
        if self._check is not None and self._check != checksum(self._text, self.entries, buffer):
            raise self.damaged("one whose checksum differs: it was changed after it was written")
        return {n: buffer[e.begin : e.end].view(DTYPES[e.dtype]).reshape(e.shape) for n, e in self.entries.items()}

    def _json(self, text: str | bytes) -> dict[str, Any]:
        try:
            found = json.loads(text, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise self.damaged(f"a header that is no JSON ({str(error)[:80]})") from None
        if not isinstance(found, dict):
            raise self.damaged("a file without a PyPhoton header" if found is None else "a header that is no object")
        return found

    def _entries(self, header: dict[str, Any], size: int) -> dict[str, Entry]:
        found = {name: self._entry(name, value) for name, value in header.items()}
        at = 0
        ordered = in_order(found)
        for name, entry in ordered.items():
            if entry.begin != at:
                raise self.damaged(f"array {name[:80]!r} at {entry.begin}, and not at {at}")
            at = entry.end
        if at != size:
            raise self.damaged(f"arrays of {at} bytes in {size}")
        return ordered

    def _entry(self, name: str, value: Any) -> Entry:
        parts = [value.get(k) for k in ("dtype", "shape", "data_offsets")] if isinstance(value, dict) else [None] * 3
        dtype, shape, place = parts[0], _lengths(parts[1]), _lengths(parts[2])
        if not isinstance(dtype, str) or dtype not in DTYPES or shape is None or place is None or len(place) != 2 or len(shape) > MOST_AXES:
            raise self.damaged(f"array {name[:80]!r} with {str(value)[:80]}")
        if math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != place[1] - place[0] or math.prod(n or 1 for n in shape) > 2**48:
            raise self.damaged(f"array {name[:80]!r} of shape {str(shape)[:80]} in {str(place)[:80]}")
        return Entry(dtype, shape, place[0], place[1])


def _lengths(value: Any) -> tuple[int, ...] | None:
    return tuple(value) if isinstance(value, list) and all(type(n) is int and 0 <= n < 2**62 for n in value) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


@contextmanager
def opened(path: str | Path, kind: str) -> Iterator[Stored]:
    """A file of this kind ("model", "workout") to read. Errors: FileError."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise FileError(str(path), f"a saved {kind}", "no ordinary file")
        file = Path(path).open("rb")
    except FileNotFoundError:
        raise FileError(str(path), f"a saved {kind}", "no such file") from None
    except (OSError, ValueError) as error:
        raise FileError(str(path), f"a saved {kind}", str(error)) from None
    with file:
        found = Stored(str(path), file)
        found.understand(kind)
        yield found


def in_order(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """As the arrays lie in the file; empty ones of one place by name."""
    return dict(sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end, item[0])))


def checksum(text: str, entries: Mapping[str, Entry], data: Any) -> str:
    """CRC-32 of the text, and of each array's name, dtype, shape and bytes in the order of the file."""
    value = zlib.crc32(text.encode(errors="surrogatepass"))
    for name, entry in entries.items():
        value = zlib.crc32(data[entry.begin : entry.end].data, zlib.crc32(entry.line(name), value))
    return f"{value:08x}"


def write(path: str | Path, kind: str, about: dict[str, Any], arrays: Mapping[str, Any]) -> Path:
    """Write a file of this kind. Returns the path. Errors: FileError; the former file stays then."""
    text = json.dumps({"format": f"pyphoton-{kind}-{FORMAT}", **about})
    widest_first = sorted(arrays, key=lambda name: -np.asarray(arrays[name]).dtype.itemsize)  # so that all are aligned
    entries, blocks, at = {}, {}, 0
    for name in widest_first:
        array = np.asarray(arrays[name])
        little = np.dtype(DTYPES[_NAMES[array.dtype.newbyteorder("<")]])
        blocks[name] = np.ascontiguousarray(array, dtype=little).reshape(-1).view(np.uint8)
        entries[name] = Entry(_NAMES[little], array.shape, at, at + array.nbytes)
        at += array.nbytes
    check = zlib.crc32(text.encode(errors="surrogatepass"))
    for name, entry in in_order(entries).items():
        check = zlib.crc32(blocks[name].data, zlib.crc32(entry.line(name), check))
    described: dict[str, Any] = {"__metadata__": {"pyphoton": text, "check": f"{check:08x}"}}
    described |= {n: {"dtype": e.dtype, "shape": e.shape, "data_offsets": (e.begin, e.end)} for n, e in entries.items()}
    header = json.dumps(described, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > LONGEST_HEADER:
        raise ArgumentError("save", f"a description of at most {LONGEST_HEADER} bytes", str(len(header)), "Constants of a loss or model are part of it.")
    with replacing(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for block in blocks.values():
            file.write(block.data)
    return Path(path)
