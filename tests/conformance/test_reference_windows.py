"""The NumPy reference against torch: dense layers, embeddings, convolutions and pooling, with copied weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from running import close, network, numbers, output, tensors

import pyphoton as pp

pytestmark = pytest.mark.usefixtures("float64")
SPACE = {1: (7,), 2: (5, 6), 3: (4, 3, 5)}
CONV = {1: (pp.Conv1D, F.conv1d), 2: (pp.Conv2D, F.conv2d), 3: (pp.Conv3D, F.conv3d)}
TRANSPOSE = {
    1: (pp.Conv1DTranspose, F.conv_transpose1d),
    2: (pp.Conv2DTranspose, F.conv_transpose2d),
    3: (pp.Conv3DTranspose, F.conv_transpose3d),
}
MAX = {1: (pp.MaxPool1D, F.max_pool1d), 2: (pp.MaxPool2D, F.max_pool2d), 3: (pp.MaxPool3D, F.max_pool3d)}
AVG = {1: (pp.AvgPool1D, F.avg_pool1d), 2: (pp.AvgPool2D, F.avg_pool2d), 3: (pp.AvgPool3D, F.avg_pool3d)}
ADAPTIVE = {
    pp.AdaptiveAvgPool: (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
    pp.AdaptiveMaxPool: (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
}
RANKS = pytest.mark.parametrize("rank", [1, 2, 3])


@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_a_linear_map(bias):
    """Dense is torch's linear with the transposed kernel, on flattened samples or on the last axis."""
    x = numbers(2, 3, 4)
    flat = network(pp.Dense(5, use_bias=bias), x)
    p = tensors(flat)
    close(output(flat, x), F.linear(torch.from_numpy(x).flatten(1), p["kernel"].T, p.get("bias")))
    last = network(pp.Dense(5, use_bias=bias, flatten=False), x)
    p = tensors(last)
    close(output(last, x), F.linear(torch.from_numpy(x), p["kernel"].T, p.get("bias")))


def test_embedding_looks_rows_up():
    """Embedding is torch's embedding with the same table."""
    x = torch.tensor([[0, 4, 2], [3, 3, 1]])
    found = network(pp.Embedding(5, 3), x.numpy())
    close(output(found, x.numpy()), F.embedding(x, tensors(found)["table"]))


@RANKS
@pytest.mark.parametrize(
    "arguments",
    [{}, {"padding": 2}, {"strides": 2}, {"dilation": 2}, {"groups": 2}, {"use_bias": False}, {"padding": 1, "strides": 2, "dilation": 2, "groups": 4}],
    ids=lambda a: "-".join(map(str, a)) or "plain",
)
def test_convolution(rank, arguments):
    """ConvND is torch's convolution with the same kernel, for every argument."""
    layer, function = CONV[rank]
    x = numbers(2, 4, *SPACE[rank])
    found = network(layer(8, 2, **arguments), x)
    p = tensors(found)
    a = {"stride": arguments.get("strides", 1), **{k: v for k, v in arguments.items() if k in ("padding", "dilation", "groups")}}
    close(output(found, x), function(torch.from_numpy(x), p["kernel"], p.get("bias"), **a))


@RANKS
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # torch says that it copies
@pytest.mark.parametrize(("taps", "dilation"), [(2, 1), (3, 1), (4, 1), (2, 3), (3, 2)])
def test_same_padding_without_strides(rank, taps, dilation):
    """padding="same" is torch's, which keeps every length, for odd and even kernels."""
    layer, function = CONV[rank]
    x = numbers(2, 3, *SPACE[rank])
    found = network(layer(2, taps, padding="same", dilation=dilation), x)
    p = tensors(found)
    want = function(torch.from_numpy(x), p["kernel"], p["bias"], padding="same", dilation=dilation)
    assert want.shape[2:] == x.shape[2:]
    close(output(found, x), want)


@pytest.mark.parametrize(
    ("length", "taps", "stride", "dilation", "before", "after"),
    [(5, 2, 2, 1, 0, 1), (6, 2, 2, 1, 0, 0), (7, 3, 2, 1, 1, 1), (6, 3, 2, 1, 0, 1), (7, 4, 3, 1, 1, 2), (8, 3, 3, 2, 1, 2), (5, 1, 2, 1, 0, 0)],
)
def test_same_padding_with_strides(length, taps, stride, dilation, before, after):
    """padding="same" gives ceil(length / stride) outputs, the odd zero at the end (TensorFlow's rule, numbers worked out by hand)."""
    x = numbers(2, 3, length)
    found = network(pp.Conv1D(2, taps, padding="same", strides=stride, dilation=dilation), x)
    p = tensors(found)
    padded = F.pad(torch.from_numpy(x), (before, after))
    want = F.conv1d(padded, p["kernel"], p["bias"], stride=stride, dilation=dilation)
    assert want.shape[2] == -(-length // stride)
    close(output(found, x), want)


@RANKS
@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"padding": 1}, {"strides": 2}, {"dilation": 2}, {"groups": 2}, {"use_bias": False}, {"strides": 3, "output_padding": 2},
        {"padding": 1, "strides": 3, "dilation": 2, "groups": 4, "output_padding": 1},
    ],
    ids=lambda a: "-".join(map(str, a)) or "plain",
)  # fmt: skip
def test_transposed_convolution(rank, arguments):
    """ConvNDTranspose is torch's transposed convolution with the same kernel, for every argument."""
    layer, function = TRANSPOSE[rank]
    x = numbers(2, 4, *(3, 2, 4)[:rank])
    found = network(layer(8, 3, **arguments), x)
    p = tensors(found)
    a = {"stride": arguments.get("strides", 1), **{k: v for k, v in arguments.items() if k in ("padding", "dilation", "groups", "output_padding")}}
    close(output(found, x), function(torch.from_numpy(x), p["kernel"], p.get("bias"), **a))


