"""What pickling takes along of a layer and of a workout: the numbers, which live outside of them. No engine's object is in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import parameters
from pyphoton.met import met_of, remember
from pyphoton.saving.plans import stand_ins
from pyphoton.saving.state import resume
from pyphoton.workout import Workout


def layer_state(layer: Any) -> dict[str, Any]:
    """The fields of a layer, its own parameters, and what it was built for."""
    return {"fields": dict(vars(layer)), "numbers": parameters.packed(layer), "met": met_of(layer)}


def restore_layer(layer: Any, state: dict[str, Any]) -> None:
    """Make an empty layer what `layer_state` was taken of."""
    vars(layer).update(state["fields"])
    parameters.unpack(layer, state["numbers"])
    remember(layer, state["met"])


def session_state(workout: Workout) -> dict[str, Any] | None:
    """What the optimiser and the random numbers go on from, as the engine has it now, or a file has had it; None before any training. Errors: Unsupported in another thread."""
    return workout._to_resume() if workout._session is None else dict(workout._session.state())


def workout_state(workout: Workout, found: dict[str, Any] | None) -> dict[str, Any]:
    """A workout as descriptions, arrays and numbers: everything that `workout_of` goes on from. found: the `session_state`."""
    session = None if found is None else {n: np.array(a) for n, a in found.items()}
    return {
        "model": workout.model, "loss": workout.loss, "opt": workout.opt, "metrics": workout.metrics, "session": session,
        "values": {name: dict(workout.history[name]) for name in workout.history}, "rows": list(workout.history.epochs),
        "steps": workout.steps, "epochs": workout.epochs, "seed": workout.network.seed, "dtype": workout.network.dtype,
    }  # fmt: skip


def workout_of(state: dict[str, Any], *, backend: str | None = None, device: str | None = None) -> Workout:
    """The workout that the state was taken of, on this backend. Random numbers of another engine begin anew."""
    made = Workout(state["model"], state["loss"], state["opt"], backend=backend, device=device, seed=state["seed"])
    made.metrics = state["metrics"]
    made.network.dtype = state["dtype"]
    made.history.restore(state["values"], state["rows"])
    made.steps, made.epochs = state["steps"], state["epochs"]
    met = made.network.met
    if met is not None:
        made.network.forward_plan(stand_ins(met, made.network.dtype), met.as_tuple)
    if state["session"] is not None and met is None:
        made._waiting = (made.opt, state["session"])
    elif state["session"] is not None:
        resume(made.session, state["session"], made.network.parameters, made.opt)
    return made
