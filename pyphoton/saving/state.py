"""What a session goes on from, as a file has it: checked, and in the form of the backend that runs now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton.backends.base import Session
from pyphoton.errors import FileError
from pyphoton.optimisers import Optimiser
from pyphoton.parameters import Parameter
from pyphoton.saving.container import Entry

MOST_NUMBERS = 1 << 20
"""Bytes of a state that belongs to no parameter: a counter, random numbers."""


def check_state(entries: Mapping[str, Entry], shapes: Mapping[str, tuple[int, ...]], opt: Optimiser) -> None:
    """Errors: FileError unless these are the optimiser's slots of these parameters, and small arrays besides."""
    if entries and ("step" not in entries or entries["step"].dtype != "I64" or entries["step"].end - entries["step"].begin != 8):
        raise FileError("state", "the number of steps", "none")
    slots: dict[str, set[str]] = {}
    for name, entry in entries.items():
        path, _, slot = name.rpartition("/")
        if not path:
            if entry.end - entry.begin > MOST_NUMBERS:
                raise FileError("state", f"at most {MOST_NUMBERS} bytes of {name[:80]!r}", f"{entry.end - entry.begin}")
            continue
        if shapes.get(path) != entry.shape or slot not in opt.slots or entry.dtype not in ("F32", "F64"):
            raise FileError("state", f"{opt.slots} of the parameters", f"{name[:80]!r} {entry.dtype} {entry.shape}")
        slots.setdefault(path, set()).add(slot)
    for path, found in slots.items():
        if found != set(opt.slots):
            raise FileError("state", f"all of {opt.slots} of {path}", str(sorted(found)))


def resume(session: Session, saved: Mapping[str, Any], parameters: Mapping[str, Parameter], opt: Optimiser) -> None:
    """Have a new session go on from a saved state. Random numbers of another engine stay where this one begins."""
    found = dict(session.state())
    for name, value in saved.items():
        if "/" in name:
            continue
        known = found.get(name)
        if name == "step":
            found[name] = value.reshape(())
        elif known is None or (known.shape == value.shape and known.dtype == value.dtype):
            found[name] = value
    for path, parameter in parameters.items():
        for slot in opt.slots:  # in the optimiser's order
            if f"{path}/{slot}" in saved:
                found[f"{path}/{slot}"] = saved[f"{path}/{slot}"].astype(parameter.value.dtype)
    session.load(found)
