"""Pictures: what is on them, not only that they exist."""

import pickle
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from pyphoton import (
    MSE,
    SGD,
    ArgumentError,
    BackendMissing,
    Concurrent,
    Conv2D,
    DataError,
    Dense,
    FileError,
    GlobalAvgPool,
    Layer,
    NotBuilt,
    Residual,
    Sequential,
    UnknownName,
    Workout,
    drawing,
    identity,
    plot_history,
    plot_model,
    plots,
    relu,
)
from pyphoton.plots import plot_mistakes

PNG = b"\x89PNG\r\n\x1a\n"
RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(40, 4)), RANDOM.normal(size=(40, 2))


@pytest.fixture(autouse=True)
def without_graphviz(monkeypatch):
    """Models are drawn with matplotlib unless a test says otherwise."""
    monkeypatch.setattr(plots, "find_spec", lambda name: None)


def trained(epochs=3, validation=(X, Y)):
    """A workout with a history: three steps per epoch."""
    workout = Workout(Sequential(Dense(3, relu), Dense(2)), MSE(), SGD(), metrics=["mae"], seed=0)
    return workout.fit_((X, Y), validation, epochs=epochs, batch_size=16, verbose=False)


def lines(axes):
    """The lines of a panel by their label."""
    return {line.get_label(): line for line in axes.lines}


# ---- learning curves -------------------------------------------------------------------------------------------------


def test_the_curves_are_the_history(tmp_path):
    """A panel per metric: every step, the mean of every epoch, validation with markers."""
    workout = trained()
    figure = plot_history(workout, path=tmp_path / "curves.png")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "mae"]
    for axes, name in zip(figure.axes, ("loss", "mae"), strict=True):
        found = lines(axes)
        assert list(found) == ["training, each step", "training, mean of the epoch", "validation"]
        steps, values = workout.history(name)
        np.testing.assert_array_equal(found["training, each step"].get_xydata(), np.stack([steps, values], axis=1))
        means = [(row["steps"], row[name]) for row in workout.history.epochs]
        np.testing.assert_array_equal(found["training, mean of the epoch"].get_xydata(), means)
        np.testing.assert_array_equal(found["validation"].get_ydata(), workout.history(f"val_{name}")[1])
        assert found["validation"].get_marker() == "o"
        assert found["training, each step"].get_linewidth() < found["training, mean of the epoch"].get_linewidth()
        assert axes.get_xlabel() == "step"
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("metrics", ["mae", ["val_mae"], [":mae", "val_mae"]])
def test_metrics_are_chosen_by_any_of_their_names(metrics):
    """A name, a list, validation's name, Julia's colon: one panel."""
    assert [axes.get_title(loc="left") for axes in plot_history(trained(), metrics).axes] == ["mae"]


def test_without_validation_there_is_no_line_for_it():
    """One epoch, whose mean is a point."""
    found = lines(plot_history(trained(1, None), "loss").axes[0])
    assert list(found) == ["training, each step", "training, mean of the epoch"]
    assert found["training, mean of the epoch"].get_marker() == "o"


def test_validation_alone_is_shown():
    """`validate` records without training."""
    workout = Workout(Dense(2), MSE(), SGD())
    workout.validate((X, Y))
    assert list(lines(plot_history(workout).axes[0])) == ["validation"]


def test_long_histories_are_thinned_and_say_so():
    """A million steps are not a million points."""
    workout = Workout(Dense(2), MSE())
    workout.history.record_many(1, ("loss",), np.arange(12_001.0)[:, None])
    found = lines(plot_history(workout).axes[0])
    assert list(found) == ["training, every 3 steps"]
    assert found["training, every 3 steps"].get_xdata()[:3].tolist() == [1, 4, 7]


def test_histories_that_cannot_be_plotted():
    """Nothing recorded yet, and a name that never was."""
    with pytest.raises(NotBuilt, match=r"plot_history.*fit_"):
        plot_history(Workout(Dense(2), MSE()))
    with pytest.raises(UnknownName, match=r"'los'.*'loss'"):
        plot_history(trained(1), ["los"])


def test_plotmetrics_is_photons_name():
    """One figure with a panel for the loss, training and validation in it, and what is asked for."""
    workout = trained()
    (panel,) = plots.plotmetrics(workout).axes
    assert set(lines(panel)) == {"training, each step", "training, mean of the epoch", "validation"}
    assert [a.get_title(loc="left") for a in plots.plotmetrics(workout, [":mae", ":val_mae"]).axes] == ["mae"]


def test_what_is_recorded_at_steps_only_is_a_full_line():
    """A column without means of epochs, as the learning rate of a schedule is, is drawn as it is and not as a shadow."""
    workout = trained()
    for step in range(1, 10):
        workout.history.record(step, {"lr": 0.1 / step})
    panel = plot_history(workout, "lr").axes[0]
    (line,) = panel.lines
    assert (line.get_alpha(), line.get_linewidth()) == (1.0, 1.6)
    np.testing.assert_allclose(line.get_ydata(), 0.1 / np.arange(1, 10))


