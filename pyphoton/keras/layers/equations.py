"""The equations of the classical cells: parameters with Keras's names and order of gates, and what one step does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pyphoton import activations, graph, initialisers, parameters
from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.initialisers import Gates
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.stock import merged
from pyphoton.layers.base import Param
from pyphoton.layers.core import Dropout
from pyphoton.scopes import where
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape, show

SPELLINGS = {
    "output_dim": "units", "init": "kernel_initializer", "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation",
    "bias": "use_bias", "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "weights": "initial_weights",
    "W_regularizer": "kernel_regularizer", "U_regularizer": "recurrent_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "U_constraint": "recurrent_constraint", "b_constraint": "bias_constraint",
}  # fmt: skip
"""Keraflow's and Keras 1's names of arguments."""

PARAMETERS = {"kernel": "kernel", "recurrent": "recurrent_kernel", "bias": "bias"}
"""Parameters by the first words of their arguments: `recurrent_regularizer=`."""


class Equations(Layer):
    """Parameters and options of the classical cells: kernel (features, gates units), recurrent_kernel (units, gates units), bias."""

    gates: ClassVar[int] = 1
    spellings = SPELLINGS
    short_names: ClassVar[Mapping[str, str]] = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}

    options = tuple(f"{p}_{what}" for what in ("regularizer", "constraint") for p in PARAMETERS)

    def __init__(self, **options: Any) -> None:
        own = {what: {name: options.pop(f"{p}_{what}", None) for p, name in PARAMETERS.items()} for what in ("regularizer", "constraint")}
        super().__init__(**merged(
            type(self).__name__, options, regularizers=own["regularizer"], constraints=own["constraint"], aliases=self.short_names,
        ))  # fmt: skip

    def configure(
        self, units: Any, activation: Any, recurrent_activation: Any, use_bias: bool, inits: Mapping[str, Any], dropout: Any, recurrent_dropout: Any
    ) -> None:
        """Check and keep the options. Errors: KeraFlowError, UnknownName."""
        if not is_integer(units) or units < 1:
            raise KeraFlowError(self.name, "units: a whole number above 0", repr(units))
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
                raise KeraFlowError(self.name, f"{name} from 0 to below 1", repr(rate))
        self.units, self.use_bias, self.features = int(units), bool(use_bias), 0
        self.activation = activations.get(activation, f"{self.name} activation=")
        self.recurrent_activation = activations.get(recurrent_activation, f"{self.name} recurrent_activation=")
        self.inits = {k: initialisers.get(v, f"{self.name} {k}_initializer=") for k, v in inits.items()}
        self.dropout, self.recurrent_dropout = float(dropout), float(recurrent_dropout)
        self.input_noise, self.state_noise = Dropout(self.dropout), Dropout(self.recurrent_dropout)

    def children(self) -> dict[str, Any]:
        """The two sources of noise."""
        return {name: vars(self)[name] for name in ("input_noise", "state_noise") if name in vars(self)}

    def bias_shape(self) -> tuple[int, ...]:
        """The bias's shape."""
        return (self.gates * self.units,)

    def bias_gates(self) -> tuple[Any, ...]:
        """The initialiser of each gate's bias."""
        return (self.inits["bias"],) * self.gates

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Kernel, recurrent kernel and bias, beginning with `initial_weights`."""
        features, u, g = (inputs[0][-1] if inputs else self.features) or 0, self.units, self.gates
        found = {
            "kernel": Param((features, g * u), self.inits["kernel"], fans=(features, g * u)),
            "recurrent_kernel": Param((u, g * u), self.inits["recurrent"], fans=(u, g * u)),
        }
        if self.use_bias:
            found["bias"] = Param(self.bias_shape(), Gates(self.bias_gates()))
        return self.with_initial(found)

    def meet(self, x: Tensor) -> None:
        """Learn the number of features. Errors: ShapeError when the parameters were built for another one."""
        if x.shape[-1] is None:
            raise ShapeError(where(repr(self)), "a known number of features", show(x.shape))
        if self.features != x.shape[-1]:
            parameters.check(self, (x.shape,))
            self.features = x.shape[-1]

    def own(self, name: str) -> Tensor:
        """One of the parameters, in a trace."""
        return graph.own_array(self, name)

    def noise(self, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """While training, what the features and the states of each sample are multiplied by, the same at every step."""
        if not self.dropout and not self.recurrent_dropout:
            return None, None
        column = x[:, 0, :1] if len(x.shape) == 3 else x[:, :1]
        above = column > 0
        ones = (above | ~above).astype("float32")  # for each sample, whatever its numbers are

        def drawn(noise: Dropout, width: int) -> Tensor | None:
            return graph.call(noise, ones * np.ones((1, width), "float32")) if noise.rate else None

        return drawn(self.input_noise, self.features), drawn(self.state_noise, self.units)


def _held(h: Any, held: Sequence[Any]) -> Any:
    """The state as the products see it: with its noise, where there is any."""
    return h * held[0] if held else h


class SimpleRNNEquations(Equations):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias)"""

    gates = 1

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", dropout: float = 0.0, recurrent_dropout: float = 0.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        inits = {"kernel": kernel_initializer, "recurrent": recurrent_initializer, "bias": bias_initializer}
        self.configure(units, activation, None, use_bias, inits, dropout, recurrent_dropout)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """One state."""
        return (self.units,)

    def step(self, x: Any, states: Sequence[Any], held: Sequence[Any] = ()) -> tuple[Any, Sequence[Any]]:
        """The new state is the output."""
        z = x @ self.own("kernel") + _held(states[0], held) @ self.own("recurrent_kernel")
        h = self.activation(z + self.own("bias") if self.use_bias else z)
        return h, [h]


