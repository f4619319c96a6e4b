"""What a model makes of a shape, each step of it, and the trace that an error carries through nested models."""

import inspect
import pickle
import sys

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.flux import Affine, Chain, Dense, Input, Layer, flatten, graph, infer, relu, shapes, softmax, σ

HERE = __file__


class TLP(Layer):
    """F's two-layer perceptron."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def forward(self, x):
        """softmax(second(σ(first(x))))."""
        hidden = σ(self.first(x))
        return softmax(self.second(hidden))


class Outer(Layer):
    """A model around a model."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        """The inner model, twice as large."""
        return self.inner(x) * 2


def line_of(function, text):
    """The number of the line of a function that has this text."""
    lines, start = inspect.getsourcelines(function)
    return start + next(i for i, line in enumerate(lines) if text in line)


def tlp():
    """One that fits."""
    return TLP(Affine(10, 20), Affine(20, 15))


def misfit():
    """F's own example: (1, 20) meets (21, 15)."""
    return TLP(Affine(10, 20), Affine(21, 15))


# ---- infer ---------------------------------------------------------------------------------------------------------------


def test_infer_as_flux_tests_it():
    """infer(d, (1, 10)) is (1, 20), infer(tlp, (1, 10)) is (1, 15), and what is impossible is None."""
    assert infer(Affine(10, 20), (1, 10)) == (1, 20)
    assert infer(tlp(), (1, 10)) == (1, 15)
    assert infer(tlp(), (1, 11)) is None
    assert infer(misfit(), (1, 10)) is None


def test_a_vector_is_one_sample():
    """An int or a tuple of one counts as a sample; None is a length that is not known."""
    assert infer(tlp(), 10) == infer(tlp(), (10,)) == (15,)
    assert infer(tlp(), (None, 10)) == (None, 15)
    assert infer(Chain(Input(28, 28), flatten), (28, 28)) == (784,)
    assert infer(Chain(Input(28, 28), flatten), (7, 28, 28)) == (7, 784)
    assert infer(relu, (3, 4)) == (3, 4)


def test_the_law_of_inference():
    """infer(m, x.shape) is m(x).shape, for several kinds of layers, before and after they are built."""
    models = [
        (Chain(pp.Conv2D(4, 3, padding="same"), relu, pp.MaxPool(), Dense(5)), (2, 3, 8, 8)),
        (Chain(pp.LSTM(4, last_only=False)), (3, 7, 2)),
        (pp.Residual(Dense(3)), (2, 4)),
        (Chain(lambda x: x.sum(axis=1)), (4, 6)),
    ]
    for model, shape in models:
        inferred = infer(model, shape)
        assert model(np.ones(shape)).shape == inferred
        assert infer(model, shape) == inferred


def test_infer_of_several_inputs_and_outputs():
    """Several inputs are several arguments, several outputs a tuple of shapes."""
    assert infer(lambda a, b: (a.sum(axis=1), b), (2, 3), (2, 5)) == ((2,), (2, 5))
    assert infer(lambda a, b: a + b, (2, 3), (2, 5)) is None


def test_infer_sees_a_shared_layer_that_would_need_two_shapes():
    """Chain(a, a) of a Dense that would need two kernels is impossible, and refused when it is built after an Input."""
    a = Dense(5)
    assert infer(Chain(a, a), (1, 10)) is None
    assert infer(Chain(a, a), (1, 5)) == (1, 5)
    with pytest.raises(pp.ShapeError, match="one shape of kernel wherever the layer is used"):
        Chain(Input(10), a, a)


def test_infer_makes_no_parameters():
    """Nothing is built by looking."""
    m = tlp()
    infer(m, (1, 10))
    shapes(m, np.ones((2, 10)))
    assert not m.built


# ---- shapes --------------------------------------------------------------------------------------------------------------


