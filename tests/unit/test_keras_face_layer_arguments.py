"""Arguments of the Keras face's stock layers: Keraflow's spellings, orders of axes, single regularizers, and what is refused."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import keras as K
from pyphoton.errors import KeraFlowError
from pyphoton.graph import trace
from pyphoton.keras import activations
from pyphoton.layers.base import Param
from pyphoton.tensor import Tensor

RANDOM = np.random.default_rng(7)


def batch(*shape):
    """Normal numbers."""
    return RANDOM.normal(size=shape).astype("float32")


def steps(model, *shape):
    """The operations of a model for samples of this shape."""
    return [node.op for node in trace(model, Tensor((None, *shape))).nodes]


def test_dense_takes_the_names_of_three_generations():
    """One layer, however it is written; the worked numbers of the specification."""
    x, w, b = [[1.0]], [[1.0, 2.0]], [3.0, 4.0]
    for layer in (
        K.Dense(2, initial_weights=[np.array(w), np.array(b)]), K.Dense(output_dim=2, weights={"W": w, "b": b}),
        K.Dense(units=2, init="zero", bias=True, initial_weights={"kernel": w, "bias": b}),
    ):  # fmt: skip
        np.testing.assert_allclose(layer(np.array(x, "float32")), [[4.0, 6.0]])
    np.testing.assert_allclose(K.Dense(2, initial_weights=w)(np.array(x, "float32")), [[1.0, 2.0]])
    with pytest.raises(pp.errors.ArgumentError, match="units"):
        K.Dense(unitz=3)
    with pytest.raises(pp.errors.ArgumentError, match="once"):
        K.Dense(units=3, output_dim=3)


def test_a_single_regularizer_is_an_entry_of_the_dictionary():
    """kernel_regularizer= joins regularizers=; two for one parameter are refused."""
    def penalty(p):
        return (p * p).sum()

    params = {"kernel": Param((2, 3)), "bias": Param((3,))}
    assert K.Dense(3, kernel_regularizer=penalty).penalties(params) == {"kernel": penalty}
    assert K.Dense(3, kernel_regularizer=penalty, regularizers={"b": penalty}).penalties(params) == {"kernel": penalty, "bias": penalty}
    assert K.Dense(3, bias_regularizer=penalty, regularizers=[penalty]).penalties(params) == {"kernel": penalty, "bias": penalty}
    assert K.Conv2D(3, 3, kernel_constraint=penalty).limits(params) == {"kernel": penalty}
    assert K.Dense(3, W_regularizer=penalty).penalties(params) == {"kernel": penalty}
    with pytest.raises(KeraFlowError, match="both"):
        K.Dense(3, kernel_regularizer=penalty, regularizers=[penalty])
    with pytest.raises(KeraFlowError, match="kernel"):
        K.Dense(3, kernel_regularizer=penalty, regularizers={"nucleus": penalty})


def test_layers_that_do_not_train_are_frozen():
    """trainable=False, before and after parameters exist."""
    for layer, x in ((K.Dense(2, trainable=False), batch(3, 4)), (K.SeparableConv1D(2, 2, trainable=False), batch(2, 4, 3)), (K.PReLU(trainable=False), batch(3, 4))):
        layer(x)
        assert layer.parameters and all(p.frozen for p in layer.parameters.values())


def test_turned_axes_that_meet_cancel():
    """Channels last costs one turn at the beginning, which is free, and one before Flatten, which needs Keras's order."""
    model = pp.Sequential(
        K.Conv2D(8, 3, activation="relu"), K.MaxPooling2D(), K.BatchNormalization(), K.Activation("relu"), K.Dropout(0.1), K.ZeroPadding2D(1),
        K.Conv2D(4, 3), K.ReLU(), K.GlobalAveragePooling2D(),
    )  # fmt: skip
    assert steps(model, 12, 12, 3).count("transpose") == 1
    assert steps(pp.Sequential(K.Conv2D(8, 3), K.Flatten()), 12, 12, 3).count("transpose") == 2
    assert "transpose" not in steps(pp.Sequential(K.Conv2D(8, 3, data_format="channels_first"), K.MaxPooling2D(data_format="channels_first")), 3, 12, 12)


