"""Layers that Keras 3 has, too: with the same weights the same values and the same gradients, rtol 1e-5, in float64."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.interop.keras_model import keras_module
from pyphoton.keras import layers as K
from pyphoton.keras.layers.owning import Owning

try:
    keras = keras_module()
except pp.BackendMissing as error:
    pytest.skip(f"there is no Keras that can be imported: {error}", allow_module_level=True)
if keras.backend.backend() != "torch":
    pytest.skip(f"gradients are asked of torch, and Keras runs on {keras.backend.backend()}", allow_module_level=True)
torch = pytest.importorskip("torch", reason="Keras computes on it")
pytestmark = [
    pytest.mark.usefixtures("float64"),
    # Keras itself reads its variables in NumPy 1's way.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]


def same(array):
    """Weights that stand as in Keras."""
    return array


def first(array):
    """(*taps, a, b) as (b, a, *taps)."""
    return np.transpose(array, (array.ndim - 1, array.ndim - 2, *range(array.ndim - 2)))


def depthwise(array):
    """(*taps, channels, multiplier) as (channels * multiplier, 1, *taps)."""
    taps = array.shape[:-2]
    return np.transpose(array, (array.ndim - 2, array.ndim - 1, *range(array.ndim - 2))).reshape(-1, 1, *taps)


def row(array):
    """Several axes one after the other."""
    return array.reshape(-1)


CONV = {"kernel": first, "bias": same}
NORM = {"scale": same, "shift": same, "mean": same, "variance": same}
S1, S2, S3 = (7, 4), (6, 5, 4), (4, 3, 5, 2)
CASES = {}


def add(text, shape, weights=None, name=None, **arguments):
    """One layer with these arguments on samples of this shape; `weights` says how ours stand, in Keras's order."""
    CASES[f"{text}{len(CASES)}"] = (name or text, shape, weights or {}, arguments)


add("Dense", (5,), {"kernel": same, "bias": same}, units=3, activation="tanh")
add("Dense", (4, 5), {"kernel": same}, units=3, use_bias=False, activation="gelu")
for rank, shape in ((1, S1), (2, S2), (3, S3)):
    conv = f"Conv{rank}D"
    add(conv, shape, CONV, filters=3, kernel_size=2, activation="relu")
    add(conv, shape, CONV, filters=3, kernel_size=3, padding="same", strides=2)
    add(conv, shape, CONV, filters=3, kernel_size=2, padding="same", dilation_rate=2, activation="softmax")
    add(f"{conv}Transpose", shape, CONV, filters=3, kernel_size=3, strides=2)
    add(f"{conv}Transpose", shape, CONV, filters=3, kernel_size=3, strides=2, padding="same", activation="relu")
    add(f"{conv}Transpose", shape, CONV, filters=2, kernel_size=2, strides=3, padding="same")
    add(f"{conv}Transpose", shape, CONV, filters=2, kernel_size=1, strides=2)
    for pool in ("Max", "Average"):
        add(f"{pool}Pooling{rank}D", shape, pool_size=2)
        add(f"{pool}Pooling{rank}D", shape, pool_size=2, strides=1, padding="same")
        add(f"{pool}Pooling{rank}D", (*(5, 7, 3)[:rank], 2), pool_size=3, strides=2, padding="same")  # uneven padding: Keras on torch repeats the edge
        add(f"Global{pool}Pooling{rank}D", shape, keepdims=rank == 2)
    add(f"ZeroPadding{rank}D", shape, padding=1)
    add(f"Cropping{rank}D", shape, cropping=1)
    add(f"UpSampling{rank}D", shape, size=2)
    add(f"SpatialDropout{rank}D", shape, rate=0.0)
