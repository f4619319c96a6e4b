"""param, back_ and update_: gradients by hand, held to central differences and to formulas."""

import gc

import numpy as np
import pytest

from pyphoton import (
    ArgumentError,
    Conv2D,
    DataError,
    Dense,
    Embedding,
    Layer,
    PhotonError,
    Sequential,
    ShapeError,
    freeze_,
    relu,
    softmax,
    tanh,
    σ,
)
from pyphoton.flux import Batch, Seq, back_, mse, param, update_

RANDOM = np.random.default_rng(51)
X = RANDOM.normal(size=(6, 5))
E = 1e-6


def numeric(function, array, delta):
    """Central differences of sum(function() * delta) in each element of an array, which is changed in place and put back."""
    found = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        before = array[i]
        values = []
        for step in (E, -E):
            array[i] = before + step
            values.append((function() * delta).sum())
        array[i] = before
        found[i] = (values[0] - values[1]) / (2 * E)
    return found


def check_against_differences(model, x):
    """Gradients of the input and of every parameter."""
    delta = RANDOM.normal(size=model(x).shape)
    found = back_(model, delta, Batch(x))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, numeric(lambda: model(x), x, delta), rtol=1e-5, atol=1e-8)
    for parameter in model.parameters.values():
        np.testing.assert_allclose(param(parameter).Δx, numeric(lambda: model(x), parameter.value, delta), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("activation", [σ, relu, tanh, softmax], ids=lambda f: f.__name__)
def test_back_equals_central_differences(activation, float64):
    """σ and relu among them: the first Flux had their derivatives wrong."""
    check_against_differences(Sequential(Dense(4, activation), Dense(3, activation)), X.copy())


def test_back_of_images_and_sums(float64):
    """Convolutions and a function of one's own in the model."""
    check_against_differences(Sequential(Conv2D(2, 3, tanh), lambda x: x * x + x, Dense(3)), RANDOM.normal(size=(2, 1, 5, 4)))


def test_back_of_an_affine_layer():
    """delta W', x' delta and the sum of delta, by hand."""
    layer = Dense(2)
    layer(np.ones((1, 3)))
    layer.parameters.kernel.set_([[1, 2], [3, 4], [5, 6]])
    found = back_(layer, [[1.0, 10.0], [0.0, 1.0]], Batch([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert found.tolist() == [[21, 43, 65], [2, 4, 6]]
    assert param(layer.parameters.kernel).Δx.tolist() == [[1, 14], [2, 25], [3, 36]]
    assert param(layer.parameters.bias).Δx.tolist() == [1, 11]


def test_back_accumulates_and_update_takes_one_step():
    """Two calls add up; update_ subtracts eta times the sum and starts again from zero, so that a second one does nothing."""
    model = Sequential(Dense(3, σ), Dense(2))
    x, delta = X.astype("float32"), np.ones((6, 2), "float32")
    model(x)
    kernel = param(model[0].parameters.kernel)
    back_(model, delta, Batch(x))
    once, before = kernel.Δx.copy(), kernel.x.copy()
    assert np.abs(once).max() > 0.01
    back_(model, delta * 2, Batch(x))
    np.testing.assert_allclose(kernel.delta, once * 3, rtol=1e-5)
    assert np.array_equal(kernel.x, before)
    assert update_(model, 0.1) is model
    np.testing.assert_allclose(kernel.x, before - 0.3 * once, rtol=1e-5, atol=1e-6)
    after = kernel.x.copy()
    assert not kernel.grad.any()
    update_(model, 0.1)
    assert np.array_equal(kernel.x, after)


def test_what_update_writes_is_what_the_model_computes():
    """The engine's own view of the parameter has the new numbers, and so has the next gradient."""
    model = Dense(1, use_bias=False)
    x = np.ones((1, 2), "float32")
    model(x)
    back_(model, [[1.0]], Batch(x))
    before = model(x)
    update_(model, 0.5)
    np.testing.assert_allclose(model(x), before - 1, rtol=1e-5)
    np.testing.assert_allclose(back_(model, [[1.0]], Batch(x)), [model.parameters.kernel.value[:, 0]])


def test_one_sample_is_a_batch_of_one():
    """A vector is a sample before the model is built; afterwards the number of axes tells."""
    x = X.astype("float32")
    model = Dense(2)
    alone = back_(model, [1.0, -1.0], x[0])
    assert alone.shape == (5,)
    both = back_(model, [[1.0, -1.0]] * 2, x[:2])
    np.testing.assert_allclose(both, [alone, alone], rtol=1e-6)
    steps = Dense(2, flatten=False)
    assert back_(steps, np.ones((3, 2)), Seq(x[:3])).shape == (3, 5)
    assert back_(steps, np.ones((1, 3, 2)), Batch([Seq(x[:3])])).shape == (1, 3, 5)


def test_a_shared_layer_has_one_gradient():
    """Sequential(a, a) has one kernel, whose Δx is the sum over both places; a slice of a model shares it, too."""
    a = Dense(5)
    model = Sequential(a, a)
    x = X.astype("float32")
    back_(model, np.ones((6, 5)), Batch(x))
    kernel = a.parameters.kernel.value
    expected = (x @ kernel).T @ np.ones((6, 5)) + x.T @ (np.ones((6, 5)) @ kernel.T)
    np.testing.assert_allclose(param(a.parameters.kernel).Δx, expected, rtol=1e-4, atol=1e-4)
    assert param(model[0].parameters.kernel) == param(model[1].parameters.kernel)
    assert len({param(p) for p in (*model.parameters.values(), *a.parameters.values())}) == 2
    before = kernel.copy()
    update_([a, model], 1.0)
    np.testing.assert_allclose(kernel, before - expected, rtol=1e-3, atol=1e-3)


class Scaled(Layer):
    """Two inputs, two outputs."""

    def __init__(self):
        self.inner = Dense(2, use_bias=False)

    def forward(self, a, b):
        return self.inner(a) * b, b * b


def test_several_inputs_and_outputs():
    """Gradients of both inputs, with a delta for each output."""
    model = Scaled()
    a, b = RANDOM.normal(size=(2, 4, 2)).astype("float32")
    da, db = back_(model, (np.ones((4, 2)), np.full((4, 2), 2.0)), a, b)
    kernel = model.inner.parameters.kernel.value
    np.testing.assert_allclose(da, b @ kernel.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, a @ kernel + 4 * b, rtol=1e-4, atol=1e-5)
    again = back_(model, (np.ones((4, 2)), np.full((4, 2), 2.0)), (a, b))
    assert np.array_equal(again[0], da)


def test_back_of_a_loss():
    """back_(mse, 1, p, y) is p - y: what train! of 2017 gave to the model, there and back to the parameters."""
    p, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0])
    assert back_(mse, 1, p, y)[0].tolist() == [0, 1, 3]
    assert back_(mse, 2, p, y)[0].tolist() == [0, 2, 6]
    assert back_(lambda x: x * x, 1, np.array([[1.0, 3.0]])).tolist() == [[2, 6]]


def test_frozen_parameters_and_whole_numbers():
    """Frozen parameters gather nothing; what is frozen later is not moved; class numbers have no gradient."""
    model = Sequential(Embedding(4, 3), Dense(2, flatten=False))
    model(np.array([[0, 1]]))
    freeze_(model[1])
    assert back_(model, np.ones((1, 2, 2)), np.array([[0, 3]])) is None
    table, kernel = param(model[0].parameters.table), param(model[1].parameters.kernel)
    assert np.abs(table.Δx).sum(axis=1).astype(bool).tolist() == [True, False, False, True]
    assert not kernel.Δx.any()
    freeze_(model[0])
    before = table.x.copy()
    update_(model, 1.0)
    assert np.array_equal(table.x, before)


def test_param_of_numbers():
    """param(x) has its own copy in the model dtype, a Δx of zeros, and is moved by update_; a list of them, too."""
    given = np.array([[1.0, 2.0]])
    p, q = param(given), param(3)
    assert p.x.dtype == np.float32
    assert p.x.tolist() == [[1, 2]]
    assert p.Δx.tolist() == [[0, 0]]
    p.delta += 1
    q.grad = 2
    assert p != param(given)
    update_([p, q], 0.5)
    assert (np.asarray(p).tolist(), float(q.value)) == ([[0.5, 1.5]], 2.0)
    assert given.tolist() == [[1, 2]]
    p.x = [[7, 8]]
    assert p.value.tolist() == [[7, 8]]
    assert repr(p) == "Param(param, (1, 2))"
    assert param(p) is p


def test_gradients_go_with_their_parameters():
    """Δx keeps neither the parameter nor itself alive."""
    from pyphoton.flux import params

    model = Dense(2)
    back_(model, [[1.0, 1.0]], Batch(X[:1]))
    gc.collect()
    before = len(params._gradients)
    del model
    gc.collect()
    assert len(params._gradients) == before - 2


@pytest.mark.parametrize(
    ("error", "text", "mistake"),
    [
        (ShapeError, r"a delta like the output \(batch, 2\), received \(batch, 3\)", lambda m: back_(m, np.ones((6, 3)), X)),
        (DataError, "as many samples", lambda m: back_(m, np.ones((5, 2)), X)),
        (ShapeError, "back_", lambda m: back_(m, (np.ones((6, 2)), np.ones((6, 2))), X)),
        (ArgumentError, "eta: a number", lambda m: update_(m, "0.1")),
        (ArgumentError, "eta: a number", lambda m: update_(m, float("nan"))),
        (ArgumentError, "a parameter, a layer", lambda m: update_(5, 0.1)),
        (ArgumentError, "an array of numbers", lambda m: param("kernel")),
    ],
)
def test_refusals(error, text, mistake):
    """What does not fit is named, and no gradient is changed."""
    model = Dense(2)
    model(X)
    with pytest.raises(error, match=text) as caught:
        mistake(model)
    assert isinstance(caught.value, PhotonError)
    assert not any(param(p).Δx.any() for p in model.parameters.values())
