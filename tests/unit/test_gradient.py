"""gradients: pairs in the order of the model, and arrays by path. Their values are tested in test_workout.py."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import MSE, SGD, Dense, Sequential, Workout, gradients, relu

RANDOM = np.random.default_rng(4)
X, Y = RANDOM.normal(size=(8, 4)).astype("float32"), RANDOM.normal(size=(8, 2)).astype("float32")


def regression():
    """Dense layers with one named, so that paths are of both kinds."""
    return Workout(Sequential(Dense(3, relu), Dense(2, name="answer")), MSE(), SGD(), seed=1)


def test_pairs_and_paths_are_the_same_gradients():
    """Iterating gives (parameter, gradient), items() gives (path, gradient), and a path its gradient: one array each."""
    found = gradients(regression(), (X, Y))
    assert found.keys() == ("0.kernel", "0.bias", "answer.kernel", "answer.bias")
    assert tuple(p.path for p, _ in found) == found.keys()
    for (parameter, gradient), (path, same) in zip(found, found.items(), strict=True):
        assert found[path] is gradient is same
        assert gradient.shape == parameter.shape
    assert [g.shape for g in found.values()] == [(4, 3), (3,), (3, 2), (2,)]
    assert found[0][1] is found["0.kernel"]
    assert found[-1][1] is dict(found)["answer.bias"]
    assert (len(found), "0.bias" in found, "1.bias" in found) == (4, True, False)


def test_values_by_path():
    """The last bias of a squared error: 2 / (samples * outputs) times the sum of the differences."""
    workout = regression()
    difference = workout.predict(X) - Y
    np.testing.assert_allclose(gradients(workout, (X, Y))["answer.bias"], 2 * difference.sum(0) / Y.size, rtol=1e-4, atol=1e-6)


def test_frozen_parameters_are_absent():
    """Neither a pair nor a path; freezing everything leaves nothing."""
    workout = regression()
    workout.predict(X)
    workout.freeze_(workout.model[0])
    found = gradients(workout, (X, Y))
    assert found.keys() == ("answer.kernel", "answer.bias")
    with pytest.raises(pp.UnknownName, match=r"gradients: .*'0.kernel'"):
        found["0.kernel"]
    workout.freeze_()
    assert list(gradients(workout, (X, Y))) == []
    with pytest.raises(pp.UnknownName, match="Everything is frozen"):
        gradients(workout, (X, Y))["answer.bias"]


def test_a_wrong_path_names_the_near_ones():
    """As a refusal of the library and as a KeyError."""
    found = gradients(regression(), (X, Y))
    with pytest.raises(pp.UnknownName, match=r"'answer\.kernal'.*'answer\.kernel'"):
        found["answer.kernal"]
    with pytest.raises(KeyError):
        found["1.kernel"]


def test_shown_with_shapes():
    """repr names paths and shapes, not numbers."""
    assert repr(gradients(regression(), (X, Y))).startswith("Gradients(0.kernel (4, 3), 0.bias (3,), answer.kernel (3, 2)")


def test_a_convertor_is_applied():
    """convertor= replaces the cast, as in fit_: what it gives is what is differentiated; identity refuses another dtype."""
    workout = regression()
    expected = gradients(workout, (2 * X, Y))
    found = gradients(workout, (X.astype("float64"), Y), convertor=lambda pair: (2 * pair[0].astype("float32"), pair[1]))
    assert all(np.array_equal(found[path], gradient) for path, gradient in expected.items())
    with pytest.raises(pp.DataError, match="float64"):
        gradients(workout, (X.astype("float64"), Y), convertor=pp.identity)
    with pytest.raises(pp.ArgumentError, match="convertor"):
        gradients(workout, (X, Y), convertor=3)
