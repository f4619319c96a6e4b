"""Photon's losses, metrics, optimisers and history as PyPhoton's. Optimisers are Knet's; each Param has a copy of its own, with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyphoton import losses, metrics, optimisers
from pyphoton.errors import FileError, PhotonError, Unsupported
from pyphoton.interop.photon.kinds import Function, Struct
from pyphoton.interop.photon.weights import Weight
from pyphoton.optimisers import Optimiser

_REDUCTIONS = {("Statistics", "mean"): "mean", ("Base", "sum"): "sum"}
_SLOTS = {
    "SGD": {}, "Momentum": {"velocity": "velocity"}, "Nesterov": {"velocity": "velocity"}, "Adagrad": {"G": "square_sum"},
    "Rmsprop": {"G": "square_mean"}, "Adadelta": {"delta": "delta_mean", "G": "square_mean"},
    "Adam": {"fstm": "mean", "scndm": "square_mean"},
}  # fmt: skip
"""Knet's names of the arrays that an optimiser keeps, and PyPhoton's."""


def _reduction(d: Struct) -> str:
    value = d["reduction"]
    found = _REDUCTIONS.get((value.module[0], value.name)) if isinstance(value, Function) else None
    if found is None:
        raise Unsupported("from_photon: workout.loss", "mean or sum as reduction", str(value)[:80], "loss= takes one of PyPhoton's in its place.")
    return found


def _cross_entropy(d: Struct) -> Any:
    if d["use_softmax"] is True:
        hint = "loss=CrossEntropyLoss(use_softmax=True) takes it over each sample, as Photon documents it."
        raise Unsupported("from_photon: workout.loss", "a softmax over each sample", "CrossEntropyLoss(use_softmax=true), which Photon 0.9 takes over the whole minibatch", hint)
    if not isinstance(d["weight"], int | float):
        raise Unsupported("from_photon: workout.loss", "one number as weight", "an array", "loss= takes one of PyPhoton's in its place.")
    return losses.CrossEntropyLoss(d["weight"], reduction=_reduction(d))


_LOSSES: dict[str, Callable[[Struct], Any]] = {
    "L1Loss": lambda d: losses.MAE(_reduction(d)), "L2Loss": lambda d: losses.MSE(_reduction(d)),
    "LNLoss": lambda d: losses.LNLoss(d["n"], _reduction(d)), "PseudoHuberLoss": lambda d: losses.PseudoHuberLoss(d["delta"], _reduction(d)),
    "BCELoss": lambda d: losses.BCELoss(d["use_sigmoid"], _reduction(d)), "CrossEntropyLoss": _cross_entropy,
    "HingeLoss": lambda d: losses.HingeLoss(d["margin"], d["autofix"], _reduction(d)),
    "SquaredHingeLoss": lambda d: losses.SquaredHingeLoss(d["margin"], d["autofix"], _reduction(d)),
    "FocalLoss": lambda d: losses.FocalLoss(d["gamma"], 1.0, _reduction(d)),  # Photon keeps an alpha that it does not use
}  # fmt: skip


def loss_of(d: Any) -> Any:
    """The loss. Errors: Unsupported for a function of the user's own; FileError."""
    if isinstance(d, Function) and (d.module[0], d.name) == ("Knet", "nll"):
        return losses.nll
    if isinstance(d, Function):
        raise Unsupported("from_photon: workout.loss", "a loss of Photon's", f"the function {d}", "loss= takes one of PyPhoton's, or your function in Python, in its place.")
    if not isinstance(d, Struct) or d.type.name not in _LOSSES:
        raise FileError("workout.loss", "a loss", str(d)[:80])
    return _built("workout.loss", lambda: _LOSSES[d.type.name](d))


