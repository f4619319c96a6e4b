"""Graph, trace and plan: what a function does becomes nodes with paths, shared layers, and JSON that comes back the same."""

import json
import operator

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    LSTM,
    BatchNorm,
    Concurrent,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Graph,
    Layer,
    MaxPool,
    Plan,
    Residual,
    Sequential,
    ShapeError,
    SkipConnection,
    TraceError,
    relu,
    tanh,
    trace,
)
from pyphoton.network import Network
from pyphoton.plan import owners, plan
from pyphoton.tensor import Tensor

RANDOM = np.random.default_rng(51)
A = RANDOM.normal(size=(4, 3)).astype("float32")
B = RANDOM.normal(size=(4, 3)).astype("float32")


def symbol(*shape, dtype="float32"):
    """A symbolic input with a batch axis before `shape`."""
    return Tensor((None, *shape), dtype)


def computed(function, *arrays, backend="numpy"):
    """A function of tensors on arrays, through a plan and a backend, and the shape that tracing promised."""
    network = Network(function, backend=backend, seed=0)
    result = network(*arrays)
    (made,) = network._plans.values()
    step = next(s for s in reversed(made.steps) if made.outputs[0] in s.outputs)
    promised = step.shapes[0]
    assert len(promised) == result.ndim
    assert all(n in (None, m) for n, m in zip(promised, result.shape, strict=True))
    return result


# ---- operators and functions -----------------------------------------------------------------------------------------------

OPERATORS = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x ** 2": lambda x, y: x**2,
    "2 ** x": lambda x, y: 2.0**x,
    "x % y": lambda x, y: x % abs(y),
    "1 - x": lambda x, y: 1 - x,
    "1 / x": lambda x, y: 1 / x,
    "3 % x": lambda x, y: 3 % abs(x),
    "-x": lambda x, y: -x,
    "abs": lambda x, y: abs(x),
    "x @ y.T": lambda x, y: x @ y.T,
    "array - x": lambda x, y: A * 2 - x,
    "x * array": lambda x, y: x * np.arange(3),
    "array @ x.T": lambda x, y: np.ones((2, 3), "float32") @ x.T,
    "comparison": lambda x, y: (x > y) * 1.0 + (x <= y) * 2.0 + (x == y) * 4.0 + (x != y) * 8.0 + (x < 0) * 16.0 + (x >= 0) * 32.0,
    "logic": lambda x, y: ((x > 0) & (y > 0)) * 1.0 + ((x > 0) | (y > 0)) * 2.0 + (~(x > 0)) * 4.0,
    "slice": lambda x, y: x[:, 1:],
    "step": lambda x, y: x[:, ::2],
    "backwards": lambda x, y: x[:, ::-1],
    "column": lambda x, y: x[:, -1],
    "new axis": lambda x, y: x[:, None, :] + y[..., None],
    "ellipsis": lambda x, y: x[..., 0:1],
    "reshape": lambda x, y: x.reshape(-1, 3, 1),
    "reshape tuple": lambda x, y: x.reshape((None, 1, 3)),
    "flatten": lambda x, y: (x[:, :, None] * y[:, None, :]).flatten(),
    "transpose": lambda x, y: x[:, :, None].transpose(0, 2, 1),
    "sum": lambda x, y: x.sum(axis=1),
    "sum of all": lambda x, y: x.sum() + y,
    "mean keepdims": lambda x, y: x - x.mean(axis=1, keepdims=True),
    "mean dim": lambda x, y: x.mean(dim=1),
    "max": lambda x, y: x.max(axis=1),
    "min of two axes": lambda x, y: (x[:, :, None] * y[:, None, :]).min(axis=(1, 2)),
    "prod": lambda x, y: x.prod(axis=1),
    "argmax": lambda x, y: x.argmax(axis=1) * 1.0,
    "clip": lambda x, y: x.clip(-0.5, 0.5),
    "clip one side": lambda x, y: x.clip(low=0.0),
    "np.exp": lambda x, y: np.exp(x) + np.sqrt(np.abs(y)) + np.log(np.square(x) + 1) + np.sin(x) * np.cos(y) - np.sign(x),
    "np.maximum": lambda x, y: np.maximum(x, y) - np.minimum(x, 0.1),
    "np.sum": lambda x, y: np.sum(x, axis=1) + np.mean(y, axis=1) * np.max(x, axis=1) - np.min(y, axis=1),
    "np.where": lambda x, y: np.where(x > 0, x, y),
    "np.concatenate": lambda x, y: np.concatenate([x, y], axis=1),
    "np.reshape": lambda x, y: np.reshape(x, (-1, 3, 1)),
    "np.tanh": lambda x, y: np.tanh(x),
    "round": lambda x, y: x.round() if isinstance(x, Tensor) else np.round(x),
    "functions": lambda x, y: pp.where(x > y, pp.exp(x), pp.maximum(x, y)) + pp.minimum(x, y) * pp.square(y) + pp.sqrt(pp.square(x)) + pp.log(pp.square(y) + 1),
    "concatenate": lambda x, y: pp.concatenate([x, y, x]),
    "softmax": lambda x, y: pp.softmax(x) - pp.log_softmax(y, axis=1),
    "activations": lambda x, y: relu(x) + tanh(y) * pp.sigmoid(x) - pp.leaky_relu(y, 0.2) + pp.elu(x) * pp.softplus(y) + pp.swish(x) - pp.gelu(y),
    "more activations": lambda x, y: pp.selu(x) + pp.softsign(y) + pp.hard_sigmoid(x),
}  # fmt: skip
METHODS = {"flatten", "transpose", "clip one side", "mean dim", "reshape tuple"}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("what", OPERATORS)
def test_operators_mean_what_they_mean_in_numpy(what, backend):
    """Python's operators and NumPy's functions on tensors give, on each backend, what they give on arrays."""
    function = OPERATORS[what]
    found = computed(function, A, B, backend=backend)
    if what not in METHODS:
        np.testing.assert_allclose(found, np.asarray(function(A, B)), rtol=2e-5, atol=1e-5)
    assert np.isfinite(found).all()


