"""What Keras.jl's README does, with the names of this face."""

import numpy as np
import pytest

from pyphoton import KeraFlowError, keras
from pyphoton.keras import (
    LSTM,
    Activation,
    Dense,
    Input,
    Sequential,
    add_,
    compile_,
    config,
    eval_,
    evaluate,
    fit_,
    input_shape,
    inputs,
    layers,
    mean,
    metric,
    output,
    output_shape,
    outputs,
    predict,
    sqrt,
    square,
    transpose,
    variable,
    weights,
    weights_,
)

X, Y = np.random.default_rng(0).random((200, 35)).astype("float32"), np.random.default_rng(1).random((200, 10)).astype("float32")


def built():
    """The README's model, smaller."""
    model = Sequential()
    add_(model, Dense(8, input_dim=35))
    add_(model, Activation("relu"))
    add_(model, Dense(10))
    add_(model, Activation("softmax"))
    return model


def test_build_compile_fit():
    """nb_epoch as in Keras 1, epochs as today; the history has a number for each epoch, and accuracy by its short name."""
    model = built()
    compile_(model, loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    history = fit_(model, X, Y, nb_epoch=3, batch_size=32, verbose=0).history
    assert [len(history[name]) for name in ("loss", "acc", "accuracy")] == [3, 3, 3]
    assert history["acc"] is history["accuracy"]
    loss, accuracy = evaluate(model, X, Y, batch_size=5)
    p = predict(model, X, batch_size=5)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(loss, -(Y * np.log(p)).sum(axis=1).mean(), rtol=1e-4)
    np.testing.assert_allclose(accuracy, (p.argmax(1) == Y.argmax(1)).mean(), rtol=1e-6)


def test_surface():
    """layers, inputs, outputs and the index."""
    model = built()
    assert [type(layer).__name__ for layer in layers(model)] == ["Dense", "Activation", "Dense", "Activation"]
    assert [t.shape for t in inputs(model)] == [(None, 35)]
    assert [t.shape for t in outputs(model)] == [(None, 10)]
    assert model[0] is layers(model)[0]


def test_nodes_weights_and_config():
    """An LSTM(32) on (140, 256): tensors, shapes, arrays and configuration."""
    lstm = LSTM(32)
    a = Input(shape=(140, 256))
    y = lstm(a)
    assert keras.input(lstm) is a
    assert keras.input(lstm, 0) is a
    assert output(lstm) is y
    assert (input_shape(lstm), output_shape(lstm)) == ((None, 140, 256), (None, 32))
    arrays = weights(lstm)
    assert [w.shape for w in arrays] == [(256, 128), (32, 128), (128,)]
    weights_(lstm, [w + 1 for w in arrays])
    np.testing.assert_array_equal(weights(lstm)[0], arrays[0] + 1)
    assert config(type(lstm).from_config(config(lstm))) == config(lstm)
    lstm(Input(shape=(140, 256)))
    with pytest.raises(KeraFlowError, match="multiple inbound nodes"):
        keras.input(lstm)


def test_tensors():
    """Elementwise, and the matrix product."""
    a, b = np.random.default_rng(2).random((2, 4, 3)).astype("float32")
    x, z = variable(a), variable(b)
    np.testing.assert_allclose(eval_(square(x - z) * z), (a - b) ** 2 * b, rtol=1e-5)
    np.testing.assert_allclose(eval_(x @ transpose(z)), a @ b.T, rtol=1e-5)


def test_custom_loss_and_metric():
    """Functions of (actual, predicted), known by their names."""

    def mse(actual, predicted):
        return mean(square(actual - predicted))

    def rmse(actual, predicted):
        return sqrt(mean(square(actual - predicted)))

    model = built()
    compile_(model, loss=metric(mse), metrics=[metric(rmse)])
    history = fit_(model, X, Y, epochs=1, batch_size=200, verbose=0).history
    np.testing.assert_allclose(history["rmse"][0] ** 2, history["loss"][0], rtol=1e-4)
