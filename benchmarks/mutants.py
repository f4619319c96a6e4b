"""Ways to damage a saved workout: bytes that rot, and files that somebody has made in order to harm."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from pyphoton.saving.container import Entry, checksum, in_order

NAMES = ("Dense", "LSTM", "Conv2D", "Sequential", "Workout", "os.system", "Gates", "Adam", "MSE", "Layer", "Description", "builtins.eval", "Constant")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**12, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "x", "é\ud800",
    "x" * 100_000, "../../etc/passwd", "relu", [], {}, [[]], [None], [10**12] * 3, [-1], {"same": 0}, {"same": [0]}, {"same": 99},
    {"function": "relu"}, {"function": "__import__"}, {"function": ["relu"]}, {"class": "Dense", "args": {"units": 10**12}},
    {"class": "Dense"}, {"class": "LSTM", "args": {"hidden": 3, "num_layers": 10**12}}, {"yours": "mine"}, {"yours": {}},
)  # fmt: skip


@dataclass
class File:
    """A saved workout, taken apart."""

    header: dict[str, Any]
    about: dict[str, Any]
    data: bytes
    check: str | None = None
    pairs: list[tuple[str, Any]] = field(default_factory=list)

    @staticmethod
    def of(content: bytes) -> File:
        """Of a whole file's bytes."""
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__")
        return File(header, json.loads(metadata["pyphoton"]), content[8 + length :])

    def bytes(self, text: str | None = None) -> bytes:
        """The file again, with a checksum that is right where one can be had."""
        text = json.dumps(self.about) if text is None else text
        metadata = {"pyphoton": text}
        check = self._check(text)
        if check is not None:
            metadata["check"] = check
        parts = [f"{json.dumps(k)}:{json.dumps(v)}" for k, v in [("__metadata__", metadata), *self.header.items(), *self.pairs]]
        header = ("{" + ",".join(parts) + "}").encode()
        return len(header).to_bytes(8, "little") + header + self.data

    def _check(self, text: str) -> str | None:
        try:
            entries = {n: Entry(e["dtype"], tuple(e["shape"]), *e["data_offsets"]) for n, e in self.header.items()}
            return checksum(text, in_order(entries), np.frombuffer(self.data, np.uint8))
        except (TypeError, KeyError, ValueError, AttributeError):
            return None


# ---- bytes that rot: nothing but the very same content may be loaded ----------------------------------------------------------


def flip(random: Random, content: bytes) -> bytes:
    """One bit, or some, in the header or anywhere."""
    found = bytearray(content)
    end = random.choice([8, 400, len(found), len(found)])
    for _ in range(random.choice([1, 1, 2, 30])):
        found[random.randrange(min(end, len(found)))] ^= 1 << random.randrange(8)
    return bytes(found)


def cut(random: Random, content: bytes) -> bytes:
    """A file that ends too early, or too late."""
    at = random.choice([random.randrange(len(content)), random.randrange(20), len(content) - 1])
    return content[:at] if random.random() < 0.8 else content + bytes(random.randrange(1, 100))


def lie(random: Random, content: bytes) -> bytes:
    """Another length of the header."""
    length = random.choice([0, 1, 2, len(content), len(content) - 8, 2**63, 2**64 - 1, 10**8, random.randrange(len(content))])
    return length.to_bytes(8, "little") + content[8:]


def wipe(random: Random, content: bytes) -> bytes:
    """A stretch of zeros, as a file system leaves it, or of other bytes."""
    a = random.randrange(len(content))
    b = min(len(content), a + random.choice([1, 16, 512, 4096]))
    return content[:a] + (bytes(b - a) if random.random() < 0.5 else random.randbytes(b - a)) + content[b:]


ROT: tuple[Callable[[Random, bytes], bytes], ...] = (flip, flip, cut, lie, wipe)


# ---- edits: what is loaded has to be what the file now says --------------------------------------------------------------------


def _places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        found += _places(value, (*at, key))
    return found


def _edit(random: Random, root: Any, under: tuple[Any, ...] = ()) -> None:
    """Replace, remove, copy or rename one thing in a tree of JSON."""
    top = root
    for key in under:
        top = top[key]
    places = _places(top)
    if not places:
        return
    place = random.choice(places)
    parent = top
    for key in place[:-1]:
        parent = parent[key]
    kind, key = random.randrange(6), place[-1]
    if kind == 0:
        del parent[key]
    elif kind == 1:
        other = top
        for step in random.choice(places):
            other = other[step]
        parent[key] = copy.deepcopy(other)
    elif kind == 2 and isinstance(parent, dict):
        parent[random.choice([*NAMES, "units", "name", "id", "same", "class", "args"])] = parent.pop(key)
    elif kind == 3 and isinstance(parent[key], str):
        parent[key] = random.choice(NAMES)
    elif kind == 4 and isinstance(parent[key], int | float):
        parent[key] = random.choice([parent[key] + 1, -parent[key], parent[key] * 10**9, 0, str(parent[key]), [parent[key]]])
    else:
        parent[key] = copy.deepcopy(random.choice(VALUES))


