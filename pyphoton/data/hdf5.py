"""Data sets in HDF5 files, read by h5py while they train; JLD2 files of Julia are HDF5 files."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np

from pyphoton.arguments import checked
from pyphoton.data.dataset import Numbered
from pyphoton.data.passes import Pass
from pyphoton.errors import ArgumentError, BackendMissing, DataError, near


class HDF5Dataset(Numbered):
    """Samples of an HDF5 file, or of a JLD2 file that Julia has written. Only what is asked for is read.

    `file` is a path, or an h5py File or Group that is open. With the names `x` and `y` of arrays (N, ...) in it, sample i is
    (x[i], y[i]); a list of names gives a tuple. Without names each key of the file is one sample (X, Y), in the order
    of the numbers in their names ("9" before "10"): what `f["1"] = (x, y)` writes in Julia, or a group with two members.

    Julia writes its arrays with the last axis first: a Julia array (W, H, C) is read as (C, H, W), (F, N) as (N, F).
    JLD2 has a tuple as a compound with fields "1", "2" ..., numbers within it and arrays as references; its own group
    "_types" is no sample. Strings of Julia are labels. Photon's name is JLDDataset.
    Errors: ArgumentError (an AssertionError, too) for unknown names and unequal lengths; DataError for a file that is none,
    and, naming the key, for a value that is no pair; BackendMissing without h5py.
    """

    @checked
    def __init__(self, file: Any, x: Any = None, y: Any = None) -> None:
        if (x is None) != (y is None):
            raise ArgumentError("HDF5Dataset", "names of both x and y, or of none", f"x={x!r}, y={y!r}")
        self.root, self.name = _opened(file)
        self.arrays = None if x is None else (self._arrays(x), self._arrays(y))
        self.keys = [] if self.arrays else _keys(self.root)
        self.lock = threading.RLock()  # one thread reads at a time, whatever h5py allows: HDF5 itself is not made for more
        if self.arrays:
            lengths = [len(a) for part in self.arrays for a in (part if isinstance(part, tuple) else (part,))]
            if len(set(lengths)) > 1:
                raise ArgumentError(self.name, "as many samples in every array", " and ".join(map(str, lengths)))
            self.samples = lengths[0]
        else:
            self.samples = len(self.keys)

    def __len__(self) -> int:
        return self.samples

    def sample(self, index: int, now: Pass) -> Any:
        """(X, Y) number `index`, read from the file."""
        with self.lock:
            if self.arrays:
                return tuple(tuple(a[index] for a in part) if isinstance(part, tuple) else part[index] for part in self.arrays)
            key = self.keys[index]
            found = self._value(self.root[key], key)
        if not isinstance(found, tuple) or len(found) != 2:
            hint = "Give the names of arrays (N, ...): HDF5Dataset(file, x, y)."
            raise DataError(f"{self.name}: {key}", "a pair (X, Y)", _kind(found), hint)
        return found

    def close(self) -> None:
        """Close the file."""
        self.root.file.close()

    def _arrays(self, names: Any) -> Any:
        if isinstance(names, list | tuple):
            return tuple(map(self._arrays, names))
        if names not in self.root:
            raise ArgumentError(self.name, "the name of an array in it", repr(names), near(names, _keys(self.root) or ["nothing"]))
        found = self.root[names]
        if not getattr(found, "shape", ()) or found.dtype.kind not in "biufSO":
            raise ArgumentError(self.name, f"an array (N, ...) as {names!r}", _kind(found))
        return found

    def _value(self, value: Any, key: str) -> Any:
        """What is stored, in Python: arrays, numbers, strings, and tuples of these. References are followed."""
        import h5py

        if isinstance(value, h5py.Group):
            return tuple(self._value(value[name], f"{key}/{name}") for name in _keys(value))
        if isinstance(value, h5py.Dataset):
            return self._value(value[()], key)
        if isinstance(value, h5py.Reference):
            if not value:
                raise DataError(f"{self.name}: {key}", "a value", "a reference to nothing")
            return self._value(self.root.file[value], key)
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if isinstance(value, np.void) and value.dtype.names:
            return self._fields(value, key)
        if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim == 1:
            return tuple(self._value(v, key) for v in value)
        return value

    def _fields(self, value: Any, key: str) -> tuple[Any, ...]:
        names = value.dtype.names
        if names != tuple(str(i + 1) for i in range(len(names))):
            hint = "Write arrays, numbers and tuples of these."
            raise DataError(f"{self.name}: {key}", "a tuple of Julia", f"a struct with fields {', '.join(names)}", hint)
        return tuple(self._value(value[n], key) for n in names)


JLDDataset = HDF5Dataset


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return f"an array {value.shape}" if getattr(value, "shape", ()) else f"one {type(value).__name__}"


def _keys(group: Any) -> list[str]:
    names = [name for name in group if name != "_types"]
    return sorted(names, key=lambda name: [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)])


def _opened(file: Any) -> tuple[Any, str]:
    """The root of a file, and what it is called in errors."""
    try:
        import h5py
    except ImportError:
        raise BackendMissing("HDF5Dataset", "h5py", "none", "pip install 'pyphoton[data]', or pip install h5py.") from None
    if isinstance(file, h5py.Group):
        return file, f"{file.file.filename}{file.name if file.name != '/' else ''}"
    if not isinstance(file, str | Path):
        raise ArgumentError("HDF5Dataset", "a path, or an h5py File or Group", type(file).__name__)
    try:
        return h5py.File(file, "r"), str(file)
    except FileNotFoundError:
        raise DataError(str(file), "an HDF5 or JLD2 file", "no file") from None
    except OSError as error:
        raise DataError(str(file), "an HDF5 or JLD2 file", f"one that cannot be read ({error})") from error
