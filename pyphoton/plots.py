"""Pictures: learning curves, a model's graph, and the samples that a model gets wrong."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyphoton import drawing, table
from pyphoton.clock import RATE
from pyphoton.errors import ArgumentError, DataError, NotBuilt
from pyphoton.figures import GRID, INK, TRAINING, VALIDATION, finished, new_figure
from pyphoton.network import network_of
from pyphoton.workout import Workout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS, MOST_MARKERS, WIDEST = 5000, 25, 8


# ---- learning curves -------------------------------------------------------------------------------------------------


def plot_history(workout: Any, metrics: Any = None, path: str | Path | None = None) -> Figure:
    """The learning curves of a workout: a panel for the loss and one for each metric, over training steps.

    The thin line is each training step, the thick one the mean of each epoch, the dots validation. `metrics` is a name
    or a list of names; None shows all that was recorded. The picture is written where `path` is given: png, svg or pdf.
    Errors: NotBuilt before anything is recorded; UnknownName; FileError; BackendMissing without matplotlib.
    """
    history = workout.history
    if not len(history):
        raise NotBuilt("plot_history", hint="Nothing is recorded yet: fit_ the workout first.")
    wanted = [metrics] if isinstance(metrics, str) else list(history) if metrics is None else list(metrics)
    names = list(dict.fromkeys(str(name).lstrip(":").removeprefix("val_") for name in wanted))
    for name in names:
        if f"val_{name}" not in history:
            history[name]  # refuses a name that was never recorded
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(5.2 * columns, 3.7 * rows)
    for place, name in enumerate(names, 1):
        _panel(figure.add_subplot(rows, columns, place), history, name)
    return finished(figure, path)


def plotmetrics(workout: Any, metrics: Any = ("loss", "val_loss"), path: str | Path | None = None) -> Figure:
    """Photon's name of `plot_history`: the curves of these metrics, `val_` ones in the panel of theirs. Errors: as there."""
    return plot_history(workout, metrics, path)


