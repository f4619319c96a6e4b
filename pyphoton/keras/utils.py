"""What people take from `keras.utils`: classes as vectors, sequences of one length, seeds, a split, a picture of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyphoton.config import seed_
from pyphoton.errors import KeraFlowError


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Whole numbers as one-hot rows: (...,) or (..., 1) -> (..., classes), float64 as Keras.

    num_classes: how many there are; the largest number and one more by default. Errors: KeraFlowError for a number that is no class.
    """
    labels = np.asarray(x)
    whole = labels.astype("int64")
    if labels.size and (not np.array_equal(whole, labels) or whole.min() < 0):
        raise KeraFlowError("to_categorical", "whole numbers from 0", repr(x)[:80])
    if whole.ndim > 1 and whole.shape[-1] == 1:
        whole = whole[..., 0]
    count = (int(whole.max()) + 1 if whole.size else 0) if num_classes is None else int(num_classes)
    if whole.size and whole.max() >= count:
        raise KeraFlowError("to_categorical", f"numbers below {count}", str(int(whole.max())), "Give a larger num_classes.")
    return np.eye(count)[whole]


def pad_sequences(
    sequences: Sequence[Any], maxlen: int | None = None, dtype: Any = "int32", padding: str = "pre", truncating: str = "pre", value: Any = 0.0,
) -> Any:  # fmt: skip
    """Sequences of several lengths as one array (samples, maxlen, ...).

    maxlen: by default the longest. padding, truncating: whether `value` is put, and steps are taken away, in front ("pre") or behind ("post").
    Errors: KeraFlowError for another word, and for sequences whose steps differ in shape.
    """
    for word, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise KeraFlowError(f"pad_sequences {word}=", '"pre" or "post"', repr(given))
    rows = [np.asarray(s) for s in sequences]
    if any(r.ndim == 0 for r in rows):
        raise KeraFlowError("pad_sequences", "sequences", "a number", "Write [[1, 2], [3]].")
    length = max((len(r) for r in rows), default=0) if maxlen is None else int(maxlen)
    shapes = {r.shape[1:] for r in rows if len(r)}
    if len(shapes) > 1:
        raise KeraFlowError("pad_sequences", "steps of one shape", ", ".join(map(str, sorted(shapes))))
    found = np.full((len(rows), length, *next(iter(shapes), ())), value, dtype=dtype)
    for row, target in zip(rows, found, strict=True):
        kept = (row[len(row) - length :] if truncating == "pre" else row[:length]) if len(row) > length else row
        if len(kept):
            target[slice(length - len(kept), None) if padding == "pre" else slice(len(kept))] = kept
    return found


def set_random_seed(seed: int) -> None:
    """Random numbers of models that are built from now on, of Python and of NumPy begin at `seed`. Errors: ArgumentError below 0."""
    import random

    seed_(seed)
    random.seed(seed)
    np.random.seed(seed)


def plot_model(model: Any, to_file: Any = "model.png", **_: Any) -> Any:
    """A picture of the model's steps, written to `to_file` unless that is None; see `pyphoton.plot_model`. Other options of Keras's are taken.

    Errors: BackendMissing when neither graphviz nor matplotlib is there; NotBuilt for a model without Input that has met no data.
    """
    from pyphoton.keras.saving.weights import met_by
    from pyphoton.plots import plot_model as drawn

    met = met_by(model)
    shapes = None if met is None else met.shapes if met.as_tuple else met.shapes[0]
    return drawn(model, to_file, shapes)


__all__ = ["pad_sequences", "plot_model", "set_random_seed", "to_categorical"]
