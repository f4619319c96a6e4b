"""Plans in a file, for who has no Python: Julia builds nothing from descriptions, it runs what these say.

`forward` predicts; `training` is the loss of a workout; `limits` are the constraints by path. `added`, which is there only where layers
add to the loss, has the model's outputs and, last, what is added: a loss that is chosen later goes on from it.
A plan that calls Python functions is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyphoton.data.forms import Batch
from pyphoton.errors import ArgumentError
from pyphoton.met import Met
from pyphoton.network import Network
from pyphoton.plan import Plan


def plans_of(network: Network, met: Met, batch: tuple[Met, Met] | None = None, loss: Any = None, metrics: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The plans of a model for what it has met; that of training for the `batch` of inputs and targets that the loss has met."""
    x = stand_ins(met, network.dtype)
    training = None if batch is None else network.training_plan(batch_of(batch, network.dtype), loss, metrics or {})
    added = network.added_plan(x, met.as_tuple)
    return {
        "forward": plan_data(network.forward_plan(x, met.as_tuple)),
        "training": None if training is None else plan_data(training),
        "limits": {path: plan_data(limit) for path, limit in network.limits().items()},
        **({} if added is None else {"added": plan_data(added)}),
    }


def plan_data(plan: Plan) -> dict[str, Any] | None:
    """A plan as JSON; None for one that calls Python functions."""
    if any(step.function is not None for step in plan.all_steps()):
        return None
    try:
        return plan.to_data()
    except ArgumentError:  # first values drawn by a function of the user's
        return None


def batch_of(batch: tuple[Met, Met], dtype: str) -> Batch:
    """Stand-ins for a batch of these inputs and targets."""
    x, y = batch
    return Batch(stand_ins(x, dtype), stand_ins(y, dtype), x.as_tuple, y.as_tuple)


def stand_ins(met: Met, dtype: str) -> tuple[Any, ...]:
    """One sample of each of these shapes, to plan with: all zero, and no memory."""
    kinds = ["int64" if whole else dtype for whole in met.whole]
    return tuple(np.broadcast_to(np.zeros((), k), (1, *s)) for s, k in zip(met.shapes, kinds, strict=True))
