"""The shape rules of the primitives against NumPy's real shapes, and against NumPy's refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyphoton.errors import ShapeError
from pyphoton.ops import OPS

steady = settings(deadline=None, derandomize=True, database=None, max_examples=150)
lengths = st.integers(1, 4)
shapes = st.lists(lengths, min_size=1, max_size=4).map(tuple)
ONE = ["neg", "abs", "exp", "square", "sin", "cos", "sign", "round", "tanh", "sigmoid", "relu", "softplus", "gelu", "swish", "selu", "elu", "leaky_relu", "clip"]
TWO = ["add", "sub", "mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "div", "pow", "mod"]
REDUCE = ["sum", "mean", "max", "min", "prod"]


def compare(name, given_shapes, **attrs):
    """The rule gives NumPy's shape, or refuses what NumPy refuses; with an unknown batch it says nothing that is wrong."""
    arrays = [np.full(s, 0.5) for s in given_shapes]
    try:
        want = np.asarray(OPS[name].numpy(*arrays, **attrs)).shape
    except (ValueError, IndexError):
        want = None
    if want is None:
        with pytest.raises(ShapeError):
            OPS[name].infer(*given_shapes, **attrs)
        return
    assert OPS[name].infer(*given_shapes, **attrs) == want
    unknown = [(None, *s[1:]) for s in given_shapes]
    got = OPS[name].infer(*unknown, **attrs)
    assert len(got) == len(want)
    assert all(n is None or n == m for n, m in zip(got, want, strict=True))


@steady
@given(st.sampled_from(ONE), shapes)
def test_elementwise_keeps_the_shape(name, shape):
    """Functions of one tensor keep its shape."""
    compare(name, [shape])


@st.composite
def related(draw):
    """Two shapes that often broadcast: one cut and set to one here and there, now and then changed."""
    first = draw(shapes)
    second = [draw(st.sampled_from([n, n, 1, 2])) for n in first[draw(st.integers(0, len(first) - 1)) :]]
    return draw(st.permutations([first, tuple(second)]))


@steady
@given(st.sampled_from(TWO), related())
def test_broadcasting(name, pair):
    """Functions of two tensors broadcast as NumPy does, and refuse what it refuses."""
    compare_broadcast(name, pair)


def compare_broadcast(name, pair):
    """As compare, but an unknown batch is only sound where both have it: length 1 may hide behind it."""
    arrays = [np.full(s, 0.5) for s in pair]
    try:
        want = np.asarray(OPS[name].numpy(*arrays)).shape
    except ValueError:
        with pytest.raises(ShapeError):
            OPS[name].infer(*pair)
        return
    assert OPS[name].infer(*pair) == want
    if len(pair[0]) == len(pair[1]) and pair[0][0] == pair[1][0]:
        assert OPS[name].infer(*[(None, *s[1:]) for s in pair]) == (None, *want[1:])


@steady
@given(shapes, shapes, shapes)
def test_where(a, b, c):
    """where broadcasts all three."""
    try:
        want = np.broadcast_shapes(a, b, c)
    except ValueError:
        with pytest.raises(ShapeError):
            OPS["where"].infer(a, b, c)
        return
    assert OPS["where"].infer(a, b, c) == want == OPS["where"].numpy(np.ones(a) > 0, np.ones(b), np.ones(c)).shape


@st.composite
def axes_of(draw, many=True):
    """A shape and an axis, some axes, or None for it."""
    shape = draw(shapes)
    one = st.integers(-len(shape), len(shape) - 1)
    several = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True).map(tuple)
    return shape, draw(st.one_of(st.none(), one, several) if many else one)


@steady
@given(st.sampled_from(REDUCE), axes_of(), st.booleans())
def test_reductions(name, drawn, keepdims):
    """Reductions drop their axes, or keep them with length one."""
    shape, axis = drawn
    compare(name, [shape], axis=axis, keepdims=keepdims)
    if isinstance(axis, tuple):
        compare(name, [shape], axis=list(axis), keepdims=keepdims)


@steady
@given(axes_of(many=False), st.booleans())
def test_along_one_axis(drawn, keepdims):
    """argmax drops one axis; softmax and log_softmax keep all."""
    shape, axis = drawn
    compare("argmax", [shape], axis=axis, keepdims=keepdims)
    compare("softmax", [shape], axis=axis)
    compare("log_softmax", [shape], axis=axis)


def test_argmax_without_an_axis_takes_the_last():
    """argmax's default axis is the same in its rule and in its meaning."""
    assert OPS["argmax"].infer((2, 3)) == (2,) == OPS["argmax"].numpy(np.ones((2, 3))).shape


