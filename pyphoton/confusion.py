"""The confusion matrix of a classifier, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.data.forms import batch_of
from pyphoton.errors import ArgumentError, DataError
from pyphoton.figures import INK, finished, new_figure
from pyphoton.workout import Workout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NUMBERS = 20
"""Cells have their counts written in them up to so many classes."""


def confusion_matrix(truth: Any, predicted: Any, classes: int | None = None) -> Any:
    """How often each class was taken for which: counts (classes, classes), a row per true class, a column per predicted one.

    `truth` and `predicted` are class numbers (N,), or scores or one-hot rows (N, classes), of which the largest counts.
    `classes` is the number of classes; None takes what the scores or the largest class number say.
    The same as scikit-learn's confusion_matrix(truth, predicted, labels=range(classes)). Errors: DataError, ArgumentError.
    """
    if classes is not None and (not is_integer(classes) or classes < 1):
        raise ArgumentError("confusion_matrix", "classes: a whole number above 0", repr(classes))
    (rows, wide), (columns, wide_too) = _numbers("truth", truth), _numbers("predicted", predicted)
    if len(rows) != len(columns):
        raise DataError("confusion_matrix", "as many predictions as truths", f"{len(columns)} and {len(rows)}")
    count = classes or max(wide, wide_too)
    for name, labels in (("truth", rows), ("predicted", columns)):
        outside = np.flatnonzero((labels < 0) | (labels >= count))
        if len(outside):
            raise DataError(f"confusion_matrix {name}", f"class numbers from 0 to {count - 1}", f"{labels[outside[0]]} at sample {outside[0]}")
    return np.bincount(rows * count + columns, minlength=count * count).reshape(count, count)


def _numbers(name: str, given: Any) -> tuple[Any, int]:
    """Class numbers, and how many classes there are at least. Errors: DataError."""
    array = np.asarray(given)
    where = f"confusion_matrix {name}"
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf":
        if not np.isfinite(array).all():
            raise DataError(where, "finite scores", f"NaN or infinity at sample {np.argwhere(~np.isfinite(array))[0][0]}")
        return array.argmax(axis=1), array.shape[1]
    if array.ndim != 1 or array.dtype.kind not in "biuf" or (array != array.round()).any():
        hint = "Scores of two classes in one column need a threshold: (scores > 0.5)[:, 0]." if array.ndim == 2 else ""
        raise DataError(where, "class numbers (N,) or scores (N, classes)", f"{array.dtype} {array.shape}", hint)
    if not len(array):
        raise DataError(where, "at least one sample", "none")
    return array.astype("int64"), int(array.max()) + 1


def plot_confusion(
    workout_or_matrix: Any, data: Any = None, *, classes: Sequence[Any] | None = None, normalise: bool = False,
    path: str | Path | None = None,
) -> Figure:  # fmt: skip
    """The confusion matrix as a picture: true classes from top to bottom, predicted ones from left to right.

    Takes a workout (or a model) and `data` (X, Y) to predict, Y being class numbers or one-hot; or a matrix as
    `confusion_matrix` gives. `classes` are the names at the axes. `normalise` colours and labels shares of each true class instead
    of counts. The picture is written where `path` is given: png, svg or pdf.
    Errors: ArgumentError, DataError; FileError; BackendMissing without matplotlib.
    """
    counts = _checked(workout_or_matrix) if data is None else _measured(workout_or_matrix, data)
    names = [str(name) for name in (range(len(counts)) if classes is None else classes)]
    if len(names) != len(counts):
        raise ArgumentError("plot_confusion", f"classes: {len(counts)} names", f"{len(names)}")
    totals = counts.sum(axis=1, keepdims=True)
    shown = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0) if normalise else counts
    side = max(3.6, 0.42 * len(names) + 1.6)
    figure = new_figure(side + 0.6, side)
    axes = figure.add_subplot()
    picture = axes.imshow(shown, cmap="Blues", vmin=0, vmax=1 if normalise else max(1, counts.max()))
    _label(axes, shown, names, normalise)
    right = int(np.trace(counts))
    axes.set_title(f"{right:,} of {int(counts.sum()):,} right", loc="left", fontsize=12, fontweight="bold", color=INK)
    figure.colorbar(picture, ax=axes, shrink=0.8).outline.set_visible(False)
    return finished(figure, path)


def _label(axes: Any, shown: Any, names: list[str], normalise: bool) -> None:
    places = range(len(names))
    axes.set_xticks(places, names, rotation=45 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(places, names)
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true", color=INK)
    axes.spines[:].set_visible(False)
    dark = (1 if normalise else max(1, shown.max())) / 2
    for row in places if len(names) <= MOST_NUMBERS else ():
        for column in places:
            number = shown[row, column]
            if number:
                text = f"{number:.2f}" if normalise else f"{number:d}"
                axes.text(column, row, text, ha="center", va="center", fontsize=9, color="white" if number > dark else INK)


def _measured(model: Any, data: Any) -> Any:
    """The confusion matrix of a model's predictions. Errors: ArgumentError, DataError."""
    from pyphoton.verbs import predict

    batch = batch_of(data, nested_lists=False)
    batch.samples()
    scores = predict(model, batch.x if batch.x_tuple else batch.x[0], makebatch=False)
    if len(batch.y) != 1 or isinstance(scores, tuple):
        raise DataError("plot_confusion", "a model with one output, and its targets", "several", "Give the matrix of one of them.")
    truth = np.asarray(batch.y[0])
    return confusion_matrix(truth[:, 0] if truth.ndim == 2 and truth.shape[1] == 1 else truth, scores)


def _checked(matrix: Any) -> Any:
    if isinstance(matrix, Workout):
        raise ArgumentError("plot_confusion", "data (X, Y) after a workout", "none")
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size or counts.dtype.kind not in "iu" or counts.min() < 0:
        raise DataError("plot_confusion", "counts (classes, classes), or a workout and data", f"{counts.dtype} {counts.shape}")
    return counts