def describe(random: Random, file: File) -> bytes:
    """The description: once or some times, anywhere or in the model."""
    part = random.choice([(), (), ("model",), ("model",), ("optimiser",), ("loss",), ("metrics",), ("met",), ("batch",), ("plans", "training")])
    for _ in range(random.choice([1, 1, 2, 5])):
        try:
            _edit(random, file.about, part)
        except (KeyError, IndexError, TypeError):  # an earlier edit took the part away
            break
    return file.bytes()


def entries(random: Random, file: File) -> bytes:
    """What the header says of one array: dtype, shape, place, name."""
    name = random.choice(list(file.header))
    entry = file.header[name]
    kind = random.randrange(8)
    if kind == 0:
        entry["dtype"] = random.choice(["F16", "I64", "BF16", "F8_E4M3", "U8", "BOOL", 5, None, "f4", "F64", "I32"])
    elif kind == 1:
        entry["shape"] = random.choice([[10**12], [2**40, 2**40], [-1], [1, *entry["shape"]], entry["shape"][::-1], [0], [0, 2**61], "3", [1.5], [[2]], [1] * 200])
    elif kind == 2:
        entry["data_offsets"] = random.choice([[0, 2**40], [-4, 4], [8, 0], [0], [0, 4, 8], "0", [0, len(file.data)], [2**63, 2**64], [0.0, 4.0]])
    elif kind == 3:
        file.header[random.choice(["parameters/x", "state/x", "evil", "", "__metadata__ ", "x" * 100_000, *file.header])] = file.header.pop(name)
    elif kind == 4:
        file.pairs.append((name, entry))
    elif kind == 5:
        other = random.choice(list(file.header))
        entry["data_offsets"], file.header[other]["data_offsets"] = file.header[other]["data_offsets"], entry["data_offsets"]
    elif kind == 6:
        del file.header[name]
    else:
        _edit(random, file.header)
    return file.bytes()


def numbers(random: Random, file: File) -> bytes:
    """The arrays' numbers: NaN, infinities, other bytes, with a checksum that is right."""
    entry = random.choice(list(file.header.values()))
    begin, end = entry["data_offsets"]
    filler = random.choice([b"\xff" * 8, b"\x00" * 8, b"\x7f\x80\x00\x00" * 2, random.randbytes(8)])
    file.data = file.data[:begin] + (filler * (end - begin))[: end - begin] + file.data[end:]
    return file.bytes()


def bomb(random: Random, file: File) -> bytes:
    """What would never end, or ask for all memory there is."""
    kind = random.randrange(7)
    deep = random.choice([200, 5000, 200_000])
    if kind == 0:
        return file.bytes(random.choice(["[", '{"a":']) * deep)
    if kind == 1:
        inner: dict[str, Any] = {"class": "Dense", "args": {"units": 3}}
        for _ in range(150):
            inner = {"class": "Sequential", "args": {"layers": [inner]}}
        file.about["model"] = inner
    elif kind == 2:
        layers: list[Any] = [{"class": "Sequential", "args": {"layers": []}, "id": 0}]
        for i in range(1, 40):
            layers.append({"class": "Sequential", "args": {"layers": [{"same": i - 1}, {"same": i - 1}]}, "id": i})
        file.about["model"] = {"class": "Sequential", "args": {"layers": layers}}
    elif kind == 3:
        file.about["model"] = {"class": "Sequential", "args": {"layers": [{"same": 0}]}, "id": 0}
    elif kind == 4:
        file.about["met"]["shapes"] = [random.choice([[10**12], [2**30] * 4, [2**62], [1] * 100])]
    elif kind == 5:
        recurrent = {"class": random.choice(["LSTM", "GRU", "RNN"]), "args": {"hidden": random.choice([3, 10**9]), "num_layers": random.choice([10**4, 10**12])}}
        file.about["model"] = {"class": "Sequential", "args": {"layers": [recurrent]}}
    else:
        file.about["model"] = {"class": "Sequential", "args": {"layers": [{"class": "Dense", "args": {"units": random.choice([10**6, 10**12, 2**62])}}] * random.choice([1, 3000])}}
    return file.bytes()


EDITS: tuple[Callable[[Random, File], bytes], ...] = (describe, describe, describe, entries, entries, numbers, bomb)


def mutant(random: Random, content: bytes) -> tuple[str, bool, bytes]:
    """A damaged file: how it was done, whether only the same content may come out of it, and its bytes."""
    if random.random() < 0.4:
        rot = random.choice(ROT)
        return rot.__name__, True, rot(random, content)
    edit = random.choice(EDITS)
    return edit.__name__, False, edit(random, File.of(content))
