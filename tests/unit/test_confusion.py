"""The confusion matrix against scikit-learn's, and what is on its picture."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import SGD, CrossEntropyLoss, Dense, Workout, confusion_matrix, plot_confusion

RANDOM = np.random.default_rng(6)
TRUTH, PREDICTED = RANDOM.integers(0, 5, 200), RANDOM.integers(0, 4, 200)
MATRIX = np.array([[5, 1, 0], [0, 7, 2], [0, 0, 0]])


@pytest.mark.parametrize("classes", [None, 5, 8])
def test_the_same_as_scikit_learn(classes):
    """Rows are true classes, columns predicted ones; classes that do not occur have rows and columns of zeros."""
    reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn's matrix is the reference").confusion_matrix
    found = confusion_matrix(TRUTH, PREDICTED, classes)
    np.testing.assert_array_equal(found, reference(TRUTH, PREDICTED, labels=range(classes or 5)))
    assert found.dtype.kind == "i"


def test_by_hand():
    """One sample of class 0 taken for 2 stands in row 0, column 2."""
    np.testing.assert_array_equal(confusion_matrix([0, 0, 1, 2], [0, 2, 1, 2]), [[1, 0, 1], [0, 1, 0], [0, 0, 1]])


def test_scores_and_one_hot_rows():
    """The largest of a row counts; as many classes as columns."""
    scores = RANDOM.normal(size=(200, 6))
    expected = confusion_matrix(TRUTH, scores.argmax(1), 6)
    np.testing.assert_array_equal(confusion_matrix(TRUTH, scores), expected)
    np.testing.assert_array_equal(confusion_matrix(np.eye(6)[TRUTH], scores), expected)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0, 1], [0]), "1 and 2"),
        (([0, 3], [0, 1], 3), "truth: expected class numbers from 0 to 2, received 3 at sample 1"),
        (([0, 1], [0, -1]), "predicted: .*-1 at sample 1"),
        (([0, 1.5], [0, 1]), "truth: expected class numbers"),
        (([], []), "truth: expected at least one sample"),
        (([0, 1], [[0.1], [0.9]]), r"threshold: \(scores > 0.5\)"),
        (([0, 1], [[0.1, 0.9], [np.nan, 0.1]]), "NaN or infinity at sample 1"),
        ((["a", "b"], [0, 1]), "truth: expected class numbers"),
    ],
)
def test_what_is_no_classes_is_refused(arguments, text):
    """DataError with the sample."""
    with pytest.raises(pp.DataError, match=text):
        confusion_matrix(*arguments)


@pytest.mark.parametrize("classes", [0, -1, 2.5, True, "3"])
def test_numbers_of_classes(classes):
    """A whole number above 0."""
    with pytest.raises(pp.ArgumentError, match="classes"):
        confusion_matrix([0], [0], classes)


def shown(figure):
    """The numbers of the picture and the texts in its cells by (true, predicted)."""
    axes = figure.axes[0]
    cells = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts}
    return axes.images[0].get_array(), cells, axes


def test_the_picture_of_a_matrix(tmp_path):
    """Counts in their cells, names at the axes, how many are right in the title; zeros stay empty."""
    pytest.importorskip("matplotlib", reason="pictures are drawn with it")
    path = tmp_path / "confusion.png"
    numbers, cells, axes = shown(plot_confusion(MATRIX, classes=["cat", "dog", "emu"], path=path))
    np.testing.assert_array_equal(numbers, MATRIX)
    assert cells == {(0, 0): "5", (0, 1): "1", (1, 1): "7", (1, 2): "2"}
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cat", "dog", "emu"] == [t.get_text() for t in axes.get_xticklabels()]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")
    assert axes.get_title(loc="left") == "12 of 15 right"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_shares_of_each_true_class():
    """normalise=True divides each row by its sum; a class that does not occur stays 0."""
    pytest.importorskip("matplotlib", reason="pictures are drawn with it")
    numbers, cells, _ = shown(plot_confusion(MATRIX, normalise=True))
    np.testing.assert_allclose(numbers, [[5 / 6, 1 / 6, 0], [0, 7 / 9, 2 / 9], [0, 0, 0]])
    assert cells[0, 1] == "0.17"


def test_the_picture_of_a_workout():
    """The workout predicts the data; one-hot targets are class numbers, too; many classes have no numbers in their cells."""
    pytest.importorskip("matplotlib", reason="pictures are drawn with it")
    x, y = RANDOM.normal(size=(50, 4)), RANDOM.integers(0, 25, 50)
    workout = Workout(Dense(25), CrossEntropyLoss(use_softmax=True), SGD())
    expected = confusion_matrix(y, workout.predict(x))
    for target in (y, y[:, None], np.eye(25)[y]):
        numbers, cells, _ = shown(plot_confusion(workout, (x, target)))
        np.testing.assert_array_equal(numbers, expected)
        assert cells == {}


def test_pictures_that_cannot_be_drawn():
    """A workout without data, shares instead of counts, and too few names are refused."""
    pytest.importorskip("matplotlib", reason="pictures are drawn with it")
    with pytest.raises(pp.ArgumentError, match="data"):
        plot_confusion(Workout(Dense(2), "mse"))
    for matrix in (MATRIX / 2, MATRIX[:2], -MATRIX, np.zeros((0, 0), int)):
        with pytest.raises(pp.DataError, match="counts"):
            plot_confusion(matrix)
    with pytest.raises(pp.ArgumentError, match="3 names"):
        plot_confusion(MATRIX, classes=["cat", "dog"])