class LSTMEquations(Equations):
    """i, f, o = recurrent_activation(z), g = activation(z) with z = x @ kernel + h @ recurrent_kernel + bias in the order i, f, g, o."""

    gates = 4
    first_forget: Any = None

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, forget_bias_init: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        inits = {"kernel": kernel_initializer, "recurrent": recurrent_initializer, "bias": bias_initializer}
        self.configure(units, activation, recurrent_activation, use_bias, inits, dropout, recurrent_dropout)
        forget = forget_bias_init if forget_bias_init is not None else "ones" if unit_forget_bias else None
        self.first_forget = None if forget is None else initialisers.get(forget, f"{self.name} forget_bias_init=")

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """h and c."""
        return (self.units, self.units)

    def bias_gates(self) -> tuple[Any, ...]:
        """The forget gate's apart."""
        bias = self.inits["bias"]
        return (bias, self.first_forget or bias, bias, bias)

    def step(self, x: Any, states: Sequence[Any], held: Sequence[Any] = ()) -> tuple[Any, Sequence[Any]]:
        """c' = f c + i g, h' = o activation(c')."""
        h, c = states
        z = x @ self.own("kernel") + _held(h, held) @ self.own("recurrent_kernel")
        if self.use_bias:
            z = z + self.own("bias")
        i, f, g, o = (z[:, k * self.units : (k + 1) * self.units] for k in range(4))
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]


class GRUEquations(Equations):
    """Gates z, r and the new value n; bias (2, 3 units) with reset_after, which has one for each product, else (3 units,)."""

    gates = 3
    reset_after = True

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        dropout: float = 0.0, recurrent_dropout: float = 0.0, reset_after: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        inits = {"kernel": kernel_initializer, "recurrent": recurrent_initializer, "bias": bias_initializer}
        self.reset_after = bool(reset_after)
        self.configure(units, activation, recurrent_activation, use_bias, inits, dropout, recurrent_dropout)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """One state."""
        return (self.units,)

    def bias_shape(self) -> tuple[int, ...]:
        """One row for each product that has a bias of its own."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def step(self, x: Any, states: Sequence[Any], held: Sequence[Any] = ()) -> tuple[Any, Sequence[Any]]:
        """h' = z h + (1 - z) n."""
        u, h = self.units, states[0]
        seen = _held(h, held)
        a, recurrent = x @ self.own("kernel"), self.own("recurrent_kernel")
        bias = self.own("bias") if self.use_bias else None
        if bias is not None:
            a = a + (bias[0] if self.reset_after else bias)
        if self.reset_after:
            b = seen @ recurrent
            b = b if bias is None else b + bias[1]
            gates = self.recurrent_activation(a[:, : 2 * u] + b[:, : 2 * u])
            z, r = gates[:, :u], gates[:, u:]
            n = self.activation(a[:, 2 * u :] + r * b[:, 2 * u :])
        else:
            gates = self.recurrent_activation(a[:, : 2 * u] + seen @ recurrent[:, : 2 * u])
            z, r = gates[:, :u], gates[:, u:]
            n = self.activation(a[:, 2 * u :] + (r * seen) @ recurrent[:, 2 * u :])
        h = z * h + (1 - z) * n
        return h, [h]
