"""Sequential of the Keras face: a model, a layer or a tensor by what comes first, and what can be asked of it."""

import copy

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.errors import KeraFlowError
from pyphoton.keras import Input, InputLayer, Model, Sequential, inputs, outputs
from pyphoton.keras.layers import Dense
from pyphoton.keras.nodes import layers


def grown():
    """Keras.jl's first example."""
    model = Sequential()
    model.add(Dense(80, input_dim=735))
    model.add_(pp.relu, Dense(output_dim=10))
    model.add(pp.softmax)
    return model


def test_it_grows_layer_by_layer():
    """The first layer's input_dim stands for an Input; the numbers are those of the formula."""
    model = grown()
    assert [t.shape for t in inputs(model)] == [(None, 735)] and [t.shape for t in outputs(model)] == [(None, 10)]
    assert len(model) == 4 and model[0].units == 80 and layers(model) == model.layers == model.layers() and len(model.layers) == 4
    x = np.random.default_rng(0).normal(size=(3, 735)).astype("float32")
    w, b, v, c = model.get_weights()
    scores = np.maximum(x @ w + b, 0) @ v + c
    weighted = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(model(x), weighted / weighted.sum(1, keepdims=True), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "begin", [{"input_dim": 3}, {"input_shape": (3,)}, {"input_shape": 3}, {"batch_input_shape": (None, 3)}]
)  # fmt: skip
def test_what_stands_for_an_input(begin):
    """Keras.jl's three spellings, and an Input or its layer in front, begin alike."""
    assert Sequential([Dense(2, **begin)]).inputs[0].shape == (None, 3)
    assert Sequential([InputLayer(batch_shape=(4, 3)), Dense(2)]).outputs[0].shape == (4, 2)
    assert Sequential(Input(3), Dense(2)).outputs[0].shape == (None, 2)


def test_pop_takes_the_last_layer_away():
    """What stays computes as before, and can grow again."""
    model = Sequential([Input(2), Dense(3, name="a"), Dense(4, name="b")])
    x = np.ones((1, 2), "float32")
    assert model(x).shape == (1, 4)
    assert model.pop().name == "b" and model.outputs[0].shape == (None, 3)
    w, b = model.get_weights()
    np.testing.assert_allclose(model(x), x @ w + b, rtol=1e-6)
    model.add(Dense(5))
    assert model(x).shape == (1, 5)
    with pytest.raises(KeraFlowError, match="no layers"):
        Sequential().pop()


def test_build_gives_it_an_input():
    """`build` with a shape makes a model of a layer."""
    model = Sequential([Dense(2), Dense(1)])
    assert model.get_weights() == [] and not model.inputs
    model.build((None, 6))
    assert [w.shape for w in model.get_weights()] == [(6, 2), (2,), (2, 1), (1,)] and model.count_params() == 17


def test_it_begins_with_another_model():
    """A model in front brings its Input; its weights are shared."""
    inner = Sequential([Input(2), Dense(3)])
    x = Input(2)
    for begin in (inner, Model(x, Dense(3)(x))):
        model = Sequential([begin, Dense(1)])
        ones = np.ones((1, 2), "float32")
        w, b = model[1].get_weights()
        np.testing.assert_allclose(model(ones), begin(ones) @ w + b, rtol=1e-6)
        assert model.inputs[0] is begin.inputs[0] and len(model.get_weights()) == 4


def test_layers_inside_have_tensors():
    """Each layer knows what it made, so that a model of the inner results can be made."""
    model = Sequential([Input(4), Dense(3), Dense(2)])
    features = Model(model.inputs, [layer.output for layer in model.layers])
    x = np.ones((1, 4), "float32")
    first, second = features(x)
    assert first.shape == (1, 3)
    np.testing.assert_array_equal(second, model(x))


def test_frozen_through_two_nested_ones():
    """trainable=False of the outer one reaches the innermost layer, also one that is added later."""
    outer = Sequential([Input(1), Sequential([Sequential([Dense(2)])])], trainable=False)
    outer.add(Dense(1))
    before = outer.get_weights()
    assert len(before) == 4 and outer.trainable_params == []
    x = np.ones((8, 1), "float32")
    pp.fit_(pp.Workout(outer, pp.MSE(), pp.SGD(0.5)), (x, 0 * x), epochs=2)
    for a, b in zip(before, outer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_copy_has_numbers_of_its_own():
    """deepcopy of a model that begins with an Input."""
    model = Sequential([Input(2), Dense(3), pp.relu])
    x = np.ones((1, 2), "float32")
    before, other = model(x), copy.deepcopy(model)
    np.testing.assert_array_equal(other(x), before)
    other.set_weights([w * 0 + 1 for w in other.get_weights()])
    np.testing.assert_allclose(other(x), 3 * np.ones((1, 3)))
    np.testing.assert_array_equal(model(x), before)


def test_a_table_is_written(capsys):
    """`summary` writes where Keras's does, or to print_fn."""
    lines = []
    grown().summary(print_fn=lines.append)
    grown().summary()
    assert lines[0] in capsys.readouterr().out and "59,690" in lines[0]


@pytest.mark.parametrize(
    "mistake, said",
    [
        (lambda: Sequential([Input(1), Dense(2)])(Input(1)), "stands for its own output"),
        (lambda: Dense(2)(Sequential([Dense(2)])), "begins with an Input"),
        (lambda: Model(Sequential([Dense(2)]), Input(1)), "at least one tensor"),
        (lambda: Sequential([Dense(2), Input(1)]), "in front only"),
        (lambda: Sequential([Input(1), Input(1)]), "in front only"),
        (lambda: Sequential([3]), "layers and functions"),
        (lambda: Sequential([Dense]), r"Dense\(...\)"),
        (lambda: Sequential([Dense(2, input_dim=3, input_shape=(3,))]), "one of input_dim"),
        (lambda: inputs(Sequential([Dense(2)])), "not implemented"),
        (lambda: layers(Dense(2)), "not implemented"),
    ],
)  # fmt: skip
def test_refusals(mistake, said):
    """What cannot be meant is refused with what to do."""
    with pytest.raises(KeraFlowError, match=said):
        mistake()
