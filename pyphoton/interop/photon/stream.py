"""A value that Julia's `serialize` wrote, read without Julia: types, numbers and arrays. Code in a file is never run, nor even read.

Arrays have Julia's memory, so that the axes stand in reverse: a Julia array of size (2, 3) has shape (3, 2) here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyphoton.errors import FileError, Unsupported
from pyphoton.interop.photon import tags
from pyphoton.interop.photon.kinds import Function, Struct, Type, kind_of
from pyphoton.interop.photon.tags import Symbol

DEEPEST = 120
NO_CODE = "PyPhoton runs no code of a file. In Julia, put a function with a name there, as relu, or xavier for an initialiser, and save the workout again."


class Stream:
    """The bytes of one file. `first(name, count)` reads the outermost value."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0
        self.table: dict[int, Any] = {}
        self.count = 0
        self.trail: list[str] = []

    def first(self, name: str, fields: int) -> Struct:
        """The value of the file, of the type `name`, with so many of its fields. Errors: FileError, Unsupported."""
        self._header()
        if self._number("u1") != tags.MUTABLE:
            raise self.damaged("another value")
        slot = self._slot()
        found = self.value()
        if not isinstance(found, Type) or found.name != name:
            raise self.damaged(f"a {found if isinstance(found, Type) else 'value'} of Julia's")
        return self._fields(found, slot, fields)

    @property
    def place(self) -> str:
        """Where in the value the reading is, as Julia writes it."""
        return "workout" + "".join(self.trail)

    def damaged(self, what: str) -> FileError:
        """The error for a file that is not what it should be."""
        return FileError(self.path, "a workout that Photon.jl 0.9 saved", f"{what} (byte {self.at}, {self.place})")

    def unsupported(self, expected: str, received: str, hint: str = "") -> Unsupported:
        """The error for what is whole, and cannot be had here."""
        return Unsupported(f"from_photon: {self.place}", expected, received, hint)

    def _header(self) -> None:
        if self._take(3) != bytes([tags.HEADER]) + b"JL":
            raise self.damaged("a file of something else")
        version, order = self._number("u1"), self._number("u1") & 3
        if version > tags.NEWEST:
            raise FileError(
                self.path, f"Julia's serialization protocol {tags.NEWEST} at most (Julia 1.10)", f"protocol {version}",
                "Load and save the workout in Julia 1.10 or older, which Knet needs.",
            )  # fmt: skip
        if order != tags.LITTLE:
            raise self.damaged("a file of a big-endian machine")
        self._take(3)

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise self.damaged("a file that ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def _number(self, kind: str) -> Any:
        return np.frombuffer(self._take(np.dtype(kind).itemsize), kind)[0].item()

    def _slot(self) -> int:
        self.count += 1
        return self.count - 1

    @contextmanager
    def _inside(self, step: str) -> Iterator[None]:
        """One step deeper into the value."""
        if len(self.trail) >= DEEPEST:
            raise self.damaged(f"values more than {DEEPEST} deep")
        self.trail.append(step)
        yield
        self.trail.pop()  # after an error the trail stays: it is part of the text

    # ---- values ------------------------------------------------------------------------------------------------------------------

    def value(self) -> Any:
        """The next value. Errors: FileError, Unsupported."""
        tag = self._number("u1")
        if tag == 0:  # a type stands for itself
            return self._own_type(self._number("u1"))
        if tag >= tags.FIRST_INT32:
            return tag - (tags.FIRST_INT64 if tag >= tags.FIRST_INT64 else tags.FIRST_INT32)
        if tag >= tags.FIRST_VALUE:
            return self._single(tag)
        if tag in tags.NUMBERS:
            found = self._number(tags.NUMBERS[tag])
            return float(str(np.float32(found))) if tags.NAMES[tag] == "Float32" else found
        if tag in tags.CODE:
            raise self.unsupported("values and functions with names", "a function without a name, or another piece of code", NO_CODE)
        read = _READERS.get(tag)
        if read is None:
            raise self.damaged(f"the tag {tag}")
        return read(self)

    def _single(self, tag: int) -> Any:
        if tag in tags.VALUES:
            return tags.VALUES[tag]
        return tags.SYMBOLS[tag] if tag in tags.SYMBOLS else self._own_type(tag)

    def _own_type(self, tag: int) -> Type:
        if tag not in tags.NAMES:
            raise self.damaged(f"the type {tag}")
        return Type(("Core",), tags.NAMES[tag])

    def _earlier(self, kind: str) -> Any:
        number = self._number(kind)
        if number not in self.table:
            raise self.damaged(f"a reference to value {number}, which is not there")
        return self.table[number]

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise self.damaged("a text that is none") from None

    def _symbol(self, kind: str) -> Symbol:
        found = Symbol(self._text(self._number(kind)))
        if len(found.encode()) > 7:  # shorter ones are never referred to
            self.table[self._slot()] = found
        return found

    def _shared(self) -> Any:
        slot = self._slot()
        self.table[slot] = found = self.value()
        return found

    def _many(self, count: int) -> list[Any]:
        """So many values, each of which takes a byte at least."""
        if not 0 <= count <= len(self.data) - self.at:
            raise self.damaged(f"{count} values in {len(self.data) - self.at} bytes")
        found = []
        for number in range(1, count + 1):
            with self._inside(f"[{number}]"):
                found.append(self.value())
        return found

    def _tuple(self, kind: str) -> tuple[Any, ...]:
        return tuple(self._many(self._number(kind)))

    def _module(self) -> tuple[str, ...]:
        if self._number("u1") == tags.UINT128:  # the package's identity; Main has none
            self._take(16)
        names = [self.value()]
        while (name := self.value()) != ():
            names.append(name)
        if not all(isinstance(n, Symbol) for n in names):
            raise self.damaged("a module without a name")
        return tuple(map(str, names))

    def _type(self) -> Type:
        slot = self._slot()
        name, module = self.value(), self.value()
        if not isinstance(name, Symbol) or not isinstance(module, tuple) or not module:
            raise self.damaged("a type without a name")
        found = Type(module, str(name))
        known = kind_of(found)
        if known is None:
            if found.name.startswith("#"):
                raise self.unsupported("a function with a name", f"one without, of {'.'.join(module)}", NO_CODE)
            hint = "Build the workout of Photon's own layers, losses and metrics, with Float32 arrays in memory, and save it again."
            raise self.unsupported("a type of Photon 0.9 or Knet 1.4", str(found), hint)
        if known.parametric:
            with self._inside(""):
                found = Type(module, str(name), tuple(self.value() for _ in range(min(self._number("<i4"), 99))))
        self.table[slot] = found
        return found

    def _union_all(self) -> Any:
        if self._number("u1") == 1:
            self._take(2)
            return self.value()
        self.value()
        return self.value()

    def _type_variable(self) -> Symbol:
        slot = self._slot()
        self.table[slot] = name = Symbol(self.value())
        self.value(), self.value()
        return name

    def _union(self) -> Type:
        return Type(("Core",), "Union", (self.value(), self.value()))

    # ---- values of types ---------------------------------------------------------------------------------------------------------

    def _object(self, slot: int | None) -> Any:
        kind = self.value()
        if not isinstance(kind, Type):
            raise self.damaged("an object without a type")
        if kind.is_function:
            return Function(kind.module, kind.name[1:])
        if kind.name == "KnetArray":  # an array of a GPU, which Knet writes as one in memory
            return self.value()
        if kind.name == "Ptr":
            return self._take(8)
        if kind.name in ("Dict", "IdDict"):
            return self._dict(slot)
        return self._fields(kind, slot)

    def _mutable(self) -> Any:
        return self._object(self._slot())

    def _fields(self, kind: Type, slot: int | None, most: int | None = None) -> Struct:
        known = kind_of(kind)
        names = known.fields if known else ()
        if kind.name == "NamedTuple":
            given = kind.parameters[0] if kind.parameters else None
            names = given if isinstance(given, tuple) and all(isinstance(n, Symbol) for n in given) else ()
        found = Struct(kind)
        if slot is not None:
            self.table[slot] = found
        for name in names[:most]:
            with self._inside(f".{name}"):
                found.fields[str(name)] = self.value()
        return found

    def _identity_dict(self) -> dict[Any, Any]:
        slot = self._slot()
        self.value()
        return self._dict(slot)

    def _dict(self, slot: int | None) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        if slot is not None:
            self.table[slot] = found
        for _ in range(self._number("<i4")):
            with self._inside("[...]"):
                key = self.value()
                if not isinstance(key, str | int):
                    raise self.damaged("a key that is neither a name nor a number")
                found[key] = self.value()
        return found

    def _array(self) -> Any:
        slot = self._slot()
        element: Any = self.value()
        size: Any = element
        if isinstance(element, Type):
            size = self.value()
        else:
            element = Type(("Core",), "UInt8")
        lengths = (size,) if type(size) is int else size
        if not isinstance(lengths, tuple) or not all(type(n) is int and 0 <= n < 2**48 for n in lengths) or len(lengths) > 32:
            raise self.damaged("an array without a size")
        count = math.prod(lengths)
        known = kind_of(element)
        number = _NUMPY.get(element.name) if element.module == ("Core",) else None
        if number is None and known is not None and known.bits is not None:
            found: Any = self._structs(element, known.bits, min(count, len(self.data)))
        elif number is None:
            found = self.table[slot] = []
            found += self._many(count)
        else:
            raw = self._take(count * np.dtype(number).itemsize)
            found = np.frombuffer(raw, number).astype(np.dtype(number).newbyteorder("="), copy=True).reshape(lengths[::-1])
        self.table[slot] = found
        return found

    def _structs(self, kind: Type, bits: str, count: int) -> list[Any]:
        """Values that lie in an array as plain bytes: functions, which have none, and structures of one number."""
        if kind.is_function:
            return [Function(kind.module, kind.name[1:])] * count
        known = kind_of(kind)
        return [Struct(kind, dict.fromkeys(known.fields if known else (), self._number(bits))) for _ in range(count)]


_NUMPY = {tags.NAMES[tag]: kind for tag, kind in tags.NUMBERS.items()}
_READERS: dict[int, Any] = {
    tags.SYMBOL: lambda s: s._symbol("u1"), tags.LONG_SYMBOL: lambda s: s._symbol("<i4"),
    tags.STRING: lambda s: s._text(s._number("u1")), tags.LONG_STRING: lambda s: s._text(s._number("<i8")), tags.SHARED: Stream._shared,
    tags.TUPLE: lambda s: s._tuple("u1"), tags.LONG_TUPLE: lambda s: s._tuple("<i4"), tags.SHORT_INT: lambda s: s._number("<i4"),
    tags.SHORT_BACK: lambda s: s._earlier("<u2"), tags.BACK: lambda s: s._earlier("<i4"), tags.LONG_BACK: lambda s: s._earlier("<i8"),
    tags.DATATYPE: Stream._type, tags.UNION: Stream._union, tags.UNIONALL: Stream._union_all, tags.TYPEVAR: Stream._type_variable,
    tags.MODULE: Stream._module, tags.ARRAY: Stream._array, tags.OBJECT: lambda s: s._object(None), tags.MUTABLE: Stream._mutable,
    tags.IDENTITY_DICT: Stream._identity_dict, tags.UNDEFINED: lambda s: None, tags.UINT128: lambda s: int.from_bytes(s._take(16), "little"),
}  # fmt: skip
