"""Functional models of the Keras face: what was recorded is what is computed, on the engine that is in use."""

import copy
import time

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras import Input, Layer, Model, Sequential, Tensor
from pyphoton.keras.layers import Dense

W, B, W2, B2 = np.array([[1.0, 2.0]]), np.array([3.0, 4.0]), np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([0.25, -3.0])


class Sum(Layer):
    """Element by element over a list."""

    def call(self, inputs):
        """x + y + ..."""
        return sum(inputs[1:], start=inputs[0])


def first(**common):
    """A layer with W and B: [1] becomes [4, 6]."""
    return Dense(2, initial_weights=[W, B], **common)


def second(**common):
    """A layer with W2 and B2."""
    return Dense(2, initial_weights=[W2, B2], **common)


ONE = np.ones((1, 1), "float32")
THROUGH_BOTH = (W + B) @ W2 + B2


def feeds():
    """Keraflow's table of feeding tests: a model, what it makes of ones, and how many trained arrays it has."""
    x, y = Input(1), Input(1)
    shared, pair, inner = first(), Sequential([first(), second()]), Sequential([first()])
    nested = Sequential([inner, second()])
    return {
        "single": (Model(x, first()(x)), W + B, 2),
        "inputs without parameters": (Model([x, y], Sum()([x, y])), 2 * ONE, 0),
        "shared": (Model([x, y], Sum()([shared(x), shared(y)])), 2 * (W + B), 2),
        "sequential as layer": (Model(x, Sequential([first(), second()])(x)), THROUGH_BOTH, 4),
        "sequential as tensor": (_onto_sequential(), THROUGH_BOTH, 4),
        "sequential of several inputs": (Model([x, y], Sequential([Sum(), first()])([x, y])), 2 * W + B, 2),
        "nested": (Model(x, Sequential([Sequential([first()]), second()])(x)), THROUGH_BOTH, 4),
        "shared sequential": (Model([x, y], Sum()([pair(x), pair(y)])), 2 * THROUGH_BOTH, 4),
        "shared nested": (Model([x, y], Sum()([nested(x), nested(y)])), 2 * THROUGH_BOTH, 4),
        "sequential model": (Sequential([Input(1), first(), second()]), THROUGH_BOTH, 4),
    }


def _onto_sequential():
    begun = Sequential([Input(1), first()])
    return Model(begun, second()(begun))


@pytest.mark.parametrize("form", list(feeds()))
def test_feeding(form):
    """Each way to feed layers gives the numbers of the formula, and shared layers count once."""
    model, expected, trained = feeds()[form]
    found = model([ONE] * len(model.inputs)) if len(model.inputs) > 1 else model(ONE)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert len(model.trainable_params) == trained


def test_two_inputs_and_two_outputs():
    """Inputs by order, list or dictionary; outputs in the form in which they were given."""
    a, b = Input(3, name="a"), Input((2,), name="b")
    double = a * 2.0
    joined = pp.concatenate([double, b])
    model = Model([a, b], [joined, pp.Dense(4)(joined - 1.0)])
    x, y = np.arange(6.0).reshape(2, 3), np.ones((2, 2))
    first_out, second_out = model([x, y])
    np.testing.assert_allclose(first_out, np.concatenate([2 * x, y], axis=1))
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(second_out, (first_out - 1) @ kernel + bias, rtol=1e-5)
    assert model.input_names == ["a", "b"] and model.output_names == ["concat", "dense"]
    np.testing.assert_array_equal(model({"b": y, "a": x})[1], second_out)
    named = Model({"left": a, "right": b}, {"joined": joined})
    np.testing.assert_array_equal(named({"left": x, "right": y})["joined"], first_out)
    assert named.input_names == ["left", "right"] and named.output_names == ["joined"]


def test_shapes_and_mistakes_come_at_the_line_of_the_call():
    """A layer is traced when it is called: its shape is known, and what does not fit is refused there."""
    x = Input((4, 5))
    assert isinstance(x, Tensor) and x.shape == (None, 4, 5)
    y = pp.Dense(7)(x)
    assert y.shape == (None, 7) and y.layer.units == 7
    with pytest.raises(ShapeError, match="Conv2D"):
        pp.Conv2D(3, 3)(y)
    with pytest.raises(ShapeError):
        _ = y + Input(3)
    assert Input(None).shape == (None, None) and Input(shape=8, batch_size=3).shape == (3, 8) and Input(batch_shape=(2, 3)).shape == (2, 3)


def test_gradients_of_a_shared_layer_add_up():
    """The gradient of a kernel that acts twice equals the central difference of the loss."""
    a, b = Input(3), Input(3)
    shared = pp.Dense(2)
    model = Model([a, b], shared(a) * shared(b) + shared(pp.relu(a)))
    random = np.random.default_rng(0)
    x, y, t = (random.normal(size=s).astype("float32") for s in ((5, 3), (5, 3), (5, 2)))
    workout = pp.Workout(model, pp.MSE(), pp.SGD(0.1))
    found = pp.gradients(workout, ((x, y), t))

    def loss():
        return float(((model([x, y]) - t).astype("float64") ** 2).mean())

    kernel = shared.parameters.kernel
    begin, numbers = kernel.value.copy(), np.zeros(kernel.shape)
    for place in np.ndindex(*kernel.shape):
        values = []
        for step in (1e-2, -1e-2):
            moved = begin.copy()
            moved[place] += step
            kernel.set_(moved)
            values.append(loss())
        numbers[place] = (values[0] - values[1]) / 2e-2
    kernel.set_(begin)
    (gradient,) = (g for path, g in found.items() if path.endswith("kernel"))
    np.testing.assert_allclose(gradient, numbers, rtol=5e-3, atol=1e-4)


