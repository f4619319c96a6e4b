"""Eager tensors of the Keras face against NumPy: values, shapes and float32, on the engine that is in use; and the same operations recorded."""

import numpy as np
import pytest

from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras import Input, Model, Tensor, eval_, ops, rand_norm, rand_uni, variable

RANDOM = np.random.default_rng(0)
A, B = (RANDOM.uniform(0.2, 2.0, (4, 3)).astype("float32") for _ in range(2))
C = RANDOM.normal(size=(3, 4)).astype("float32")
S = (A - 1) * 3

UNARY = {
    "minus": (lambda x: -x, np.negative), "abs": (ops.abs, np.abs), "exp": (ops.exp, np.exp), "round": (ops.round, np.round),
    "sin": (ops.sin, np.sin), "cos": (ops.cos, np.cos), "square": (ops.square, np.square), "transpose": (ops.transpose, np.transpose),
    "clip": (lambda x: ops.clip(x, -1, 1), lambda x: np.clip(x, -1, 1)), "python abs": (abs, np.abs), "numpy exp": (np.exp, np.exp),
    "reshape": (lambda x: ops.reshape(x, (2, 6)), lambda x: x.reshape(2, 6)), "index": (lambda x: x[1:, 0], lambda x: x[1:, 0]),
    "expand": (lambda x: ops.expand_dims(x, -1), lambda x: x[..., None]), "squeeze": (lambda x: ops.squeeze(x[:, :1], 1), lambda x: x[:, 0]),
    "softmax": (ops.softmax, lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
}  # fmt: skip
BINARY = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y, "pow": lambda x, y: x**y,
    "mod": lambda x, y: x % y, "mod of negative": lambda x, y: (-x) % y, "mod by negative": lambda x, y: x % (-y),
    "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y, "le": lambda x, y: x <= y, "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y, "and": lambda x, y: (x > 1) & (y > 1), "or": lambda x, y: (x > 1) | (y > 1), "not": lambda x, y: ~(x > y),
    "number right": lambda x, y: x * 2 + 1, "number left": lambda x, y: 2 - 3 / x, "square of difference": lambda x, y: (x - y) ** 2 * y,
}  # fmt: skip
REDUCED = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "min": np.min, "max": np.max, "var": np.var, "std": np.std}


@pytest.mark.parametrize("name", UNARY)
def test_one_tensor(name):
    """Value, shape and float32 of functions of one tensor."""
    function, expected = UNARY[name]
    found = eval_(function(variable(S)))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected(S), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["log", "sqrt"])
