"""Parameters: where they live, what they are called, how they are shared, set and frozen."""

import gc
import weakref

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import LSTM, MSE, SGD, Adam, BatchNorm, Conv2D, Dense, Layer, Momentum, Sequential, Workout, relu

RANDOM = np.random.default_rng(41)
X = RANDOM.normal(size=(12, 4)).astype("float32")
Y = RANDOM.normal(size=(12, 2)).astype("float32")


class Holder:
    """A plain Python object that holds a layer: no Layer itself."""

    def __init__(self, layer):
        self.inner = layer

    def __call__(self, x):
        return self.inner(x)


class Twice(Layer):
    """A model of one's own, with layers in attributes, lists and dictionaries."""

    def __init__(self):
        self.first = Dense(4)
        self.more = [Dense(3), Dense(3)]
        self.heads = {"left": Dense(1), "right": Dense(1)}

    def forward(self, x):
        for layer in (self.first, *self.more):
            x = layer(x)
        return self.heads["left"](x) + self.heads["right"](x)


def moved(workout, data=None):
    """The paths of the parameters that one epoch changes."""
    before = {path: p.value.copy() for path, p in workout.network.parameters.items()}
    workout.fit_((X, Y) if data is None else data)
    return {path for path, p in workout.network.parameters.items() if not np.array_equal(p.value, before[path])}


# ---- names, shapes, first values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "shape", "names"),
    [
        (Dense(3), (2, 4), {"kernel": (4, 3), "bias": (3,)}),
        (Dense(3, use_bias=False), (2, 4), {"kernel": (4, 3)}),
        (Sequential(Dense(3), relu, Dense(2)), (2, 4), {"0.kernel": (4, 3), "0.bias": (3,), "2.kernel": (3, 2), "2.bias": (2,)}),
        (Sequential(Dense(3, name="a"), Dense(2)), (2, 4), {"a.kernel": (4, 3), "a.bias": (3,), "1.kernel": (3, 2), "1.bias": (2,)}),
        (Conv2D(5, (3, 2)), (2, 3, 6, 6), {"kernel": (5, 3, 3, 2), "bias": (5,)}),
        (LSTM(3), (2, 5, 4), {"kernel_0": (4, 12), "recurrent_0": (3, 12), "bias_0": (12,)}),
        (BatchNorm(), (2, 4), {"scale": (4,), "shift": (4,), "mean": (4,), "variance": (4,)}),
        (Sequential(Holder(Dense(3))), (2, 4), {"0.inner.kernel": (4, 3), "0.inner.bias": (3,)}),
        (pp.SkipConnection(Dense(4)), (2, 4), {"layer.kernel": (4, 4), "layer.bias": (4,)}),
    ],
    ids=["Dense", "no bias", "Sequential", "named", "Conv2D", "LSTM", "BatchNorm", "plain object", "SkipConnection"],
)
def test_names_and_shapes_are_canonical(model, shape, names):
    """Parameters are named by their layers' places and have the canonical shapes of the design."""
    model(np.ones(shape, "float32"))
    assert {name: p.shape for name, p in model.parameters.items()} == names
    assert all(p.value.dtype == "float32" and p.value.flags.c_contiguous for p in model.parameters.values())


def test_layers_in_attributes_lists_and_dictionaries():
    """A model of one's own has all its layers' parameters, named by where they are kept."""
    model = Twice()
    model(X)
    layers = ("first", "more.0", "more.1", "heads.left", "heads.right")
    assert set(model.parameters) == {f"{layer}.{name}" for layer in layers for name in ("kernel", "bias")}
    workout = Workout(model, MSE(), Adam(0.1))
    workout.predict(X)
    assert moved(workout, (X, Y[:, :1])) == set(model.parameters)


def test_layers_of_one_name_keep_all_their_parameters():
    """Two layers that were given the same name have two sets of weights, in the model's table as in training."""
    model = Sequential(Dense(3, name="twin"), Dense(2, name="twin"))
    workout = Workout(model, MSE(), seed=1)
    workout.predict(X)
    shapes = sorted(w.shape for w in pp.weights(model))
    assert shapes == sorted(p.shape for p in workout.network.parameters.values()) == [(2,), (3,), (3, 2), (4, 3)]


