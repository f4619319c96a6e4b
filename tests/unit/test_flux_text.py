"""The README of early Flux and its tests of recurrence, as they read here."""

from typing import Any

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron, SimpleRecurrent, SimpleRecurrent2

from pyphoton import MSE, SGD, PhotonError, Workout
from pyphoton.flux import (
    Chain,
    Dense,
    Dropout,
    Input,
    infer,
    net,
    prev,
    randn,
    relu,
    reset_,
    softmax,
    tf,
    torch_,
    unroll,
    zeros,
    σ,
)

X = np.random.default_rng(1).normal(size=(3, 10, 4)).astype("float32")


def test_custom_layers():
    """foo(randn(10)) gives five numbers; foo stands in a Chain; a perceptron is used like Dense."""
    foo = FullyConnected(10, 5)
    assert foo(randn(10)).shape == (5,)
    m = Chain(Input(10), foo, relu, Perceptron(5, 4), Dense(3), softmax)
    y = m(randn(10))
    assert y.shape == (3,) and y.sum() == pytest.approx(1, rel=1e-5)
    assert m(randn(7, 10)).shape == (7, 3)
    assert infer(m, (1, 10)) == (1, 3)
    np.testing.assert_allclose(m[:2](np.ones(10)), foo(np.ones(10)), rtol=1e-5)


def test_recurrence_both_ways():
    """The explicit form and the joined one with the same numbers, unrolled, stepped, and reset."""
    explicit = SimpleRecurrent(randn(5, 4), randn(5, 5), randn(5), zeros(5))
    layer = Dense(9, 5)
    joined = SimpleRecurrent2(Dropout(layer), zeros(5))
    model = unroll(joined, 10, stateful=False)
    model(X)
    layer.parameters.kernel.set_(np.concatenate([explicit.Wx, explicit.Wh], 1).T)
    layer.parameters.bias.set_(np.asarray(explicit.b))
    want = unroll(explicit, 10, stateful=False)(X)
    np.testing.assert_allclose(model(X), want, rtol=1e-4)
    reset_(explicit)
    np.testing.assert_allclose([explicit(x) for x in X[0]], want[0], rtol=1e-4)
    before = Workout(model, MSE(), SGD(0.5))
    loss = before.evaluate((X, want * 0))["loss"]
    assert before.fit_((X, want * 0), epochs=5, verbose=False).evaluate((X, want * 0))["loss"] < loss


def test_chain_of_recurrent_models():
    """unroll goes through a Chain; `y{-1}` is prev; a cyclic model is refused until it is unrolled."""

    @net
    class Echo:
        y: Any

        def forward(self, x):
            self.y = x + 0.5 * prev(self.y, 2)
            return self.y

    chain = Chain(SimpleRecurrent(randn(5, 4), randn(5, 5), randn(5), zeros(5)), Echo(zeros(5)), Dense(5, 2))
    assert unroll(chain, 10)(X).shape == (3, 10, 2)
    for refused in (tf, torch_):
        with pytest.raises(PhotonError, match="unrolling it first"):
            refused(chain)
    converted = torch_(unroll(chain, 10, stateful=False))
    np.testing.assert_allclose(converted(X), unroll(chain, 10, stateful=False)(X), rtol=1e-4, atol=1e-5)


def test_error_names_the_inner_and_the_outer_model():
    """TLP(FullyConnected(10, 20), FullyConnected(21, 15)): the trace goes from the inside out."""

    @net
    class TLP:
        first: Any
        second: Any

        def forward(self, x):
            return softmax(self.second(σ(self.first(x))))

    assert infer(TLP(FullyConnected(10, 20), FullyConnected(20, 15)), (1, 10)) == (1, 15)
    with pytest.raises(PhotonError) as raised:
        Chain(TLP(FullyConnected(10, 20), FullyConnected(21, 15)))(randn(2, 10))
    names = [frame.name for frame in raised.value.trace]
    assert names[:2] == ["FullyConnected", "TLP"]
    assert raised.value.trace[0].line and raised.value.trace[1].line
