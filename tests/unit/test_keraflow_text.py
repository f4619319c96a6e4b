"""Keraflow's tutorial: its snippets as they are written there, with `from pyphoton.keraflow import ...`."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.keraflow import (
    L2,
    LSTM,
    SGD,
    Activation,
    Concatenate,
    Dense,
    Embedding,
    Input,
    Layer,
    Model,
    Sequential,
    TimeDistributed,
    relu,
    seed,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 100)).astype("float32")
TARGET = np.eye(2, dtype="float32")[RANDOM.integers(0, 2, 20)]


def my_uniform(shape, name=None):
    """An initialiser of one's own."""
    return np.full(shape, 0.25)


def truncated_relu(x):
    """An activation of one's own."""
    return relu(x, max_value=20)


def test_feeding_a_layer():
    """A tensor in, a tensor out."""
    X = Input(shape=(100,))
    Y = Dense(output_dim=64, init="uniform", activation="linear")(X)
    assert Y.shape == (None, 64)
    assert Y.layer.name.startswith("dense")


def test_a_layer_shared():
    """One W and one b for two inputs."""
    d = Dense(50)
    Y1, Y2 = d(Input(100)), d(Input(100))
    model = Model([Y1.made_by.inputs[0], Y2.made_by.inputs[0]], [Y1, Y2])
    model.predict([X, X])
    assert len(d.get_weights()) == 2
    assert len(model.weights) == 2


def test_several_inputs():
    """A list of tensors; (None, 70)."""
    Y1, Y2 = Dense(50)(Input(100)), Dense(20)(Input(100))
    concat = Concatenate(axis=0)([Y1, Y2])
    assert concat.shape == (None, 70)


def test_sequential_as_a_tensor_and_as_a_layer():
    """With an Input in front it stands for its output; without, it is called."""
    assert Dense(2)(Sequential([Input(100), Dense(64)])).shape == (None, 2)
    assert Sequential([Concatenate(axis=0), Dense(64)])([Input(10), Input(20)]).shape == (None, 64)


def test_a_sequential_is_compiled_fit_saved_and_loaded(tmp_path):
    """One input, one output: the whole way of the tutorial."""
    seed(1)
    model = Sequential([Input(100), Dense(64, activation=truncated_relu), Dense(2, activation="softmax")])
    model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["acc"])
    model.fit(X, TARGET, batch_size=10, nb_epoch=2, validation_split=0.2, verbose=0)
    assert np.isfinite(model.evaluate(X, TARGET, verbose=0)).all()
    wanted = model.predict(X)
    arch, weight = str(tmp_path / "arch.json"), str(tmp_path / "weight.pkl")
    model.save_to_file(arch_fname=arch, weight_fname=weight, indent=2)
    model2 = Model.load_from_file(arch, weight, custom_objects={"truncated_relu": truncated_relu})
    np.testing.assert_array_equal(model2.predict(X), wanted)


def test_a_model_of_two_inputs_and_outputs():
    """Losses and data by name, or as lists in order."""
    X1, X2 = Input(100, name="input1"), Input(100, name="input2")
    Y1 = Dense(2, activation="softmax", name="output1")(X1)
    Y2 = Dense(2, name="output2")(Concatenate(axis=0)([X1, X2]))
    model = Model(inputs=[X1, X2], outputs=[Y1, Y2])
    model.compile(optimizer="sgd", loss={"output1": "categorical_crossentropy", "output2": "mean_squared_error"})
    model.fit({"input1": X, "input2": X}, {"output1": TARGET, "output2": TARGET}, nb_epoch=1, verbose=0)
    model.compile("sgd", ["categorical_crossentropy", "mean_squared_error"])
    model.fit([X, X], [TARGET, TARGET], nb_epoch=1, verbose=0)
    assert [p.shape for p in model.predict([X, X])] == [(20, 2), (20, 2)]


def test_arguments_of_every_layer():
    """Initial weights, regularizers, constraints, an initialiser of one's own, an optimizer object."""
    layer = Dense(2, initial_weights={"W": [[1, 2], [3, 4]], "b": [1, 2]}, regularizers={"W": "l1", "b": L2(0.1)}, constraints=["maxnorm", "nonneg"])
    model = Sequential([Input(2), layer, Dense(1, init=my_uniform)])
    model.compile(SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True), "mse")
    np.testing.assert_allclose(model.predict(np.ones((1, 2))), [[0.25 * (1 + 3 + 1) + 0.25 * (2 + 4 + 2)]])
    model.fit(np.ones((4, 2)), np.ones((4, 1)), nb_epoch=1, verbose=0)
    assert np.all(np.sqrt((layer.get_weights()[0] ** 2).sum(0)) <= 2 + 1e-5)


class HalfDense(Layer):
    """Half of the dense layer's output: the tutorial's custom layer."""

    def __init__(self, output_dim, **kwargs):
        """As many outputs."""
        super().__init__(**kwargs)
        self.output_dim = output_dim

    def input_dimension(self):
        """(batch, features)."""
        return 2

    def init_param(self, input_shape):
        """W and b."""
        self.set_trainable_params("W", np.ones((input_shape[1], self.output_dim)), "b", np.zeros(self.output_dim))

    def output(self, x):
        """(x W + b) / 2."""
        return (x @ self.W + self.b) / 2

    def output_shape(self, input_shape):
        """(batch, output_dim)."""
        return (input_shape[0], self.output_dim)


def test_a_custom_layer(tmp_path):
    """It computes, trains, and goes into a file."""
    model = Sequential([Input(4), HalfDense(3)])
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(np.ones((2, 4))), np.full((2, 3), 2.0))
    model.fit(np.ones((2, 4)), np.zeros((2, 3)), nb_epoch=1, verbose=0)
    assert model.predict(np.ones((2, 4))).max() < 2
    model.save_to_file(tmp_path / "a.json", tmp_path / "w")
    made = Model.load_from_file(tmp_path / "a.json", tmp_path / "w", {"HalfDense": HalfDense})
    np.testing.assert_array_equal(made(np.ones((2, 4))), model(np.ones((2, 4))))


def test_masks_and_layers_over_time():
    """Any length, with a mask from the input; the same layer at each step."""
    words = Sequential([Input(None, mask_value=0, dtype="int32"), Embedding(9, 5), LSTM(3)])
    np.testing.assert_allclose(words(np.array([[1, 2, 0, 0]])), words(np.array([[1, 2]])), rtol=1e-6)
    assert TimeDistributed(Dense(3))(Input((None, 4))).shape == (None, None, 3)
    assert Activation("relu")(Input((3, 4))).shape == (None, 3, 4)


def test_files_that_are_there_are_kept(tmp_path):
    """overwrite=False refuses; Keraflow's pickles are no files of numbers."""
    model = Sequential([Input(3), Dense(2)])
    model.save_to_file(tmp_path / "a.json", tmp_path / "w.pkl")
    with pytest.raises(pp.KeraFlowError, match="overwrite"):
        model.save_to_file(tmp_path / "a.json")
    (tmp_path / "w.pkl").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(pp.FileError):
        Model.load_from_file(tmp_path / "a.json", tmp_path / "w.pkl")
