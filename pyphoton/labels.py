"""onehot(label, labels): a label as a vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pyphoton.errors import ArgumentError


def onehot(label: Any, labels: Iterable[Any], dtype: Any = "int64", *, missing: str = "raise") -> Any:
    """A vector with 1 where `labels` has the label and 0 elsewhere; `one_hot` does it for arrays of class numbers.

    A label that is absent is an error, or with `missing="zeros"` (what `pyphoton.flux.onehot` takes it for) a vector of zeros.

    >>> onehot("c", ["a", "b", "c"], dtype="float32")
    array([0., 0., 1.], dtype=float32)

    Errors: ArgumentError for a label that is absent, and for a dtype that is none.
    """
    if missing not in ("raise", "zeros"):
        raise ArgumentError("onehot", 'missing="raise" or "zeros"', repr(missing))
    known = list(labels) if hasattr(labels, "__iter__") else None
    if known is None:
        raise ArgumentError("onehot", "onehot(label, labels): all labels, in their order", repr(labels))
    found = [bool(each == label) for each in known]
    if missing == "raise" and not any(found):
        raise ArgumentError("onehot", f"one of {len(known)} labels", repr(label), 'missing="zeros" gives a vector of zeros for it.')
    try:
        return np.array(found, dtype=np.dtype(dtype))
    except TypeError:
        raise ArgumentError("onehot", "a NumPy dtype", repr(dtype), "onehot(label, labels, dtype).") from None