def test_the_order_of_axes_can_be_set_for_all():
    """set_image_data_format acts on layers that are made after it."""
    assert K.image_data_format() == "channels_last"
    K.set_image_data_format("channels_first")
    try:
        layer, pool = K.Conv2D(4, 3), K.MaxPooling2D()
    finally:
        K.set_image_data_format("channels_last")
    assert pool(layer(batch(2, 3, 6, 6))).shape == (2, 4, 2, 2)
    with pytest.raises(KeraFlowError, match="channels_last"):
        K.set_image_data_format("sideways")


def test_convolutions_of_one_kernel_are_the_same_in_both_orders():
    """Kernels are (filters, channels, ...) whatever the order of the data's axes."""
    first = K.Conv2D(4, 3, padding="same", strides=2, data_format="channels_first")
    x = batch(2, 3, 7, 6)
    wanted = first(x)
    last = K.Conv2D(4, 3, padding="same", strides=2, initial_weights=[np.asarray(p.value) for p in first.parameters.values()])
    np.testing.assert_allclose(np.moveaxis(last(np.ascontiguousarray(np.moveaxis(x, 1, -1))), -1, 1), wanted, rtol=1e-5, atol=1e-6)


def test_keraflows_convolutions_take_keraflows_kernels():
    """W (in, nb_kernel, rows, columns), and (1, nb_kernel, rows, features) for sequences; sums by hand."""
    x, w = batch(2, 3, 5, 4), batch(3, 2, 2, 3)
    layer = K.Convolution2D(2, 2, 3, initial_weights=[w, np.array([1.0, 2.0])])
    y = layer(x)
    assert y.shape == (2, 2, 4, 2)
    for i, j in np.ndindex(4, 2):
        np.testing.assert_allclose(y[:, :, i, j], np.einsum("nchw,cohw->no", x[:, :, i : i + 2, j : j + 3], w) + np.array([1, 2]), rtol=1e-4, atol=1e-5)
    s, v = batch(2, 5, 3), batch(1, 4, 2, 3)
    z = K.Convolution1D(nb_kernel=4, kernel_row=2, stride=2, initial_weights=v)(s)
    assert z.shape == (2, 2, 4)
    for i in range(2):
        np.testing.assert_allclose(z[:, i], np.einsum("ntd,otd->no", s[:, 2 * i : 2 * i + 2], v[0]), rtol=1e-4, atol=1e-5)
    old = K.Convolution2D(2, 2, 3, border_mode="same", subsample=(2, 2), dim_ordering="tf", W_regularizer=None)
    assert old(batch(2, 5, 4, 3)).shape == (2, 3, 2, 2)
    assert K.AtrousConvolution2D(2, 3, 3, atrous_rate=2)(batch(2, 3, 7, 6)).shape == (2, 2, 3, 2)
    with pytest.raises(pp.errors.ArgumentError, match="shape mismatch"):
        K.Convolution2D(2, 2, 3, initial_weights=batch(2, 3, 2, 3))(x)


def test_unshared_convolutions_have_a_kernel_for_every_place():
    """With the same kernel at every place they are a convolution; with others each place has its own."""
    x = batch(2, 5, 4, 3)
    layer = K.LocallyConnected2D(2, (2, 3), strides=(1, 1))
    layer(x)
    kernel, bias = batch(8, 18, 2), batch(8, 2)
    layer.parameters.kernel.set_(kernel)
    layer.parameters.bias.set_(bias)
    y = layer(x)
    for place, (i, j) in enumerate(np.ndindex(4, 2)):
        seen = np.moveaxis(x[:, i : i + 2, j : j + 3], -1, 1).reshape(2, -1)
        np.testing.assert_allclose(y[:, i, j], seen @ kernel[place] + bias[place], rtol=1e-4, atol=1e-5)