def test_parameters_before_the_first_input():
    """Before a model has met data it has none; asking says how to get them."""
    model = Sequential(Dense(3))
    assert not model.built
    for ask in (lambda: model.parameters, lambda: pp.weights(model), lambda: model[0].parameters):
        with pytest.raises(pp.NotBuilt, match=r"call it on an array, or fit_ it"):
            ask()
    model(X)
    assert model.built


def test_attributes_of_parameters():
    """`layer.parameters.kernel`, and `w` and `b` for short; an unknown name lists those that there are."""
    layer = Dense(3, initb=0.5)
    layer(X)
    found = layer.parameters
    assert found.w is found.kernel is found["kernel"]
    assert found.b is found.bias
    np.testing.assert_array_equal(np.asarray(found.bias), np.full(3, 0.5, "float32"))
    assert repr(found.kernel) == "Parameter(dense.kernel, (4, 3))"
    assert (found.kernel.role, found.kernel.path) == ("weight", "dense.kernel")
    with pytest.raises(AttributeError, match=r"'weight'.*kernel, bias"):
        found.weight  # noqa: B018
    assert len(found) == 2


def test_seeds_of_the_process_and_of_one_model():
    """`seed_` starts the stream of seeds that models take in turn; `seed=` fixes one; the place in the model decides, too."""

    def kernels(n):
        found = []
        for _ in range(n):
            model = Sequential(Dense(3), Dense(4))
            model(np.ones((1, 4), "float32"))
            found.append(model[0].parameters.kernel.value)
        return found

    pp.seed_(7)
    first = kernels(2)
    pp.seed_(7)
    second = kernels(2)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    workout = Workout(Sequential(Dense(3), Dense(4)), MSE(), seed=8)
    workout.predict(np.ones((1, 4)))
    np.testing.assert_array_equal(workout.network.parameters["0.kernel"].value, first[1])
    square = Workout(Sequential(Dense(4), Dense(4)), MSE(), seed=8)
    square.predict(X)
    assert not np.array_equal(*(square.network.parameters[f"{i}.kernel"].value for i in (0, 1)))


# ---- reading and setting --------------------------------------------------------------------------------------------------


def test_weights_are_views():
    """`weights` gives the arrays themselves, trained ones before state; what is written there is computed with."""
    model = Sequential(BatchNorm(), Dense(2))
    model(X)
    found = pp.weights(model)
    assert [w.shape for w in found] == [(4,), (4,), (4, 2), (2,), (4,), (4,)]
    found[2][:] = 0.0
    found[3][:] = 3.0
    np.testing.assert_allclose(model(X), np.full((12, 2), 3.0))


def test_weights_can_be_set():
    """`weights_` copies arrays in the order of `weights`; integers and float64 are cast, the arrays given stay one's own."""
    model = Dense(2)
    model(X)
    kernel, bias = np.arange(8).reshape(4, 2), np.array([1.5, -2.5])
    pp.weights_(model, [kernel, bias])
    np.testing.assert_allclose(model(X), X @ kernel + bias, rtol=1e-5, atol=1e-5)
    bias[:] = 99
    assert model.parameters.bias.value.tolist() == [1.5, -2.5]
    assert model.parameters.bias.value.dtype == "float32"


