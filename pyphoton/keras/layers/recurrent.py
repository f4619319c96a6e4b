"""SimpleRNN, LSTM and GRU over (batch, steps, features), with Keras's parameters, names and order of gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pyphoton import activations, parameters
from pyphoton.keras.layers.equations import Equations, GRUEquations, LSTMEquations, SimpleRNNEquations
from pyphoton.keras.layers.recurrence import Scanned
from pyphoton.scopes import where_path
from pyphoton.tensor import Node, Tensor
from pyphoton.typing import Shape


class Recurrent(Equations, Scanned):
    """A classical cell over a sequence."""

    options = (*Equations.options, *Scanned.options)


    def before(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The sequence with dropout; the noise of states."""
        self.meet(x)
        of_input, of_state = self.noise(x)
        if of_input is not None:
            x = x * of_input[:, None]
        return x, [] if of_state is None else [of_state]


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