def test_means_leave_the_padding_out():
    """A mean over a window at the edge is over what is there."""
    x = np.array([[[1.0], [2.0], [4.0], [8.0]]], "float32")
    np.testing.assert_allclose(K.AveragePooling1D(3, strides=2, padding="same")(x), [[[7 / 3], [6.0]]], rtol=1e-6)
    np.testing.assert_allclose(K.Pooling1D("max", pool_length=3, stride=2, pad="same")(x), [[[4.0], [8.0]]])


def test_highway_and_maxout_follow_their_equations():
    """The carry gate begins nearly closed; the largest of several dense layers."""
    x = batch(3, 4)
    layer = K.Highway(activation="tanh")
    y = layer(x)
    p = {n: np.asarray(v.value) for n, v in layer.parameters.items()}
    assert np.all(p["b_carry"] == -2) and set(p) == {"W", "W_carry", "b", "b_carry"}
    t = 1 / (1 + np.exp(-(x @ p["W_carry"] + p["b_carry"])))
    np.testing.assert_allclose(y, np.tanh(x @ p["W"] + p["b"]) * t + (1 - t) * x, rtol=1e-5, atol=1e-6)
    maxout = K.MaxoutDense(2, nb_feature=3)
    y = maxout(x)
    w, b = (np.asarray(v.value) for v in maxout.parameters.values())
    np.testing.assert_allclose(y, (np.einsum("nf,kfo->kno", x, w) + b[:, None]).max(0), rtol=1e-5, atol=1e-6)


def test_srelu_is_three_lines():
    """Left of t_left, right of t_left + |t_right|, and the identity between."""
    layer = K.SReLU()
    x = np.array([[-2.0, 0.5, 3.0]], "float32")
    layer(x)
    for name, value in {"t_left": -1.0, "a_left": 0.5, "t_right": 2.0, "a_right": 3.0}.items():
        layer.parameters[name].set_(np.full(3, value))
    np.testing.assert_allclose(layer(x), [[-1.5, 0.5, 1 + 3 * 2.0]], rtol=1e-6)


def test_embeddings_drop_whole_vectors_and_take_keraflows_names():
    """dropout acts on all numbers of a place alike, while training."""
    layer = K.Embedding(vocabulary_size=5, output_dim=4, dropout=0.5, W_regularizer=None)
    assert layer(np.array([[0, 4]])).shape == (1, 2, 4)
    layer.parameters.table.set_(np.ones((5, 4)))
    np.testing.assert_allclose(layer(np.array([[0, 4]])), 1.0)
    places = np.zeros((40, 20), "int64")
    found = pp.gradients(pp.Workout(layer, lambda y, t: (y.sum(axis=-1) * t).sum(), pp.SGD(0.0)), (places, np.ones((40, 20), "float32")))
    slope = found.values()[0][0]  # of row 0: the sum of all factors, the same for each of its numbers
    assert np.ptp(slope) == 0 and abs(slope[0] / 800 - 1) < 0.2 and slope[0] % 2 == 0


def test_dropout_along_axes():
    """noise_shape and SpatialDropout: the same zeros along an axis. The slope of the sum is the mask."""
    for layer, axes in ((K.Dropout(0.5, noise_shape=(None, 1, 6)), (1,)), (K.SpatialDropout1D(0.5), (1,)), (K.Dropout(0.5), ())):
        x = np.ones((30, 5, 6), "float32")
        mask = np.zeros((30, 5, 6), "float32")

        def square(y, t):
            return ((y - t) ** 2).mean()

        shift = K.PReLU(alpha_initializer="ones")
        loss = pp.Workout(pp.Sequential(layer, shift), square, pp.SGD(0.0)).fit_((x, mask), epochs=1, batch_size=None).history("loss")[1][-1]
        assert abs(loss - 2) < (0.6 if axes else 0.3)  # half of the numbers are 2, and 2^2 / 2 is 2
    with pytest.raises(KeraFlowError, match="noise_shape"):
        K.Dropout(0.5, noise_shape=(1,))(np.ones((2, 3), "float32"))


