"""What a layer of the Keras face can be asked: its tensors, shapes, weights and configuration."""


import numpy as np
import pytest

import pyphoton as pp
from pyphoton import keras
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras import Input, Model, input_shape, output, output_shape, weights, weights_
from pyphoton.keras.layers import Dense
from pyphoton.keras.nodes import config


def test_one_node():
    """Keras.jl's calls: the tensor, its shape, with and without a number, of pyphoton's own layers too."""
    for layer, into in ((Dense(32), (140, 32)), (pp.LSTM(32), (32,))):
        a = Input(shape=(140, 256))
        y = layer(a)
        assert keras.input(layer) is a and keras.input(layer, 0) is a and output(layer) is y and output(layer, 0) is y
        assert input_shape(layer) == (None, 140, 256) and output_shape(layer) == (None, *into)
    dense = Dense(3)
    y = dense(Input(2))
    assert dense.output is y and dense.input_shape == (None, 2) and dense.output_shape == (None, 3) and dense.get_output_at(0) is y


def test_several_nodes():
    """Without a number the node is ambiguous, and the error says so; a shape that all agree on is not."""
    dense = Dense(3, name="d")
    a, b = Input(2), Input(2)
    first, second = dense(a), dense(b)
    assert keras.input(dense, 0) is a and keras.input(dense, 1) is b and keras.output(dense, 1) is second is not first
    assert input_shape(dense) == (None, 2) and output_shape(dense, 1) == (None, 3)
    with pytest.raises(KeraFlowError, match=r'multiple inbound nodes, hence the notion of "layer input" is ill-defined. Use `get_input_at'):
        keras.input(dense)
    with pytest.raises(KeraFlowError, match='"layer output" is ill-defined'):
        _ = dense.output
    with pytest.raises(KeraFlowError, match="has only 2 inbound nodes"):
        keras.input(dense, 2)
    flat = pp.Flatten()
    flat(Input((2, 3)))
    flat(Input((4, 5)))
    with pytest.raises(KeraFlowError, match='"input shape" is ill-defined'):
        input_shape(flat)


def test_no_node():
    """A layer that was not called says so."""
    with pytest.raises(KeraFlowError, match="is not connected, no input to return"):
        keras.input(Dense(3))
    with pytest.raises(KeraFlowError, match="is not connected, no output to return"):
        output(pp.Dense(3))


def test_ends_of_a_model():
    """A model's input and output are its own, also where it was called."""
    x, z = Input(2), Input(2)
    model = Model(x, Dense(3)(x))
    model(z)
    assert model.input is x and keras.input(model) is x and model.output is model.outputs[0] and keras.input(model, 0) is z
    assert keras.inputs(model) == [x] and keras.outputs(model) == [model.output] and model.input_shape == (None, 2)
    both = Model([x, z], [model.output, Dense(1)(z)])
    assert both.input == [x, z] and both.output_shape == [(None, 3), (None, 1)]


def test_weights_are_copies_in_an_order():
    """Trained ones first; what is set is copied; one W and b for a layer that was fed twice."""
    dense = Dense(3)
    dense(Input(100)), dense(Input(100))
    assert [w.shape for w in weights(dense)] == [(100, 3), (3,)] and weights(Dense(2)) == []
    norm = pp.BatchNorm()
    x = Input(4)
    model = Model(x, norm(Dense(2)(x)))
    assert len(model.trainable_weights) == 4 and len(model.non_trainable_weights) == 2 and model.count_params() == 18
    values = weights(model)
    values[0][:] = 7
    assert not (weights(model)[0] == 7).any()
    weights_(model, values)
    values[0][:] = 9
    np.testing.assert_array_equal(weights(model)[0], np.full((4, 2), 7))
    model.set_weights([w * 0 for w in model.get_weights()])
    assert all((w == 0).all() for w in weights(model))


def test_wrong_weights_change_nothing():
    """Keras's texts, and everything is as before."""
    dense = Dense(3, name="d")
    dense(Input(2))
    before = weights(dense)
    with pytest.raises(KeraFlowError, match=r'You called `set_weights\(weights\)` on layer "d" with a weight list of length 1, but the layer was expecting 2 weights'):
        weights_(dense, [np.zeros((2, 3))])
    with pytest.raises(KeraFlowError, match=r"Layer weight shape \(3,\) not compatible with provided weight shape \(4,\)"):
        dense.set_weights([np.zeros((2, 3)), np.zeros(4)])
    for a, b in zip(before, weights(dense), strict=True):
        np.testing.assert_array_equal(a, b)


def test_parameters_carry_over():
    """Weights asked for before a model runs are those that it runs with and trains."""
    x = Input(2)
    dense = Dense(1)
    model = Model(x, dense(x))
    w, b = dense.get_weights()
    ones = np.ones((4, 2), "float32")
    np.testing.assert_allclose(model(ones), ones @ w + b, rtol=1e-6)
    pp.fit_(pp.Workout(model, pp.MSE(), pp.SGD(0.1)), (ones, np.zeros((4, 1), "float32")), epochs=40)
    np.testing.assert_allclose(ones @ dense.get_weights()[0] + dense.get_weights()[1], np.zeros((4, 1)), atol=1e-3)


def test_configuration():
    """config gives what from_config takes; core layers have one too."""
    dense = Dense(5, initial_weights=None, name="five")
    assert config(dense) == {"name": "five", "units": 5, "initial_weights": None}
    assert config(type(dense).from_config(config(dense))) == config(dense)
    assert config(pp.Dense(3))["units"] == 3


def test_layers_by_name_and_number():
    """get_layer by either; a nested path is not a name."""
    x = Input(2, name="begin")
    model = Model(x, Dense(1, name="end")(Dense(3)(x)))
    assert model.get_layer("end").units == 1 and model.get_layer(index=1).units == 3 and model.get_layer("begin").tensor is x
    for wrong in ({"name": "en"}, {"index": 9}, {}, {"name": "end", "index": 1}):
        with pytest.raises(KeraFlowError):
            model.get_layer(**wrong)


def test_star_import_leaves_input_alone():
    """`input` is there by name only."""
    assert "input" not in keras.__all__ and "Input" in keras.__all__ and callable(keras.input)


def test_modules_that_are_functions():
    """Today's modules `layers` and `config` are Keras.jl's functions of these names, too."""
    from pyphoton.keras import config as settings
    from pyphoton.keras import layers as module

    x = Input(2)
    assert module(Model(x, Dense(1)(x)))[1].units == 1
    assert module.Dense(3).units == 3
    assert settings(Dense(4))["units"] == 4
    assert settings.image_data_format() == "channels_last"


def test_numbers_pass_over_given_names():
    """An unnamed layer never gets the path of a named one."""
    x = Input(2)
    model = Model(x, Dense(1, name="dense_1")(Dense(3)(x)))
    assert list(model.parameters) == ["dense_2.kernel", "dense_2.bias", "dense_1.kernel", "dense_1.bias"]


def test_arrays_of_another_width():
    """A model whose weights exist refuses arrays that do not fit, by the layer's name."""
    x = Input(2)
    model = Model(x, Dense(1)(x))
    model(np.ones((3, 2)))
    with pytest.raises(ShapeError, match="dense_1"):
        model(np.ones((3, 5)))