def test_methods_that_arrays_lack():
    """flatten keeps the batch, transpose takes axes, clip takes one side, mean takes torch's dim."""
    outer = A[:, :, None] * B[:, None, :]
    wanted = {
        "flatten": outer.reshape(4, 9),
        "transpose": A[:, None, :],
        "clip one side": np.maximum(A, 0),
        "mean dim": A.mean(1),
        "reshape tuple": A.reshape(4, 1, 3),
    }
    assert set(wanted) == METHODS
    for what, value in wanted.items():
        np.testing.assert_allclose(computed(OPERATORS[what], A, B), value, rtol=1e-6)


def test_integers_stay_integers_until_they_meet_floats():
    """A tensor of whole numbers has dtype int64; mixed with floats it is a float; comparisons are truth values."""
    whole, real = symbol(3, dtype="int64"), symbol(3)
    assert (whole + 1).dtype == "int64"
    assert (whole + real).dtype == (real + whole).dtype == "float32"
    assert (whole > 1).dtype == "bool"
    assert whole.argmax().dtype == "int64"
    assert whole.astype("float64").dtype == "float64"
    assert pp.one_hot(symbol(dtype="int64"), 5).shape == (None, 5)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, y: x + y[:, :2], ["(batch, 3)", "(batch, 2)", "broadcast"]),
        (lambda x, y: x @ np.ones((2, 5)), ["matrix product", "(batch, 3)", "(2, 5)"]),
        (lambda x, y: x.reshape(None, 2, 2), ["reshape", "(batch, 3)", "2, 2"]),
        (lambda x, y: x.sum(axis=2), ["axis", "-2 to 1", "2"]),
        (lambda x, y: x[:, 5], ["index", "(batch, 3)"]),
        (lambda x, y: x.transpose(0, 0), ["transpose", "(batch, 3)"]),
        (lambda x, y: pp.concatenate([x, y[:, None]]), ["concatenate", "(batch, 3)", "(batch, 1, 3)"]),
        (lambda x, y: pp.softmax(x, axis=4), ["axis", "4"]),
    ],
    ids=["add", "matmul", "reshape", "axis", "index", "transpose", "concatenate", "softmax"],
)
def test_shapes_that_do_not_fit_are_refused_while_tracing(function, words):
    """An operation on shapes that do not fit is refused before any number is computed, with the shapes."""
    with pytest.raises(ShapeError) as caught:
        trace(function, symbol(3), symbol(3))
    for word in words:
        assert word in str(caught.value)


