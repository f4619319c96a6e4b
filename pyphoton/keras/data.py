"""Data of this face as a workout takes it: inputs, and targets that may have weights behind them, by name, in a list or alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from pyphoton.data.arrays import as_array
from pyphoton.errors import DataError, KeraFlowError
from pyphoton.keras.named import arrays_by_name

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Names:
    """What the inputs and outputs of a model are called, the shapes of its inputs where it tells them, and whether it has targets."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    shapes: Sequence[tuple[int | None, ...]] = ()
    targets: bool = True


def is_arrays(x: Any) -> bool:
    """Whether x is all inputs at once, and not something that gives minibatches."""
    if isinstance(x, Mapping | list | tuple):
        return True
    return hasattr(x, "shape") and not hasattr(x, "__next__")


def inputs_of(where: str, x: Any, names: Names) -> Arrays:
    """The inputs in order. Errors: KeraFlowError."""
    found = arrays_by_name(f"{where} x", x, names.inputs, needs_all=True)
    arrays = [_array(f"{where} {name}", found[name]) for name in names.inputs]
    if not names.shapes:
        return tuple(arrays)
    return tuple(_fitting(where, n, a, s) for n, a, s in zip(names.inputs, arrays, names.shapes, strict=True))


def _array(where: str, x: Any) -> Any:
    try:
        return as_array(x, where)
    except DataError as error:
        raise KeraFlowError(error.where, error.expected, error.received, error.hint) from None


def _fitting(where: str, name: str, array: Any, shape: Any) -> Any:
    """The array, (n,) as (n, 1) where the input wants it. Errors: KeraFlowError naming both shapes."""
    if len(array.shape) == 1 and tuple(shape[1:]) == (1,):
        array = array[:, None]
    if len(array.shape) != len(shape) or any(a is not None and a != b for a, b in zip(shape[1:], array.shape[1:], strict=True)):
        raise KeraFlowError(f"{where} {name}", f"an array of shape {tuple(shape)}", str(tuple(array.shape)))
    return array


def targets_of(where: str, y: Any, names: Names, x: Arrays) -> Arrays:
    """The targets in order. Errors: KeraFlowError."""
    if y is None and not names.targets:
        return tuple(x[:1]) * len(names.outputs)  # nothing looks at them
    if y is None:
        raise KeraFlowError(f"{where} y", f"targets for {', '.join(names.outputs)}", "none")
    found = arrays_by_name(f"{where} y", y, names.outputs, needs_all=True)
    return tuple(_array(f"{where} {name}", found[name]) for name in names.outputs)


def weights_of(where: str, sample_weight: Any, class_weight: Any, names: Names, targets: Arrays) -> Arrays:
    """A weight for each sample of each output, or nothing where none are given. Errors: KeraFlowError."""
    if sample_weight is None and class_weight is None:
        return ()
    single = not isinstance(sample_weight, Mapping | list | tuple) or (
        isinstance(sample_weight, list | tuple) and bool(sample_weight) and all(isinstance(w, int | float) for w in sample_weight)
    )
    if sample_weight is not None and single:
        sample_weight = dict.fromkeys(names.outputs, np.asarray(sample_weight))
    given = arrays_by_name(f"{where} sample_weights", sample_weight, names.outputs)
    classes = _class_weights(where, class_weight, names.outputs)
    found = []
    for name, y in zip(names.outputs, targets, strict=True):
        weights = np.asarray(given[name], "float32") if name in given else np.ones(len(y), "float32")
        if not weights.ndim or weights.shape != tuple(y.shape)[: weights.ndim]:
            raise KeraFlowError(f"{where} sample_weights", f"for {name} a number for each of {len(y)} samples", f"shape {weights.shape}")
        found.append(weights * _by_class(y, classes[name], weights.ndim) if name in classes else weights)
    return tuple(found)


def _class_weights(where: str, given: Any, outputs: Sequence[str]) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping) and not any(isinstance(v, Mapping) for v in given.values()):
        if len(outputs) > 1:
            raise KeraFlowError(f"{where} class_weight", f"a dictionary for each of {', '.join(outputs)}", "one", "Pass {output: {class: weight}}.")
        return {outputs[0]: given}
    if not isinstance(given, Mapping | list | tuple):
        raise KeraFlowError(f"{where} class_weight", "{class: weight}, or these by output", repr(given))
    named = given if isinstance(given, Mapping) else dict(zip(outputs, given, strict=False))
    unknown = [n for n in named if n not in outputs]
    if unknown or len(given) > len(outputs):
        raise KeraFlowError(f"{where} class_weight", f"names among {', '.join(outputs)}", ", ".join(map(str, unknown)) or f"{len(given)}")
    return {name: value for name, value in named.items() if value is not None}


def _by_class(y: Any, weights: Mapping[Any, float], ndim: int) -> Any:
    """The weight of each sample's class: of a whole number, or of the largest entry of a one-hot row."""
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = labels[..., 0] if labels.shape[-1] == 1 else labels.argmax(axis=-1)
    values, where = np.unique(np.rint(labels).astype("int64"), return_inverse=True)
    found = np.array([weights.get(int(v), 1.0) for v in values], "float32")[where].reshape(labels.shape)
    return found.reshape(found.shape[:ndim])


