"""Arrays made by hand into what models take: the context's dtype, and the batch axis first."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import config
from pyphoton.data.arrays import as_array


def KorA(x: Any) -> Any:
    """Photon's "Knet array or Array": numbers as NumPy arrays, floats in the context's dtype.

    Tuples, and lists of arrays, member by member; whole numbers stay whole; an array that fits already comes back as it is.
    `fit_` and `predict` do this by themselves, and move arrays to their device: it is here for convertors. Errors: DataError.
    """
    if isinstance(x, tuple) or (isinstance(x, list) and x and all(hasattr(m, "shape") for m in x)):
        return tuple(KorA(m) for m in x)
    array = as_array(x, "KorA")
    return array.astype(config.get_context().dtype, copy=False) if isinstance(array, np.ndarray) and array.dtype.kind == "f" else array


def batchfirst(x: Any) -> Any:
    """The last axis (samples, as Julia keeps them) made the first: (..., N) -> (N, ...). A view; other axes keep their order."""
    return np.moveaxis(as_array(x, "batchfirst"), -1, 0)


def batchlast(x: Any) -> Any:
    """The first axis made the last: (N, ...) -> (..., N). A view; other axes keep their order."""
    return np.moveaxis(as_array(x, "batchlast"), 0, -1)