def _panel(axes: Any, history: Any, name: str) -> None:
    rows = [] if name == RATE and name in history else [row for row in history.epochs if name in row]
    if name in history:
        steps, values = history(name)
        every = -(-len(steps) // MOST_POINTS)
        label = "training, each step" if every == 1 else f"training, every {every} steps"
        axes.plot(steps[::every], values[::every], color=TRAINING, alpha=0.35 if rows else 1.0, linewidth=0.8 if rows else 1.6, label=label)
    if rows:
        axes.plot(
            [row["steps"] for row in rows], [row[name] for row in rows], color=TRAINING, linewidth=2.2,
            marker="o" if len(rows) == 1 else None, label="training, mean of the epoch",
        )  # fmt: skip
    if f"val_{name}" in history:
        steps, values = history(f"val_{name}")
        axes.plot(
            steps, values, color=VALIDATION, linewidth=1.6, marker="o", markersize=4.5,
            markevery=-(-len(steps) // MOST_MARKERS), label="validation",
        )  # fmt: skip
    axes.set_title(name.replace("_", " "), loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlabel("step", color=INK)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=GRID, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)


# ---- mistakes --------------------------------------------------------------------------------------------------------


def plot_mistakes(
    images: Any, predicted: Any, truth: Any, scores: Any = None, path: str | Path | None = None, count: int = 16
) -> Figure:
    """The images that were taken for something else, the worst first, with what they were taken for and what they are.

    `images` is (N, H, W), (N, channels, H, W) or (N, H, W, channels); `predicted` and `truth` are class numbers (N,).
    `scores` says how bad each sample is (its loss, say), or is the probability of each class (N, classes), of which
    that of the predicted class counts; without it the mistakes come in the order of the data. At most `count` are shown.
    Errors: DataError for arrays that do not fit each other; ArgumentError; FileError; BackendMissing without matplotlib.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ArgumentError("plot_mistakes", "count: a whole number above 0", repr(count))
    pictures, read, right = _pictures(images), np.asarray(predicted), np.asarray(truth)
    for name, labels in (("predicted", read), ("truth", right)):
        if labels.shape != pictures.shape[:1]:
            raise DataError(f"plot_mistakes {name}", f"{len(pictures)} class numbers", f"shape {labels.shape}")
    badness = None if scores is None else _badness(np.asarray(scores), read)
    wrong = np.flatnonzero(read != right)
    if badness is not None:
        wrong = wrong[np.argsort(-badness[wrong], kind="stable")]
    shown = wrong[:count]
    rows = max(1, -(-len(shown) // WIDEST))
    columns = max(1, -(-len(shown) // rows))
    figure = new_figure(max(1.45 * columns, 4.2), 1.85 * rows + 0.5)
    few = "" if len(shown) == len(wrong) else f", {len(shown)} of them" if badness is None else f", the worst {len(shown)}"
    title = f"{len(wrong)} of {len(pictures)} wrong{few}" if len(wrong) else f"no mistakes in {len(pictures)}"
    figure.suptitle(title, fontsize=12, fontweight="bold", color=INK)
    form = ".0%" if np.ndim(scores) == 2 else ".2g"
    for place, i in enumerate(shown, 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(pictures[i], cmap="gray_r", interpolation="nearest")
        axes.set_axis_off()
        sure = "" if badness is None else f" ({badness[i]:{form}})"
        axes.set_title(f"read as {read[i]}{sure}\nis {right[i]}", fontsize=9.5, color=INK)
    return finished(figure, path)


def _pictures(images: Any) -> Any:
    """(N, H, W) or (N, H, W, 3 or 4). Errors: DataError."""
    array = np.asarray(images)
    if array.ndim == 4 and array.shape[1] in (1, 3, 4):
        array = np.moveaxis(array, 1, -1)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 and not (array.ndim == 4 and array.shape[-1] in (3, 4)):
        raise DataError("plot_mistakes images", "(N, H, W) or (N, channels, H, W)", f"shape {np.shape(images)}")
    return array


def _badness(scores: Any, read: Any) -> Any:
    if scores.shape[:1] != read.shape or scores.ndim > 2:
        raise DataError("plot_mistakes scores", f"{len(read)} numbers, or rows with one per class", f"shape {scores.shape}")
    return scores if scores.ndim == 1 else scores[np.arange(len(read)), read.astype(int)]


# ---- the model as a graph --------------------------------------------------------------------------------------------


def plot_model(model_or_workout: Any, path: str | Path | None = None, input_shape: Any = None) -> Any:
    """A picture of a model: a box for each step with its layer, path and output shape, and arrows along the data.

    `input_shape` is the shape of one sample, as for `summary`; needed while the model has met no data. Returns a
    graphviz.Digraph where the package graphviz and its program `dot` are installed, else a matplotlib Figure. The
    picture is written where `path` is given: png, svg or pdf.
    Errors: NotBuilt; ShapeError; FileError; BackendMissing when neither graphviz nor matplotlib is there.
    """
    network = model_or_workout.network if isinstance(model_or_workout, Workout) else network_of(model_or_workout)
    try:
        plan = table.forward_plan(network, input_shape)
    except NotBuilt as error:
        raise NotBuilt("plot_model", hint=error.hint) from None
    boxes = drawing.boxes_of(plan, table.layer_names(network.model))
    if find_spec("graphviz") and shutil.which("dot"):
        return drawing.digraph(boxes, path)
    left, right, height = drawing.arranged(boxes)
    figure = new_figure(right - left, height, "none")
    axes = figure.add_axes((0, 0, 1, 1))
    top = -drawing.HEIGHT / 2 - drawing.MARGIN
    axes.set(xlim=(left, right), ylim=(top + height, top))
    axes.set_axis_off()
    drawing.draw(boxes, axes)
    return finished(figure, path)
