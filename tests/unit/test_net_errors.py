"""What a newcomer gets wrong with nets: every error says where, what was expected, what came, and what to do."""

import sys
from typing import Any

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron, SimpleRecurrent

from pyphoton import ArgumentError, DataError, PhotonError, Sequential, ShapeError, TraceError
from pyphoton.flux import Chain, Dense, Net, hcat, net, param, prev, randn, softmax, unroll, vcat, zeros, σ


def simple():
    """A net with a state of 3 features over inputs of 4."""
    return SimpleRecurrent(4, 3)


@net
class TLP:
    """softmax(second(σ(first(x))))."""

    first: Any
    second: Any

    def forward(self, x):
        """Two layers."""
        return softmax(self.second(σ(self.first(x))))


# ---- fields ----------------------------------------------------------------------------------------------------------------


def test_fields_by_name():
    """As with any class of Python: by position, by name, and both."""
    W, b = randn(4, 3), randn(3)
    x = randn(4)
    want = FullyConnected(W, b)(x)
    for made in (FullyConnected(W=W, b=b), FullyConnected(W, b=b), FullyConnected(b=b, W=W)):
        np.testing.assert_array_equal(made(x), want)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (r"FullyConnected: expected W, b, received 1 values\. There is no value for b", lambda: FullyConnected(zeros(2, 2))),
        (r"expected fields W, b, received c=\. Known: W, b", lambda: FullyConnected(zeros(2, 2), c=zeros(2))),
        (r"expected one value for W, received two", lambda: FullyConnected(zeros(2, 2), W=zeros(2, 2))),
        (r"FullyConnected\.W: expected an array of numbers", lambda: FullyConnected([[1, 2], [3]], zeros(2))),
        (r"FullyConnected\.b: expected an array of numbers", lambda: FullyConnected(zeros(2, 2), np.array(["a"]))),
        (r"FullyConnected\.W: .*received <object", lambda: FullyConnected(object(), zeros(2))),
        (r"SimpleRecurrent\.hidden: expected an array that the state begins with, received 0\.0\. .*zeros\(n\)", lambda: SimpleRecurrent(randn(3, 4), randn(3, 3), zeros(3), 0.0)),
        (r"SimpleRecurrent\.hidden: expected an array", lambda: SimpleRecurrent(randn(3, 4), randn(3, 3), zeros(3), None)),
        (r"unroll: expected a model, received <class .*Write SimpleRecurrent\(\.\.\.\)", lambda: unroll(SimpleRecurrent, 3)),
        (r"unroll: expected a model, received None", lambda: unroll(None, 3)),
        (r"a number of steps from 1, received SimpleRecurrent", lambda: unroll(3, simple())),
        (r"vcat: expected one vector or more, received nothing", vcat),
        (r"hcat: expected one vector or more, received 1, 2", lambda: hcat(1, 2)),
    ],
)  # fmt: skip
def test_wrong_arguments(text, mistake):
    """An ArgumentError that names the net and the field."""
    with pytest.raises(ArgumentError, match=text):
        mistake()


def test_a_field_can_be_replaced_from_outside():
    """Assigned on the finished net, numbers reach engines that have been computing with the old ones; of another shape they are refused."""
    m = FullyConnected(3, 2)
    chain, x = Chain(m), randn(5, 3)
    chain(x)
    m.b = np.full(2, 7.0)
    np.testing.assert_allclose(chain(x), x @ np.asarray(m.W) + 7, rtol=1e-4)
    np.testing.assert_allclose(m(x), chain(x), rtol=1e-5)
    with pytest.raises(ShapeError, match=r"numbers of shape \(2,\)"):
        m.b = np.zeros(3)
    outer = Perceptron(m)
    around = Chain(outer)
    around(x)
    other = outer.layer = FullyConnected(zeros(3, 2), np.ones(2))
    np.testing.assert_allclose(around(x), np.full((5, 2), 1 / (1 + np.exp(-1))), rtol=1e-5)
    assert outer.layer is other
    s = simple()
    first = s(randn(4) * 0)
    s.hidden = np.ones(3)
    np.testing.assert_array_equal(s.start_of("hidden"), np.ones(3))
    assert np.abs(s(np.zeros(4)) - first).max() > 1e-3


def test_a_net_stays_a_net():
    """@net twice is once; an attribute that is no field is an AttributeError that lists the fields."""
    assert net(FullyConnected) is FullyConnected and issubclass(FullyConnected, Net)
    with pytest.raises(AttributeError, match="FullyConnected has no 'bias'; its fields are W, b"):
        FullyConnected(3, 2).bias  # noqa: B018


# ---- calls on arrays -------------------------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit_on_arrays_are_told_as_on_engines():
    """TLP(FullyConnected(10, 20), FullyConnected(21, 15)) called on an array: the trace from the inside out with lines and both shapes."""
    with pytest.raises(ShapeError, match=r"\(batch, 20\).*\(21, 15\)") as raised:
        TLP(FullyConnected(10, 20), FullyConnected(21, 15))(randn(1, 10))
    inner, outer = raised.value.trace[:2]
    assert (inner.name, outer.name) == ("FullyConnected", "TLP")
    assert inner.line and outer.line == TLP.forward.__code__.co_firstlineno + 2
    for x in (randn(5), randn(2, 3, 4)):
        with pytest.raises(ShapeError, match=r"SimpleRecurrent.*matrix product"):
            simple()(x)
    assert isinstance(raised.value.__cause__, ValueError)


