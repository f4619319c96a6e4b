"""Where a loss that is not finite came from: the step, and the first layer whose numbers are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pyphoton.errors import NonFiniteLoss
from pyphoton.plan import Plan

SMALLER = "Try a smaller learning rate, gclip=, or data scaled to about 1; on_nan='ignore' goes on regardless."
SCORES = "A logarithm met numbers below 0: this loss takes probabilities. End the model with softmax (or sigmoid), or use use_softmax=True (use_sigmoid=True)."


def non_finite(workout: Any, plan: Plan, arrays: tuple[Any, ...]) -> NonFiniteLoss:
    """The error for a minibatch whose loss was not finite; the update of that step was not applied."""
    where = f"loss at step {workout.steps + 1}"
    for number, array in enumerate(arrays):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return NonFiniteLoss(where, "finite numbers", f"NaN or infinity in the data (array {number} of the minibatch)", "Clean the data.")
    for path, values in workout.network.module.read().items():
        if not np.isfinite(values).all():
            return NonFiniteLoss(where, "finite weights", f"NaN or infinity in {path}, after an update that was too large", SMALLER)
    path, op = _first(workout, plan, arrays)
    hint = SCORES if op == "log" and path.split(".")[0] == "loss" else SMALLER
    return NonFiniteLoss(where, "a finite number", f"NaN or infinity, first from {path} {op}", hint)


def _first(workout: Any, plan: Plan, arrays: tuple[Any, ...]) -> tuple[str, str]:
    """Path and operation of the first step of the plan whose result is not finite."""
    steps = [s for s in plan.steps if s.function is None]
    seen = replace(plan, outputs=tuple(s.outputs[0] for s in steps), single=False)
    results = workout.network.module.run(seen, arrays, training=False)
    for step, result in zip(steps, results, strict=True):
        if result.dtype.kind == "f" and not np.isfinite(result).all():
            return step.path, step.op
    return "a random or batch-dependent layer", "(in evaluation all are finite)"
