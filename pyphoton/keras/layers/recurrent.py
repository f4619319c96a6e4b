"""SimpleRNN, LSTM and GRU over (batch, steps, features), with Keras's parameters, names and order of gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pyphoton import activations, initialisers, parameters
from pyphoton.keras.layers.recurrence import SPELLINGS, Equations, Recurrent
from pyphoton.scopes import where_path
from pyphoton.tensor import Node, Tensor
from pyphoton.typing import Shape


def _held(h: Any, held: Sequence[Any]) -> Any:
    """The state as the products see it: with its noise, where there is any."""
    return h * held[0] if held else h


class SimpleRNNEquations(Equations):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias)"""

    gates = 1

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


class _Fused(Recurrent):
    """A layer whose usual form the engines have as one step: tanh and sigmoid, and nothing that happens between steps."""

    core_kind: ClassVar[str] = ""
    step_names: ClassVar[Mapping[str, str]] = {"kernel": "kernel_0", "recurrent_kernel": "recurrent_0", "bias": "bias_0"}

    def fits(self) -> bool:
        """Whether the engines' step has these equations."""
        raise NotImplementedError

    def over_steps(self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """One step of the engines where that computes the same, a scan otherwise."""
        plain = self.use_bias and not self.stateful and not self.recurrent_dropout and not states and mask is None and self.fits()
        if not plain:
            return super().over_steps(x, states, mask)
        x, _ = self.before(x)
        parameters.check(self, (x.shape,))
        node = Node(self.core_kind, (x,), {}, path=where_path(), layer=self)
        shape = (x.shape[0], x.shape[1], self.units) if self.return_sequences else (x.shape[0], self.units)
        node.outputs = (Tensor(shape, "float32", node),)
        y = node.outputs[0]
        return y, [y[:, -1] if self.return_sequences else y] if self.return_state else []

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Those of the engines' step."""
        more = {"nonlinearity": self.activation.__name__} if self.core_kind == "rnn" else {}
        return {"hidden": self.units, "num_layers": 1, "dropout": 0.0, "bidirectional": False, "last_only": not self.return_sequences, **more}


class SimpleRNN(SimpleRNNEquations, _Fused):
    """A simple recurrent (Elman) layer.

        h[t] = activation(x[t] @ kernel + h[t-1] @ recurrent_kernel + bias)

    Input: (batch, steps, features). Output: (batch, units) of the last step, or with return_sequences (batch, steps, units); with
    return_state followed by the last state. go_backwards: from the last step to the first, outputs in that order. stateful: the
    state goes on where the last batch left it, until `reset_states()`. dropout, recurrent_dropout: of the features and of the
    state, one draw for all steps of a batch. Called with `initial_state=` it begins there.
    Parameters: kernel (features, units), recurrent_kernel (units, units), bias (units,). Errors: KeraFlowError, ShapeError.
    """

    core_kind = "rnn"

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", dropout: float = 0.0, recurrent_dropout: float = 0.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        inits = {"kernel": kernel_initializer, "recurrent": recurrent_initializer, "bias": bias_initializer}
        self.configure(units, activation, None, use_bias, inits, dropout, recurrent_dropout)

    def fits(self) -> bool:
        """Whether the engines' step has these equations."""
        return self.activation in (activations.tanh, activations.relu)


class LSTM(LSTMEquations, _Fused):
    """Long short-term memory (Hochreiter and Schmidhuber 1997).

        i, f, o = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias),  g = activation(same)     (blocks i, f, g, o)
        c = f * c + i * g;   h = o * activation(c)

    Options, input and output as for SimpleRNN; return_state gives h and c. unit_forget_bias: the forget gate's bias begins at 1;
    `forget_bias_init` (Keraflow) says at what. Keraflow's inner activation was `hard_sigmoid`.
    Parameters: kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (4 units,).
    """

    core_kind = "lstm"

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

    def fits(self) -> bool:
        """Whether the engines' step has these equations."""
        return not self.return_state and self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid


class GRU(GRUEquations, Recurrent):
    """Gated recurrent unit (Cho et al. 2014).

        z, r = recurrent_activation(x @ kernel + h @ recurrent_kernel + biases)                 (blocks z, r, n)
        n = activation(x @ kernel_n + bias_n + r * (h @ recurrent_n + bias2_n));   h = z * h + (1 - z) * n

    reset_after=False is the form of 2014 and Keraflow's: n = activation(x @ kernel_n + bias_n + (r * h) @ recurrent_n).
    Options, input and output as for SimpleRNN.
    Parameters: kernel (features, 3 units), recurrent_kernel (units, 3 units), bias (2, 3 units), or (3 units,) without reset_after.
    """

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        dropout: float = 0.0, recurrent_dropout: float = 0.0, reset_after: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        inits = {"kernel": kernel_initializer, "recurrent": recurrent_initializer, "bias": bias_initializer}
        self.reset_after = bool(reset_after)
        self.configure(units, activation, recurrent_activation, use_bias, inits, dropout, recurrent_dropout)


__all__ = ["GRU", "LSTM", "SPELLINGS", "SimpleRNN"]