@pytest.mark.parametrize("name", [*REDUCE, "argmax", "softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [2, -3])
def test_axis_that_is_not_there(name, axis):
    """An axis beyond the rank is a ShapeError."""
    with pytest.raises(ShapeError, match="from -2 to 1"):
        OPS[name].infer((2, 3), axis=axis)


@steady
@given(shapes, shapes)
def test_matmul(a, b):
    """Matrix products of any ranks, with batch axes that broadcast."""
    compare_matmul(a, b)


@steady
@given(st.lists(lengths, max_size=2), lengths, lengths, lengths, st.booleans(), st.booleans())
def test_matmul_that_fits(batch, n, k, m, left, right):
    """Matrix products whose inner lengths are equal, of matrices and vectors."""
    compare_matmul((*batch, n, k) if left else (k,), (*batch, k, m) if right else (k,))


def compare_matmul(a, b):
    """NumPy's shape or NumPy's refusal."""
    try:
        want = np.matmul(np.ones(a), np.ones(b)).shape
    except ValueError:
        with pytest.raises(ShapeError):
            OPS["matmul"].infer(a, b)
        return
    assert OPS["matmul"].infer(a, b) == want
    if len(a) > 1 and len(b) == 2:
        assert OPS["matmul"].infer((None, *a[1:]), b) == (None, *want[1:])


@steady
@given(shapes, st.lists(st.sampled_from([1, 2, 3, 4, 6, 8, 12, None]), min_size=1, max_size=4))
def test_reshape(shape, wanted):
    """Reshape to the same number of elements, with one free length at most."""
    free = [n for n in wanted if n is None]
    try:
        want = np.ones(shape).reshape([-1 if n is None else n for n in wanted]).shape if len(free) < 2 else None
    except ValueError:
        want = None
    if want is None:
        with pytest.raises(ShapeError):
            OPS["reshape"].infer(shape, shape=wanted)
    else:
        assert OPS["reshape"].infer(shape, shape=wanted) == want


@steady
@given(shapes, st.permutations([2, 3, 1]))
def test_reshape_of_samples(shape, rest):
    """Samples of known length reshape exactly when their lengths multiply to the same; the batch stays unknown."""
    fits = np.prod(shape[1:]) == np.prod(rest)
    if not fits:
        with pytest.raises(ShapeError):
            OPS["reshape"].infer((None, *shape[1:]), shape=[None, *rest])
    else:
        assert OPS["reshape"].infer((None, *shape[1:]), shape=[None, *rest]) == (None, *rest)


@steady
@given(st.data())
def test_transpose_and_flatten(data):
    """Any order of axes, counted from either end; flatten from any axis on."""
    shape = data.draw(shapes)
    order = data.draw(st.permutations(range(len(shape))))
    order = [a - len(shape) if data.draw(st.booleans()) else a for a in order]
    compare("transpose", [shape], axes=order)
    compare("flatten", [shape], start=data.draw(st.integers(0, len(shape) - 1)))


@pytest.mark.parametrize("axes", [[0, 0], [0], [0, 1, 2], [0, 2]], ids=str)
def test_transpose_of_other_axes(axes):
    """An axis twice, one too few, too many or out of range is a ShapeError."""
    with pytest.raises(ShapeError):
        OPS["transpose"].infer((2, 3), axes=axes)


@steady
@given(st.data())
def test_concat(data):
    """Concatenation adds lengths on its axis and wants the others equal."""
    shape = data.draw(shapes)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(data.draw(st.integers(1, 3))):
        part = list(shape)
        part[axis] = data.draw(lengths)
        if data.draw(st.integers(0, 7)) == 0:
            part[data.draw(st.integers(0, len(shape) - 1))] = 5
        parts.append(tuple(part))
    try:
        want = np.concatenate([np.ones(p) for p in parts], axis=axis).shape
    except ValueError:
        with pytest.raises(ShapeError):
            OPS["concat"].infer(*parts, axis=axis)
        return
    assert OPS["concat"].infer(*parts, axis=axis) == want


@steady
@given(st.data())
def test_getitem(data):
    """Numbers, slices with steps of both signs, dots and new axes index as in NumPy."""
    shape = data.draw(shapes)
    bound = st.one_of(st.none(), st.integers(-5, 5))
    part = st.one_of(st.integers(-4, 3), st.tuples(bound, bound, st.sampled_from([None, 1, 2, -1, -2])).map(list), st.just("new"))
    index = data.draw(st.lists(part, max_size=len(shape)))
    if data.draw(st.booleans()):
        index.insert(data.draw(st.integers(0, len(index))), "...")
    try:
        want = OPS["getitem"].numpy(np.ones(shape), index=index).shape
    except IndexError:
        with pytest.raises(ShapeError):
            OPS["getitem"].infer(shape, index=index)
        return
    assert OPS["getitem"].infer(shape, index=index) == want


@steady
@given(shapes, st.integers(1, 5))
def test_one_hot_and_cross_entropy(shape, classes):
    """one_hot adds an axis; cross_entropy gives one number per sample and wants labels of one axis."""
    labels = np.zeros(shape, "int64")
    assert OPS["one_hot"].infer(shape, classes=classes, dtype="float32") == OPS["one_hot"].numpy(labels, classes, "float32").shape
    if len(shape) == 1:
        assert OPS["cross_entropy"].infer((*shape, classes), shape) == shape == OPS["cross_entropy"].numpy(np.ones((*shape, classes)), labels).shape
    else:
        with pytest.raises(ShapeError):
            OPS["cross_entropy"].infer((shape[0], classes), shape)


def test_every_primitive_has_a_rule_here():
    """No primitive's shape rule is untested."""
    tested = {*ONE, *TWO, *REDUCE, "where", "argmax", "softmax", "log_softmax", "matmul", "reshape", "transpose", "flatten"}
    tested |= {"concat", "getitem", "one_hot", "cross_entropy"}
    assert set(OPS) - tested == {"log", "sqrt", "logical_not", "cast"}  # these keep the shape, as all of ONE do
    for name in ("log", "sqrt", "logical_not", "cast"):
        assert OPS[name].infer((2, None, 3), **({"dtype": "bool"} if name == "cast" else {})) == (2, None, 3)
