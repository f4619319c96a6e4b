"""from_keras and to_keras: the same outputs, with the weights carried, in both directions."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.interop.keras_model import keras_module
from pyphoton.keras import Dense, Input, Model, Sequential, from_keras, layers, to_keras

try:
    keras = keras_module()
except pp.BackendMissing as error:
    pytest.skip(f"there is no Keras that can be imported: {error}", allow_module_level=True)

# Keras itself reads its variables in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
K = keras.layers
IMAGES = [
    lambda: K.Conv2D(4, (3, 2), strides=2, padding="same", activation="relu"), lambda: K.DepthwiseConv2D(2, depth_multiplier=2), lambda: K.BatchNormalization(),
    lambda: K.SeparableConv2D(3, 2), lambda: K.MaxPooling2D(2, strides=1), lambda: K.Conv2DTranspose(2, 2, strides=2), lambda: K.LayerNormalization(),
    lambda: K.AveragePooling2D(2), lambda: K.ZeroPadding2D(1), lambda: K.UpSampling2D(2), lambda: K.GlobalAveragePooling2D(), lambda: K.Dense(3, "softmax"),
]  # fmt: skip
WORDS = [
    lambda: K.Embedding(9, 4, mask_zero=True), lambda: K.Bidirectional(K.LSTM(3, return_sequences=True)), lambda: K.TimeDistributed(K.Dense(5, "tanh")),
    lambda: K.GRU(4, return_sequences=True), lambda: K.SimpleRNN(3), lambda: K.Dropout(0.3, seed=1), lambda: K.Dense(2, activation="gelu", use_bias=False),
]  # fmt: skip


def random_weights(model):
    """The model with random numbers in everything, variances positive."""
    random = np.random.default_rng(3)
    model.set_weights([random.uniform(0.3, 1.2, w.shape) for w in model.get_weights()])
    return model


def same(ours, theirs):
    """Outputs, one or several, are equal to 1e-5."""
    ours, theirs = (v if isinstance(v, list | tuple) else [v] for v in (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, keras.ops.convert_to_numpy(b), rtol=1e-5, atol=1e-6)


def both_ways(theirs, x):
    """Equal outputs of a model, of ours made of it, and of Keras's made of ours; returns both."""
    ours = from_keras(random_weights(theirs))
    same(ours(x), theirs(x))
    again = to_keras(ours)
    same(ours(x), again(x))
    assert again.count_params() == theirs.count_params()
    return ours, again


def test_images():
    """A Sequential of convolutions, pooling and normalisation, channels last."""
    model = keras.Sequential([keras.Input((9, 8, 3)), *(make() for make in IMAGES)])
    both_ways(model, np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32"))


def test_words():
    """Embedding with a mask, and every recurrent layer."""
    model = keras.Sequential([keras.Input((6,), dtype="int32"), *(make() for make in WORDS)])
    both_ways(model, np.array([[1, 2, 3, 4, 5, 6], [7, 8, 3, 0, 0, 0]]))


def functional():
    """Two inputs, two outputs, a shared layer, a nested model, operators."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = K.Dense(3, "relu", name="shared", kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2), kernel_constraint=keras.constraints.MaxNorm(1.5, axis=0))
    inside = keras.Input((3,))
    nested = keras.Model(inside, K.Dense(2, name="inside")(inside), name="nested")
    both = K.Concatenate()([shared(a), shared(b)])
    return keras.Model([a, b], [K.Dense(2, name="one", trainable=False)(both), nested(shared(a)) * 2.0 - nested(shared(b))])


def test_functional_models_stay_what_they_are():
    """Shared layers and nested models are one layer; names, trainable, penalties and limits stay."""
    x = list(np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32"))
    ours, again = both_ways(functional(), x)
    assert ours.input_names == ["a", "b"]
    assert sorted(p.shape for p in ours.weights) == [(2,), (2,), (3,), (3, 2), (4, 3), (6, 2)]
    assert not ours.get_layer("one").trainable
    assert not again.get_layer("one").trainable
    config = again.get_layer("shared").get_config()
    assert config["kernel_regularizer"]["config"] == pytest.approx({"l1": 0.1, "l2": 0.2})
    assert config["kernel_constraint"]["config"] == {"max_value": 1.5, "axis": 0}


def test_models_of_this_face_with_keraflows_spellings():
    """Penalties by W, old names of arguments, and a model that has met no data."""
    x = Input(5)
    model = Model(x, Dense(output_dim=2, init="uniform", regularizers={"W": "l2"}, name="last")(layers.Activation("tanh")(x)))
    made = to_keras(model)
    data = np.ones((3, 5), "float32")
    same(model(data), made(data))
    assert made.get_layer("last").get_config()["kernel_regularizer"]["class_name"] == "L2"


def test_what_one_does_not_know_is_named():
    """Layers and arguments that only one side has; models that know no input."""
    with pytest.raises(pp.Unsupported, match="a layer that both have, received Highway"):
        to_keras(Sequential([Input(3), layers.Highway()]))
    with pytest.raises(pp.Unsupported, match="tf\\(model\\)"):
        to_keras(pp.Sequential(pp.Dense(2)))
    with pytest.raises(pp.Unsupported, match="knows no input yet"):
        from_keras(keras.Sequential([K.Dense(2)]))
    with pytest.raises(pp.Unsupported, match="received MultiHeadAttention|received Attention"):
        x = keras.Input((3, 4))
        from_keras(keras.Model(x, K.Attention()([x, x])))
