"""summary: a model as a table of layers, output shapes and parameters."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    LSTM,
    MSE,
    BatchNorm,
    Concurrent,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    MaxPool,
    Sequential,
    Workout,
    get_backend,
    relu,
    summary,
)
from pyphoton.table import in_bytes

X = np.ones((2, 1, 8, 8), "float32")


def pictures():
    """A small convolutional network."""
    return Sequential(Conv2D(4, 3, relu, padding=1), MaxPool(), BatchNorm(), Dropout(0.5), Dense(10))


def test_rows_of_a_network():
    """A row per layer in order: path, how it is written, output shape, number of parameters; totals of both kinds."""
    found = summary(pictures(), (1, 8, 8))
    assert [(r.path, r.layer, r.shape, r.parameters) for r in found.rows] == [
        ("0", "Conv2D(4, 3, relu, padding=1)", (None, 4, 8, 8), 4 * 9 + 4),
        ("1", "MaxPool()", (None, 4, 4, 4), 0),
        ("2", "BatchNorm()", (None, 4, 4, 4), 16),
        ("3", "Dropout()", (None, 4, 4, 4), 0),
        ("4", "Dense(10)", (None, 10), 640 + 10),
    ]
    assert (found.total, found.trained) == (40 + 16 + 650, 40 + 8 + 650)


def test_the_table_as_text():
    """str() is a table with headings, columns in line, and a last line of totals and backend."""
    lines = str(summary(pictures(), (1, 8, 8))).splitlines()
    assert lines[0].split() == ["path", "layer", "output", "parameters", "multiply-adds"]
    assert set(lines[1]) == set(lines[-3]) == {"-"}
    assert lines[2].split("  ")[0].strip() == "0"
    assert "(batch, 4, 8, 8)" in lines[2]
    places = {line.index("(batch") for line in lines[2:7]}
    assert places == {lines[0].index("output")}
    assert lines[6].split()[-2:] == ["650", "640"]
    assert all(len(line) <= len(lines[1]) for line in lines[:-2])
    assert lines[-1].endswith(f"; backend {get_backend().name}")
    assert repr(summary(pictures(), (1, 8, 8))) == "\n".join(lines)


def test_large_numbers_have_separators():
    """1,000,500 is written with commas."""
    text = str(summary(Dense(500), 2000))
    assert "1,000,500" in text.splitlines()[2]
    assert text.splitlines()[-2].startswith("1,000,500 parameters (4 MB)")


def test_shape_is_known_once_the_model_met_data():
    """Without input_shape the shape of the data that came is used; a workout and its model give the same table."""
    model = pictures()
    with pytest.raises(pp.NotBuilt, match="input_shape="):
        summary(model)
    workout = Workout(model, MSE())
    workout.fit_((X, np.ones((2, 10))))
    assert summary(workout).rows == summary(model, (1, 8, 8)).rows
    assert summary(workout).total == 706


def test_summary_builds_the_model():
    """input_shape builds an unbuilt model; an int stands for one axis; another shape than it was built for is refused."""
    model = Sequential(Dense(3))
    assert summary(model, 4).rows[0].parameters == 15
    assert model.built
    with pytest.raises(pp.ShapeError, match=r"\(batch, 4\).*\(batch, 5\)"):
        summary(model, 5)


def test_shared_parameters_count_once():
    """A layer in two places has two rows; its numbers stand in the first and count once."""
    layer = Dense(4)
    found = summary(Sequential(layer, relu, layer), 4)
    assert [(r.path, r.parameters) for r in found.rows if r.layer == "Dense(4)"] == [("0", 20), ("0", 0)]
    assert (found.total, found.trained) == (20, 20)


def test_frozen_parameters_are_not_trained():
    """Freezing moves numbers from trained to fixed."""
    model = Sequential(Dense(4), Dense(2))
    assert summary(model, 3).trained == 16 + 10
    pp.freeze_(model[0])
    assert (summary(model).total, summary(model).trained) == (26, 10)


def test_several_inputs():
    """A tuple of shapes stands for several inputs."""
    a, b = Dense(3), Dense(3)
    found = summary(lambda x, y: a(x) + b(y), ((4,), (5,)))
    assert [r.shape for r in found.rows] == [(None, 3)] * 3
    assert [r.parameters for r in found.rows] == [15, 18, 0]
    assert found.total == 33


def test_whole_numbers_and_sequences():
    """An embedding takes the shape of its numbers; a recurrent layer counts all its arrays."""
    found = summary(Sequential(Embedding(10, 4), LSTM(3)), (7,))
    assert [(r.shape, r.parameters) for r in found.rows] == [((None, 7, 4), 40), ((None, 3), 4 * 12 + 3 * 12 + 12)]


def test_paths_and_names_in_nested_models():
    """Layers inside others are listed by their paths; functions by their names; operations by what they do."""

    def halve(x):
        return x / 2.0

    encoder = Sequential(Dense(3), halve, name="encoder")
    found = summary(Sequential(encoder, Concurrent(Dense(1), Dense(2)), pp.softmax), 4)
    assert [r.path for r in found.rows] == ["encoder.0", "encoder.1", "1.0", "1.1", "1", "2"]
    assert [r.layer for r in found.rows[:4]] == ["Dense(3)", "halve", "Dense(1)", "Dense(2)"]
    assert found.rows[5].layer == "softmax"
    assert found.rows[4].shape == (None, 3)


def test_a_single_layer():
    """A model that is one layer has one row, written as it was made."""
    (row,) = summary(Dense(3, relu), 4).rows
    assert (row.path, row.layer, row.parameters) == ("dense", "Dense(3, relu)", 15)


@pytest.mark.parametrize("shape", ["big", (0,), (-1, 3), (2.5,), [None], {"a": 1}])
def test_shapes_that_are_none(shape):
    """An input_shape that is no shape is refused as a PhotonError."""
    with pytest.raises(pp.PhotonError):
        summary(Sequential(Dense(3)), shape)


def test_memory_and_work():
    """Multiply-adds per row, bytes of parameters, and bytes of every step's result for one sample, all counted by hand."""
    found = summary(pictures(), (1, 8, 8))
    assert [r.multiply_adds for r in found.rows] == [4 * 8 * 8 * 9, 0, 0, 0, 64 * 10]
    assert found.multiply_adds == 2304 + 640
    assert found.parameter_bytes == 4 * 706
    assert found.activation_bytes == 4 * (256 + 64 + 64 + 64 + 10)
    text = str(found).splitlines()
    assert text[-2] == "706 parameters (2.82 kB), 698 of them trained"
    assert text[-1].startswith("one sample: 2,944 multiply-adds, 1.83 kB of activations; backend ")


def test_memory_follows_the_dtype(float64):
    """Numbers of twice the width take twice the memory; the work is the same."""
    found = summary(Dense(3), 4)
    assert (found.parameter_bytes, found.activation_bytes, found.multiply_adds) == (8 * 15, 8 * 3, 12)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1234, "1.23 kB"), (999_400, "999 kB"), (999_600, "1 MB"), (5e9, "5 GB"), (2e15, "2e+03 TB")],
)
def test_sizes_for_people(size, text):
    """Three digits and the unit that keeps them below a thousand."""
    assert in_bytes(size) == text