def test_functions_that_cannot_be_followed_need_their_shape():
    """Lambda says so where a function asks for numbers, and checks a shape that it is told."""
    layer = K.Lambda(lambda x: x * 2, output_shape=(4,))
    with pytest.raises(pp.errors.ShapeError, match="output_shape"):
        layer(batch(2, 3))
    with pytest.raises(KeraFlowError, match="tuple"):
        K.Lambda(lambda x: x, output_shape=3)
    with pytest.raises(pp.errors.TraceError):
        K.Lambda(lambda x: np.linalg.norm(x, axis=1))(batch(2, 3))


def test_lambda_runs_python_where_the_engine_can():
    """With a shape an untraceable function becomes a step of its own."""
    layer = K.Lambda(lambda x: x.cumsum(1) if not hasattr(x, "node") else float(x), output_shape_fn=lambda s: s)
    np.testing.assert_allclose(layer(np.ones((2, 3), "float32")), [[1, 2, 3]] * 2)


def test_normalization_measures_data():
    """adapt, then mean 0 and deviation 1 for each feature."""
    data = batch(50, 3) * [1, 2, 3] + [4, 5, 6]
    layer = K.Normalization()
    with pytest.raises(KeraFlowError, match="adapt"):
        layer(data.astype("float32"))
    layer.adapt(data)
    y = layer(data.astype("float32"))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-4)


def test_names_of_parameters_of_normalisation():
    """gamma and beta are scale and shift."""
    layer = K.BatchNormalization(initial_weights={"gamma": [2.0, 3.0], "beta": [1.0, 1.0]}, moving_variance_initializer="zeros", epsilon=1.0)
    np.testing.assert_allclose(layer(np.ones((1, 2), "float32")), [[3.0, 4.0]])


def test_activations_by_name():
    """Names of Keras 3; hard_sigmoid has its slope of 1 / 6."""
    x = np.array([-4.0, -1.0, 0.5, 2.0], "float32")
    np.testing.assert_allclose(activations.get("hard_sigmoid")(x), np.clip(x / 6 + 0.5, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(activations.get("relu6")(x * 4), [0, 0, 2, 6])
    np.testing.assert_allclose(activations.relu(x, negative_slope=0.5, max_value=1.0), [-2, -0.5, 0.5, 1])
    assert activations.get(None) is activations.get("linear") is activations.get(activations.linear)
    with pytest.raises(pp.errors.UnknownName, match="sigmoid"):
        activations.get("sigmod")


REFUSED = {
    "dropout 1": lambda: K.Dropout(1.0), "dropout -1": lambda: K.Dropout(drop_rate=-0.1), "noise": lambda: K.GaussianNoise(-1),
    "two -1": lambda: K.Reshape((-1, -1)), "-2": lambda: K.Reshape((-2, 3)), "size": lambda: K.Reshape((7,))(batch(2, 6)), "divides": lambda: K.Reshape((-1, 4))(batch(2, 6)),
    "axis": lambda: K.Repeat(2, axis=2)(batch(2, 3)), "permute 0": lambda: K.Permute((0, 1)), "permute": lambda: K.PermuteDims((0, 0))(batch(2, 3, 4)),
    "triple": lambda: K.ZeroPadding2D((1, 1, 1)), "mode": lambda: K.Pooling2D("sum"), "padding": lambda: K.Conv2D(3, 3, padding="full"),
    "causal": lambda: K.Conv2D(3, 3, padding="causal"), "one": lambda: K.Add()([batch(2, 3)]), "sum shapes": lambda: K.ElementWiseSum()(batch(2, 3), batch(2, 1)),
    "concatenate": lambda: K.Concatenate()(batch(2, 3, 4), batch(2, 4, 4)), "rank": lambda: K.Concatenate(axis=4)(batch(2, 3), batch(2, 3)),
    "batch": lambda: K.Flatten(include_batch_dim=True)(batch(2, 3)), "format": lambda: K.Conv2D(3, 3, data_format="last"),
    "momentum": lambda: K.BatchNormalization(momentum=2), "interpolation": lambda: K.UpSampling2D(interpolation="bicubic"), "dot": lambda: K.Dot(0)(batch(2, 3), batch(2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    """KeraFlowError, when the layer is made or when it is called."""
    with pytest.raises(KeraFlowError):
        REFUSED[name]()
