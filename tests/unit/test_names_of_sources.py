"""Names that mean different things in different sources, at the top level: told apart by their arguments."""

import copy
import pickle

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import ArgumentError, Conv2D, Dense, Dropout, Sequential, accuracy, flux, onehot

X = np.random.default_rng(6).normal(size=(5, 4)).astype("float32")


def test_dropout_of_a_number_and_of_a_layer():
    """A number is the rate; a layer is followed by dropout, with its own parameters, off unless training."""
    assert (Dropout().rate, Dropout(0.2).rate, Dropout(rate=0.3).rate) == (0.5, 0.2, 0.3)
    layer = Dense(400, initw="ones")
    around = Dropout(layer, rate=0.25, name="thin")
    assert (type(around), around.name, around[1].rate, Dropout(layer)[1].rate) == (Sequential, "thin", 0.25, 0.5)
    np.testing.assert_allclose(around(X), np.repeat(X.sum(1, keepdims=True), 400, 1), rtol=1e-4)
    assert around.parameters["0.kernel"] is layer.parameters.kernel
    trained = pp.Workout(around, "mse").network.run((X,), False, training=True)
    assert 0.15 < (trained == 0).mean() < 0.35
    for again in (copy.deepcopy(Dropout(0.3)), pickle.loads(pickle.dumps(Dropout(0.3)))):
        assert (type(again), again.rate) == (Dropout, 0.3)
    for wrong in (lambda: Dropout(layer, rate=2), lambda: Dropout(layer, p=0.1), lambda: Dropout("layer"), lambda: Dropout(0.5, rate=0.5)):
        with pytest.raises(ArgumentError, match="Dropout"):
            wrong()


def test_conv2d_with_the_size_first_is_early_fluxs():
    """Conv2D((5, 5), in_=20, out=50) is that of the Flux face; a number first is the number of channels."""
    first, face, own = Conv2D((3, 2), in_=2, out=4, stride=(2, 1)), flux.Conv2D((3, 2), in_=2, out=4, stride=(2, 1)), Conv2D(4, (3, 2))
    assert repr(first) == repr(face) == "Conv2D(4, (3, 2), strides=(2, 1), use_bias=False, in_channels=2)"
    x = np.random.default_rng(1).normal(size=(1, 2, 6, 5)).astype("float32")
    assert (first(x).shape, own(x).shape) == ((1, 4, 2, 4), (1, 4, 4, 4))
    assert list(first.parameters) == ["kernel"] and list(own.parameters) == ["kernel", "bias"]
    assert (Conv2D((5, 5)).channels, Conv2D((5, 5)).in_channels, Conv2D((5, 5), **{"in": 3}).in_channels) == (1, 1, 3)
    assert isinstance(first, Conv2D)
    for wrong in (lambda: Conv2D((5, 5), 3), lambda: Conv2D((5, 5), inn=3), lambda: Conv2D((5, 5), in_=3, **{"in": 3}), lambda: Conv2D((5, 0), out=2)):
        with pytest.raises(ArgumentError, match="Conv2D"):
            wrong()


def test_dense_of_two_numbers_and_of_an_activation():
    """A second number makes the first the inputs; a function or its name is the activation; initialisers go by keyword."""
    assert (Dense(10, 5).units, Dense(10, 5).features) == (5, 10)
    for layer in (Dense(5, pp.relu), Dense(5, "relu")):
        assert (layer.units, layer.features, layer.activation) == (5, None, pp.relu)
    with pytest.raises(ArgumentError, match="Dense"):
        Dense(5, pp.Gaussian())
    with pytest.raises(pp.ShapeError, match="10 features"):
        Dense(10, 5)(X)


def test_accuracy_in_its_three_forms():
    """Without arguments the metric; of arrays and of a model with data the share of right answers."""
    model = Dense(3, initw="zeros", initb=lambda shape: np.array([0.0, 1.0, 0.0]))
    y = np.eye(3)[[1, 1, 0, 1, 2]]
    assert isinstance(accuracy(), pp.Accuracy)
    assert accuracy(model(X), y) == pytest.approx(0.6)
    assert accuracy(model, (X, y)) == accuracy(model, list(zip(X, y, strict=True))) == pytest.approx(0.6)
    with pytest.raises(ArgumentError, match="nothing, "):
        accuracy(model)
    with pytest.raises(pp.DataError, match="accuracy: expected pairs"):
        accuracy(model, [1, 2])


def test_onehot_refuses_a_label_that_is_absent():
    """At the top level it is an error unless missing="zeros"; in the Flux face it is zeros unless missing="raise"."""
    assert onehot("c", "abc").tolist() == [0, 0, 1]
    assert onehot(2, iter([1, 2]), "float32").dtype == np.float32
    assert onehot("x", "abc", missing="zeros").tolist() == flux.onehot("x", "abc").tolist() == [0, 0, 0]
    for refused in (lambda: onehot("x", "abc"), lambda: flux.onehot("x", "abc", missing="raise")):
        with pytest.raises(ArgumentError, match="onehot: expected one of 3 labels, received 'x'"):
            refused()
    for wrong in (lambda: onehot("float32", "c", ["a"]), lambda: onehot(1, 2), lambda: onehot("a", "abc", missing="no")):
        with pytest.raises(ArgumentError, match="onehot"):
            wrong()


def test_pooling_and_losses_differ_by_face():
    """MaxPool steps by its size at the top level and by 1 in the Flux face; mse is the mean there and half the sum here."""
    x = np.arange(16, dtype="float32").reshape(1, 1, 4, 4)
    assert pp.MaxPool((2, 2))(x).tolist() == [[[[5, 7], [13, 15]]]]
    assert flux.MaxPool((2, 2))(x).shape == (1, 1, 3, 3)
    p, y = np.array([[1.0, 3.0]]), np.array([[0.0, 0.0]])
    assert (float(pp.mse(p, y)), float(flux.mse(p, y))) == (5, 5)
    assert (float(pp.mse(p[:, :1], y[:, :1])), float(flux.mse(p[:, :1], y[:, :1]))) == (1, 0.5)


def test_lstm_of_two_numbers():
    """At the top level the second number counts layers, in the Flux face the two are inputs and outputs."""
    assert (pp.LSTM(3, 2).hidden, pp.LSTM(3, 2).num_layers) == (3, 2)
    assert flux.LSTM(3, 2).Wxf.shape == (3, 2)


def test_an_array_is_no_whole_number():
    """NumPy's whole numbers count where a number is asked for; an array or a float does not, though Python could index with some."""
    assert Dense(np.int64(4), 3).features == 4
    assert flux.Recurrent(np.int64(4), 3).Wxy.shape == (4, 3)
    for wrong in (np.array([3]), np.array(3.0), np.float64(3), True, np.bool_(True)):
        with pytest.raises(ArgumentError, match="Dense"):
            Dense(wrong)