def test_shapes_of_each_step():
    """Layers, functions and operators in the order in which they run, with what goes in and out; printed one to a line."""
    found = shapes(Outer(tlp()), np.ones((5, 10)))
    assert [(s.what, s.path, s.depth, s.outputs) for s in found.steps] == [
        ("Outer", "", 0, ((5, 15),)),
        ("TLP", "inner", 1, ((5, 15),)),
        ("Dense(10, 20)", "first", 2, ((5, 20),)),
        ("sigmoid", "", 2, ((5, 20),)),
        ("Dense(20, 15)", "second", 2, ((5, 15),)),
        ("softmax", "", 2, ((5, 15),)),
        ("mul", "", 1, ((5, 15),)),
    ]
    assert (found.output, found.error) == ((5, 15), None)
    assert str(found).splitlines()[2] == "    first Dense(10, 20)   (5, 10) -> (5, 20)"


def test_shapes_end_at_the_first_impossible_step():
    """The step that cannot be and the models around it have no output; the error explains; later steps are not there."""
    found = shapes(Chain(misfit(), relu), np.ones((5, 10)))
    assert [(s.what, s.outputs is None) for s in found.steps] == [
        ("Chain", True), ("TLP", True), ("Dense(10, 20)", False), ("sigmoid", False), ("Dense(21, 15)", True),
    ]  # fmt: skip
    assert found.output is None
    lines = str(found).splitlines()
    assert lines[-2].endswith("second Dense(21, 15)  (5, 20) -> impossible")
    assert lines[-1].startswith("ShapeError: 0.second Dense(21, 15): expected 21 features")


def test_shapes_mark_an_impossible_operator():
    """An expression in Python that does not fit is a step like any other."""
    found = shapes(lambda x: relu(x) @ np.ones((4, 2)), np.ones((5, 3)))
    assert [(s.what, s.outputs) for s in found.steps][1:] == [("relu", ((5, 3),)), ("matmul", None)]
    assert found.steps[-1].inputs == ((5, 3), (4, 2))


def test_shapes_of_one_sample():
    """A vector's steps are shown as vectors."""
    found = shapes(Chain(Input(4), Dense(3), relu), np.ones(4))
    assert [s.outputs for s in found.steps] == [((3,),), ((4,),), ((3,),), ((3,),)]


# ---- traces --------------------------------------------------------------------------------------------------------------


def the_trace(action):
    """The error that an action raises, its trace checked to be plain data."""
    with pytest.raises(pp.ShapeError) as caught:
        action()
    assert pickle.loads(pickle.dumps(caught.value)).trace == caught.value.trace
    return caught.value


@pytest.mark.parametrize(
    "act",
    [
        lambda m: m(np.ones((1, 10))),
        lambda m: pp.predict(pp.Workout(m, "mse"), np.ones((1, 10))),
        lambda m: pp.fit_(pp.Workout(m, "mse"), (np.ones((4, 10)), np.ones((4, 15)))),
    ],
    ids=["call", "predict", "fit_"],
)
def test_the_trace_names_the_inner_layer_then_the_model(act):
    """trace[0] is the inner Affine and trace[1] TLP, with paths, both shapes and the line of TLP that called it."""
    error = the_trace(lambda: act(misfit()))
    assert [f.name for f in error.trace] == ["Dense", "TLP"]
    inner, outer = error.trace
    assert (inner.path, inner.text, inner.inputs) == ("second", "Dense(21, 15)", "(batch, 20)")
    assert (outer.path, outer.inputs) == ("", "(batch, 10)")
    assert (outer.file, outer.line) == (HERE, line_of(TLP.forward, "self.second(hidden)"))
    assert inner.line in range(*_lines(pp.Dense.infer))
    assert str(error) == "second Dense(21, 15): expected 21 features on the last axis for a kernel (21, 15), received (batch, 20)."


def _lines(function):
    lines, start = inspect.getsourcelines(function)
    return start, start + len(lines)