@pytest.mark.parametrize(
    "values",
    [
        [np.ones((4, 2))],
        [np.ones((4, 2)), np.ones(2), np.ones(2)],
        [np.ones((4, 2)), np.ones(3)],
        [np.ones((2, 4)), np.ones(2)],
        [np.ones((4, 2)), np.array(["a", "b"])],
        [np.ones((4, 2)), np.array([1j, 2j])],
    ],
    ids=["too few", "too many", "wrong length", "transposed", "text", "complex"],
)
def test_weights_that_do_not_fit_change_nothing(values):
    """`weights_` with a wrong number, shape or kind of arrays is refused before any parameter is touched."""
    model = Dense(2)
    model(X)
    before = [w.copy() for w in pp.weights(model)]
    with pytest.raises(pp.ShapeError, match="expected"):
        pp.weights_(model, values)
    for found, wanted in zip(pp.weights(model), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_one_parameter_can_be_set():
    """`set_` acts in every workout that uses the parameter, and refuses another shape."""
    layer = Dense(2)
    workout = Workout(Sequential(layer), MSE())
    workout.predict(X)
    layer.parameters.kernel.set_(np.zeros((4, 2)))
    layer.parameters.bias.set_([1, 2])
    np.testing.assert_array_equal(workout.predict(X), np.tile([1.0, 2.0], (12, 1)))
    with pytest.raises(pp.ShapeError, match=r"kernel.*\(4, 2\).*\(2, 4\)"):
        layer.parameters.kernel.set_(np.zeros((2, 4)))


def test_weights_that_are_set_are_trained_on():
    """Weights that are set between two epochs are where the next one starts."""
    workout = Workout(Dense(2), MSE(), SGD(0.0)).fit_((X, Y))
    pp.weights_(workout.model, [np.zeros((4, 2)), np.zeros(2)])
    workout.fit_((X, Y), batch_size=None)
    assert workout.history["loss"][2] == pytest.approx(np.mean(Y**2), rel=1e-5)


# ---- sharing ----------------------------------------------------------------------------------------------------------------


def test_a_layer_used_twice_is_one_set_of_weights():
    """A layer that stands in two places has one path and one set of weights, with the sum of both gradients."""
    shared = Dense(4, initw=0.1)
    workout = Workout(Sequential(shared, shared), MSE(), SGD(0.1), seed=1)
    p = workout.predict(X)
    kernel, bias = np.full((4, 4), 0.1), np.zeros(4)
    h = X @ kernel + bias
    np.testing.assert_allclose(p, h @ kernel + bias, rtol=1e-4, atol=1e-6)
    assert set(workout.network.parameters) == {"0.kernel", "0.bias"}
    target = np.concatenate([Y, Y], axis=1)
    error = 2 * (h @ kernel + bias - target) / target.size
    wanted = kernel - 0.1 * (h.T @ error + X.T @ (error @ kernel.T))
    workout.fit_((X, target), batch_size=None)
    np.testing.assert_allclose(shared.parameters.kernel.value, wanted, rtol=1e-4, atol=1e-6)


def test_two_models_share_a_layer():
    """Training one model moves the layer in the other, too; so does a slice of a model."""
    shared = Dense(2)
    one, other = Sequential(shared), Sequential(relu, shared)
    first, second = Workout(one, MSE(), SGD(0.1), seed=1), Workout(other, MSE(), SGD(0.1), seed=2)
    positive = np.abs(X)
    first.predict(X)
    before = second.predict(positive)
    first.fit_((X, Y), epochs=2)
    assert np.abs(second.predict(positive) - before).max() > 1e-4
    np.testing.assert_allclose(second.predict(positive), first.predict(positive), rtol=1e-6)
    deep = Sequential(Dense(3, relu), Dense(2))
    deep(X)
    np.testing.assert_allclose(deep[1:](deep[:1](X)), deep(X), rtol=1e-6)


def test_a_shared_layer_cannot_have_two_shapes():
    """A layer that meets 4 and 3 features in one model is refused by name, and nothing is built."""
    shared = Dense(2)
    with pytest.raises(pp.ShapeError, match=r"Dense\(2\).*\(4, 2\) and \(3, 2\)"):
        Workout(lambda a, b: shared(a) + shared(b), MSE()).predict((X, X[:, :3]))
    assert not shared.built


def test_models_of_two_dtypes_cannot_share():
    """A layer built in float32 refuses a float64 model instead of casting its weights in silence."""
    layer = Dense(2)
    layer(X)
    pp.set_context(dtype="float64")
    try:
        with pytest.raises(pp.ArgumentError, match=r"float32.*float64"):
            Workout(layer, MSE()).predict(X)
    finally:
        pp.reset_context()


def test_appended_layers_keep_what_was_trained():
    """add_ after training keeps the weights and optimiser state of the layers before it."""
    workout = Workout(Sequential(Dense(3, relu), Dense(2)), MSE(), Momentum(0.01), seed=1).fit_((X, Y), epochs=2)
    before = {path: p.value.copy() for path, p in workout.network.parameters.items()}
    velocity = workout.session.state()["0.kernel/velocity"].copy()
    assert pp.add_(workout.model, relu, Dense(2)) is workout.model
    assert workout.predict(X).shape == (12, 2)
    for path, value in before.items():
        np.testing.assert_array_equal(workout.network.parameters[path].value, value)
    np.testing.assert_array_equal(workout.session.state()["0.kernel/velocity"], velocity)
    assert moved(workout) == {f"{i}.{name}" for i in (0, 1, 3) for name in ("kernel", "bias")}


def test_layers_made_inside_a_function_keep_their_weights():
    """A function that makes its layer at every call trains one set of weights, found by its path."""
    workout = Workout(Sequential(lambda x: Dense(3, relu)(x), Dense(2)), MSE(), SGD(0.1), seed=1)
    workout.fit_((X, Y), epochs=3)
    before = {path: p.value.copy() for path, p in workout.network.parameters.items()}
    workout.predict(X[:5])
    workout.evaluate([(X[:7], Y[:7])])
    assert len(before) == 4
    for path, value in before.items():
        np.testing.assert_array_equal(workout.network.parameters[path].value, value)
    assert workout.history("loss")[1][2] < workout.history("loss")[1][0]


@pytest.mark.parametrize("use", ["call", "predict", "workout"])
def test_models_are_freed(use):
    """A model that is no longer used goes, and its weights with it, however it was used."""
    model = Sequential(Dense(3))
    if use == "call":
        model(X)
    elif use == "predict":
        pp.predict(model, X)
    else:
        Workout(model, MSE()).fit_((X, Y[:, :1].repeat(3, 1)))
    alive = [weakref.ref(model), weakref.ref(model[0]), weakref.ref(model[0].parameters.kernel)]
    del model
    gc.collect()
    assert [reference() for reference in alive] == [None] * 3


# ---- freezing ------------------------------------------------------------------------------------------------------------------

LAYERS = {f"{i}.{name}" for i in (0, 1) for name in ("kernel", "bias")}


def two_layers(opt=None):
    """Two layers under Adam."""
    return Workout(Sequential(Dense(3), Dense(2)), MSE(), opt or Adam(0.1), seed=1)


def freezing(what):
    """A workout with something frozen, built before or afterwards, and the paths that may still move."""
    workout = two_layers()
    if what not in ("layer unbuilt", "model unbuilt", "workout unbuilt"):
        workout.predict(X)
    model = workout.model
    rest = {
        "parameter": lambda: pp.freeze_(model[0].parameters.kernel) or LAYERS - {"0.kernel"},
        "several": lambda: pp.freeze_([model[0].parameters.bias, model[1]]) or {"0.kernel"},
        "mapping": lambda: pp.freeze_(model[1].parameters) or {"0.kernel", "0.bias"},
        "layer": lambda: pp.freeze_(model[0]) or {"1.kernel", "1.bias"},
        "layer unbuilt": lambda: pp.freeze_(model[0]) or {"1.kernel", "1.bias"},
        "model": lambda: pp.freeze_(model) or set(),
        "model unbuilt": lambda: pp.freeze_(model) or set(),
        "method": lambda: workout.freeze_(model[1]) and {"0.kernel", "0.bias"},
        "workout": lambda: workout.freeze_() and set(),
        "workout unbuilt": lambda: workout.freeze_() and set(),
    }[what]()
    return workout, rest


FREEZE = ["parameter", "several", "mapping", "layer", "layer unbuilt", "model", "model unbuilt", "method", "workout", "workout unbuilt"]


@pytest.mark.parametrize("what", FREEZE)
def test_frozen_parameters_stay(what):
    """What is frozen does not move by a bit and has no gradient; everything else moves; unfreezing lets all move again."""
    workout, rest = freezing(what)
    workout.predict(X)
    assert moved(workout) == rest
    assert {p.path for p, _ in workout.gradients((X, Y))} == rest
    assert {path for path, p in workout.network.parameters.items() if p.frozen} == LAYERS - rest
    assert workout.unfreeze_() is workout
    assert moved(workout) == LAYERS
    assert {p.path for p, _ in workout.gradients((X, Y))} == LAYERS


def test_freezing_does_not_change_the_rest():
    """The loss still flows through a frozen layer: the layer before it gets the gradients that it would get otherwise."""
    workout, control = two_layers(SGD(0.1)), two_layers(SGD(0.1))
    workout.freeze_(workout.model[1])
    for w in (workout, control):
        w.step_(X, Y)
    np.testing.assert_array_equal(*(w.network.parameters["0.kernel"].value for w in (workout, control)))


def test_freezing_between_epochs_keeps_the_optimiser():
    """Freezing one layer keeps the state of the others: their training goes on where it was."""
    workout, control = two_layers(Momentum(0.01)), two_layers(Momentum(0.01))
    for w in (workout, control):
        w.fit_((X, Y), batch_size=None, shuffle=False)
    velocity = workout.session.state()["0.kernel/velocity"].copy()
    assert np.abs(velocity).max() > 0
    workout.freeze_(workout.model[1].parameters.bias)
    np.testing.assert_array_equal(workout.session.state()["0.kernel/velocity"], velocity)
    for w in (workout, control):
        w.fit_((X, Y), batch_size=None, shuffle=False)
    np.testing.assert_array_equal(*(w.network.parameters["0.kernel"].value for w in (workout, control)))


def test_freezing_reaches_layers_in_plain_objects_and_functions():
    """Freezing a workout reaches every parameter that it trains, also in plain Python objects and functions."""
    layer = Dense(2)
    for model in (Sequential(Dense(3), Holder(Dense(2))), lambda x: layer(x)):
        workout = Workout(model, MSE(), SGD(0.1), seed=1)
        workout.predict(X)
        workout.freeze_()
        assert moved(workout) == set()
        workout.unfreeze_()
        assert moved(workout) == set(workout.network.parameters)


def test_a_layer_thawed_in_a_frozen_model():
    """freeze_ of a model and unfreeze_ of its head, before either is built, leave only the head to train."""
    workout = two_layers()
    pp.freeze_(workout.model)
    pp.unfreeze_(workout.model[1])
    workout.predict(X)
    assert moved(workout) == {"1.kernel", "1.bias"}


def test_frozen_batch_norm_still_follows_its_statistics():
    """State is not trained and not frozen: it has no gradient, and moves with the batches."""
    workout = Workout(Sequential(BatchNorm(), Dense(2)), MSE(), SGD(0.1), seed=1)
    assert {p.path for p, _ in workout.gradients((X, Y))} == {"0.scale", "0.shift", "1.kernel", "1.bias"}
    assert moved(workout) == {"0.mean", "0.variance", "0.scale", "0.shift", "1.kernel", "1.bias"}


def test_everything_frozen_over_whole_numbers():
    """A frozen model of whole numbers has nothing to differentiate: it measures, does its steps and has no gradients."""
    workout = Workout(Sequential(pp.Embedding(5, 2), pp.Flatten(), Dense(2)), MSE(), Adam(0.1), seed=1)
    data = np.arange(4)[:, None], np.ones((4, 2))
    workout.predict(data[0])
    workout.freeze_()
    assert list(workout.gradients(data)) == []
    assert moved(workout, data) == set()
    assert workout.steps == 1


@pytest.mark.parametrize("what", ["kernel", 5, None, [3]])
def test_only_parameters_and_layers_can_be_frozen(what):
    """Anything else is refused with what can be."""
    with pytest.raises(pp.ArgumentError, match="a parameter, a layer, or several"):
        pp.freeze_(what)
