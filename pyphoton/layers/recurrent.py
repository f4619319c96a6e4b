"""RNN, LSTM and GRU over (batch, steps, features); one bias per gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import activations, graph, initialisers
from pyphoton.activations import identity, relu, tanh
from pyphoton.description import description
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.initialisers import Gates
from pyphoton.layers.base import Layer, Param, fraction, known, positive
from pyphoton.scopes import where
from pyphoton.typing import Shape, show


@description
class _Recurrent(Layer):
    """What recurrent layers share. Parameters of layer l: kernel_l, recurrent_l, bias_l; backwards with `_reverse`."""

    gates: ClassVar[int] = 1
    repeats: ClassVar[str] = "num_layers"
    hidden: int
    num_layers: Any = 1
    activation: Any = identity
    dropout: float = 0.0
    bidirectional: bool = False
    last_only: bool = True
    return_sequences: bool | None = None
    initw: Any = initialisers.xavier
    initr: Any = initialisers.xavier
    initb: Any = initialisers.zeros
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.num_layers, int):
            if self.activation is not type(self).activation:
                raise ArgumentError(type(self).__name__, "one activation", f"{self.num_layers!r} and {self.activation!r}")
            self.set(activation=self.num_layers, num_layers=1)
        positive(self, hidden=self.hidden, num_layers=self.num_layers)
        fraction(self, dropout=self.dropout)
        if self.return_sequences is not None:
            if not self.last_only and not self.return_sequences:
                raise ArgumentError(type(self).__name__, "last_only or return_sequences", "both, contradicting each other")
            self.set(last_only=not self.return_sequences, return_sequences=None)
        label = type(self).__name__
        inits = {k: initialisers.get(getattr(self, k), f"{label} {k}=") for k in ("initw", "initr", "initb")}
        self.set(activation=self._activation(), **inits)

    def _activation(self) -> Any:
        return activations.get(self.activation, f"{type(self).__name__} activation=")

    def _features(self, x: Shape) -> int:
        if len(x) not in (2, 3):
            raise ShapeError(where(repr(self)), "(batch, steps, features), or (batch, steps) for one feature", show(x))
        return known(self, x[2] if len(x) == 3 else 1, "feature")

    def infer(self, *inputs: Shape) -> Shape:
        """(batch, hidden) of the last step, or (batch, steps, hidden); twice as wide when bidirectional."""
        (x,) = inputs
        self._features(x)
        width = self.hidden * (2 if self.bidirectional else 1)
        if x[1] == 0:
            raise ShapeError(where(repr(self)), "at least one step", show(x))
        return (x[0], width) if self.last_only else (x[0], x[1], width)

    def _bias_gates(self) -> tuple[Any, ...]:
        return (self.initb,) * self.gates

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Kernel (in, gates * hidden), recurrent (hidden, gates * hidden), bias (gates * hidden,) of each layer and direction."""
        found: dict[str, Param] = {}
        h, g = self.hidden, self.gates
        for layer in range(self.num_layers):
            features = self._features(inputs[0]) if layer == 0 else h * (2 if self.bidirectional else 1)
            for direction in ("", "_reverse") if self.bidirectional else ("",):
                end = f"_{layer}{direction}"
                found[f"kernel{end}"] = Param((features, g * h), Gates((self.initw,) * g), fans=(features, h))
                found[f"recurrent{end}"] = Param((h, g * h), Gates((self.initr,) * g), fans=(h, h))
                found[f"bias{end}"] = Param((g * h,), Gates(self._bias_gates()))
        return found

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Everything that is not a parameter."""
        return {
            "hidden": self.hidden, "num_layers": self.num_layers, "dropout": float(self.dropout),
            "bidirectional": self.bidirectional, "last_only": self.last_only,
        }  # fmt: skip


@description
class RNN(_Recurrent):
    """A simple recurrent (Elman) layer.

        h[t] = activation(x[t] @ kernel + h[t-1] @ recurrent + bias),   h[0] = 0 before the first step

    Input: (batch, steps, features); (batch, steps) means one feature. Output: (batch, hidden) of the last step, or
    (batch, steps, hidden) with last_only=False; 2 hidden wide when bidirectional (the last step of each direction).
    `activation` is tanh or relu. `dropout` acts on the input of every layer while training.
    Parameters: kernel_0 (features, hidden), recurrent_0 (hidden, hidden), bias_0 (hidden,), and so on for each layer
    and, ending in `_reverse`, for the backward direction. Source: Photon's RNN; torch.nn.RNN with its second bias zero.
    """

    kind = "rnn"
    activation: Any = tanh

    def _activation(self) -> Any:
        found = activations.get(self.activation, "RNN activation=")
        if found not in (tanh, relu):
            raise ArgumentError("RNN", "activation tanh or relu", repr(self.activation), "Only these are supported inside the recurrence.")
        return found

    def trace(self, *inputs: Any) -> Any:
        """One step; the activation is inside the recurrence."""
        return graph.apply_leaf(self, inputs)

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """With the activation inside the recurrence."""
        return {**super().attrs(*inputs), "nonlinearity": self.activation.__name__}


@description
class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997).

        i, f, o = sigmoid(x @ kernel + h @ recurrent + bias),  g = tanh(same)     (four blocks: i, f, g, o)
        c = f * c + i * g;   h = o * tanh(c)

    Input: (batch, steps, features); (batch, steps) means one feature. Output: (batch, hidden) of the last step, or
    (batch, steps, hidden) with last_only=False; 2 hidden wide when bidirectional. State is zero at every call.
    `LSTM(64, relu)`: a function in the second place is applied to the output; a number there is `num_layers`.
    Parameters per layer and direction: kernel_0 (features, 4 hidden), recurrent_0 (hidden, 4 hidden), bias_0 (4 hidden,).
    The forget gate's bias starts at `initf` = 1. Source: torch.nn.LSTM with its second bias zero, Flux.LSTM.
    """

    kind = "lstm"
    gates = 4
    initf: Any = initialisers.ones

    def __post_init__(self) -> None:
        super().__post_init__()
        self.set(initf=initialisers.get(self.initf, "LSTM initf="))

    def _bias_gates(self) -> tuple[Any, ...]:
        return (self.initb, self.initf, self.initb, self.initb)


@description
class GRU(_Recurrent):
    """Gated recurrent unit, with the reset gate after the product (cuDNN's and torch's form), one bias per gate.

        r, z = sigmoid(x @ kernel + h @ recurrent + bias)                       (three blocks: r, z, n)
        n = tanh(x @ kernel_n + bias_n + r * (h @ recurrent_n));   h = (1 - z) * n + z * h

    Input, output and the second argument as for LSTM.
    Parameters per layer and direction: kernel_0 (features, 3 hidden), recurrent_0 (hidden, 3 hidden), bias_0 (3 hidden,).
    Source: torch.nn.GRU with its second bias zero; Flux.GRU.
    """

    kind = "gru"
    gates = 3