@RANKS
def test_transposed_convolution_is_the_gradient_of_the_convolution(rank):
    """ConvNDTranspose maps what ConvND's output gradient is to what its input gradient is."""
    layer, _ = TRANSPOSE[rank]
    y = numbers(2, 3, *(3, 2, 4)[:rank])
    found = network(layer(2, 2, strides=2, use_bias=False), y)
    x = torch.zeros(output(found, y).shape, dtype=torch.float64, requires_grad=True)
    convolved = CONV[rank][1](x, tensors(found)["kernel"], stride=2)
    (gradient,) = torch.autograd.grad(convolved, x, torch.from_numpy(y))
    close(output(found, y), gradient)


POOLING = [{}, {"pool_size": 3}, {"strides": 1}, {"pool_size": 3, "strides": 2, "padding": 1}]


@RANKS
@pytest.mark.parametrize("arguments", POOLING, ids=lambda a: "-".join(map(str, a)) or "plain")
def test_max_pool(rank, arguments):
    """MaxPoolND is torch's, and padding never wins, not even over negative numbers."""
    layer, function = MAX[rank]
    x = numbers(2, 3, *SPACE[rank], low=-3, high=-1)
    want = function(torch.from_numpy(x), arguments.get("pool_size", 2), arguments.get("strides"), arguments.get("padding", 0))
    close(output(network(layer(**arguments), x), x), want)


@RANKS
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("arguments", POOLING, ids=lambda a: "-".join(map(str, a)) or "plain")
def test_avg_pool(rank, arguments, inside):
    """AvgPoolND is torch's, with and without padding in the mean."""
    layer, function = AVG[rank]
    x = numbers(2, 3, *SPACE[rank])
    a = (arguments.get("pool_size", 2), arguments.get("strides"), arguments.get("padding", 0))
    want = function(torch.from_numpy(x), *a, count_include_pad=inside)
    close(output(network(layer(**arguments, include_padding=inside), x), x), want)


@pytest.mark.parametrize("inside", [True, False])
def test_avg_pool_with_padding_on_one_side(inside):
    """padding="same" with an even window pads the end; the last mean is over one number, or over it and a zero."""
    x = numbers(1, 1, 3)
    a, b, c = x[0, 0]
    got = output(network(pp.AvgPool1D(2, padding="same", strides=1, include_padding=inside), x), x)
    close(got, [[[(a + b) / 2, (b + c) / 2, c / 2 if inside else c]]])


@RANKS
@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("layer", ADAPTIVE, ids=lambda c: c.__name__)
def test_adaptive_pool(layer, rank, size):
    """Adaptive pooling has torch's bins, also where they overlap and where there are more of them than numbers."""
    x = numbers(2, 3, *SPACE[rank])
    close(output(network(layer(size), x), x), ADAPTIVE[layer][rank - 1](torch.from_numpy(x), size))


@pytest.mark.parametrize("layer", ADAPTIVE, ids=lambda c: c.__name__)
def test_adaptive_pool_of_uneven_size(layer):
    """A size per axis is taken axis by axis."""
    x = numbers(2, 3, *SPACE[3])
    close(output(network(layer((3, 2, 4)), x), x), ADAPTIVE[layer][2](torch.from_numpy(x), (3, 2, 4)))


@RANKS
def test_global_pool(rank):
    """Global pooling takes the mean or the largest number of everything in a channel."""
    x = numbers(2, 3, *SPACE[rank])
    flat = x.reshape(2, 3, -1)
    close(output(network(pp.GlobalAvgPool(), x), x), flat.mean(-1))
    close(output(network(pp.GlobalMaxPool(), x), x), flat.max(-1))


@pytest.mark.parametrize(
    ("layer", "shape", "error", "message"),
    [
        (pp.Conv1DTranspose(2, 1, padding=3), (1, 2, 2), pp.ShapeError, "Take less padding"),
        (pp.Conv1DTranspose(2, 2, output_padding=1), (1, 2, 2), pp.ArgumentError, "output_padding below strides or dilation"),
        (pp.Conv1DTranspose(2, 2, padding="same"), (1, 2, 2), pp.ArgumentError, "padding as numbers"),
        (pp.Conv2D(2, 4), (1, 1, 3, 5), pp.ShapeError, "at least 4"),
        (pp.Conv2D(3, 1, groups=2), (1, 2, 3, 3), pp.ShapeError, "2 groups"),
        (pp.MaxPool(2, padding=2), (1, 1, 5), pp.ArgumentError, "half the window"),
        (pp.MaxPool2D(), (1, 1, 5), pp.ShapeError, "2 spatial"),
    ],
    ids=lambda v: repr(v) if isinstance(v, pp.Layer) else None,
)
def test_what_no_engine_can_compute_is_refused(layer, shape, error, message):
    """A window that does not fit is refused in words before any engine sees it."""
    with pytest.raises(error, match=message):
        network(layer, numbers(*shape))
