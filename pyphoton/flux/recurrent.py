"""Recurrent, GatedRecurrent and LSTM as equations: the definitions that the native layers are held to."""

from __future__ import annotations

from typing import Any

from pyphoton.activations import sigmoid, tanh
from pyphoton.flux.nets import net, randn, zeros


def _initn(*shape: int) -> Any:
    return randn(*shape) / 10


@net
class Recurrent:
    """y = tanh(x Wxy + y₋₁ Wyy + by). `Recurrent(n_in, n_out)`, or the fields Wxy, Wyy, by, y."""

    Wxy: Any
    Wyy: Any
    by: Any
    y: Any

    def forward(self, x: Any) -> Any:
        """One step."""
        self.y = tanh(x @ self.Wxy + self.y @ self.Wyy + self.by)
        return self.y


@Recurrent.constructor  # type: ignore[attr-defined,untyped-decorator]
def _recurrent(n_in: int, n_out: int) -> Any:
    return _initn(n_in, n_out), _initn(n_out, n_out), _initn(n_out), zeros(n_out)


@net
class GatedRecurrent:
    """r, u = σ(x Wx + y₋₁ Wy + b);  y' = tanh(x Wxh + (r y₋₁) Wyh + bh);  y = (1 - u) y' + u y₋₁. `GatedRecurrent(n_in, n_out)`."""

    Wxr: Any
    Wyr: Any
    br: Any
    Wxu: Any
    Wyu: Any
    bu: Any
    Wxh: Any
    Wyh: Any
    bh: Any
    y: Any

    def forward(self, x: Any) -> Any:
        """One step."""
        reset = sigmoid(x @ self.Wxr + self.y @ self.Wyr + self.br)
        update = sigmoid(x @ self.Wxu + self.y @ self.Wyu + self.bu)
        new = tanh(x @ self.Wxh + (reset * self.y) @ self.Wyh + self.bh)
        self.y = (1 - update) * new + update * self.y
        return self.y


@GatedRecurrent.constructor  # type: ignore[attr-defined,untyped-decorator]
def _gated(n_in: int, n_out: int) -> Any:
    return (*(part for _ in range(3) for part in (_initn(n_in, n_out), _initn(n_out, n_out), _initn(n_out))), zeros(n_out))


@net
class LSTM:
    """f, i, o = σ(x Wx + y₋₁ Wy + b);  s' = tanh(x Wxs + y₋₁ Wys + bs);  s = f s₋₁ + i s';  y = o tanh(s). `LSTM(n_in, n_out)`."""

    Wxf: Any
    Wyf: Any
    bf: Any
    Wxi: Any
    Wyi: Any
    bi: Any
    Wxo: Any
    Wyo: Any
    bo: Any
    Wxs: Any
    Wys: Any
    bs: Any
    y: Any
    s: Any

    def forward(self, x: Any) -> Any:
        """One step."""
        forget = sigmoid(x @ self.Wxf + self.y @ self.Wyf + self.bf)
        add = sigmoid(x @ self.Wxi + self.y @ self.Wyi + self.bi)
        out = sigmoid(x @ self.Wxo + self.y @ self.Wyo + self.bo)
        new = tanh(x @ self.Wxs + self.y @ self.Wys + self.bs)
        self.s = forget * self.s + add * new
        self.y = out * tanh(self.s)
        return self.y


@LSTM.constructor  # type: ignore[attr-defined,untyped-decorator]
def _lstm(n_in: int, n_out: int) -> Any:
    return (*(part for _ in range(4) for part in (_initn(n_in, n_out), _initn(n_out, n_out), _initn(n_out))), zeros(n_out), zeros(n_out))