# ---- what a trace is ---------------------------------------------------------------------------------------------------------


def test_graph_of_a_function():
    """A trace keeps inputs, outputs and the nodes between them, in order; what no output needs is left out."""

    def function(x, y):
        x * 100.0
        return x + y, (x + y).relu()

    x, y = symbol(3), symbol(3)
    found = trace(function, x, y)
    assert isinstance(found, Graph)
    assert [id(t) for t in found.inputs] == [id(x), id(y)]
    assert [n.op for n in found.nodes] == ["add", "add", "relu"]
    assert not found.single
    assert trace(lambda x: x, x).single
    assert trace(lambda x: x, x).nodes == ()


def test_tuples_are_spread_over_arguments():
    """A tuple of inputs goes to a function of as many arguments one by one, and to a function of one as a tuple."""
    pair = (symbol(3), symbol(3))
    assert [n.op for n in trace(lambda a, b: a - b, pair).nodes] == ["sub"]
    assert [n.op for n in trace(lambda p: p[0] - p[1], pair).nodes] == ["sub"]
    assert [n.op for n in trace(lambda a, b=None: a[0] - a[1], pair).nodes] == ["sub"]


def test_a_tensor_of_another_trace_is_refused():
    """A tensor that was kept from another trace has no meaning here: the error says so instead of a KeyError."""
    kept = []
    trace(lambda x: kept.append(x) or x, symbol(3))
    with pytest.raises(TraceError):
        plan(trace(lambda x: x + kept[0], symbol(3)))


def test_tracing_happens_once_per_shape():
    """The Python code of a model runs once for each shape of sample, not once per batch or batch size."""
    calls = []

    def function(x):
        calls.append(x.shape)
        return x * 2.0

    network = Network(function, backend="numpy")
    for shape in ((4, 3), (4, 3), (9, 3), (4, 5), (1, 3), (4, 3, 2)):
        network(np.ones(shape, "float32"))
    assert calls == [(None, 3), (None, 5), (None, 3, 2)]


# ---- paths ------------------------------------------------------------------------------------------------------------------------


def paths(model, *shapes):
    """The paths of the layers that a model's trace meets, in order."""
    return [n.path for n in trace(model, *(symbol(*s) for s in shapes)).nodes if n.layer is not None]


class Attributes(Layer):
    """A model that keeps layers in attributes, a list and a dictionary, and makes calls in another order."""

    def __init__(self, name=None):
        self.name = name
        self.last = Dense(2)
        self.inner = Sequential(Dense(3), Dense(3))
        self.each = [Dense(3), Dense(3)]
        self.by_name = {"left": Dense(3)}

    def forward(self, x):
        x = self.inner(x)
        for layer in self.each:
            x = layer(x)
        return self.last(self.by_name["left"](x))


class Called:
    """A plain object with __call__."""

    def __init__(self):
        self.dense = Dense(3)

    def __call__(self, x):
        return self.dense(x)


class WithCall(Layer):
    """A Layer written with __call__ instead of forward."""

    def __init__(self):
        self.dense = Dense(3)

    def __call__(self, x):
        return self.dense(x)


