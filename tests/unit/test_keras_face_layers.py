"""Stock layers of the Keras face: their numbers against formulas in NumPy, and their refusals."""

import numpy as np
import pytest

from pyphoton.keras import layers as K

RANDOM = np.random.default_rng(5)


def batch(*shape):
    """Normal numbers."""
    return RANDOM.normal(size=shape).astype("float32")


X4 = batch(2, 5, 6, 3)
X3 = batch(2, 5, 3)
X2 = batch(4, 6)
DIRECT = {
    "activation": (K.Activation("relu6"), X2 * 6, lambda x: np.clip(x, 0, 6)),
    "hard sigmoid": (K.Activation("hard_sigmoid"), X2 * 3, lambda x: np.clip(x + 3, 0, 6) / 6),
    "mish": (K.Activation("mish"), X2, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "relu": (K.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.5), X2, lambda x: np.minimum(np.where(x > 0.5, x, 0.1 * (x - 0.5)), 1.5)),
    "leaky": (K.LeakyReLU(alpha=0.2), X2, lambda x: np.where(x > 0, x, 0.2 * x)),
    "elu": (K.ELU(2.0), X2, lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
    "thresholded": (K.ThresholdedReLU(0.3), X2, lambda x: x * (x > 0.3)),
    "softmax axes": (K.Softmax(axis=(1, 2)), X4, lambda x: np.exp(x) / np.exp(x).sum((1, 2), keepdims=True)),
    "flatten": (K.Flatten(), X4, lambda x: x.reshape(2, -1)),
    "flatten first": (K.Flatten("channels_first"), X4, lambda x: np.moveaxis(x, 1, -1).reshape(2, -1)),
    "reshape": (K.Reshape((-1, 2)), X2, lambda x: x.reshape(4, 3, 2)),
    "expand": (K.ExpandDims(0), X2, lambda x: x[:, None]),
    "expand end": (K.ExpandDims(-1), X2, lambda x: x[..., None]),
    "permute dims": (K.PermuteDims((2, 0, 1)), X4, lambda x: x.transpose(0, 3, 1, 2)),
    "permute": (K.Permute((2, 1)), X3, lambda x: x.transpose(0, 2, 1)),
    "repeat": (K.Repeat(2, axis=1), X3, lambda x: np.repeat(x, 2, axis=2)),
    "repeat vector": (K.RepeatVector(3), X2, lambda x: np.repeat(x[:, None], 3, axis=1)),
    "crop": (K.Cropping2D(((1, 0), (2, 1))), X4, lambda x: x[:, 1:, 2:-1]),
    "crop 1": (K.Cropping1D((1, 2)), X3, lambda x: x[:, 1:-2]),
    "pad": (K.ZeroPadding2D((1, 2)), X4, lambda x: np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)))),
    "pad first": (K.ZeroPadding2D(((0, 1), (2, 0)), data_format="channels_first"), X4, lambda x: np.pad(x, ((0, 0), (0, 0), (0, 1), (2, 0)))),
    "pad infinite": (K.ZeroPadding1D(1), np.full((1, 2, 1), np.inf, "float32"), lambda x: np.pad(x, ((0, 0), (1, 1), (0, 0)))),
    "up": (K.UpSampling2D((2, 3)), X4, lambda x: x.repeat(2, axis=1).repeat(3, axis=2)),
    "un": (K.UnSampling2D((2, 3)), X4, lambda x: x.repeat(2, axis=2).repeat(3, axis=3)),
    "un 1": (K.UnSampling1D(repeat=2), X3, lambda x: x.repeat(2, axis=1)),
    "max pooling": (K.MaxPooling2D(2), X4[:, :4], lambda x: x.reshape(2, 2, 2, 3, 2, 3).max((2, 4))),
    "pooling": (K.Pooling2D("avg", (1, 2)), batch(2, 3, 4, 6), lambda x: x.reshape(2, 3, 4, 3, 2).mean(4)),
    "global": (K.GlobalMaxPooling2D(keepdims=True), X4, lambda x: x.max((1, 2), keepdims=True)),
    "global first": (K.GlobalAveragePooling1D("channels_first"), X3, lambda x: x.mean(2)),
    "unit": (K.UnitNormalization(), X2, lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)),
    "rms": (K.RMSNormalization(), X2, lambda x: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)),
    "rescaling": (K.Rescaling([2.0] * 6, 1), X2, lambda x: 2 * x + 1),
    "parametric softplus": (K.ParametricSoftplus(0.3, 2.0), X2, lambda x: 0.3 * np.log1p(np.exp(2 * x))),
    "prelu": (K.PReLU(0.25), X4, lambda x: np.where(x > 0, x, 0.25 * x)),
    "lambda": (K.Lambda(lambda x, power: x**power, output_shape=(6,), arguments={"power": 2}), X2, lambda x: x**2),
    "identity": (K.Identity(), X2, lambda x: x),
    "rest": (K.SpatialDropout1D(0.5), X3, lambda x: x),
    "alpha": (K.AlphaDropout(0.3), X2, lambda x: x),
    "noise": (K.GaussianNoise(0.3), X2, lambda x: x),
}  # fmt: skip


@pytest.mark.parametrize("name", DIRECT)
def test_layers_without_random_weights_follow_their_formula(name):
    """Each is what NumPy makes of the same numbers, evaluated by the engine that is found."""
    layer, x, formula = DIRECT[name]
    found, wanted = layer(x), formula(x)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


MERGED = {
    "add": (K.Add(), lambda a, b: a + b), "subtract": (K.Subtract(), lambda a, b: a - b), "multiply": (K.Multiply(), lambda a, b: a * b),
    "average": (K.Average(), lambda a, b: (a + b) / 2), "maximum": (K.Maximum(), np.maximum), "minimum": (K.Minimum(), np.minimum),
    "sum": (K.ElementWiseSum(), lambda a, b: a + b), "mult": (K.ElementWiseMult(), lambda a, b: a * b),
    "concatenate": (K.Concatenate(), lambda a, b: np.concatenate([a, b], -1)), "concatenate 0": (K.Concatenate(axis=0), lambda a, b: np.concatenate([a, b], 1)),
    "concatenate 1": (K.Concatenate(axis=1), lambda a, b: np.concatenate([a, b], 1)),
    "concatenate Keraflow": (K.Concatenate(axis=1, include_batch_dim=False), lambda a, b: np.concatenate([a, b], 2)),
    "dot": (K.Dot(2), lambda a, b: np.einsum("nik,njk->nij", a, b)), "dot first": (K.Dot((1, 1)), lambda a, b: np.einsum("nki,nkj->nij", a, b)),
}  # fmt: skip


@pytest.mark.parametrize("name", MERGED)
def test_merging_layers_take_a_list(name):
    """Two tensors of three axes."""
    layer, formula = MERGED[name]
    a, b = batch(2, 4, 3), batch(2, 4, 3)
    np.testing.assert_allclose(layer(a, b), formula(a, b), rtol=1e-5, atol=1e-6)
