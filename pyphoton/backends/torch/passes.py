"""One pass over data with torch: minibatches, what is done with each, and who may end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch

from pyphoton.backends.base import Hook, Report, Stream, Whole
from pyphoton.backends.torch.exchange import to_numpy, to_torch
from pyphoton.backends.torch.program import Parameters
from pyphoton.plan import Plan

Tensor = torch.Tensor
Work = TypeVar("Work")
GATHERED = 4 << 20
"""Bytes of samples that are gathered at once."""

Values = tuple[float, ...]
Step = Callable[[Work, tuple[Tensor, ...], int, int], tuple[Values, Plan | None]]
"""What is done with a minibatch: from the plan or turns, the arrays, the number of samples and that of the minibatch to the values, and
the plan whose loss was not finite, where there is one."""


def one_pass(
    module: Parameters, data: Whole[Work] | Stream[Work], one: Step[Work], *, every: int, hook: Hook | None, interrupt: Any,
) -> Report:  # fmt: skip
    """Do `one` with each minibatch, until the data, the hook, the interrupt or a loss that is not finite ends it."""
    rows: list[Values] = []
    samples: list[int] = []
    failed: tuple[Plan, tuple[Any, ...]] | None = None
    stopped = False
    for work, arrays, count in minibatches(module, data):
        values, plan = one(work, arrays, count, len(rows))
        if plan is not None:
            failed = plan, tuple(to_numpy(t) for t in arrays)
            break
        rows.append(values)
        samples.append(count)
        asked = every and len(rows) % every == 0 and hook is not None and hook(len(rows), values)
        if asked or (interrupt is not None and interrupt[0]):
            stopped = len(rows) != data.count
            break
    return Report(np.array(rows, dtype="float64"), np.array(samples, dtype="int64"), failed, stopped)


def minibatches(module: Parameters, data: Whole[Work] | Stream[Work]) -> Iterator[tuple[Work, tuple[Tensor, ...], int]]:
    """Slices of samples that were gathered a few megabytes at a time, or what comes."""
    if not isinstance(data, Whole):
        for work, arrays, count in data.batches:
            yield work, module.tensors_of(arrays), count
        return
    arrays = module.tensors_of(data.arrays)
    size = data.batch_size
    order = None if data.order is None else to_torch(data.order, module.device)
    per_sample = max(1, sum(a.element_size() * a[0].numel() for a in arrays))
    chunk = data.samples if order is None else max(1, GATHERED // per_sample // size) * size
    for start in range(0, data.samples, chunk):
        part = arrays if order is None else tuple(a.index_select(0, order[start : start + chunk]) for a in arrays)
        here = min(chunk, data.samples - start)
        for low in range(0, here, size):
            high = min(low + size, here)
            yield data.plan, tuple([a[low:high] for a in part]), high - low