def test_paths_say_where_a_layer_stands():
    """Numbers in containers, names of attributes, keys of dictionaries, and names that were given."""
    assert paths(Dense(3), (3,)) == ["dense"]
    assert paths(Dense(3, name="head"), (3,)) == ["head"]
    assert paths(Sequential(Dense(3), relu, Sequential(Dense(3), Dense(3))), (3,)) == ["0", "2.0", "2.1"]
    assert paths(Sequential(Dense(3), Dense(3), name="net"), (3,)) == ["net.0", "net.1"]
    assert paths(Sequential(Sequential(Dense(3), name="encoder"), Dense(3, name="head")), (3,)) == ["encoder.0", "head"]
    assert paths(Concurrent(Dense(3), Sequential(Dense(2))), (3,)) == ["0", "1.0"]
    assert paths(Residual(Dense(3), Dense(3)), (3,)) == ["0", "1"]
    assert paths(SkipConnection(Dense(3)), (3,)) == ["layer"]
    assert paths(Attributes(), (3,)) == ["inner.0", "inner.1", "each.0", "each.1", "by_name.left", "last"]
    assert paths(Attributes("mine"), (3,))[0] == "mine.inner.0"
    assert paths(Sequential(Called(), WithCall()), (3,)) == ["0.dense", "1.dense"]


def test_layers_made_in_a_function_are_numbered():
    """Layers that stand nowhere get their kind and a number, in the order of their calls."""
    assert paths(lambda x: Dense(3)(Dense(3)(x)), (3,)) == ["dense_1", "dense_2"]
    assert paths(Sequential(lambda x: Dense(2)(x), Dense(3)), (3,)) == ["0.dense_1", "1"]


def test_equal_names_get_a_number():
    """Two layers of one name do not share a path."""
    assert paths(Sequential(Dense(3, name="a"), Dense(3, name="a")), (3,)) == ["a", "a_2"]


def test_a_shared_layer_keeps_its_first_path():
    """A layer that is met again keeps its path, in whatever container; equal layers that are two objects do not share."""
    shared = Dense(3)
    assert paths(Sequential(shared, Sequential(shared), shared), (3,)) == ["0", "0", "0"]
    assert paths(Sequential(Dense(3), Dense(3)), (3,)) == ["0", "1"]
    block = Sequential(Dense(3), Dense(3))
    assert paths(Sequential(block, relu, block), (3,)) == ["0.0", "0.1", "0.0", "0.1"]
    assert list(owners(trace(Sequential(block, block), symbol(3)))) == ["0.0.kernel", "0.0.bias", "0.1.kernel", "0.1.bias"]


def test_a_function_used_twice_has_the_path_of_each_place():
    """A plain function has no weights, and stands where it is called."""
    found = trace(Sequential(Dense(3), lambda x: x * 2.0, Dense(3), pp.softmax), symbol(3))
    assert [(n.op, n.path) for n in found.nodes if n.layer is None] == [("mul", "1"), ("softmax", "3")]


def test_plain_functions_are_layers():
    """`lambda x: x - 1` in a Sequential, between, before and after layers, does what it says."""
    double = Dense(3, initw=pp.Constant(1.0), use_bias=False)
    model = Sequential(lambda x: x - 1, double, lambda x: x / 2, np.abs)
    np.testing.assert_allclose(model(A), np.abs(np.tile((A - 1).sum(1, keepdims=True) / 2, (1, 3))), rtol=1e-5)


# ---- plans --------------------------------------------------------------------------------------------------------------------------

