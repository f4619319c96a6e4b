"""Eager tensors: the numbers of an expression, computed as one plan by the engine that is in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import config, graph, tensor
from pyphoton.errors import KeraFlowError
from pyphoton.keras.symbolic import Tensor, nodes_between, tensors_in, variable


def eval_(t: Any) -> Any:
    """The numbers of an eager Tensor as a NumPy array. Errors: KeraFlowError for a tensor that depends on an Input."""
    if not isinstance(t, Tensor):
        raise KeraFlowError("eval_", "a Tensor", repr(t), "Make one: variable(array).")
    if t.symbolic:
        raise KeraFlowError("eval_", "a tensor of numbers", repr(t), "It depends on an Input: make a Model of it, and call predict.")
    if t.made_by is None:
        return t.eval() if t.value is None else t.value.copy()
    return _computed(t)


def _computed(t: Tensor) -> Any:
    """The expression's numbers. Parts of numbers alone (no axes) are computed where they stand."""
    from pyphoton.backends import check_supported, get_backend
    from pyphoton.plan import plan

    order = nodes_between((), [t])
    leaves = {id(i): i for node in order for i in tensors_in(node.inputs) if i.made_by is None}
    arrays = {key: eval_(leaf) for key, leaf in leaves.items()}
    numbers = {key: array.item() for key, array in arrays.items() if not array.shape}
    whole = [key for key in arrays if key not in numbers]

    def compute(*inputs: Any) -> Any:
        values = dict(numbers) | dict(zip(whole, inputs, strict=True))
        for node in order:
            node.replay(values)
        return values[id(t)]

    if not whole:
        return np.asarray(compute(), t.dtype)
    wide = "float64" if any(arrays[key].dtype == "float64" for key in whole) else config.get_context().dtype
    made = plan(graph.trace(compute, *(tensor.Tensor(arrays[key].shape, leaves[key].dtype) for key in whole)), wide)
    device = config.get_context().device
    backend = get_backend(device=device, plan=made)
    check_supported(backend, made)
    module = backend.module({}, roles={}, device=device, seed=0)
    given = tuple(np.ascontiguousarray(arrays[key], v.dtype) for key, v in zip(whole, made.inputs, strict=True))
    return np.asarray(module.run(made, given)[0]).astype(t.dtype)


def rand_uni(shape: Any, low: float = 0.0, high: float = 1.0) -> Tensor:
    """An eager Tensor of numbers drawn evenly from low to high; `seed_` makes them come again."""
    return variable(np.random.default_rng(config.next_seed()).uniform(low, high, shape))


def rand_norm(shape: Any, mean: float = 0.0, scale: float = 1.0) -> Tensor:
    """An eager Tensor of normal numbers with this mean and standard deviation; `seed_` makes them come again."""
    return variable(np.random.default_rng(config.next_seed()).normal(mean, scale, shape))
