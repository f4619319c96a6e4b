"""Models on Keras 3: the same numbers, and weights that are written back after training."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.flux import KerasModel, storeparams_, tf
from pyphoton.interop.keras_model import keras_module

try:
    keras = keras_module()
except pp.BackendMissing as error:
    pytest.skip(f"there is no Keras that can be imported: {error}", allow_module_level=True)

# Keras itself reads its variables in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
a = pp.Dense(4, pp.tanh)
MODELS = {
    "dense": (pp.Sequential(pp.Input(4), a, pp.Dropout(0.5), a, pp.LayerNorm(pp.relu, epsilon=0.1), pp.Dense(3, use_bias=False), pp.softmax), (4,)),
    "images": (
        pp.Sequential(
            pp.Conv2D(4, (3, 2), pp.swish, padding=(1, 0), groups=2), pp.BatchNorm(pp.gelu, epsilon=0.1, momentum=0.3), pp.Conv2D(3, 2, padding="same", strides=2),
            pp.MaxPool((2, 1)), pp.AvgPool(2, strides=1, padding=1), lambda x: x.flatten(), pp.Dense(5, pp.selu), pp.Activation("leaky_relu"),
        ), (2, 7, 9),
    ),
    "conv1d": (pp.Sequential(pp.Conv1D(3, 2, dilation=2, padding=1), pp.GlobalMaxPool(), pp.LogSoftmax()), (2, 8)),
    "branches": (
        pp.Sequential(
            pp.Concurrent(pp.identity, pp.Conv2D(3, 1, pp.elu)), pp.Residual(pp.Conv2D(2, 1), pp.BatchNorm()), pp.Residual(pp.Conv2D(7, 3, padding=1), combine="add"),
            pp.SkipConnection(pp.Conv2D(7, 1)), pp.AdaptiveAvgPool(1), pp.Dense(3, pp.softplus), pp.Activation("softsign"),
        ), (2, 4, 3),
    ),
    "lstm": (pp.Sequential(pp.LSTM(4, 2, last_only=False), pp.RNN(3, activation="relu"), pp.Dense(2, pp.sigmoid)), (5, 3)),
}  # fmt: skip


def batch(*shape):
    return np.random.default_rng(4).normal(size=shape).astype("float32")


def disturbed(model, x):
    """The model, built, with random numbers in everything, variances positive."""
    model(x)
    random = np.random.default_rng(9)
    for path, p in model.parameters.items():
        p.set_(random.normal(size=p.shape) / 2 if not path.endswith("variance") else random.uniform(0.5, 2, p.shape))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_keras_computes_the_same_and_gives_the_weights_back(name):
    """Outputs are equal; weights that were changed in Keras arrive in the original, turned as they were."""
    model, shape = MODELS[name]
    x = batch(3, *shape)
    made = tf(disturbed(model, x))
    wanted = model(x)
    np.testing.assert_allclose(made(x), wanted, rtol=1e-4, atol=1e-5)
    values = {n: p.value.copy() for n, p in model.parameters.items()}
    for p in model.parameters.values():
        p.value[...] = 0
    storeparams_(made)
    assert all(np.array_equal(p.value, values[n]) for n, p in made.parameters.items())


def test_training_on_keras_changes_the_original():
    """One step of Keras's SGD is the hand-made update; it is written back."""
    model, x, y = pp.Sequential(pp.Input(4), pp.Dense(2)), batch(6, 4), batch(6, 2)
    model(x)
    kernel, bias = (p.value.copy() for p in model.parameters.values())
    made = tf(model)
    assert isinstance(made, KerasModel)
    assert isinstance(made.native, keras.Model)
    made.fit_(x, y, loss="mse", opt=keras.optimizers.SGD(0.1), batch_size=6)
    slope = 2 * (x @ kernel + bias - y) / y.size
    np.testing.assert_allclose(model[1].parameters.kernel.value, kernel - 0.1 * x.T @ slope, atol=1e-6)
    np.testing.assert_allclose(model(x), made(x), atol=1e-6)


def test_an_embedding_and_shared_layers_on_keras():
    """Whole numbers stay whole; a layer that stands twice has one set of weights there, too."""
    model, x = pp.Sequential(pp.Embedding(5, 3), pp.Flatten()), np.array([[0, 4], [2, 2]])
    model(x)
    np.testing.assert_array_equal(tf(model)(x), model(x))
    shared = pp.Dense(4)
    twice = pp.Sequential(shared, shared)
    twice(batch(2, 4))
    assert len(tf(twice).native.weights) == 2


REFUSED = {
    "gru": (pp.GRU(3), (4, 2)), "directions": (pp.LSTM(3, bidirectional=True), (4, 2)), "bins": (pp.AdaptiveMaxPool(2), (2, 5)),
    "padding": (pp.MaxPool(2, padding=1), (2, 4)), "transpose": (pp.Conv1DTranspose(2, 3), (2, 4)), "function": (lambda x: x * 2, (3,)), "axis": (pp.Softmax(1), (2, 3)), "steep": (lambda x: pp.elu(x, 0.5), (3,)),
    "hard": (pp.Dense(3, "hard_sigmoid"), (3,)), "both": (pp.Conv1D(2, 2, strides=2, dilation=2), (2, 9)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_keras_has_no_equivalent_for_is_refused_by_name(name):
    """The error names place and layer."""
    layer, shape = REFUSED[name]
    model = pp.Sequential(layer)
    model(batch(2, *shape))
    with pytest.raises(pp.Unsupported, match=r"tf: 0 .*exact equivalent"):
        tf(model)


def test_wrong_uses_are_refused():
    """A model without data, a wrong batch, a Workout, and other models for storeparams_."""
    with pytest.raises(pp.NotBuilt, match="met no data"):
        tf(pp.Sequential(pp.Dense(3))).native  # noqa: B018
    model = pp.Sequential(pp.Dense(3))
    model(batch(2, 4))
    made = tf(model)
    with pytest.raises(pp.ShapeError, match=r"batch of \(4,\), or one sample, received \(2, 5\)"):
        made(batch(2, 5))
    with pytest.raises(pp.ArgumentError, match="fit_"):
        pp.Workout(made, "mse").step_(batch(2, 4), batch(2, 3))
    with pytest.raises(pp.ArgumentError, match="share memory"):
        storeparams_(model)


def test_train_on_keras_is_train():
    """train_ of a model on Keras gives the original the weights that train_ of it gives itself: sums of gradients, the last minibatch smaller."""
    from pyphoton.flux import train_

    random = np.random.default_rng(4)
    data = [(x, np.array([x.sum(), x[0]])) for x in random.random((25, 4)).astype("float32")]
    ends = []
    for convert in (lambda m: m, tf):
        model = pp.Sequential(pp.Input(4), pp.Dense(3, pp.tanh), pp.Dense(2))
        pp.summary(model)
        for k, parameter in enumerate(model.parameters.values()):
            parameter.set_(np.random.default_rng(k).normal(size=parameter.shape))
        train_(convert(model), data, epoch=2, eta=0.01, batch=10)
        ends.append([np.array(a) for a in pp.weights(model)])
    for got, want in zip(*ends, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
    with pytest.raises(pp.ArgumentError, match="fit_"):
        train_(tf(model), data, opt=pp.Adam())
