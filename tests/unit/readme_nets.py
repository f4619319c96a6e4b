"""The nets of early Flux's README, for the tests of nets, of unrolling and of every engine."""

from typing import Any

from pyphoton.flux import Dense, net, randn, vcat, zeros, σ


@net
class FullyConnected:
    """W; b; x -> x*W + b."""

    W: Any
    b: Any

    def forward(self, x):
        """x*W + b."""
        return x @ self.W + self.b


@FullyConnected.constructor
def _(n_in: int, n_out: int):
    return randn(n_in, n_out), randn(n_out)


@net
class Perceptron:
    """layer; x -> σ(layer(x))."""

    layer: Any

    def forward(self, x):
        """σ(layer(x))."""
        return σ(self.layer(x))


@Perceptron.constructor
def _(n_in: int, n_out: int):
    return Dense(n_in, n_out)


@net
class SimpleRecurrent:
    """Wx; Wh; b; hidden; hidden = σ(Wx*x + Wh*hidden + b), as the text writes it."""

    Wx: Any
    Wh: Any
    b: Any
    hidden: Any

    def forward(self, x):
        """The value of the assignment is the result."""
        self.hidden = σ(self.Wx @ x + self.Wh @ self.hidden + self.b)


@SimpleRecurrent.constructor
def _(n_in: int, n_out: int):
    return randn(n_out, n_in), randn(n_out, n_out), randn(n_out), zeros(n_out)


@net
class SimpleRecurrent2:
    """layer; hidden; hidden = σ(layer(vcat(x, hidden)))."""

    layer: Any
    hidden: Any

    def forward(self, x):
        """The same in one product."""
        self.hidden = σ(self.layer(vcat(x, self.hidden)))
        return self.hidden