def test_a_model_inside_a_model_shares_its_weights_and_trains():
    """A Model is a layer: called twice it has one set of weights, which training through the outer model changes."""
    x = Input(2)
    inner = Model(x, first_of_two()(x), name="inner")
    u, v = Input(2), Input(2)
    outer = Model([u, v], inner(u) - inner(v))
    assert list(outer.parameters) == ["inner.dense_1.kernel", "inner.dense_1.bias"]
    random = np.random.default_rng(1)
    p, q = (random.normal(size=(40, 2)).astype("float32") for _ in range(2))
    truth = np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]], "float32")
    workout = pp.Workout(outer, pp.MSE(), pp.SGD(0.1))
    pp.fit_(workout, ((p, q), (p - q) @ truth), epochs=60)
    np.testing.assert_allclose(inner.get_weights()[0], truth, atol=1e-2)
    np.testing.assert_allclose(outer([p, q]), inner(p) - inner(q), atol=1e-5)


def first_of_two():
    """An unnamed layer."""
    return Dense(3)


def test_the_same_script_gives_the_same_weights():
    """Unnamed layers are numbered per model, so that what was made before changes nothing."""

    def script():
        pp.seed_(7)
        x = Input(3)
        model = Model(x, Dense(2)(Dense(4)(x)))
        return model, model.get_weights()

    (one, first_numbers), _, (two, second_numbers) = script(), Dense(9), script()
    assert list(one.parameters) == list(two.parameters) == ["dense_1.kernel", "dense_1.bias", "dense_2.kernel", "dense_2.bias"]
    for a, b in zip(first_numbers, second_numbers, strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_thousand_layers():
    """A deep model is recorded, planned and run without recursion, in seconds on any machine."""
    start = time.perf_counter()
    x = y = Input(2)
    for _ in range(2000):
        y = pp.Dense(2, initw=pp.Constant(0.0))(y) + y
    model = Model(x, y)
    np.testing.assert_allclose(model(np.array([[1.0, 2.0]])), [[1.0, 2.0]])
    assert len(model.layers) == 2001 and len(model.get_weights()) == 4000
    assert time.perf_counter() - start < 60


def test_a_copy_has_numbers_of_its_own():
    """deepcopy keeps sharing and operations; changing the copy leaves the model alone."""
    x = Input(1)
    shared = first()
    model = Model(x, shared(x) + shared(x * 2.0))
    before = model(ONE)
    other = copy.deepcopy(model)
    assert len(other.get_weights()) == 2
    np.testing.assert_array_equal(other(ONE), before)
    other.set_weights([W * 0, B])
    np.testing.assert_allclose(other(ONE), 2 * B[None])
    np.testing.assert_array_equal(model(ONE), before)


def test_dropout_acts_while_training_only():
    """Called on arrays a model predicts; `training=True` shows what training sees."""
    x = Input(200)
    model = Model(x, pp.Dropout(0.5)(x))
    ones = np.ones((3, 200), "float32")
    np.testing.assert_array_equal(model(ones), ones)
    assert set(np.unique(model(ones, training=True))) == {0.0, 2.0}
    with pytest.raises(KeraFlowError, match="trainable=False"):
        model(Input(200), training=False)


@pytest.mark.parametrize(
    "mistake, said",
    [
        (lambda: Input(1, 2), "forgot the tuple"),
        (lambda: Input(1)(Input(1)), "a layer to be called"),
        (lambda: Input(0), "above 0"),
        (lambda: Input((2, 3), mask_value=0), "mask_value"),
        (lambda: Dense(2)("text"), "a tensor"),
        (lambda: Dense(2)(Dense(3)), "a tensor"),
        (lambda: Dense(2)(None), "a tensor"),
        (lambda: Dense(2)([Input(1), Input(1)]), "one tensor"),
        (lambda: pp.Dense(2)([Input(1), Input(1)]), "one tensor"),
        (lambda: _own_output(), "Recursive feeding"),
        (lambda: Sum()([Input(1, batch_size=2), Input(1, batch_size=3)]), "batch_size"),
        (lambda: _inputs_of_two_sizes(), "batch_size"),
        (lambda: Model(Dense(2)(Input(1)), Input(1)), "tensors that Input made"),
        (lambda: Model(Input(1), first()(Input(1, name="other"))), "other"),
        (lambda: Model(Input(1), np.ones(3)), "symbolic tensors"),
        (lambda: Model([], []), "at least one"),
        (lambda: Model(Input(1)), "inputs and outputs"),
        (lambda: _twice_named(), "'same' for two"),
        (lambda: feeds()["shared"][0](ONE), "2 inputs"),
        (lambda: feeds()["shared"][0]({"x": ONE}), "Missing name"),
        (lambda: Model(*[Input(1)] * 2).get_layer("nothing"), "No such layer"),
    ],
)  # fmt: skip
def test_refusals(mistake, said):
    """What cannot be meant is refused with what to do, as a KeraFlowError."""
    with pytest.raises(KeraFlowError, match=said):
        mistake()


def _own_output():
    layer = Dense(1)
    layer(layer(Input(1)))


def _inputs_of_two_sizes():
    a, b = Input(1, batch_size=2), Input(1, batch_size=3)
    Model([a, b], [Dense(1)(a), Dense(1)(b)])


def _twice_named():
    x = Input(1)
    Model(x, Dense(1, name="same")(Dense(1, name="same")(x)))


def test_a_layer_needs_one_shape():
    """A shared layer that is fed with another width is refused at that line."""
    shared = Dense(2)
    shared(Input(3))
    with pytest.raises(ShapeError, match=r"kernel .3, 2."):
        shared(Input(4))
    assert shared(Input(3, batch_size=5)).shape == (5, 2)