def metrics_of(pairs: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics by name, those that are `given` in their places. Errors: Unsupported for a function that is not given; FileError."""
    found = dict(given)
    if not isinstance(pairs, list) or not all(isinstance(p, Struct) and p.is_a("Pair") and isinstance(p["first"], str) for p in pairs):
        raise FileError("workout.metrics", "pairs of names and metrics", str(pairs)[:80])
    for name, d in ((str(p["first"]), p["second"]) for p in pairs):
        if name not in found:
            found[name] = _metric(d, name)
    return found


def _metric(d: Any, name: str) -> Any:
    at = f"workout.metrics {name}"
    if isinstance(d, Struct) and d.is_a("BinaryAccuracy"):
        return _built(at, lambda: metrics.BinaryAccuracy(d["threshold"]))
    if isinstance(d, Struct) and d.is_a("OneHotBinaryAccuracy"):
        return metrics.OneHotBinaryAccuracy()
    if isinstance(d, Function) and (d.module[0], d.name) == ("Knet", "accuracy"):
        return metrics.Accuracy()
    if isinstance(d, Struct) and d.type.name in _LOSSES:
        return _built(at, lambda: _LOSSES[d.type.name](d))
    hint = f"metrics={{{name!r}: ...}} takes one of PyPhoton's, or your function in Python, in its place."
    raise Unsupported(f"from_photon: {at}", "a metric of Photon's", f"the function {d}" if isinstance(d, Function) else str(d)[:80], hint)


def _built(at: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Unsupported:
        raise
    except PhotonError as error:
        raise FileError(at, error.expected, error.received) from error


# ---- the optimiser ---------------------------------------------------------------------------------------------------------------


def optimiser_of(d: Any, weights: Mapping[str, Weight]) -> Optimiser:
    """The optimiser as the Params have it: Photon gives each a copy at its first update. Errors: Unsupported where they differ; FileError."""
    own = {_numbers(w.param["opt"]): w.param["opt"] for w in weights.values() if w.param is not None and isinstance(w.param["opt"], Struct)}
    if len(own) > 1:
        shown = " and ".join(sorted(f"{name}({', '.join(f'{k}={v}' for k, v in numbers)})" for name, numbers in own))
        raise Unsupported("from_photon: workout.opt", "one optimiser for all parameters", shown[:300], "opt= takes one of PyPhoton's in its place, and begins anew.")
    name, numbers = next(iter(own)) if own else _numbers(d)
    found: Optimiser = _built("workout.opt", lambda: getattr(optimisers, name)(**dict(numbers)))
    return found


def _numbers(d: Any) -> tuple[str, tuple[tuple[str, float], ...]]:
    """An optimiser's name, and its numbers by name, without what it counts and keeps."""
    if not isinstance(d, Struct) or d.type.name not in _SLOTS:
        hint = "opt= takes one of PyPhoton's in its place."
        raise Unsupported("from_photon: workout.opt", f"one of Knet's: {', '.join(_SLOTS)}", str(d)[:80], hint)
    kept = {"t", *_SLOTS[d.type.name]}
    return d.type.name, tuple((name, value) for name, value in d.fields.items() if name not in kept)


def state_of(weights: Mapping[str, Weight], steps: int) -> dict[str, Any] | None:
    """What the optimiser goes on from, as a session has it: the number of updates, and arrays of each parameter. None before the first.

    Errors: Unsupported where Adam has updated some parameters more often than others; FileError.
    """
    own = {path: w.param["opt"] for path, w in weights.items() if w.param is not None and isinstance(w.param["opt"], Struct)}
    if not own:
        return None
    counts = {opt["t"] for opt in own.values() if opt.is_a("Adam")}
    late = any(opt.is_a("Adam") for opt in own.values()) and any(w.param is not None and w.param["opt"] is None for w in weights.values())
    if len(counts) > 1 or late:
        raise Unsupported(
            "from_photon: workout.opt", "as many updates of every parameter", f"{' and '.join(map(str, sorted(counts)))}{' and none' if late else ''}",
            "opt= takes one of PyPhoton's in its place, and begins anew.",
        )  # fmt: skip
    found = {"step": np.array(counts.pop() if counts else steps, "int64")}
    for path, opt in own.items():
        for theirs, ours in _SLOTS[opt.type.name].items():
            like, array = weights[path].array, opt[theirs]
            if array is None:
                array = np.zeros_like(like)
            if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (like.shape, like.dtype):
                raise FileError(f"workout: the optimiser of {path}", f"{like.dtype} {like.shape}", str(getattr(array, "shape", array))[:80])
            found[f"{path}/{ours}"] = np.ascontiguousarray(weights[path].turn(array))
    return found


# ---- what was counted and measured -----------------------------------------------------------------------------------------------


def counter(value: Any, name: str) -> int:
    """A number from 0. Errors: FileError."""
    if type(value) is not int or not 0 <= value < 2**53:
        raise FileError(f"workout.{name}", "a whole number from 0", repr(value)[:80])
    return value


def history_of(found: Any) -> dict[str, dict[int, float]]:
    """What was measured, by name and step. Photon keeps its number of epochs there, too; PyPhoton elsewhere. Errors: FileError."""
    if not isinstance(found, dict) or not all(isinstance(s, Struct) and isinstance(s.fields.get("state"), dict) for s in found.values()):
        raise FileError("workout.history", "values by name and step", str(type(found).__name__))
    values = {str(name): store["state"] for name, store in found.items() if name != "epoch"}
    for name, column in values.items():
        if not all(type(s) is int and isinstance(v, int | float) for s, v in column.items()):
            raise FileError(f"workout.history[:{name}]", "numbers by step", str(column)[:80])
    return {name: {step: float(column[step]) for step in sorted(column)} for name, column in values.items()}
