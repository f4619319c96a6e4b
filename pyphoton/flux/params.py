"""Gradients by hand: `back_` adds them up beside the parameters, `update_` takes the step.

A parameter's gradient Δx lives here, keyed by the parameter: models that share a parameter share its Δx, and it goes when the
parameter goes. The engine computes: `back_` is the gradient of sum(m(x) * delta), one training plan.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from pyphoton import config, optimisers, parameters
from pyphoton.backends.base import Session
from pyphoton.data.forms import Batch, members
from pyphoton.errors import ArgumentError, DataError, ShapeError
from pyphoton.flux.stacks import Stack
from pyphoton.network import Network, network_of
from pyphoton.one_sample import is_one_sample
from pyphoton.parameters import Parameter
from pyphoton.tensor import apply
from pyphoton.typing import show

M = TypeVar("M")
_gradients: WeakKeyDictionary[Parameter, Any] = WeakKeyDictionary()
_sessions: WeakKeyDictionary[Network, tuple[Any, Session]] = WeakKeyDictionary()


class Param:
    """A parameter and its gradient: `x` (also `value`) and `Δx` (also `delta` and `grad`), NumPy arrays of one shape.

    `back_` adds to Δx, `update_` uses it up. Two Param of one parameter are equal: they are one variable.
    """

    __slots__ = ("parameter",)

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    @property
    def x(self) -> Any:
        """The value: the array that engines train in place. Assigning copies numbers into it (ShapeError if they do not fit)."""
        return self.parameter.value

    @x.setter
    def x(self, value: Any) -> None:
        self.parameter.set_(value)

    @property
    def delta(self) -> Any:
        """The gradient gathered since the last `update_`; zeros at first."""
        found = _gradients.get(self.parameter)
        if found is None:
            found = _gradients[self.parameter] = np.zeros_like(self.parameter.value)
        return found

    @delta.setter
    def delta(self, value: Any) -> None:
        self.delta[...] = value

    value, grad, Δx = x, delta, delta

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.parameter.__array__(dtype, copy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Param) and other.parameter is self.parameter

    def __hash__(self) -> int:
        return hash(self.parameter)

    def __repr__(self) -> str:
        return f"Param({self.parameter.path}, {self.parameter.shape})"


def param(x: Any) -> Param:
    """The Param of a layer's parameter (`layer.parameters.kernel`), or a new one with a copy of these numbers in the model dtype.

    Errors: ArgumentError for what holds no numbers.
    """
    if isinstance(x, Param):
        return x
    if isinstance(x, Parameter):
        return Param(x)
    first = np.array(x, dtype=None)
    if first.dtype.kind not in "biuf":
        raise ArgumentError("param", "an array of numbers or a parameter", repr(x))
    return Param(Parameter("param", lambda: first, first.shape, config.get_context().dtype, "weight"))


def back_(m: Any, delta: Any, x: Any, *more: Any) -> Any:
    """Carry `delta`, a gradient with respect to the output m(x), back through the model.

    Returns the gradient with respect to x: an array of its shape, None for whole numbers; for several inputs a tuple of them.
    The gradient of each parameter that is trained is added to its Δx (see `param`).
    x: one sample, where its axes are those of a sample or it is a vector, else a batch; `Batch` says it for sure. delta:
    shaped like the output, a tuple for several outputs, or one number for every element: `back_(mse, 1, p, y)`.
    Layers behave as in training; nothing else changes. Source: back! of Flux 2016. Errors: ShapeError, DataError.
    """
    network = network_of(m)
    inputs, many = members((x, *more) if more else x, "inputs")
    single = _is_sample(network, x if isinstance(x, Stack) else inputs)
    number = not isinstance(delta, tuple | list | Stack) and np.ndim(delta) == 0
    outputs, several = ((), True) if number else members(delta, "delta")
    if single:
        inputs, outputs = (tuple(np.asarray(a)[None] for a in arrays) for arrays in (inputs, outputs))
    factor = float(delta) if number else 1.0
    batch = Batch(inputs, tuple(np.asarray(d, dtype=network.dtype) for d in outputs), many, several)
    _check_lengths(batch)
    plan = network.measuring_plan(batch, _total if number else _product, {})
    _, by_path, by_input = _session(network).gradient(plan, network.converted(plan, batch.arrays))
    for path, gradient in by_path.items():
        Param(network.parameters[path]).delta += gradient * factor
    found = tuple(None if g is None else (g[0] if single else g) * factor for g in by_input[: len(inputs)])
    return found if many else found[0]


def update_(m: M, eta: float) -> M:
    """Take a step, x -= eta Δx, with every parameter of the model, and set Δx to 0. Returns the model.

    m: a model, a layer, a Param, or several. Parameters without Δx, and frozen ones, stay as they are.
    Source: update! of Flux 2016. Errors: ArgumentError.
    """
    if isinstance(eta, bool) or not isinstance(eta, int | float | np.number) or not math.isfinite(eta):
        raise ArgumentError("update_", "eta: a number", repr(eta))
    step, rate = optimisers.SGD(), {"lr": float(eta)}
    for parameter in _parameters(m):
        gradient = _gradients.get(parameter)
        if gradient is not None:
            if not parameter.frozen:
                parameter.set_(step.update(parameter.value, gradient, {}, rate)[0])
            gradient[...] = 0
    return m


def _parameters(m: Any) -> list[Parameter]:
    """Each parameter of a model, a Param or several, once; those of layers that a function makes at every call, too."""
    if isinstance(m, Param):
        return [m.parameter]
    if isinstance(m, list | tuple):
        found = [p for member in m for p in _parameters(member)]
    else:
        found = parameters.parameters_in(m)
        found += list(network_of(m).parameters.values()) if callable(m) else []
    return list(dict.fromkeys(found))


def _session(network: Network) -> Session:
    """The session that gradients come from; the optimiser has no part in them."""
    key = network.module, network.frozen()
    known = _sessions.get(network)
    if known is None or known[0] != key:
        known = _sessions[network] = key, network.module.session(optimisers.SGD(), key[1])
    return known[1]


def _product(prediction: Any, delta: Any) -> Any:
    """sum(prediction * delta), over all outputs."""
    pairs = zip(prediction, delta, strict=True) if isinstance(prediction, tuple) and isinstance(delta, tuple) else [(prediction, delta)]
    terms = [_inner(p, d) for p, d in pairs]
    return sum(terms[1:], terms[0])


def _inner(p: Any, d: Any) -> Any:
    if isinstance(p, tuple) or isinstance(d, tuple) or p.shape != d.shape:
        raise ShapeError("back_", f"a delta like the output {_shown(p)}", _shown(d))
    return apply("sum", p * d)


def _total(prediction: Any, _: Any) -> Any:
    """The sum of all outputs."""
    terms = [apply("sum", p) for p in (prediction if isinstance(prediction, tuple) else (prediction,))]
    return sum(terms[1:], terms[0])


def _shown(x: Any) -> str:
    return f"a tuple of {len(x)}" if isinstance(x, tuple) else show(x.shape)


def _is_sample(network: Network, x: Any) -> bool:
    """Whether the inputs are one sample: as the model declares it or was built, before that a vector is one."""
    if isinstance(x, Stack):
        return type(x).__name__ != "Batch"
    met = None if network.met is None else [len(shape) for shape in network.met.shapes]
    return is_one_sample(network.model, [a.ndim for a in x], met, vectors=True)


def _check_lengths(batch: Batch) -> None:
    """Errors: DataError where inputs and delta differ in the number of samples."""
    lengths = {len(a) for a in batch.arrays}
    if len(lengths) != 1:
        shown = " and ".join(str(tuple(a.shape)) for a in batch.arrays)
        raise DataError("back_", "inputs and delta with as many samples", shown)
