"""Cases of nets: a model's own arrays as steps, and scans over sequences, in every form that a body can have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np

from pyphoton import layers as L
from pyphoton.activations import sigmoid, tanh
from pyphoton.conformance.case import Table, floats, whole
from pyphoton.flux import recurrent
from pyphoton.flux.nets import net
from pyphoton.flux.params import param
from pyphoton.flux.states import prev
from pyphoton.flux.unrolled import flip, unroll
from pyphoton.tensor import apply

NETS = Table()
"""Nets and what `unroll` makes of them."""

_ZEROS = np.zeros


@net
class _Affine:
    W: Any
    b: Any

    def forward(self, x: Any) -> Any:
        return x @ self.W + self.b


@net
class _Explicit:
    Wx: Any
    Wh: Any
    b: Any
    h: Any

    def forward(self, x: Any) -> Any:
        self.h = sigmoid(self.Wx @ x + self.Wh @ self.h + self.b)
        return self.h


@net
class _Joined:
    layer: Any
    h: Any

    def forward(self, x: Any) -> Any:
        self.h = sigmoid(self.layer(apply("concat", x, self.h, axis=1)))
        return self.h


@net
class _Lags:
    A: Any
    h: Any

    def forward(self, x: Any) -> Any:
        self.h = tanh(x @ self.A + prev(self.h, 1) * 0.5 - prev(self.h, 3))
        return self.h


@net
class _Uneven:
    """Operations that nothing can be moved out of, a state with axes of its own, and a part of the gradient that ends in nothing."""

    W: Any
    m: Any
    s: Any

    def forward(self, x: Any) -> Any:
        old = self.m
        self.m = 0.5 * old + tanh(x)[:, :, None] * old.mean(axis=2, keepdims=True)
        self.s = apply("where", x @ self.W > 0.0, self.s, x @ self.W) / (1.0 + self.s.square())
        return apply("concat", self.m.sum(axis=2), self.s, x.exp(), axis=1)


@net
class _Attention:
    """A step that looks at all of `keys` and gives two outputs: a product for each sample, a softmax over its steps."""

    Wq: Any
    Wk: Any
    v: Any
    h: Any

    def forward(self, x: Any, keys: Any) -> Any:
        scores = tanh(keys @ self.Wk + (self.h @ self.Wq)[:, None]) @ self.v
        weights = apply("softmax", scores, axis=-1)
        self.h = tanh((weights[:, None] @ keys)[:, 0] + x)
        return self.h, weights


@net
class _Two:
    """Two sequences side by side."""

    W: Any
    h: Any

    def forward(self, x: Any, y: Any) -> Any:
        self.h = tanh(x @ self.W + y * self.h)
        return self.h


def _ends(x: Any) -> Any:
    """Outputs of unequal shapes: one number, a matrix, a whole number for each sample."""
    return x.sum(axis=1), x[:, :2, None] * x[:, None], x.argmax(axis=1)


_affine, _new, _joined, _lags, _uneven, _attention, _two = (
    cast(Any, c) for c in (_Affine, _Explicit, _Joined, _Lags, _Uneven, _Attention, _Two)
)


def _unrolled(make: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    return lambda: unroll(make(), 4, **options)


def _explicit() -> Any:
    return _new(_ZEROS((4, 3)), _ZEROS((4, 4)), _ZEROS(4), _ZEROS(4))


def _both_ways() -> Any:
    a, b = unroll(_explicit(), 4), unroll(flip(_explicit()), 4)
    return net(lambda x: apply("concat", a(x), b(x), axis=2))


_sequence = floats(2, 4, 3)
NETS.add("net", lambda: _affine(_ZEROS((4, 3)), _ZEROS(3)), floats(3, 4), trained=True)
NETS.add("net-in-sequential", lambda: L.Sequential(L.Dense(5), _affine(_ZEROS((5, 3)), _ZEROS(3)), tanh), floats(3, 4))
NETS.add("scan", _unrolled(_explicit, stateful=False), _sequence, trained=True)
NETS.add("scan-trained-start", _unrolled(lambda: _new(_ZEROS((4, 3)), _ZEROS((4, 4)), _ZEROS(4), param(_ZEROS(4))), stateful=False), _sequence, trained=True)
NETS.add("scan-trained-lags", _unrolled(lambda: _lags(_ZEROS((3, 2)), param(_ZEROS(2))), stateful=False), _sequence)
NETS.add("scan-carried", _unrolled(_explicit), _sequence)
NETS.add("scan-backwards", _both_ways, _sequence)
NETS.add("scan-joined", _unrolled(lambda: _joined(L.Dense(5, "tanh"), _ZEROS(5)), stateful=False), _sequence, trained=True)
NETS.add("scan-lags", _unrolled(lambda: _lags(_ZEROS((3, 2)), _ZEROS(2))), _sequence)
NETS.add("scan-uneven", _unrolled(lambda: _uneven(_ZEROS((3, 2)), _ZEROS((3, 2)), _ZEROS(2))), _sequence)
NETS.add("scan-same-input", lambda: L.Sequential(L.Dense(3, tanh), unroll(_explicit(), 4, seq=False)), floats(2, 3))
NETS.add("scan-of-layers", _unrolled(lambda: L.Sequential(L.Dense(4), _joined(L.Dense(3), _ZEROS(3)), L.Dense(2, tanh))), _sequence)
NETS.add("scan-without-states", _unrolled(lambda: L.Sequential(L.Dense(4, tanh), lambda x: x.sum(axis=1, keepdims=True))), _sequence)
NETS.add("scan-of-words", _unrolled(lambda: L.Sequential(L.Embedding(5, 3), _explicit())), whole(2, 4, below=5))
NETS.add("scan-of-images", _unrolled(lambda: L.Sequential(L.Conv2D(2, 2), L.Flatten(), L.Dense(3), _explicit())), floats(2, 4, 1, 3, 3))
NETS.add("scan-in-scan", lambda: unroll(L.Sequential(unroll(_explicit(), 2, stateful=False), lambda x: x[:, 1], _joined(L.Dense(3), _ZEROS(3))), 3), floats(2, 3, 2, 3))
NETS.add("scan-two-sequences", _unrolled(lambda: _two(_ZEROS((3, 2)), _ZEROS(2))), _sequence, floats(2, 4, 2))
NETS.add("scan-two-outputs", lambda: net(lambda x: unroll(_ends, 4)(x.tanh())), _sequence)
NETS.add("scan-attention", lambda: unroll(_attention(_ZEROS((3, 5)), _ZEROS((3, 5)), _ZEROS(5), _ZEROS(3)), 4, seq=(True, False)), _sequence, floats(2, 6, 3))
NETS.add("scan-held-first", lambda: unroll(lambda once, x: _ends(once * x), 4, seq=(False, True)), floats(2, 3), _sequence)
NETS.add("scan-dropout", _unrolled(lambda: _joined(L.Sequential(L.Dense(5), L.Dropout(0.4)), _ZEROS(5))), _sequence, random=True)
for _kind in (recurrent.Recurrent, recurrent.GatedRecurrent, recurrent.LSTM):
    NETS.add(f"scan-{_kind.__name__.lower()}", _unrolled(partial(cast(Any, _kind), 3, 4), stateful=False), _sequence, trained=_kind is recurrent.LSTM)
