"""Initial values: their limits, means and deviations are those of the papers, and every layer draws from what it was given."""

import numpy as np
import pytest
import torch

import pyphoton as pp
from pyphoton import (
    GRU,
    LSTM,
    ArgumentError,
    Bilinear,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Orthogonal,
    Uniform,
    gaussian,
    weights,
    xavier,
)
from pyphoton.initialisers import NAMES, draw

INPUTS, OUTPUTS = 300, 200


def kernel(init, layer=None, shape=(INPUTS,)):
    """The kernel that a layer starts with."""
    layer = layer or Dense(OUTPUTS, initw=init)
    layer(np.zeros((1, *shape), "float32"))
    return weights(layer)[0]


VARIANCES = {
    "xavier": 2 / (INPUTS + OUTPUTS),
    "glorot_uniform": 2 / (INPUTS + OUTPUTS),
    "glorot_normal": 2 / (INPUTS + OUTPUTS),
    "he_uniform": 2 / INPUTS,
    "he_normal": 2 / INPUTS,
    "lecun_uniform": 1 / INPUTS,
    "lecun_normal": 1 / INPUTS,
    "uniform": 0.05**2 / 3,
    "normal": 0.05**2,
    "gaussian": 0.01**2,
    "orthogonal": 1 / INPUTS,
    "zeros": 0.0,
    "zero": 0.0,
    "ones": 0.0,
    "one": 0.0,
    "GlorotUniform": 2 / (INPUTS + OUTPUTS),
    "GlorotNormal": 2 / (INPUTS + OUTPUTS),
    "HeUniform": 2 / INPUTS,
    "HeNormal": 2 / INPUTS,
    "LecunUniform": 1 / INPUTS,
    "LecunNormal": 1 / INPUTS,
    "VarianceScaling": 1 / INPUTS,
    "variance_scaling": 1 / INPUTS,
    "random_normal": 0.05**2,
    "RandomNormal": 0.05**2,
    "random_uniform": 0.1**2 / 12,
    "RandomUniform": 0.1**2 / 12,
    "truncated_normal": (0.05 * 0.8796) ** 2,
    "TruncatedNormal": (0.05 * 0.8796) ** 2,
    "Orthogonal": 1 / INPUTS,
    "Zeros": 0.0,
    "Ones": 0.0,
}


@pytest.mark.parametrize("name", sorted(VARIANCES))
def test_variance(name):
    """60 000 drawn numbers have the variance of the definition (within 3 %), a mean of zero, and limits where it is uniform."""
    drawn = kernel(name).astype("float64")
    assert drawn.shape == (INPUTS, OUTPUTS)
    assert drawn.var() == pytest.approx(VARIANCES[name], rel=0.03, abs=1e-12)
    assert drawn.mean() == pytest.approx(1.0 if name in ("ones", "one", "Ones") else 0.0, abs=0.02 * max(VARIANCES[name], 1e-8) ** 0.5)
    assert set(VARIANCES) >= NAMES.keys() - {"bilinear"}
    if "uniform" in name.lower() or name == "xavier":
        limit = (3 * VARIANCES[name]) ** 0.5
        assert 0.999 * limit < np.abs(drawn).max() <= limit * (1 + 1e-6)


def test_xavier_of_a_convolution_counts_the_taps():
    """Xavier's limit is sqrt(6 / (in + out)), where a 3 x 3 kernel has 9 inputs and 9 outputs for each channel (Glorot's, as torch's)."""
    drawn = kernel(xavier, Conv2D(40, 3), (20, 5, 5))
    limit = (6 / (9 * 20 + 9 * 40)) ** 0.5
    assert 0.99 * limit < np.abs(drawn).max() <= limit * (1 + 1e-6)
    reference = torch.nn.init.xavier_uniform_(torch.empty(40, 20, 3, 3))
    assert drawn.std() == pytest.approx(float(reference.std()), rel=0.05)


def test_gaussian_of_given_mean_and_deviation():
    """`gaussian(mean, std)`: Photon's."""
    drawn = kernel(gaussian(3.0, 0.5))
    assert drawn.mean() == pytest.approx(3.0, abs=0.01)
    assert drawn.std() == pytest.approx(0.5, rel=0.02)
    assert np.abs(kernel(Uniform(0.2))).max() == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 2, 3)], ids=str)
def test_orthogonal(shape):
    """The shorter side's rows or columns are orthonormal, times the scale."""
    rows = draw(Orthogonal(2.0), np.random.default_rng(0), shape, (1, 1)).reshape(shape[0], -1)
    product = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_bilinear_enlarges_images():
    """A transposed convolution that starts with `bilinear` doubles an image as torch's bilinear interpolation does, away from the border."""
    x = np.random.default_rng(1).normal(size=(2, 3, 6, 7)).astype("float32")
    layer = Conv2DTranspose(3, 4, strides=2, padding=1, initw=pp.bilinear, use_bias=False)
    wanted = torch.nn.functional.interpolate(torch.from_numpy(x), scale_factor=2, mode="bilinear", align_corners=False).numpy()
    got = layer(x)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got[:, :, 1:-1, 1:-1], wanted[:, :, 1:-1, 1:-1], rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="4 axes"):
        kernel(Bilinear())


def test_gates_start_as_the_documentation_says():
    """LSTM's biases are zero but the forget gate's, which is 1 (once, not once per bias); each gate's kernel has its own fans."""
    layer = LSTM(50)
    layer(np.zeros((1, 2, 30), "float32"))
    own = layer.parameters
    np.testing.assert_array_equal(own.bias_0.value.reshape(4, 50), np.repeat([[0.0], [1], [0], [0]], 50, axis=1))
    for name, inputs in (("kernel_0", 30), ("recurrent_0", 50)):
        limit = (6 / (inputs + 50)) ** 0.5
        assert 0.98 * limit < np.abs(own[name].value).max() <= limit * (1 + 1e-6)
    gated = GRU(4, initw=0.25, initr=0.5, initb=0.75)
    gated(np.zeros((1, 2, 3), "float32"))
    assert [set(a.ravel().tolist()) for a in weights(gated)] == [{0.25}, {0.5}, {0.75}]
    forgetful = LSTM(4, initf=-2.0)
    forgetful(np.zeros((1, 2, 3), "float32"))
    assert forgetful.parameters.bias_0.value.tolist() == [0] * 4 + [-2] * 4 + [0] * 8


def test_functions_of_ones_own():
    """A function of the shape, or of a random generator and the shape, is an initialiser; a wrong shape is refused."""
    np.testing.assert_array_equal(kernel(lambda shape: np.arange(np.prod(shape)).reshape(shape), Dense(2, initw=lambda s: np.arange(6).reshape(s)), (3,)), [[0, 1], [2, 3], [4, 5]])
    drawn = kernel(lambda random, shape: random.uniform(1, 2, shape))
    assert ((drawn >= 1) & (drawn < 2)).all()
    with pytest.raises(ArgumentError, match="shape"):
        kernel(lambda shape: np.zeros(3))
