"""Checkpoints of a trainer: everything that training goes on from, in one file of arrays and numbers. The system itself stays code.

The arrays are `parameters/<path>`, `state/<optimiser>|<name>` (what the engine's session says: step, slots, random numbers) and
`history/...`. A schedule follows from the counters and the history, so it is in the file without being written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyphoton.config import DTYPES
from pyphoton.errors import ArgumentError, FileError
from pyphoton.saving import history
from pyphoton.saving.container import Entry, opened, write
from pyphoton.saving.model import understood
from pyphoton.saving.state import check_state, resume
from pyphoton.saving.workout import groups
from pyphoton.systems.sessions import part_of

KIND = "system"


def save_trainer(trainer: Any, path: str | Path) -> Path:
    """Write a trainer's state. Returns the path. Errors: FileError; the former file stays then."""
    network, sessions = trainer.network, trainer.session
    if not isinstance(path, str | Path) or not str(path):
        raise ArgumentError("save", "a file's name", repr(path))
    about = {
        "system": type(trainer.system).__name__, "steps": trainer.steps, "epochs": trainer.epochs, "seed": network.seed, "dtype": network.dtype,
        "optimisers": [type(one.optimiser).__name__ for one in trainer.configured],
        "frozen": sorted(p for p, parameter in network.parameters.items() if parameter.frozen),
    }  # fmt: skip
    arrays = {f"parameters/{name}": value for name, value in network.module.read().items()}
    arrays |= {f"state/{name}": value for name, value in sessions.state().items()}
    arrays |= {f"history/{name}": value for name, value in history.arrays_of(trainer.history).items()}
    return write(path, KIND, about, arrays)


def load_trainer(trainer: Any, path: str | Path) -> None:
    """Have a trainer go on from a file. Errors: FileError; nothing is changed then."""
    if trainer._fitting:
        raise ArgumentError("load", "no fit, validate, test or predict of the trainer running", "one")
    with opened(path, KIND) as file, understood(file.path):
        about = file.about
        _check(trainer, about, groups(file.entries))
        arrays = groups(file.read())
        values, rows = history.history_from(arrays["history"])
        _fill(trainer, about, arrays)
        trainer.history.restore(values, rows)


def _check(trainer: Any, about: Mapping[str, Any], entries: Mapping[str, dict[str, Entry]]) -> None:
    """Errors: FileError unless the file is of an equal system: its parameters, its optimisers."""
    for name in ("steps", "epochs", "seed"):
        if type(about[name]) is not int or not 0 <= about[name] < 2**53:
            raise FileError(name, "a whole number from 0", repr(about[name])[:80])
    network = trainer.network
    if about["dtype"] not in DTYPES or about["dtype"] != network.dtype:
        raise FileError("dtype", network.dtype, repr(about["dtype"])[:80])
    wanted = {path: p.shape for path, p in network.parameters.items()}
    found = {path: entry.shape for path, entry in entries["parameters"].items()}
    if wanted != found:
        odd = sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
        raise FileError("parameters", f"{odd[0]} {wanted.get(odd[0], 'absent')}", str(found.get(odd[0], "absent")), "Build the system as it was when it was saved.")
    if any(entry.dtype != {"float32": "F32", "float64": "F64"}[network.dtype] for entry in entries["parameters"].values()):
        raise FileError("parameters", network.dtype, "another dtype")
    kinds = [type(one.optimiser).__name__ for one in trainer.configured]
    if about["optimisers"] != kinds:
        raise FileError("optimisers", ", ".join(kinds) or "none", str(about["optimisers"])[:200])
    frozen = about["frozen"]
    if not isinstance(frozen, list) or not all(isinstance(p, str) and p in wanted for p in frozen):
        raise FileError("frozen", "paths of parameters", str(frozen)[:200])
    count = max(len(kinds), 1)
    odd_names = [name for name in entries["state"] if name.split("|")[0] not in map(str, range(count)) or "|" not in name]
    if odd_names:
        raise FileError("state", f"that of {count} optimisers", odd_names[0][:80])
    for k, one in enumerate(trainer.configured):
        check_state(part_of(entries["state"], k), found, one.optimiser)


def _fill(trainer: Any, about: Mapping[str, Any], arrays: Mapping[str, dict[str, Any]]) -> None:
    network = trainer.network
    for path, parameter in network.parameters.items():
        parameter.set_(arrays["parameters"][path])
        parameter.frozen = path in about["frozen"]
    network._seed = about["seed"]
    trainer.steps, trainer.epochs = about["steps"], about["epochs"]
    for k, (one, session) in enumerate(zip(trainer.configured, trainer.session.all, strict=False)):
        state = part_of(arrays["state"], k)
        if state:
            resume(session, state, network.parameters, one.optimiser)
