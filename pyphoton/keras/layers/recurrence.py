"""What recurrent layers share: their options, and the scan of one step's equations over a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pyphoton import activations, graph, initialisers, parameters
from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.initialisers import Gates
from pyphoton.keras.layer import Layer
from pyphoton.keras.masks import as_numbers, mask_of, with_mask
from pyphoton.keras.states import reset_states_
from pyphoton.layers.base import Param
from pyphoton.layers.core import Dropout
from pyphoton.scopes import tracing, where
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import Shape, show

SPELLINGS = {
    "output_dim": "units", "init": "kernel_initializer", "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation",
    "bias": "use_bias", "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
}  # fmt: skip
"""Keraflow's and Keras 1's names of arguments."""


class Scanned(Layer):
    """A layer that goes through a sequence step by step. A subclass says what one step does: `step`, `state_sizes`."""

    options = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")

    def __init__(
        self, *, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(**common)
        self.return_sequences, self.return_state, self.go_backwards = bool(return_sequences), bool(return_state), bool(go_backwards)
        self.stateful, self.unroll = bool(stateful), bool(unroll)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The width of each state; the first is the output's."""
        raise NotImplementedError

    def step(self, x: Any, states: Sequence[Any], held: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """The output and the next states of one step."""
        raise NotImplementedError

    def before(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The sequence as the steps see it, and what they see besides, the same at every step."""
        return x, []

    def reset_states(self) -> None:
        """States begin anew, at zero, with the next call."""
        reset_states_(self)

    # ---- calling --------------------------------------------------------------------------------------------------------

    def trace(self, *inputs: Any) -> Any:
        """The whole sequence; `activation` belongs to the step."""
        return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        """The sequence (batch, steps, features), then the first states where they are given."""
        x, *states = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], tuple | list) else inputs
        states = [s for given in states for s in (given if isinstance(given, tuple | list) else (given,))]
        self._check(x, states)
        mask = mask_of(x)
        if self.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        y, last = self.over_steps(x, states, mask)
        output = y if self.return_sequences else y[:, -1] if len(y.shape) == 3 else y
        if self.return_sequences and mask is not None:
            with_mask(output, mask)
        return (output, *last) if self.return_state else output

    def over_steps(self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """(batch, steps, width) of all outputs, or (batch, width) of the last, and where `return_state` asks for them the last states."""
        x, held = self.before(x)
        sizes, steps = self.state_sizes, x.shape[1]
        sequences = [x]
        if mask is not None:
            sequences.append(as_numbers(mask, x) * np.ones((1, 1, sizes[0]), "float32"))
        first = np.eye(1, steps or 1, dtype="float32").reshape(1, -1, 1)
        sequences += [s.reshape(-1, 1, size) * first for s, size in zip(states, sizes, strict=False)]
        body = self._body(sequences, held, len(states), masked=mask is not None)
        starts: Any = [np.zeros(size, "float32") for size in sizes]
        carried = self.stateful and not states
        y = graph.scan(body, sequences, held, starts, steps, carried=carried, backwards=False)  # type: ignore[arg-type]
        width = y.shape[-1]
        if not self.return_state or width == sizes[0]:
            return y, [y[:, -1]] if self.return_state else []
        ends = np.cumsum((0, *sizes)).tolist()
        last = y[:, -1]
        return y[:, :, : sizes[0]], [last[:, a:b] for a, b in zip(ends, ends[1:], strict=False)]

    def _body(self, sequences: Sequence[Tensor], held: Sequence[Tensor], given: int, *, masked: bool) -> graph.Graph:
        """One step: what is masked repeats, given states are added to those of zero with which the first step begins."""
        now = [Tensor((None, *s.shape[2:]), s.dtype) for s in sequences]
        same = [Tensor(h.shape, h.dtype) for h in held]
        last = [Tensor((None, size), "float32") for size in self.state_sizes]
        states: list[Any] = [s + i for s, i in zip(last, now[len(now) - given :], strict=True)] if given else list(last)
        output, new = self.step(now[0], states, same)
        if masked:
            m = now[1]
            kept = [m[:, :1] * n + (1 - m[:, :1]) * s if n.shape[1] != m.shape[1] else m * n + (1 - m) * s for n, s in zip(new, states, strict=True)]
            output = kept[0] if output is new[0] else m * output + (1 - m) * states[0]
            new = kept
        if self.return_state and not (len(new) == 1 and output is new[0]):
            output = apply("concat", *new, axis=1)
        return graph.graph_of((*now, *same, *last), (output, *new))

    def _check(self, x: Tensor, states: Sequence[Any]) -> None:
        if len(x.shape) != 3:
            raise ShapeError(where(repr(self)), "(batch, steps, features)", show(x.shape))
        if x.shape[1] == 0:
            raise ShapeError(where(repr(self)), "at least one step", show(x.shape))
        if states and len(states) != len(self.state_sizes):
            raise KeraFlowError(where(repr(self)), f"{len(self.state_sizes)} initial states", f"{len(states)}")
        for state, size in zip(states, self.state_sizes, strict=bool(states)):
            if len(state.shape) != 2 or state.shape[1] != size:
                raise ShapeError(where(repr(self)), f"an initial state (batch, {size})", show(state.shape))


def _called(self: Scanned, *inputs: Any, initial_state: Any = None) -> Any:
    """The layer on a sequence, or on (sequence, state, ...); `initial_state`: a state, or a list of them. Errors: KeraFlowError."""
    if initial_state is not None:
        given = tuple(initial_state) if isinstance(initial_state, tuple | list) else (initial_state,)
        inputs = ((*inputs, *given),)
    first = inputs[0][0] if inputs and isinstance(inputs[0], tuple | list) and inputs[0] else inputs[0]
    if self.stateful and isinstance(first, Tensor) and tracing.get() is None and first.shape[0] is None:
        raise KeraFlowError(repr(self), "an input of a known batch size", show(first.shape), "A stateful layer keeps a state for each sample: Input(shape, batch_size=...).")
    return super(Scanned, self).__call__(*inputs)


Scanned.__call__ = _called  # type: ignore[method-assign]


class Equations(Layer):
    """Parameters and options of the classical cells: kernel (features, gates units), recurrent_kernel (units, gates units), bias."""

    gates: ClassVar[int] = 1
    spellings = SPELLINGS
    short_names: ClassVar[Mapping[str, str]] = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}

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
        return {"input_noise": self.input_noise, "state_noise": self.state_noise}

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


class Recurrent(Equations, Scanned):
    """A classical cell over a sequence."""

    def before(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The sequence with dropout; the noise of states."""
        self.meet(x)
        of_input, of_state = self.noise(x)
        if of_input is not None:
            x = x * of_input[:, None]
        return x, [] if of_state is None else [of_state]
