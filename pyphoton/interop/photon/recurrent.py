"""Photon's RNN, LSTM and GRU, which are Knet's: one array for all weights, cut here into those of layers and gates.

Knet recurs over the last axis of (features, batch, steps); Photon gives it (features, steps, batch). So Photon 0.9 goes on from sample to
sample of a minibatch, where its documentation has it go on from step to step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import layers as l
from pyphoton.errors import FileError, Unsupported
from pyphoton.interop.photon.kinds import Struct
from pyphoton.interop.photon.layers import Made, check_built, flag, whole
from pyphoton.interop.photon.weights import Weight, as_is, trained

_MODES: dict[int, tuple[Any, int, dict[str, Any]]] = {
    0: (l.RNN, 1, {"activation": "relu"}), 1: (l.RNN, 1, {"activation": "tanh"}), 2: (l.LSTM, 4, {}), 3: (l.GRU, 3, {}),
}  # fmt: skip
"""cuDNN's numbers of the modes: the layer, its gates, in the order that both have, and its arguments."""


def recurrent(d: Struct, at: str, per_sample: bool) -> Made:
    """The layer that recurs over the steps of each sample. Errors: Unsupported unless that is what was asked for; FileError."""
    check_built(d, at)
    ops = d["ops"]
    if not isinstance(ops, Struct) or not ops.is_a("RNN") or ops["mode"] not in _MODES:
        raise FileError(f"{at}.ops", "an RNN of Knet's", str(ops)[:80])
    cls, gates, options = _MODES[ops["mode"]]
    if not per_sample:
        hint = (
            "Photon 0.9 gives Knet the axes of steps and samples exchanged: its recurrence goes from sample to sample, and no layer here does. "
            "per_sample=True reads the weights into a layer that goes from step to step, as Photon's documentation says; its predictions differ."
        )
        raise Unsupported(f"from_photon: {at} {cls.__name__}", "a layer that takes each sample by itself", "one that does not", hint)
    if (ops["direction"], ops["inputMode"]) != (0, 0) or ops["h"] is not None or ops["c"] is not None:
        hint = "Photon's own constructors make no other."
        raise Unsupported(f"from_photon: {at} {cls.__name__}", "one direction, a kernel, no state that is kept", "something else", hint)
    features, hidden, count = (whole(ops[n], f"{at}.ops.{n}") for n in ("inputSize", "hiddenSize", "numLayers"))
    weight = trained(ops["w"], f"{at}.ops.w", as_is, (3,))
    layer = cls(hidden, count, last_only=flag(d["last_only"], f"{at}.last_only"), **options)
    arrays = _cut(weight.array.reshape(-1), features, hidden, count, gates, at)
    if gates == 3:
        _check_new_memory(arrays, at)
    values: dict[str, Weight] = {}
    for i, (kernels, recurrents, biases, others) in enumerate(arrays):
        bias = np.concatenate([(b + o) for b, o in zip(biases, others, strict=True)])
        found = {"kernel": np.concatenate(kernels, axis=1), "recurrent": np.concatenate(recurrents, axis=1), "bias": bias}
        values |= {f"{n}_{i}": Weight(a, as_is, Struct(weight.param.type, {"opt": _frozen(weight)})) for n, a in found.items()}  # type: ignore[union-attr]
    return layer, (None, None, features), values


def _frozen(weight: Weight) -> Any:
    """Whether the array is updated. Its optimiser's numbers are not kept: two biases have become one."""
    return "NOUPDATE" if weight.param is not None and weight.param["opt"] == "NOUPDATE" else None


def _cut(flat: Any, features: int, hidden: int, count: int, gates: int, at: str) -> list[tuple[list[Any], ...]]:
    """Of each layer the kernels, recurrent kernels, and the two biases of every gate: all matrices stand before all biases."""
    sizes = [(features if i == 0 else hidden) for i in range(count)]
    wanted = sum(gates * hidden * (n + hidden + 2) for n in sizes)
    if flat.size != wanted:
        raise FileError(f"{at}.ops.w", f"{wanted} numbers", str(flat.size))
    place, found = 0, []
    for n in sizes:
        matrices = []
        for rows in (n, hidden):
            blocks = flat[place : place + gates * hidden * rows].reshape(gates, hidden, rows)
            matrices.append([block.swapaxes(0, 1) for block in blocks])
            place += gates * hidden * rows
        found.append(matrices)
    biases = flat[place:].reshape(count, 2, gates, hidden)
    return [(kernels, recurrents, list(b[0]), list(b[1])) for (kernels, recurrents), b in zip(found, biases, strict=True)]


def _check_new_memory(arrays: list[tuple[list[Any], ...]], at: str) -> None:
    """Errors: Unsupported for a GRU whose bias behind the reset gate has been trained: PyPhoton's GRU has none there."""
    if any(np.any(others[2]) for _, _, _, others in arrays):
        hint = "There is no exact equivalent: train a GRU of PyPhoton's, or read a model with an LSTM."
        raise Unsupported(f"from_photon: {at} GRU", "a bias of 0 behind the reset gate", "one that was trained", hint)
