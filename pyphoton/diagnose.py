"""Where a loss that is not finite came from: the step, and the first layer whose numbers are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pyphoton.errors import NonFiniteLoss


def non_finite(workout: Any, arrays: tuple[Any, ...]) -> NonFiniteLoss:
    """The error for a minibatch whose loss was not finite; the update of that step was not applied."""
    step = workout.steps + 1
    where = f"loss at step {step}"
    hint = "Try a smaller learning rate, gclip=, or data scaled to about 1; on_nan='ignore' goes on regardless."
    for array, value in zip(arrays, _plan(workout, arrays).inputs, strict=True):
        if np.asarray(array).dtype.kind == "f" and not np.isfinite(array).all():
            return NonFiniteLoss(where, "finite numbers", f"NaN or infinity in the data (input {value.id})", "Clean the data.")
    for path, values in workout.network.module.read().items():
        if not np.isfinite(values).all():
            return NonFiniteLoss(where, "finite weights", f"NaN or infinity in {path}, after an update that was too large", hint)
    return NonFiniteLoss(where, "a finite number", f"NaN or infinity, first from {_first(workout, arrays)}", hint)


def _plan(workout: Any, arrays: tuple[Any, ...]) -> Any:
    shapes = [tuple(a.shape[1:]) for a in arrays]
    plans = [p for k, p in workout.network._plans.items() if k[0] == "train"]
    return next(p for p in reversed(plans) if [v.shape[1:] for v in p.inputs] == shapes)


def _first(workout: Any, arrays: tuple[Any, ...]) -> str:
    """The first step of the plan whose result is not finite."""
    plan = _plan(workout, arrays)
    steps = [s for s in plan.steps if s.function is None]
    seen = replace(plan, outputs=tuple(s.outputs[0] for s in steps), single=False)
    results = workout.network.module.run(seen, arrays, training=False)
    for step, result in zip(steps, results, strict=True):
        if result.dtype.kind == "f" and not np.isfinite(result).all():
            return f"{step.path} {step.op}".strip()
    return "the loss (in evaluation every layer is finite, so it came from a random or batch-dependent layer)"