MODELS = {
    "photon 1": (Sequential(Dense(64, relu), Dense(10)), (8,)),
    "photon 2": (Sequential(Conv2D(4, 3, relu), Conv2D(4, 3, relu), MaxPool(), Dense(10)), (1, 12, 12)),
    "photon 3": (Sequential(LSTM(6, relu), Dense(6), Dense(10)), (5, 3)),
    "norms": (Sequential(Dense(3), BatchNorm(relu), Dropout(0.2), pp.LayerNorm()), (4,)),
    "recurrent": (Sequential(pp.GRU(3, 2, bidirectional=True, last_only=False), pp.RNN(2)), (5, 3)),
    "embedding": (Sequential(Embedding(7, 3), pp.Flatten(), Dense(2)), (4,)),
    "branches": (Sequential(Concurrent(Dense(3), Sequential(Dense(2), tanh)), Residual(Dense(3)), SkipConnection(Dense(8))), (4,)),
    "shapes": (Sequential(pp.Reshape((2, -1)), pp.AvgPool1D(2), pp.AdaptiveMaxPool(1), pp.GlobalAvgPool(), pp.Softmax()), (8,)),
    "functions": (Sequential(lambda x: x[:, ::-1] * np.arange(4, dtype="float32") - 1, pp.Activation("gelu"), lambda x: x.sum(axis=1, keepdims=True)), (4,)),
    "transposed": (Sequential(pp.Conv2DTranspose(2, 3, strides=2, output_padding=1), pp.GlobalMaxPool()), (1, 5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_plan_comes_back_from_json(name):
    """A plan is JSON and comes back with equal text; the plan that came back computes the same, bit by bit."""
    model, shape = MODELS[name]
    dtype = "int64" if name == "embedding" else "float32"
    made = plan(trace(model, symbol(*shape, dtype=dtype)))
    text = made.to_json()
    back = Plan.from_json(text)
    assert back.to_json() == text
    assert json.loads(text)["format"] == 1
    x = RANDOM.integers(0, 7, (4, *shape)) if dtype == "int64" else RANDOM.normal(size=(4, *shape)).astype("float32")
    network = Network(model, backend="numpy", seed=3)
    network(x)
    arrays = network.converted(made, (x,), ("x",))
    module = network.module
    for found, wanted in zip(module.run(back, arrays), module.run(made, arrays), strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(module.run(back, arrays)[0], network(x))


@pytest.mark.parametrize("name", MODELS)
def test_plan_is_fully_sized_and_in_order(name):
    """Only the batch is unknown; every value is made once, before it is read; every parameter is named by its path."""
    model, shape = MODELS[name]
    made = plan(trace(model, symbol(*shape)))
    known = {v.id for v in made.inputs} | set(made.constants)
    for step in made.steps:
        assert set(step.inputs) <= known
        assert not set(step.outputs) & known
        known |= set(step.outputs)
        for s in step.shapes:
            assert s[0] is None
            assert all(isinstance(n, int) for n in s[1:])
        assert all(path == f"{step.path}.{own}" for own, path in step.params.items())
    assert set(made.outputs) <= known
    used = {path for step in made.steps for path in step.params.values()}
    assert used == set(made.params)
    assert all(isinstance(n, int) and n > 0 for p in made.params.values() for n in p.shape)


def test_equal_models_give_equal_plans():
    """Two models that are written alike have the same plan, whenever they are traced."""
    texts = [plan(trace(Sequential(Dense(4, relu), Dropout(0.1), Dense(2)), symbol(3))).to_json() for _ in range(2)]
    assert texts[0] == texts[1]
    assert texts[0] != plan(trace(Sequential(Dense(4, relu), Dropout(0.2), Dense(2)), symbol(3))).to_json()


def test_activation_after_a_layer_becomes_part_of_its_step():
    """Dense(3, relu) is one step; an activation whose input is read elsewhere, too, stays apart."""
    fused = plan(trace(Dense(3, relu), symbol(4)))
    assert [(s.op, s.activation) for s in fused.steps] == [("dense", "relu")]
    layer = Dense(3)

    def both(x):
        y = layer(x)
        return relu(y) - y

    apart = plan(trace(both, symbol(4)))
    assert [(s.op, s.activation) for s in apart.steps] == [("dense", "identity"), ("relu", "identity"), ("sub", "identity")]


def test_whole_numbers_of_inputs_are_known_in_the_plan():
    """An input used as positions is int64 with the bound that it stays below, also when it is reshaped first.

    Where only a part of it is used so, the rest may hold other numbers: no bound.
    """
    table = Embedding(7, 3)
    functions = {table: 7, lambda x: table(x.reshape(-1, 4)): 7, lambda x: table(x[:, ::-1]): 7, lambda x: table(x[:, 1:]): None}
    for function, below in functions.items():
        made = plan(trace(function, symbol(4, dtype="int64")))
        assert [(v.dtype, v.below) for v in made.inputs] == [("int64", below)]
    loss = pp.CrossEntropyLoss(use_softmax=True)
    for labels in (symbol(dtype="int64"), symbol(1, dtype="int64")):
        made = plan(trace(loss, symbol(5), labels))
        assert [(v.dtype, v.below) for v in made.inputs] == [("float32", None), ("int64", 5)]


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_columns_of_whole_numbers_have_vocabularies_of_their_own(backend):
    """Two columns of one array of whole numbers may be looked up in tables of different length."""
    small, large = Embedding(5, 2), Embedding(100, 2)
    x = np.stack([np.arange(8) % 5, np.arange(8) * 14], axis=1)
    model = lambda x: small(x[:, 0]) + large(x[:, 1])  # noqa: E731
    found = Network(model, backend=backend, seed=1)(x)
    np.testing.assert_allclose(found, small.parameters.table.value[x[:, 0]] + large.parameters.table.value[x[:, 1]], rtol=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("cast", [False, True])
def test_whole_numbers_stand_next_to_floats(backend, cast):
    """A column of a float array is looked up while the others are used as floats; a number outside the table is refused."""
    table = Embedding(5, 2)
    model = lambda x: pp.concatenate([table(x[:, 0].astype("int64") if cast else x[:, 0]), x[:, 1:]])  # noqa: E731
    x = np.concatenate([np.arange(4.0)[:, None], A], axis=1)
    network = Network(model, backend=backend, seed=1)
    found = network(x)
    np.testing.assert_allclose(found, np.concatenate([table.parameters.table.value[:4], A], axis=1), rtol=1e-6)
    for outside in (-1, 5):
        x[2, 0] = outside
        with pytest.raises(pp.DataError, match=f"0 to 4.*{outside}"):
            network(x)


@pytest.mark.parametrize("text", ['{"format": 99}', "{}", "[]", "not json", '{"format": 1}'])
def test_foreign_json_is_no_plan(text):
    """Text of another format is refused with a FileError."""
    with pytest.raises(pp.FileError):
        Plan.from_json(text)


def test_dtype_of_a_plan():
    """A plan of float64 has float64 inputs and constants."""
    made = plan(trace(lambda x: x * np.arange(3.0) + 1, symbol(3)), "float64")
    assert made.dtype == "float64"
    assert [v.dtype for v in made.inputs] == ["float64"]
    assert {c.dtype for c in made.constants.values() if isinstance(c, np.ndarray)} == {np.dtype("float64")}


# ---- layers of one's own ------------------------------------------------------------------------------------------------------------


def test_a_layer_by_composition():
    """A subclass with forward computes what it says, with constants, operators and layers, on NumPy and torch alike."""

    class Gate(Layer):
        """sigmoid(a) * tanh(b)"""

        def __init__(self, units):
            self.a, self.b = Dense(units), Dense(units)

        def forward(self, x):
            return pp.sigmoid(self.a(x)) * tanh(self.b(x)) + 1.0

    gate = Gate(2)
    found = [Network(gate, backend=b, seed=1)(A) for b in ("numpy", "torch")]
    ka, kb = gate.a.parameters.kernel.value, gate.b.parameters.kernel.value
    np.testing.assert_allclose(found[0], np.tanh(A @ kb) / (1 + np.exp(-(A @ ka))) + 1, rtol=1e-5)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_a_layer_that_defines_nothing():
    """A Layer subclass without forward says what it lacks."""

    class Empty(Layer):
        """Nothing."""

    with pytest.raises(pp.PhotonError, match="forward"):
        Sequential(Dense(3), Empty())(A)


def test_operators_of_the_module_operator():
    """Functions of the standard module `operator` work as layers' combinations."""
    layer = SkipConnection(Dense(3, initw=pp.Constant(0.0), initb=2.0), operator.mul)
    np.testing.assert_allclose(layer(A), 2 * A, rtol=1e-6)
