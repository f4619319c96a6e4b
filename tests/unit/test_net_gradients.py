"""Every kind of net of the tests: its gradients are central differences, to 1e-5 in float64, on whichever engine runs."""

from typing import Any

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron, SimpleRecurrent, SimpleRecurrent2
from test_nets import check_gradients
from test_unroll import Holder, Lags

from pyphoton import MSE, SGD, Concurrent, Dense, Dropout, Sequential, Workout, concatenate, sigmoid, tanh
from pyphoton.flux import (
    Chain,
    Conv2D,
    Input,
    MaxPool,
    flatten,
    flip,
    net,
    param,
    prev,
    recurrent,
    softmax,
    unroll,
    vcat,
)

RANDOM = np.random.default_rng(23)


def randn(*shape):
    """Numbers around 0."""
    return RANDOM.normal(size=shape)


@net
class Older:
    """W*x + b, with the matrix on the left."""

    W: Any
    b: Any

    def forward(self, x):
        """One line."""
        return tanh(self.W @ x + self.b)


@net
class Order:
    """A state that is read before and after it is assigned, and a step ago."""

    s: Any
    W: Any

    def forward(self, x):
        """Old, new and previous."""
        old = self.s
        self.s = tanh((x + self.s) @ self.W)
        return vcat(old, self.s * self.s, prev(self.s))


@net
class Twice:
    """Two states, of which one is assigned twice."""

    a: Any
    b: Any
    w: Any

    def forward(self, x):
        """The last assignment counts."""
        self.a = self.a * self.w + x
        self.b = tanh(self.b + self.a)
        self.a = self.a * 0.5
        return self.b


@net
class Outer:
    """A state around a net with a state."""

    inner: Any
    s: Any
    W: Any

    def forward(self, x):
        """A mean that forgets."""
        self.s = 0.5 * self.s @ self.W + self.inner(x)
        return self.s


@net
class Echo:
    """y = x + y{-2} / 2."""

    w: Any
    y: Any

    def forward(self, x):
        """Without a read of the last step."""
        self.y = x * self.w + 0.5 * prev(self.y, 2)
        return self.y


@net
class Matrix:
    """A state with two axes."""

    W: Any
    m: Any

    def forward(self, x):
        """An outer product that fades."""
        self.m = 0.5 * self.m + tanh(x @ self.W)[:, :, None] * x[:, None, :]
        return self.m.sum(axis=2)


def simple(n_in=3, n_out=4, start=None):
    """σ(Wx*x + Wh*hidden + b) from a start that is not zero."""
    return SimpleRecurrent(randn(n_out, n_in), randn(n_out, n_out), randn(n_out), randn(n_out) if start is None else start)


def anonymous():
    """A function with two layers of its own."""
    first, second = Dense(3, 4, sigmoid), Dense(3, 4)
    return net(lambda x: first(x) * tanh(second(x)))


def both_ways():
    """One net forwards and one backwards."""
    a, b = unroll(simple(), 5, stateful=False), unroll(flip(simple()), 5, stateful=False)
    return net(lambda x: concatenate([a(x), b(x)], axis=-1))


def twice_in_a_step():
    """One net in two places, with one state."""
    m = simple(3, 3)
    return unroll(Chain(m, Dense(3, 3, tanh), m), 5)


FLAT, STEPS = (3,), (5, 3)
NETS = {
    "fully connected": (lambda: FullyConnected(randn(3, 2), randn(2)), FLAT),
    "perceptron": (lambda: Perceptron(Dense(3, 2)), FLAT),
    "perceptrons of one layer": (lambda: Chain(Perceptron(layer := FullyConnected(randn(3, 3), randn(3))), Perceptron(layer)), FLAT),
    "matrix on the left": (lambda: Older(randn(2, 3), randn(2)), FLAT),
    "in a chain": (lambda: Chain(Input(3), FullyConnected(randn(3, 4), randn(4)), tanh, Perceptron(Dense(4, 3)), Dense(2), softmax), FLAT),
    "chain of one layer twice": (lambda: Chain(a := Dense(3, 3, tanh), a), FLAT),
    "chain of images": (lambda: Chain(Input(5, 5), Conv2D((2, 2), out=2), tanh, MaxPool((2, 2)), flatten, Dense(2)), (5, 5)),
    "anonymous": (anonymous, FLAT),
    "dropout that is off": (lambda: Chain(Dropout(Dense(3, 3), 0.0), tanh), FLAT),
    "around a net": (lambda: Holder(FullyConnected(randn(3, 2), randn(2))), FLAT),
    "branches": (lambda: Concurrent(FullyConnected(randn(3, 2), randn(2)), Older(randn(2, 3), randn(2))), FLAT),
    "simple recurrent": (lambda: unroll(simple(), 5), STEPS),
    "trained start": (lambda: unroll(simple(start=param(randn(4))), 5), STEPS),
    "trained starts, lags": (lambda: unroll(Lags(randn(3, 2), randn(2, 2), randn(2, 2), param(randn(2))), 5), STEPS),
    "joined": (lambda: unroll(SimpleRecurrent2(Dense(7, 4), randn(4)), 5), STEPS),
    "joined, around dropout that is off": (lambda: unroll(SimpleRecurrent2(Dropout(Dense(7, 4), 0.0), randn(4)), 5), STEPS),
    "lags": (lambda: unroll(Lags(randn(3, 2), randn(2, 2), randn(2, 2), randn(2)), 5), STEPS),
    "order of reads": (lambda: unroll(Order(randn(3), randn(3, 3)), 5), STEPS),
    "assigned twice": (lambda: unroll(Twice(randn(3), randn(3), randn(3)), 5), STEPS),
    "nets in nets": (lambda: unroll(Sequential(Dense(4, tanh), Outer(simple(4, 4), randn(4), randn(4, 4)), Dense(2)), 5), STEPS),
    "echo": (lambda: unroll(Chain(simple(), Echo(randn(4), randn(4)), Dense(4, 2)), 5), STEPS),
    "matrix as a state": (lambda: unroll(Matrix(randn(3, 2), randn(2, 3)), 5), STEPS),
    "one net twice in a step": (twice_in_a_step, STEPS),
    "same input": (lambda: Chain(Dense(3, 3), unroll(simple(), 5, seq=False)), FLAT),
    "backwards": (lambda: unroll(flip(simple()), 5), STEPS),
    "both ways": (both_ways, STEPS),
    "two unrolled": (lambda: Sequential(unroll(simple(), 5), unroll(flip(simple(4, 2)), 5)), STEPS),
    "Recurrent": (lambda: unroll(recurrent.Recurrent(3, 4), 5), STEPS),
    "GatedRecurrent": (lambda: unroll(recurrent.GatedRecurrent(3, 4), 5), STEPS),
    "LSTM": (lambda: unroll(recurrent.LSTM(3, 2), 5), STEPS),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_differences(name, float64):
    """All parameters; a scan's steps as well as what has moved out of them."""
    make, shape = NETS[name]
    model, x = make(), randn(2, *shape)
    y = randn(*model(x).shape)
    check_gradients(Workout(model, MSE(), SGD(0.1)), (x, y))
