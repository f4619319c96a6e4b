"""Cases of gradients inside of a model: what they are of, where they stand, and what must not get into them."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import numpy as np

from pyphoton import layers as L
from pyphoton.activations import relu, tanh
from pyphoton.conformance.case import Table, floats, whole
from pyphoton.flux.nets import net
from pyphoton.flux.unrolled import unroll
from pyphoton.graph import call, gradient_of
from pyphoton.layers.base import Layer
from pyphoton.losses import CrossEntropyLoss
from pyphoton.tensor import apply

GRADIENTS = Table()
"""Steps of the kind "gradient"."""


class _Of(Layer):
    """The gradient of the sum of a model's squared outputs, less the target where there is one."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def forward(self, x: Any, *y: Any) -> Any:
        return gradient_of(self.score, x, *y)

    def score(self, x: Any, *y: Any) -> Any:
        """What the gradient is of."""
        p = call(self.model, x)
        return apply("sum", apply("square", p - y[0] if y else p))


class _Attack(_Of):
    """The model at x moved along the signs of that gradient, in several steps; another layer stands before both."""

    def __init__(self, model: Any, before: Any, steps: int = 1) -> None:
        super().__init__(model)
        self.before, self.steps = before, steps

    def forward(self, x: Any) -> Any:
        z = moved = call(self.before, x)
        for _ in range(self.steps):
            moved = moved + 0.3 * apply("sign", gradient_of(self.score, moved))
        return call(self.model, moved) + apply("mean", z)


class _Labels(Layer):
    """Of a cross-entropy with class numbers."""

    def __init__(self) -> None:
        self.model = L.Sequential(L.Dense(5, tanh), L.Dense(3))
        self.loss = CrossEntropyLoss(use_softmax=True)

    def forward(self, x: Any, y: Any) -> Any:
        return gradient_of(lambda x: self.loss(self.model(x), y), x)


class _Nested(_Of):
    """A gradient of something that has the signs of a gradient in it."""

    def forward(self, x: Any, *y: Any) -> Any:
        return gradient_of(lambda a: self.score(a + 0.3 * apply("sign", gradient_of(self.score, a))), x)


class _NotOf(Layer):
    """With respect to something that the function does not use: zero."""

    def __init__(self) -> None:
        self.dense = L.Dense(2)

    def forward(self, x: Any) -> Any:
        return gradient_of(lambda _: apply("sum", self.dense(x)), x) + x


@net
class _Descent:
    """At each step of a sequence the state moves down a loss of it: what it learns is in the state."""

    W: Any
    h: Any

    def forward(self, x: Any) -> Any:
        self.h = tanh(x) + self.h - 0.1 * gradient_of(lambda h: apply("sum", apply("square", h @ self.W - x)), self.h)
        return self.h


_descent = cast(Any, _Descent)


def _dense() -> Any:
    return L.Sequential(L.Dense(4, tanh), L.Dense(2))


def _quiet() -> Any:
    """Layers that are others while training."""
    return L.Sequential(L.Dense(4, tanh), L.BatchNorm(epsilon=0.1), L.Dropout(0.5), L.Dense(2))


def _images() -> Any:
    return L.Sequential(L.Conv2D(3, 2, tanh), L.MaxPool2D(2), L.Dense(2))


GRADIENTS.add("gradient", lambda: _Of(_dense()), floats(3, 4), slope=False)
GRADIENTS.add("gradient-held", lambda: _Of(_dense()), floats(3, 4), floats(3, 2), slope=False)
GRADIENTS.add("gradient-labels", _Labels, floats(3, 4), whole(3, below=3), slope=False)
GRADIENTS.add("gradient-relu", lambda: _Of(L.Sequential(L.Dense(6, relu), L.Dense(2))), floats(3, 4), slope=False)
GRADIENTS.add("gradient-evaluation", lambda: _Of(_quiet()), floats(3, 4), slope=False)
GRADIENTS.add("gradient-images", lambda: _Of(_images()), floats(2, 2, 5, 5), slope=False)
for _name, _layer in (("lstm", L.LSTM), ("gru", L.GRU), ("rnn", L.RNN)):
    GRADIENTS.add(f"gradient-{_name}", partial(lambda layer: _Of(layer(3)), _layer), floats(2, 4, 3), slope=False)
GRADIENTS.add("gradient-in-scan", lambda: unroll(_descent(np.zeros((3, 3)), np.zeros(3)), 4, stateful=False), floats(2, 4, 3), slope=False)
GRADIENTS.add("gradient-nested", lambda: _Nested(_dense()), floats(3, 4), slope=False)
GRADIENTS.add("gradient-unused", _NotOf, floats(3, 4), slope=False)
GRADIENTS.add("gradient-attack", lambda: _Attack(_dense(), L.Dense(3, tanh)), floats(3, 4), trained=True)
GRADIENTS.add("gradient-attack-twice", lambda: _Attack(_dense(), L.Dense(3, tanh), 2), floats(3, 4))
GRADIENTS.add(  # a bias before batch norm would have the gradient 0, whose rounding errors Adam enlarges
    "gradient-batch-norm", lambda: _Attack(L.Sequential(L.Dense(3, use_bias=False), L.BatchNorm(epsilon=0.1), L.Dense(2)), L.BatchNorm(epsilon=0.1)), floats(4, 3),
)  # fmt: skip
