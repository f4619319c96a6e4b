"""Names of the Keras face: help() of each says something, modules stand where today's Keras has them, and small helpers compute what they say."""

import importlib
import inspect
import subprocess
import sys

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import BackendMissing, KeraFlowError, julia_doc, keraflow, keras
from pyphoton.keras import utils

NAMES = sorted(keras.__all__)
MODULES = sorted(keras.MODULES)


@pytest.mark.parametrize("name", NAMES)
def test_help_says_something(name):
    """A sentence or more of its own, and a signature where it can be called."""
    found = getattr(keras, name)
    text = vars(found).get("__doc__") if isinstance(found, type) else inspect.getdoc(found)
    assert text, name
    assert len(text.split()) >= 2, text
    assert "." in text
    if callable(found):
        inspect.signature(found)


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_where_keras_has_them(name):
    """`from pyphoton.keras import <module>`, and everything that it lists is there and documented."""
    module = getattr(keras, name)
    assert module is importlib.import_module(f"pyphoton.keras.{name}")
    assert module.__doc__
    for each in getattr(module, "__all__", ()):
        assert getattr(module, each).__doc__, each


def test_keraflow_has_all_names():
    """Everything of pyphoton.keras, and what Keraflow has in its own modules."""
    assert set(keras.__all__) < set(keraflow.__all__)
    for name in keraflow.__all__:
        getattr(keraflow, name)


def test_names_cost_nothing_until_they_are_used():
    """Importing the face and its modules of names loads neither torch nor keras."""
    code = "import sys, pyphoton.keraflow; from pyphoton import keras; sys.exit(sum(n in sys.modules for n in ('torch', 'keras', 'yaml', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_doc_shows_julias_words_where_julia_is():
    """Julia's docstring first, then Python's, for the step that the layer is; without Julia Python's, and how to get Julia's."""
    try:
        words = julia_doc(pp.Dense)
    except BackendMissing:
        words = None
    for what in (keras.Dense, keras.Dense(3)):
        text = keras.doc(what)
        assert text.startswith("A fully connected layer." if words is None else f"{words}\n\nIn Python:\n\nA fully connected layer.")
        assert ("where Julia is installed" in text) == (words is None)
    assert "Julia" not in keras.doc(keras.utils.to_categorical)


def test_to_categorical():
    """Numbers as rows, by hand; the columns of a last axis of length 1 too."""
    np.testing.assert_array_equal(utils.to_categorical([0, 2, 1]), np.eye(3)[[0, 2, 1]])
    np.testing.assert_array_equal(utils.to_categorical([[1], [0]], 3), [[0, 1, 0], [1, 0, 0]])
    for bad in ([0.5], [-1]):
        with pytest.raises(KeraFlowError, match="whole numbers from 0"):
            utils.to_categorical(bad)
    with pytest.raises(KeraFlowError, match="numbers below 2"):
        utils.to_categorical([2], 2)


def test_pad_sequences():
    """In front or behind, cut in front or behind, any value, steps of vectors: by hand."""
    rows = [[1], [2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(utils.pad_sequences(rows), [[0, 0, 1], [0, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(utils.pad_sequences(rows, maxlen=2), [[0, 1], [2, 3], [5, 6]])
    np.testing.assert_array_equal(utils.pad_sequences(rows, 2, padding="post", truncating="post", value=-1), [[1, -1], [2, 3], [4, 5]])
    assert utils.pad_sequences([[[1.5, 2.5]], []], dtype="float32").tolist() == [[[1.5, 2.5]], [[0, 0]]]
    assert utils.pad_sequences([], 3).shape == (0, 3)
    for bad in ({"padding": "front"}, {"truncating": "x"}):
        with pytest.raises(KeraFlowError, match="pre"):
            utils.pad_sequences(rows, **bad)


def test_set_random_seed():
    """The same numbers after the same seed: weights, and NumPy's."""
    found = []
    for _ in range(2):
        utils.set_random_seed(5)
        model = keras.Sequential([keras.Input(3), keras.Dense(2)])
        found.append((model(np.ones((1, 3), "float32")), np.random.random()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