def test_a_step_that_failed_is_no_step():
    """After an error the state is what it was."""
    m, x = simple(), randn(4)
    once = m(x)
    with pytest.raises(ShapeError):
        m(randn(5))
    fresh = SimpleRecurrent(np.asarray(m.Wx), np.asarray(m.Wh), np.asarray(m.b), zeros(3))
    np.testing.assert_allclose(fresh(x), once, rtol=1e-6)
    np.testing.assert_allclose(m(x), fresh(x), rtol=1e-6)


@pytest.mark.parametrize("call", [lambda m: m(), lambda m: m(randn(4), randn(4))], ids=["none", "two"])
def test_another_number_of_arguments(call):
    """The names of those that `forward` has are given."""
    with pytest.raises(ArgumentError, match=r"SimpleRecurrent: expected arguments x, received [02] of them"):
        call(simple())


@pytest.mark.parametrize("x", ["a", None, 3.0, [[1, 2], [3]], object()], ids=str)
def test_what_is_no_array(x):
    """A DataError that shows it."""
    with pytest.raises(DataError, match="SimpleRecurrent: expected arrays of numbers, one sample or a batch, received"):
        simple()(x)


def test_pythons_own_errors_stay_what_they_are():
    """A net on arrays just computes, so that it can be debugged: the error is Python's, with the line as a note."""

    @net
    class Wrong:
        b: Any

        def forward(self, x):
            return x + "a"

    with pytest.raises(TypeError) as raised:
        Wrong(zeros(2))(randn(2))
    assert not isinstance(raised.value, PhotonError)
    if sys.version_info >= (3, 11):
        assert 'return x + "a"' in raised.value.__notes__[0]


def test_concatenation_of_arrays_names_the_shapes():
    """Other axes have to agree: a ShapeError for arrays as for tensors."""
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(3, 3\)"):
        vcat(randn(2, 3), randn(3, 3))


# ---- what cannot be followed -------------------------------------------------------------------------------------------------


def test_side_effects_are_refused_in_a_chain_too():
    """An attribute that is no field, assigned while an engine's plan is made."""

    @net
    class Logs:
        b: Any

        def forward(self, x):
            self.log = [x]
            return x + self.b

    for run in (lambda m: m(randn(2)), lambda m: Chain(m)(randn(2)), lambda m: Sequential(m)(randn(3, 2))):
        with pytest.raises(TraceError, match=r"Logs\.log.*Declare it"):
            run(Logs(zeros(2)))


def test_a_loop_over_samples_says_what_to_do():
    """`for row in x`: operations work on all samples at once."""

    @net
    class Loops:
        b: Any

        def forward(self, x):
            total = 0
            for row in x:
                total = total + row
            return total

    with pytest.raises(TraceError, match=r"all samples at once.*unroll.*for row in x"):
        Chain(Loops(zeros(2)))(randn(3, 2))


@pytest.mark.parametrize(
    "body",
    [
        lambda self, x: np.linalg.norm(x), lambda self, x: np.asarray(x), lambda self, x: float(x.sum()), lambda self, x: x[int(x.max())],
        lambda self, x: (x > 0) and x, lambda self, x: x if x.sum() > 0 else -x, lambda self, x: x.item(), lambda self, x: x + "a",
        lambda self, x: {"y": x}, lambda self, x: prev(x), lambda self, x: prev(self.b), lambda self, x: self.missing @ x, lambda self, x: [v for v in x],
    ],
)  # fmt: skip
def test_untraceable_python(body):
    """Each is a PhotonError with something of the net in it, and none is silent."""
    made = net(type("Wrong", (), {"__annotations__": {"b": Any}, "forward": body}))
    with pytest.raises(PhotonError, match=r"Wrong|lambda|model"):
        Chain(Dense(2), made(zeros(2)))(randn(3, 2))


def test_classes_that_are_more_than_equations():
    """An __init__ of its own and a base class are refused when the net is made, with the way to write it."""
    with pytest.raises(ArgumentError, match=r"@net class Own: expected fields and a function, received an __init__\. .*@Name\.constructor"):

        @net
        class Own:
            b: Any

            def __init__(self, n):
                self.b = zeros(n)

            def forward(self, x):
                return x + self.b

    with pytest.raises(ArgumentError, match=r"received a subclass of FullyConnected\. .*a field that holds it"):

        @net
        class More(FullyConnected):
            c: Any

            def forward(self, x):
                return x + self.c


def test_a_net_may_be_made_inside_of_a_model():
    """A function that makes a net of a param at every call: the net is one of the model's steps."""
    W = param(np.eye(2))
    made = []

    def model(x):
        if not made:
            made.append(FullyConnected(W, np.ones(2)))
        return made[0](x)

    np.testing.assert_allclose(Chain(model)(np.array([[1.0, 2.0]])), [[2, 3]])