add("Conv1D", S1, CONV, filters=3, kernel_size=3, padding="causal", dilation_rate=2)
add("Conv2D", S2, CONV, filters=4, kernel_size=(3, 2), strides=(1, 2), groups=2)
add("Conv2D", (4, 6, 5), CONV, filters=3, kernel_size=3, data_format="channels_first")
add("Conv2DTranspose", S2, CONV, filters=2, kernel_size=3, strides=2, padding="same", output_padding=1)
add("Conv2DTranspose", S2, CONV, filters=2, kernel_size=(2, 3), dilation_rate=2)
add("DepthwiseConv1D", S1, {"kernel": depthwise, "bias": same}, kernel_size=3, depth_multiplier=2)
add("DepthwiseConv2D", S2, {"kernel": depthwise, "bias": same}, kernel_size=3, padding="same", strides=2, activation="elu")
_SEPARABLE = {"depthwise.kernel": depthwise, "pointwise.kernel": first, "pointwise.bias": same}
add("SeparableConv1D", S1, _SEPARABLE, filters=3, kernel_size=2)
add("SeparableConv2D", S2, _SEPARABLE, filters=3, kernel_size=3, depth_multiplier=2, padding="same", activation="silu")
add("BatchNormalization", (5,), NORM)
add("BatchNormalization", S2, NORM, momentum=0.9, epsilon=0.1)
add("BatchNormalization", S2, {"shift": same, "mean": same, "variance": same}, axis=1, scale=False)
add("LayerNormalization", (4, 5), {"scale": same, "shift": same})
add("LayerNormalization", S2, {"scale": row, "shift": row}, axis=[1, 3], epsilon=0.1)
add("LayerNormalization", S2, {"scale": same}, center=False)
add("GroupNormalization", S2, {"scale": same, "shift": same}, groups=2)
add("GroupNormalization", S1, {"scale": same, "shift": same}, groups=-1, epsilon=0.1)
add("UnitNormalization", (4, 5))
add("RMSNormalization", (4, 5), {"scale": same})
add("PReLU", S2, {"alpha": same}, shared_axes=[1, 2])
add("PReLU", (5,), {"alpha": same})
add("ReLU", (5,), max_value=1.0, negative_slope=0.1, threshold=0.2)
add("LeakyReLU", (5,))
add("ELU", (5,), alpha=0.5)
add("Softmax", (4, 5), axis=1)
add("Softmax", (4, 5), axis=[1, 2])
add("Flatten", S2)
add("Flatten", S2, data_format="channels_first")
add("Reshape", (4, 6), target_shape=(3, -1))
add("Permute", S2, dims=(3, 1, 2))
add("RepeatVector", (5,), n=3)
add("Dropout", (5,), rate=0.0)
add("Rescaling", (5,), scale=0.5, offset=2.0)
add("Normalization", (5,), mean=[1.0, 2, 3, 4, 5], variance=[1.0, 2, 1, 2, 1])
_NAMES = "linear relu relu6 elu selu gelu silu swish sigmoid hard_sigmoid hard_silu hard_swish tanh softmax log_softmax softplus softsign exponential leaky_relu mish celu log_sigmoid tanh_shrink hard_tanh squareplus hard_shrink soft_shrink sparse_plus sparse_sigmoid"
for function in _NAMES.split():
    add("Activation", (4, 5), activation=function)


class Shifted(Owning):
    """A layer whose input is a parameter, too, so that its gradient is asked for like the others'."""

    def __init__(self, layer, size):
        """`layer` on a minibatch of `size`."""
        super().__init__()
        self.layer, self.size = layer, size

    def forward(self, *inputs):
        """The layer of the input and what is added to it."""
        flat = inputs[0] if isinstance(inputs[0], tuple) else inputs
        return self.layer(*(x + self.own(f"input{i}", (self.size, *x.shape[1:]), "zeros") for i, x in enumerate(flat)))


