"""Custom layers of the Keras face, in today's form and in Keraflow's: they compute, train and belong to the model."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.errors import KeraFlowError
from pyphoton.keras import Input, Layer, Model, Sequential, get_tensor_shape, ops, variable, weights
from pyphoton.keras.layers import Dense


class HalfDense(Layer):
    """Keraflow's example: the second half of the input, times W."""

    def __init__(self, output_dim, init="glorot_uniform", activation=None, **kwargs):
        super().__init__(**kwargs)
        self.output_dim = output_dim
        self.init = init
        self.activation = activation

    def input_dimension(self):
        """With the batch."""
        return 2

    def init_param(self, input_shape):
        """One kernel."""
        W = self.init((input_shape[1] // 2, self.output_dim))
        self.set_trainable_params("W", W)

    def output(self, x):
        """activation(x[:, half:] W)."""
        input_dim = self.get_tensor_shape(x)[1]
        return self.activation(ops.dot(x[:, input_dim // 2 :], self.W))

    def output_shape(self, input_shape):
        """The batch stays."""
        return (input_shape[0], self.output_dim)


class Linear(Layer):
    """Today's Keras's example, with a layer inside and a count that is not trained."""

    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = Dense(2)
        self.offset = variable([10.0, 20.0])

    def build(self, input_shape):
        """Kernel, bias and a fixed scale."""
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
        self.scale = self.add_weight(shape=(1,), initializer="ones", trainable=False, name="scale")
        self.built = True

    def call(self, inputs, training=None):
        """inner((x w + b) scale) + offset."""
        return self.inner((ops.matmul(inputs, self.w) + self.b) * self.scale) + self.offset


def ramp(shape):
    """0, 0.1, 0.2 ..."""
    return np.arange(float(np.prod(shape))).reshape(shape) / 10


X = np.arange(8.0, dtype="float32").reshape(2, 4)


def test_keraflows_half_dense():
    """The layer of Keraflow's guide computes what its formula says, once with the activation, and its W is trained."""
    layer = HalfDense(3, init=ramp, activation=pp.sigmoid)
    x = Input(4)
    model = Model(x, layer(x))
    assert model.outputs[0].shape == (None, 3) and list(model.parameters) == ["halfdense_1.W"]
    np.testing.assert_allclose(model(X), 1 / (1 + np.exp(-X[:, 2:] @ ramp((2, 3)))), rtol=1e-5)
    np.testing.assert_allclose(layer.W.eval(), ramp((2, 3)), rtol=1e-6)
    pp.fit_(pp.Workout(model, pp.MSE(), pp.SGD(0.1)), (X, np.zeros((2, 3), "float32")), epochs=2)
    assert not np.allclose(layer.W.eval(), ramp((2, 3)))
    with pytest.raises(KeraFlowError, match="2 axes"):
        HalfDense(3, init=ramp)(Input((4, 4)))


def test_todays_form():
    """build and call: weights are tensors in the call and arrays outside, trained ones come first."""
    layer = Linear(3)
    y = layer(X)
    w, b, scale, kernel, bias = (p.value for p in layer.weights)
    np.testing.assert_allclose(y, ((X @ w + b) * scale) @ kernel + bias + [10, 20], rtol=1e-5)
    assert [p.path.split(".")[-1] for p in layer.trainable_weights] == ["w", "b", "kernel", "bias"] and layer.built
    np.testing.assert_array_equal(layer.w.eval(), w)
    layer.w.assign(w * 0)
    np.testing.assert_allclose(layer(X), np.broadcast_to(np.add(bias, [10, 20]), (2, 2)), rtol=1e-6)
    np.testing.assert_allclose((layer.b + 1.0).eval(), np.ones(3))


def test_gradients_of_own_weights():
    """The gradient of a weight of the layer's own is that of the formula, also where the layer acts twice."""

    class Scale(Layer):
        """x times s."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.s = self.add_weight(shape=(4,), initializer="ones", name="s")

        def call(self, x):
            """Element by element."""
            return x * self.s

    layer, a, b = Scale(), Input(4), Input(4)
    model = Model([a, b], layer(a) + layer(b))
    z = X[::-1].copy()
    t = np.zeros((2, 4), "float32")
    found = pp.gradients(pp.Workout(model, pp.MSE(), pp.SGD(0.1)), ((X, z), t))
    (gradient,) = found.values()
    np.testing.assert_allclose(gradient, (2 * (X + z) ** 2 / t.size).sum(0), rtol=1e-5)


def test_embedded_layers_belong_to_the_host():
    """`embed` makes its layers once, trains them with the host, and does not make them again for a shared host."""

    class Host(Layer):
        """Two layers inside."""

        def output(self, x):
            """a(x) + b(x)."""
            return self.embed(Dense(3))(x) + self.embed(Dense(3))(x)

    host, x, y = Host(), Input(2), Input(2)
    model = Model([x, y], host(x) - host(y))
    assert [w.shape for w in weights(host)] == [(2, 3), (3,), (2, 3), (3,)] and len(model.trainable_params) == 4
    p, q = np.ones((1, 2), "float32"), np.full((1, 2), 3.0, "float32")
    a, _, b, _ = model.get_weights()
    np.testing.assert_allclose(model([p, q]), (p - q) @ (a + b), rtol=1e-5)
    model.trainable = False
    assert model.trainable_params == []


def test_a_subclassed_model():
    """A Model without inputs defines call, and is trained and asked as any other."""

    class Two(Model):
        """Two layers."""

        def __init__(self):
            super().__init__()
            self.first, self.second = Dense(3), Dense(1)

        def call(self, x):
            """second(relu(first(x)))."""
            return self.second(pp.relu(self.first(x)))

    model = Two()
    y = model(X)
    w, b, v, c = model.get_weights()
    np.testing.assert_allclose(y, np.maximum(X @ w + b, 0) @ v + c, rtol=1e-5)
    assert model.layers == [model.first, model.second] and model.count_params() == 19
    assert model(Input(4)).shape == (None, 1)


def test_several_inputs():
    """A list reaches `call` as one argument, or spread over as many as it asks for."""

    class Apart(Layer):
        """x - y."""

        def call(self, x, y):
            """The difference."""
            return x - y

    class Together(Layer):
        """Keraflow's check of shapes."""

        def check_input_shape(self, shapes):
            """Equal widths."""
            if shapes[0] != shapes[1]:
                raise KeraFlowError("Together", "equal shapes", str(shapes))

        def output(self, inputs):
            """The product."""
            return inputs[0] * inputs[1]

    a, b = Input(4), Input(4)
    np.testing.assert_array_equal(Model([a, b], Apart()([a, b]))([X, 2 * X]), -X)
    np.testing.assert_array_equal(Model([a, b], Apart()(a, b))([X, 2 * X]), -X)
    np.testing.assert_array_equal(Model([a, b], Together()([a, b]))([X, 2 * X]), 2 * X * X)
    with pytest.raises(KeraFlowError, match="equal shapes"):
        Together()([a, Input(3)])


def test_initial_weights_of_own_weights():
    """`initial_weights` begin what add_weight and set_trainable_params made."""

    class One(Layer):
        """x w."""

        def build(self, input_shape):
            """One kernel."""
            self.w = self.add_weight(shape=(input_shape[-1], 2), name="w")

        def call(self, x):
            """The product."""
            return x @ self.w

    kernel = ramp((4, 2))
    np.testing.assert_allclose(One(initial_weights={"w": kernel})(X), X @ kernel, rtol=1e-6)
    np.testing.assert_allclose(Sequential([Input(4), One(initial_weights=[kernel])])(X), X @ kernel, rtol=1e-6)
    with pytest.raises(KeraFlowError):
        One(initial_weights=[kernel, kernel])(X)


def test_arguments_make_an_equal_layer():
    """get_config gives what from_config takes."""
    made = Linear.from_config(Linear(5, name="five").get_config())
    assert made.units == 5 and made.name == "five"
    assert made(X).shape == (2, 2)


@pytest.mark.parametrize(
    "pairs, said",
    [
        (("W",), "names and values in turn"),
        ((3, np.ones(2)), "a name, then its value"),
        (("name", np.ones(2)), "reserved"),
        (("params", np.ones(2)), "reserved"),
        (("W", np.ones(2), "W", np.ones(2)), "one twice"),
    ],
)
def test_refusals_of_parameters(pairs, said):
    """Names and values in turn, each name once, none that the layer uses itself."""
    with pytest.raises(KeraFlowError, match=said):
        Layer().set_trainable_params(*pairs)


def test_a_build_that_fails_leaves_what_init_registered():
    """Weights and rules of __init__ stay, those of build are forgotten, so that the next call builds again."""

    class Scaled(Layer):
        """x times a weight of __init__, plus one of build."""

        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale", regularizer="l2")
            self.failing = True

        def build(self, input_shape):
            """Fails after the first weight, once."""
            self.shift = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="shift", constraint="non_neg")
            if self.failing:
                self.failing = False
                raise KeyboardInterrupt

        def call(self, x):
            """The line."""
            return x * self.scale + self.shift

    layer = Scaled()
    with pytest.raises(KeyboardInterrupt):
        layer(X)
    assert not layer.built
    assert (layer.own_rules("regularizer"), layer.own_rules("constraint")) == ({"scale": "l2"}, {})
    np.testing.assert_allclose(layer(X), X + 1)
    assert [p.path.split(".")[-1] for p in layer.weights] == ["scale", "shift"]
    assert layer.own_rules("constraint") == {"shift": "non_neg"}


def test_other_refusals():
    """No call; a weight of unknown length; an output_shape that is wrong; the shape of something that no layer made."""
    x = Input((None, 4))

    class Long(Layer):
        """A weight for each step."""

        def build(self, input_shape):
            """An unknown length."""
            self.w = self.add_weight(shape=(input_shape[1],))

    class Wrong(HalfDense):
        """A wrong shape."""

        def output_shape(self, input_shape):
            """One too many."""
            return (input_shape[0], self.output_dim + 1)

    with pytest.raises(KeraFlowError, match="unknown"):
        Long()(x)
    with pytest.raises(KeraFlowError, match="output_shape"):
        Wrong(3, init=ramp, activation=pp.relu)(Input(4))
    with pytest.raises(pp.ArgumentError, match="call"):
        Layer()(x)
    with pytest.raises(KeraFlowError, match="a tensor from a layer"):
        get_tensor_shape(variable([1.0]))
    assert get_tensor_shape(x) == (None, None, 4)
    with pytest.raises(KeraFlowError, match="further input"):
        Captures(Input(3))(x)


class Captures(Layer):
    """A layer that uses a symbolic tensor from outside."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    def call(self, x):
        """The sum."""
        return x + self.other