# ---- models ----------------------------------------------------------------------------------------------------------


class TwoInputs(Layer):
    """A model with two inputs, two outputs and branches."""

    def __init__(self):
        self.image = Sequential(Conv2D(8, 3, relu), GlobalAvgPool())
        self.numbers = Dense(8)
        self.head = Residual(Dense(5, relu), Dense(5))

    def forward(self, image, numbers):
        mixed = self.image(image) + self.numbers(numbers) * 0.5
        return self.head(mixed), mixed


def texts(figure):
    """All that is written on a figure."""
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def test_a_model_shows_layers_paths_and_shapes(tmp_path):
    """Boxes in the order of the data."""
    figure = plot_model(Sequential(Conv2D(4, 3), relu, Dense(2, name="last")), tmp_path / "m.png", input_shape=(1, 6, 6))
    assert texts(figure) == [
        "input", "(batch, 1, 6, 6)", "Conv2D(4, 3) + relu", "0  ·  (batch, 4, 4, 4)", "Dense(2, name='last')",
        "last  ·  (batch, 2)", "output",
    ]  # fmt: skip
    assert (tmp_path / "m.png").read_bytes().startswith(PNG)


def test_branches_are_drawn_along_the_data():
    """Every use of a value is an arrow from the box that makes it."""
    figure = plot_model(TwoInputs(), input_shape=((3, 9, 9), (7,)))
    written = texts(figure)
    for part in ("input 0", "input 1", "output 0", "output 1", "GlobalAvgPool()", "Residual: concat", "mul", "add"):
        assert part in written
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == 12


def test_a_workout_that_has_met_data_needs_no_shape():
    """The plan of the data is drawn."""
    assert "Dense(3, relu)" in texts(plot_model(trained(1)))
    with pytest.raises(NotBuilt, match=r"plot_model.*input_shape"):
        plot_model(Sequential(Dense(2)))


def test_pictures_are_laid_out_without_overlap():
    """In random graphs: arrows go down one row at a time, and no two boxes of a row touch."""
    for _ in range(30):
        boxes = []
        for i in range(RANDOM.integers(2, 25)):
            sources = [boxes[k] for k in RANDOM.integers(0, i, RANDOM.integers(0, 3))] if i else []
            box = drawing.Box("b" * int(RANDOM.integers(1, 30)), "", "layer", width=float(RANDOM.uniform(0.5, 3)))
            box.sources = list(sources)
            for source in sources:
                source.targets.append(box)
            boxes.append(box)
        left, right, height = drawing.arranged(boxes)
        rows, todo, seen = {}, list(boxes), set()
        while todo:
            box = todo.pop()
            if id(box) not in seen:
                seen.add(id(box))
                rows.setdefault(box.row, []).append(box)
                todo += box.targets
        for row in rows.values():
            row.sort(key=lambda b: b.x)
            assert all(a.x + a.width / 2 < b.x - b.width / 2 for a, b in pairwise(row))
            assert all(target.row == box.row + 1 for box in row for target in box.targets)
            assert left < row[0].x - row[0].width / 2
            assert right > row[-1].x + row[-1].width / 2
        assert height > (len(rows) - 1) * drawing.PITCH


def test_graphviz_draws_where_it_is_installed(monkeypatch, tmp_path):
    """The same boxes and arrows go to graphviz, and a failure of its program is a FileError."""
    made = []

    class Digraph:
        def __init__(self, **attributes):
            self.nodes, self.arrows = {}, []
            made.append(self)

        def node(self, name, label, **attributes):
            self.nodes[name] = label

        def edges(self, pairs):
            self.arrows += pairs

        def render(self, outfile, cleanup):
            raise RuntimeError("dot: no such format")

    module = ModuleType("graphviz")
    module.Digraph, module.escape = Digraph, str
    monkeypatch.setitem(sys.modules, "graphviz", module)
    monkeypatch.setattr(plots, "find_spec", lambda name: name == "graphviz")
    monkeypatch.setattr(shutil, "which", lambda name: name)
    model = Sequential(Concurrent(identity, Dense(2)), Dense(3))
    drawing_of = plot_model(model, input_shape=4)
    assert drawing_of is made[0]
    labels = drawing_of.nodes
    assert list(labels.values()) == [
        "input\n(batch, 4)", "Dense(2)\n0.1  ·  (batch, 2)", "Concurrent: concat\n0  ·  (batch, 6)",
        "Dense(3)\n1  ·  (batch, 3)", "output",
    ]  # fmt: skip
    arrows = {(labels[a].split("\n")[0], labels[b].split("\n")[0]) for a, b in drawing_of.arrows}
    assert arrows == {
        ("input", "Dense(2)"), ("input", "Concurrent: concat"), ("Dense(2)", "Concurrent: concat"),
        ("Concurrent: concat", "Dense(3)"), ("Dense(3)", "output"),
    }  # fmt: skip
    with pytest.raises(FileError, match="no such format"):
        plot_model(model, tmp_path / "m.xyz", input_shape=4)