def whole(where: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, names: Names) -> tuple[Any, Arrays]:
    """(inputs, targets and weights) of everything at once. Errors: KeraFlowError."""
    inputs = inputs_of(where, x, names)
    targets = targets_of(where, y, names, inputs)
    lengths = {f"x {n}": len(a) for n, a in zip(names.inputs, inputs, strict=True)}
    lengths |= {f"y {n}": len(a) for n, a in zip(names.outputs, targets, strict=True)}
    if len(set(lengths.values())) > 1:
        raise KeraFlowError(where, "as many samples in every array", ", ".join(f"{n} {c}" for n, c in lengths.items()))
    weights = weights_of(where, sample_weight, class_weight, names, targets)
    return inputs if len(inputs) > 1 else inputs[0], (*targets, *weights)


def rows(pair: tuple[Any, Arrays], low: int, high: int) -> tuple[Any, Arrays]:
    """Samples low to high of (inputs, targets): views."""
    x, y = pair
    return tuple(a[low:high] for a in x) if isinstance(x, tuple) else x[low:high], tuple(a[low:high] for a in y)


def split(pair: tuple[Any, Arrays], fraction: Any) -> tuple[tuple[Any, Arrays], tuple[Any, Arrays]]:
    """The data without their last `fraction`, and that. Errors: KeraFlowError."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise KeraFlowError("fit validation_split=", "a number above 0 and below 1", repr(fraction))
    count = len(pair[1][0])
    first = math.floor(count * (1.0 - fraction))
    if first in (0, count):
        raise KeraFlowError("fit validation_split=", "samples on both sides", f"{first} of {count} to train on")
    return rows(pair, 0, first), rows(pair, first, count)


class Minibatches:
    """Minibatches of anything that gives (x, y) or (x, y, weights), as a workout takes them. Iterating begins an epoch.

    `steps` is the number of minibatches of an epoch, None for all. What can be read only once goes on where the last epoch ended.
    """

    def __init__(self, where: str, source: Any, names: Names, class_weight: Any = None, steps: int | None = None) -> None:
        self.where, self.source, self.names, self.class_weight, self.steps = where, source, names, class_weight, steps
        self._running: Iterator[Any] | None = None
        if steps is None and hasattr(source, "__len__"):
            self.steps = len(source)

    def __iter__(self) -> Iterator[tuple[Any, Arrays]]:
        for item in islice(self.items(), self.steps):
            x, y, weights = unpacked(self.where, item)
            yield whole(self.where, x, y, weights, self.class_weight, self.names)

    def items(self) -> Iterable[Any]:
        """What the source gives."""
        if hasattr(self.source, "__next__"):
            return self.source  # type: ignore[no-any-return]
        if not hasattr(self.source, "__iter__") or (hasattr(self.source, "on_epoch_end") and hasattr(self.source, "__getitem__")):
            return (self.source[i] for i in range(len(self.source)))
        if self.steps is None or hasattr(self.source, "__len__"):
            return self.source  # type: ignore[no-any-return]
        return self._going_on()

    def _going_on(self) -> Iterator[Any]:
        """Minibatches of an iterable whose epochs end before it does."""
        while True:
            if self._running is None:
                self._running = iter(self.source)
            item = next(self._running, self)
            if item is self:
                self._running = None
                return
            yield item


def unpacked(where: str, item: Any) -> tuple[Any, Any, Any]:
    """x, y and weights of a minibatch. Errors: KeraFlowError."""
    if not isinstance(item, tuple | list) or not 1 <= len(item) <= 3:
        kind = f"{type(item).__name__} of length {len(item)}" if hasattr(item, "__len__") else type(item).__name__
        raise KeraFlowError(where, "minibatches (x, y) or (x, y, sample_weights)", kind)
    x, y, weights = (*item, None, None)[:3]
    return x, y, weights


def given(where: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, names: Names, steps: int | None) -> Any:
    """What a workout trains on or measures: (inputs, targets), or minibatches. Errors: KeraFlowError."""
    from pyphoton.data.dataset import Dataset, is_torch_dataset

    if is_arrays(x):
        if steps is not None:
            raise KeraFlowError(f"{where} steps", "none for arrays, which are cut by batch_size", repr(steps))
        return whole(where, x, y, sample_weight, class_weight, names)
    if callable(x) and not hasattr(x, "__iter__") and not hasattr(x, "__getitem__"):
        x = x()
    if y is not None or sample_weight is not None:
        raise KeraFlowError(where, "x alone: it gives minibatches with their targets and weights", "y or sample_weight, too")
    if isinstance(x, Dataset) or is_torch_dataset(x):
        if class_weight is not None or len(names.outputs) > 1:
            raise KeraFlowError(f"{where} x", "a loader of minibatches", "a data set of samples", "Pass dataset | MiniBatch(32).")
        return x
    if not (hasattr(x, "__iter__") or hasattr(x, "__getitem__")):
        raise KeraFlowError(f"{where} x", "arrays, or what gives minibatches", type(x).__name__)
    return Minibatches(where, x, names, class_weight, steps)


def taken(owner: str, found: dict[str, Any], allowed: Mapping[str, Callable[[Any], bool]]) -> None:
    """Errors: KeraFlowError for an argument that could only be given with the value that changes nothing."""
    for name, value in found.items():
        if name not in allowed:
            raise KeraFlowError(owner, "arguments that it has", f"{name}=")
        if not allowed[name](value):
            raise KeraFlowError(f"{owner} {name}=", "its default, which is what is done anyway", repr(value))