def test_the_trace_goes_through_every_model_around_it():
    """Chains, models and functions in each other: every one is in the trace, with the line where it went on."""
    m = Chain(relu, Outer(Chain(misfit(), relu)))
    error = the_trace(lambda: m(np.ones((1, 10))))
    assert [f.name for f in error.trace] == ["Dense", "TLP", "Chain", "Outer", "Chain"]
    assert [f.path for f in error.trace] == ["1.inner.0.second", "1.inner.0", "1.inner", "1", ""]
    assert error.trace[3].line == line_of(Outer.forward, "self.inner(x)")


def test_the_trace_of_a_function():
    """An operator that does not fit in a plain function is at that function's own line."""

    def double(x):
        y = x * 2
        return y + np.ones(7)

    error = the_trace(lambda: Chain(Input(5), double))
    assert [f.name for f in error.trace] == ["double", "Chain"]
    assert (error.trace[0].file, error.trace[0].line) == (HERE, line_of(double, "np.ones(7)"))


def test_the_trace_of_python_that_cannot_be_followed():
    """A TraceError carries it, too."""

    def strange(x):
        return x.nonsense

    with pytest.raises(pp.TraceError) as caught:
        Outer(Chain(strange))(np.ones((1, 3)))
    assert [(f.name, f.line) for f in caught.value.trace if f.name != "Chain"] == [
        ("strange", line_of(strange, "x.nonsense")), ("Outer", line_of(Outer.forward, "self.inner(x)")),
    ]  # fmt: skip


def test_the_trace_is_printed_below_the_error():
    """One model to a line, in a note, where Python has notes; the error's own text stays one sentence."""
    error = the_trace(lambda: Outer(misfit())(np.ones((1, 10))))
    lines = str(error.trace).splitlines()
    assert lines[0].startswith("inner.second Dense(21, 15), called with (batch, 20)  at ")
    assert lines[1] == f"in inner TLP(), called with (batch, 10)  at {HERE}:{line_of(TLP.forward, 'self.second(hidden)')}"
    if sys.version_info >= (3, 11):
        assert error.__notes__ == [str(error.trace)]
    assert "\n" not in str(error)


def test_a_trace_is_made_by_errors_only():
    """An error outside of models has an empty trace."""
    with pytest.raises(pp.ArgumentError) as caught:
        pp.Dense(0)
    assert caught.value.trace == ()


def test_a_built_model_tells_where_its_own_shapes_differ():
    """Built for (., 10), called with (., 11): the inner layer and the model."""
    m = TLP(Dense(20), Dense(15))
    m(np.ones((1, 10)))
    error = the_trace(lambda: m(np.ones((1, 11))))
    assert [(f.name, f.path) for f in error.trace] == [("Dense", "first"), ("TLP", "")]


# ---- graph ---------------------------------------------------------------------------------------------------------------


def test_the_graph_of_a_model():
    """Steps in order with paths and layers; of a plain function None; from an Input, from what was met, or from shapes that are given."""
    m = Chain(Input(4), Dense(3), relu)
    nodes = graph(m).nodes
    assert [(n.op, n.path, n.outputs[0].shape) for n in nodes] == [("dense", "1", (None, 3)), ("relu", "2", (None, 3))]
    assert nodes[0].layer is m[1] and nodes[1].inputs == nodes[0].outputs
    assert graph(relu) is None
    with pytest.raises(pp.NotBuilt, match=r"graph\(model, \(1, 10\)\)"):
        graph(TLP(Dense(20), Dense(15)))
    tlp_without_sizes = TLP(Dense(20), Dense(15))
    assert [n.op for n in graph(tlp_without_sizes, (1, 10)).nodes] == ["dense", "sigmoid", "dense", "softmax"]
    tlp_without_sizes(np.ones((2, 10)))
    assert graph(tlp_without_sizes).outputs[0].shape == (None, 15)
    with pytest.raises(pp.ShapeError):
        graph(misfit(), (1, 10))
