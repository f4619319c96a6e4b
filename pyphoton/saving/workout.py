"""Saving a workout: everything that training goes on from, in one file, for any backend and for Julia alone.

The arrays are `parameters/<path>`, `state/<name>` (what the backend's session says: step, slots, random numbers) and
`history/...`; the JSON text holds the descriptions, counters, seed and shapes, and the plans for who has no Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyphoton.errors import ArgumentError, FileError, NotBuilt
from pyphoton.layers.julia import trust
from pyphoton.network import Network
from pyphoton.saving import history
from pyphoton.saving.container import Stored, opened, write
from pyphoton.saving.model import (
    built,
    check_mode,
    check_shapes,
    current,
    described,
    dtype_of,
    frozen_in,
    frozen_of,
    read_met,
    restore,
    understood,
)
from pyphoton.saving.parts import Parts, named, parts_of
from pyphoton.saving.plans import batch_of, plans_of
from pyphoton.saving.state import check_state, resume
from pyphoton.workout import Workout

MOST_VALUES = 100_000_000
AS_SAVED = "as saved"


def save_workout(workout: Workout, path: str | Path | None = None, *, architecture: bool = True) -> Path:
    """Write a workout to one file, by default `workout_<steps>.pp`: `load_workout` goes on where it is now. Returns the path.

    The file holds the model, its parameters and which of them are frozen, the optimiser with its state, loss, metrics,
    counters, history, seed and random numbers. A loss, metric or optimiser of your own is kept by its name, and
    `load_workout` asks for it. A model with functions of your own is refused, unless `architecture=False` leaves its
    description out: then `load_workout` needs `model=`. The former file stays until the new one is whole and on the disk.
    Saved in the middle of an epoch (by a callback in its "train" phase), that epoch begins anew.
    Errors: NotBuilt before the model has met data; ArgumentError; FileError, a full disk among the reasons.
    """
    if not isinstance(workout, Workout):
        raise ArgumentError("save_workout", "a Workout first", repr(workout), "save(model, path) writes a model.")
    network = workout.network
    met = built(network, "save_workout")
    batch = network.trained_on(workout.loss, workout.metrics)
    about = {
        "model": described(network.model, "save_workout") if architecture else None,
        "loss": named(workout.loss), "optimiser": named(workout.opt),
        "metrics": [[name, named(metric)] for name, metric in workout.metrics.items()],
        "steps": workout.steps, "epochs": workout.epochs, "seed": network.seed, "dtype": network.dtype,
        "frozen": frozen_in(network),
        "met": asdict(met), "batch": None if batch is None else [asdict(m) for m in batch],
        "precision": network.precision, "plans": plans_of(network, met, batch, workout.loss, workout.metrics),
    }  # fmt: skip
    session = workout._to_resume() or {} if workout._session is None else workout._session.state()
    arrays = {f"parameters/{name}": value for name, value in _parameters(network).items()}
    arrays |= {f"state/{name}": value for name, value in session.items()}
    arrays |= {f"history/{name}": value for name, value in history.arrays_of(workout.history).items()}
    return write(f"workout_{workout.steps}.pp" if path is None else path, "workout", about, arrays)


def load_workout(
    path: str | Path, *, model: Any = None, loss: Any = None, opt: Any = None, metrics: Any = (),
    backend: str | None = None, device: str | None = None, precision: str | None = AS_SAVED, safe_mode: bool = True,
) -> Workout:  # fmt: skip
    """The workout that `save_workout` wrote: `fit_` goes on as if it had never ended.

    model, loss, opt: used instead of what the file says; needed where that was of your own. A model of your own is filled
    with the file's parameters, and has to have the same names and shapes. metrics: those of your own, as a list or by name.
    backend, device: where it runs now; the context's by default. precision: another one than that of the file. On the backend that wrote the file everything is restored
    to the last bit, random numbers too; on another one random numbers (Dropout's masks) begin anew.
    Nothing from the file is executed; safe_mode=False lets the Julia code of its `Julia` layers run. Errors: FileError; ArgumentError when something of your own is missing.
    """
    check_mode(safe_mode)
    with opened(path, "workout") as file:
        with understood(file.path):
            counters = _counters(file.about)
            where = {"backend": backend, "device": device, "precision": _precision(file.about) if precision == AS_SAVED else precision}
        parts = parts_of(file, model, loss, opt, metrics)
        if not safe_mode:
            trust(parts.model)
        if model is None:
            with understood(file.path):
                workout = _workout(parts, counters, where)
        else:
            workout = _workout(parts, counters, where)
        with understood(file.path):
            _fill(workout, file, parts, counters)
    return workout


saveWorkout, loadWorkout = save_workout, load_workout


def _parameters(network: Network) -> dict[str, Any]:
    """The parameters as the device has them now. Errors: ArgumentError when the loss has some of its own."""
    wanted = current(network)
    more = sorted(set(network.parameters) - set(wanted))
    if more:
        raise ArgumentError("save_workout", "parameters of the model only", ", ".join(more), "A loss with layers cannot be saved: make them part of the model.")
    if set(wanted) != set(network.parameters):
        raise NotBuilt("save_workout", hint="The model got another layer: call it on an array, or fit_ it, first.")
    return network.module.read()


def _counters(about: Mapping[str, Any]) -> dict[str, int]:
    found = {name: about[name] for name in ("steps", "epochs", "seed")}
    for name, value in found.items():
        if type(value) is not int or not 0 <= value < 2**53:
            raise FileError(name, "a whole number from 0", repr(value)[:80])
    return found


def _precision(about: Mapping[str, Any]) -> str | None:
    found = about.get("precision")
    if found not in (None, "bfloat16", "float16"):
        raise FileError("precision", "bfloat16, float16 or none", repr(found)[:80])
    return found


def _workout(parts: Parts, counters: Mapping[str, int], where: Mapping[str, Any]) -> Workout:
    workout = Workout(parts.model, parts.loss, parts.opt, seed=counters["seed"], **where)
    workout.metrics = parts.metrics
    return workout


def _fill(workout: Workout, file: Stored, parts: Parts, counters: Mapping[str, int]) -> None:
    """Everything that changes while training. What the file's arrays are is known to be right before they are read."""
    about, network = file.about, workout.network
    network.dtype = dtype_of(about)
    met = read_met(about["met"])
    batch = None if about["batch"] is None else tuple(map(read_met, about["batch"]))
    entries = groups(file.entries)
    check_shapes(network, met, entries["parameters"])
    check_state(entries["state"], {path: e.shape for path, e in entries["parameters"].items()}, workout.opt)
    if any(len(e.shape) != 1 or e.shape[0] > MOST_VALUES for e in entries["history"].values()):
        raise FileError("history", f"columns of at most {MOST_VALUES} values", "something else")
    frozen = frozen_of(about, entries["parameters"])
    arrays = groups(file.read())
    values, rows = history.history_from(arrays["history"])
    restore(network, met, arrays["parameters"])
    for path, parameter in network.parameters.items():
        parameter.frozen = path in frozen
    if batch is not None and parts.named:
        if len(batch) != 2:
            raise FileError("batch", "inputs and targets", str(len(batch)))
        network.training_plan(batch_of((batch[0], batch[1]), network.dtype), workout.loss, workout.metrics)
    workout.steps, workout.epochs = counters["steps"], counters["epochs"]
    workout.history.restore(values, rows)
    if arrays["state"]:
        resume(workout.session, arrays["state"], network.parameters, workout.opt)


def groups(members: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Arrays by the first word of their names. Errors: FileError for another word."""
    found: dict[str, dict[str, Any]] = {"parameters": {}, "state": {}, "history": {}}
    for name, value in members.items():
        word, _, rest = name.partition("/")
        if word not in found or not rest:
            raise FileError("arrays", "parameters, state and history", repr(name)[:80])
        found[word][rest] = value
    return found
