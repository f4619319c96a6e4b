"""How torch's modules name, lay out and order what a layer's parameters hold: plain data and NumPy.

A dense kernel stands transposed in torch, a recurrent layer has a second bias, BatchNorm counts its minibatches;
everything else has another name only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.errors import Unsupported

COUNTER = "num_batches_tracked"
"""torch's BatchNorm counts minibatches; with a fixed momentum nothing reads the number."""

_NORM = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
_PLAIN = {"kernel": "weight", "bias": "bias"}
_NAMES = {"dense": _PLAIN, "conv": _PLAIN, "conv_transpose": _PLAIN, "embedding": {"table": "weight"}, "batch_norm": _NORM, "layer_norm": _NORM}
_RECURRENT = {"kernel": ("weight_ih",), "recurrent": ("weight_hh",), "bias": ("bias_ih", "bias_hh")}


@dataclass(frozen=True)
class Slot:
    """One parameter of a layer (`ours`) and the arrays that hold it in torch (`theirs`); `turned` when transposed."""

    kind: str
    ours: str
    theirs: tuple[str, ...]
    turned: bool = False

    def shape(self, own: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in torch of a parameter of shape `own`."""
        return own[::-1] if self.turned else own

    def export(self, value: Any) -> tuple[Any, ...]:
        """The arrays for torch: copies. A recurrent layer's second bias is zero."""
        first = np.array(value.T if self.turned else value, order="C")
        return (first, *(np.zeros_like(first) for _ in self.theirs[1:]))

    def restore(self, arrays: tuple[Any, ...], name: str) -> Any:
        """The parameter's value from torch's arrays (of the right shapes). Errors: Unsupported with `name`, the last array's.

        Both biases of a recurrent gate are added to the same sum, so their sum is our one bias. Only a GRU's last gate
        multiplies its second bias by the reset gate: r * (h @ recurrent + b_hh).
        """
        if len(arrays) == 1:
            return arrays[0].T if self.turned else arrays[0]
        outer, inner = arrays
        hidden = inner.shape[0] // 3
        if self.kind == "gru" and np.any(inner[2 * hidden :]):
            raise Unsupported(
                name, f"zeros in its last third, elements {2 * hidden} to {3 * hidden - 1}",
                f"numbers up to {np.abs(inner[2 * hidden :]).max():.3g}",
                "A GRU has one bias per gate here, and torch multiplies this one by the reset gate: set it to zero and train on.",
            )  # fmt: skip
        return outer + inner


def slots(kind: str, parameters: Iterable[str]) -> list[Slot]:
    """What stands for each parameter of a layer in torch, in torch's order; layers of other kinds keep their own names."""
    if kind in ("rnn", "lstm", "gru"):
        parts = [(name, *name.split("_", 1)) for name in parameters]
        return [Slot(kind, name, tuple(f"{t}_l{end}" for t in _RECURRENT[word]), word != "bias") for name, word, end in parts]
    names = _NAMES.get(kind, {})
    return [Slot(kind, name, (names.get(name, name),), kind == "dense" and name == "kernel") for name in parameters]