def test_positive_numbers(name):
    """The logarithm and the root."""
    np.testing.assert_allclose(eval_(getattr(ops, name)(variable(A))), getattr(np, name)(A), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", BINARY)
def test_two_tensors(name):
    """Operators between Tensors, and of a Tensor and an array or a number; comparisons give truth values."""
    function = BINARY[name]
    expected = function(A, B)
    for x, y in ((variable(A), variable(B)), (variable(A), B), (A, variable(B))):
        made = function(x, y)
        if isinstance(made, np.ndarray):  # only x took part
            continue
        assert isinstance(made, Tensor) and made.shape == expected.shape and made.dtype == expected.dtype.name
        found = eval_(made)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_matrix_product():
    """`@` and dot; `*` is element by element."""
    np.testing.assert_allclose((variable(A) @ variable(C)).eval(), A @ C, rtol=1e-5)
    np.testing.assert_allclose(eval_(ops.dot(variable(A), C)), A @ C, rtol=1e-5)
    with pytest.raises(ShapeError):
        _ = variable(A) * variable(C)


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
def test_reductions(name, axis):
    """Over each axis by either name; var and std divide by n."""
    expected = REDUCED[name](A, axis=axis)
    found = eval_(getattr(ops, name)(variable(A), axis=axis))
    assert found.dtype == "float32" and found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(eval_(getattr(ops, name)(variable(A), dims=axis, keepdims=True)), REDUCED[name](A, axis=axis, keepdims=True), rtol=1e-5)


def test_any_and_all():
    """Truth values over axes; sums count them."""
    truth = np.array([[True, False], [True, True]])
    x = variable(truth)
    assert x.dtype == "bool"
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(eval_(ops.any(x, axis)), truth.any(axis))
        np.testing.assert_array_equal(eval_(ops.all(x, axis)), truth.all(axis))
    assert eval_(ops.sum(x)) == 3 and eval_(ops.any(x > 2)) == False  # noqa: E712


def test_whole_numbers():
    """Whole numbers stay whole; beside floats they become floats; cast changes them."""
    x = variable([5, -5])
    assert eval_(x % 3).tolist() == [2, 1] and eval_(x + 1).dtype == "int64"
    assert eval_(x * 0.5).tolist() == [2.5, -2.5] and eval_(x / 2).dtype == "float32"
    assert eval_(ops.cast(variable([1.7, -1.7]), "int32")).tolist() == [1, -1]
    assert eval_(variable(3.0) * 2) == 6 and eval_(variable(2)).shape == ()


def test_what_joins():
    """concatenate, stack, where, maximum and minimum."""
    x, y = variable(A), variable(B)
    np.testing.assert_array_equal(eval_(ops.concatenate([x, y], axis=0)), np.concatenate([A, B]))
    np.testing.assert_array_equal(eval_(ops.stack([x, y], axis=1)), np.stack([A, B], axis=1))
    np.testing.assert_array_equal(eval_(ops.where(x > y, x, y)), np.maximum(A, B))
    np.testing.assert_array_equal(eval_(ops.maximum(x, y)), np.maximum(A, B))
    np.testing.assert_array_equal(eval_(ops.minimum(x, dims=0)), A.min(0))
    np.testing.assert_array_equal(eval_(ops.argmax(x, 1)), A.argmax(1))


def test_random_numbers():
    """In their range, and the same again after seed_."""
    import pyphoton as pp

    pp.seed_(3)
    even, normal = eval_(rand_uni((1000,), 2.0, 3.0)), eval_(rand_norm((1000,), 5.0, 2.0))
    assert even.min() >= 2 and even.max() <= 3 and abs(even.mean() - 2.5) < 0.05
    assert abs(normal.mean() - 5) < 0.3 and abs(normal.std() - 2) < 0.2 and normal.dtype == "float32"
    pp.seed_(3)
    np.testing.assert_array_equal(eval_(rand_uni((1000,), 2.0, 3.0)), even)


@pytest.mark.parametrize("name", ["square of difference", "mod of negative", "number left", "gt"])
def test_recorded_as_computed(name):
    """The same expression on Inputs becomes a model that gives the same numbers."""
    x, y = Input(3), Input(3)
    model = Model([x, y], ops.cast(BINARY[name](x, y), "float32") + ops.mean(x, axis=1, keepdims=True))
    np.testing.assert_allclose(model([A, B]), BINARY[name](A, B) + A.mean(1, keepdims=True), rtol=1e-5, atol=1e-5)


def test_eager_numbers_in_a_model():
    """An eager Tensor beside a symbolic one is a constant of the model; an array works as well."""
    x = Input(3)
    model = Model(x, x * variable(B[0]) + C[:, 0])
    np.testing.assert_allclose(model(A), A * B[0] + C[:, 0], rtol=1e-6)


def test_layers_on_eager_tensors():
    """A layer makes an eager Tensor of an eager one."""
    import pyphoton as pp

    layer = pp.Dense(2)
    found = layer(variable(A))
    assert isinstance(found, Tensor) and found.dtype == "float32"
    kernel, bias = pp.weights(layer)
    np.testing.assert_allclose((found * 2).eval(), (A @ kernel + bias) * 2, rtol=1e-5)


def test_a_variable_is_a_copy():
    """Neither the array it was made of nor the one that eval gives is the tensor's own memory."""
    given = A.copy()
    x = variable(given, name="x")
    given[:] = 0
    x.eval()[:] = 0
    np.testing.assert_array_equal(x.eval(), A)
    assert x.name == "x" and x.shape == (4, 3) and variable([1.0]).dtype == "float32"


def test_an_eager_tensor_where_numbers_are_wanted():
    """NumPy and Python take its numbers."""
    np.testing.assert_array_equal(np.asarray(variable(A) * 2), A * 2)
    assert float(ops.sum(variable([1.0, 2.0]))) == 3.0 and int(variable(3)) == 3
    assert bool(ops.all(variable(A) > 0)) and not (variable(1.0) > 2)
    assert len(variable(A)) == 4 and [float(ops.sum(row)) for row in variable(A)] == pytest.approx(A.sum(1))


@pytest.mark.parametrize(
    "mistake, said",
    [
        (lambda: eval_(Input(3)), "depends on an Input"),
        (lambda: (Input(3) + variable(A[0])).eval(), "depends on an Input"),
        (lambda: eval_(A), r"variable\(array\)"),
        (lambda: variable(["a"]), "numbers"),
        (lambda: ops.sum(variable(A), axis=0, dims=1), "axis or dims"),
        (lambda: ops.squeeze(variable(A), 1), "length 1"),
    ],
)
def test_refusals(mistake, said):
    """What has no numbers cannot be computed."""
    with pytest.raises(KeraFlowError, match=said):
        mistake()