# ---- mistakes --------------------------------------------------------------------------------------------------------

IMAGES = RANDOM.random((6, 1, 8, 8))
READ = np.array([0, 1, 2, 3, 4, 5])
TRUTH = np.array([0, 2, 2, 4, 4, 0])


def titles(figure):
    """What stands over the images."""
    return [axes.get_title() for axes in figure.axes]


def test_the_worst_mistakes_come_first(tmp_path):
    """With losses as scores; what is right is not shown."""
    losses = np.array([9.0, 0.5, 8.0, 2.5, 7.0, 1.0])
    figure = plot_mistakes(IMAGES, READ, TRUTH, losses, path=tmp_path / "mistakes.png")
    assert titles(figure) == ["read as 3 (2.5)\nis 4", "read as 5 (1)\nis 0", "read as 1 (0.5)\nis 2"]
    assert figure.get_suptitle() == "3 of 6 wrong"
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), IMAGES[3, 0])
    assert (tmp_path / "mistakes.png").read_bytes().startswith(PNG)
    assert plot_mistakes(IMAGES, READ, TRUTH, losses, count=2).get_suptitle() == "3 of 6 wrong, the worst 2"


def test_probabilities_show_how_sure_the_model_was():
    """That of the class that was predicted."""
    sure = np.full((6, 6), 0.1)
    sure[1, 1], sure[3, 3], sure[5, 5] = 0.4, 0.3, 0.9
    assert titles(plot_mistakes(IMAGES, READ, TRUTH, sure)) == [
        "read as 5 (90%)\nis 0", "read as 1 (40%)\nis 2", "read as 3 (30%)\nis 4",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 1, 8, 8), (6, 3, 8, 8), (6, 8, 8, 3), (6, 8, 8, 1)])
def test_images_of_all_layouts(shape):
    """Grey and coloured; in the order of the data without scores."""
    figure = plot_mistakes(RANDOM.random(shape), READ, TRUTH)
    assert titles(figure) == ["read as 1\nis 2", "read as 3\nis 4", "read as 5\nis 0"]
    assert figure.axes[0].images[0].get_array().shape == ((8, 8, 3) if 3 in shape else (8, 8))


def test_no_mistakes_is_said():
    """An empty picture would look like a failure."""
    assert plot_mistakes(IMAGES, TRUTH, TRUTH).get_suptitle() == "no mistakes in 6"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((IMAGES, READ[:3], TRUTH), DataError, "predicted: expected 6 class numbers"),
        ((IMAGES, READ, np.eye(6)), DataError, "truth: expected 6 class numbers"),
        ((IMAGES, READ, TRUTH, READ[:2]), DataError, "scores"),
        ((IMAGES[0, 0], READ, TRUTH), DataError, r"images: expected \(N, H, W\)"),
        ((IMAGES, READ, TRUTH, None, None, 0), ArgumentError, "count"),
    ],
)
def test_arrays_that_do_not_fit(arguments, error, text):
    """Each is named."""
    with pytest.raises(error, match=text):
        plot_mistakes(*arguments)


# ---- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nowhere/curves.png", "curves.xyz"])
def test_pictures_that_cannot_be_written(tmp_path, name):
    """A folder that is not there, a format that is none."""
    with pytest.raises(FileError, match=re.escape(name.split("/")[-1])):
        plot_history(trained(1), path=tmp_path / name)


@pytest.mark.parametrize("name", ["curves.svg", "curves.pdf"])
def test_formats_without_pixels(tmp_path, name):
    """The file's name decides."""
    plot_history(trained(1), path=tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000


def test_matplotlib_missing_says_what_to_install(monkeypatch):
    """One sentence, not a traceback from somewhere inside."""
    workout = trained(1)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    for plot in (plot_history, plot_model):
        with pytest.raises(BackendMissing, match=r"pip install 'pyphoton\[plot\]'"):
            plot(workout)


def test_a_figure_shows_itself_in_a_notebook_and_can_be_stored():
    """Without pyplot having been imported."""
    figure = pickle.loads(pickle.dumps(plot_history(trained(1))))
    assert figure._repr_png_().startswith(PNG)


def test_the_program_keeps_its_own_matplotlib_backend():
    """pyplot is not imported, so that no window system is asked for; nor is matplotlib, before a picture is made."""
    code = """
import sys
from pyphoton import *
assert "matplotlib" not in sys.modules
workout = Workout(Dense(2), "mse")
workout.validate(([[1.0]], [[1.0, 2.0]]))
plot_history(workout), plot_model(workout)
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