def ours(layer, arrays, target, weights):
    """(values, gradients by name) of the sum of output times target."""
    model = Shifted(layer, len(arrays[0]))
    model(*arrays)
    for path, p in model.parameters.items():
        if not path.startswith("input"):
            p.set_(weights[path.removeprefix("layer.")])
    values = model(*arrays)
    workout = pp.Workout(model, lambda y, t: (y * t).sum(), pp.SGD(0.0))
    found = pp.gradients(workout, (tuple(arrays) if len(arrays) > 1 else arrays[0], target))
    return values, {path.removeprefix("layer."): g for path, g in found.items()}


def theirs(layer, arrays, target):
    """(values, gradients of inputs, gradients of the trained weights) in Keras."""
    values = layer(*arrays, training=False)
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = layer(*inputs, training=True)
    (y * torch.tensor(target)).sum().backward()
    return np.asarray(values.detach()), [i.grad.numpy() for i in inputs], [w.value.grad.numpy() for w in layer.trainable_weights]


def close(found, wanted):
    """rtol 1e-5; beside the largest number, what float32 leaves of it: Keras computes some layers of float64 by way of float32."""
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * max(1, np.abs(wanted).max()))


@pytest.fixture(autouse=True)
def keras_float64():
    """Keras in float64, and as it was."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_keras(case):
    """Forward in evaluation; gradients of inputs and weights in training."""
    name, shape, weights, arguments = CASES[case]
    random = np.random.default_rng(len(case))
    x = random.normal(size=(3, *shape))
    layer = getattr(keras.layers, name)(**arguments, dtype="float64")
    layer.build((3, *shape))
    for weight in layer.weights:
        weight.assign(random.uniform(0.3, 1.5, weight.shape))
    given = {n: turn(np.array(w.value.detach())) for (n, turn), w in zip(weights.items(), layer.weights, strict=True)}
    target = random.normal(size=tuple(layer(x).shape))
    values, inputs, slopes = theirs(layer, [x], target)
    made, gradients = ours(getattr(K, name)(**arguments), [x], target, given)
    close(made, values)
    close(gradients["input0"], inputs[0])
    for (n, turn), slope in zip(weights.items(), slopes, strict=False):
        close(gradients[n], turn(slope))


MERGED = [
    ("Add", {}), ("Subtract", {}), ("Multiply", {}), ("Average", {}), ("Maximum", {}), ("Minimum", {}), ("Concatenate", {}), ("Concatenate", {"axis": 1}),
    ("Dot", {"axes": 2}), ("Dot", {"axes": (1, 1), "normalize": True}), ("Dot", {"axes": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), MERGED, ids=[f"{n}-{a}" for n, a in MERGED])
def test_merging_layers_are_those_of_keras(name, arguments):
    """Values, and the gradients of both inputs."""
    random = np.random.default_rng(3)
    arrays = [random.normal(size=(3, 4, 4)) for _ in range(2)]
    layer = getattr(keras.layers, name)(**arguments, dtype="float64")
    target = random.normal(size=tuple(layer(arrays).shape))
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = layer(inputs)
    (y * torch.tensor(target)).sum().backward()
    made, gradients = ours(getattr(K, name)(**arguments), arrays, target, {})
    close(made, y.detach().numpy())
    for i in (0, 1):
        close(gradients[f"input{i}"], inputs[i].grad.numpy())


def test_embeddings_are_those_of_keras():
    """Rows of the table, and the gradient of the table."""
    random = np.random.default_rng(3)
    x = random.integers(0, 6, (3, 4))
    layer = keras.layers.Embedding(6, 2, dtype="float64")
    layer.build((3, 4))
    layer.weights[0].assign(random.normal(size=(6, 2)))
    y = layer(torch.tensor(x))
    target = random.normal(size=(3, 4, 2))
    (y * torch.tensor(target)).sum().backward()
    made = K.Embedding(6, 2, initial_weights=np.array(layer.weights[0].value.detach()))
    close(made(x), y.detach().numpy())
    found = pp.gradients(pp.Workout(made, lambda y, t: (y * t).sum()), (x, target))
    close(found.values()[0], layer.weights[0].value.grad.numpy())
