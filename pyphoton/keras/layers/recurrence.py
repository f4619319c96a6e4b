"""What recurrent layers share: their options, and the scan of one step's equations over a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from pyphoton import graph
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.layer import Layer
from pyphoton.keras.masks import as_numbers, mask_of, with_mask
from pyphoton.keras.states import reset_states_
from pyphoton.scopes import tracing, where
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import show


class Scanned(Layer, own_call=True):
    """A layer that goes through a sequence step by step. A subclass says what one step does: `step`, `state_sizes`."""

    options: ClassVar[tuple[str, ...]] = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")

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

    @property
    def width(self) -> int:
        """The output's."""
        return self.state_sizes[0]

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

    def __call__(self, *inputs: Any, training: bool | None = None, initial_state: Any = None) -> Any:
        """The layer on a sequence, or on (sequence, state, ...); `initial_state`: a state, or a list of them. Errors: KeraFlowError."""
        if initial_state is not None:
            given = tuple(initial_state) if isinstance(initial_state, tuple | list) else (initial_state,)
            inputs = ((*inputs, *given),)
        first = inputs[0][0] if inputs and isinstance(inputs[0], tuple | list) and inputs[0] else inputs[0]
        if self.stateful and isinstance(first, Tensor) and tracing.get() is None and first.shape[0] is None:
            raise KeraFlowError(repr(self), "an input of a known batch size", show(first.shape), "A stateful layer keeps a state for each sample: Input(shape, batch_size=...).")
        return super().__call__(*inputs, training=training)

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
        body, at = self._body(sequences, held, len(states), masked=mask is not None)
        starts: Any = [np.zeros(size, "float32") for size in sizes]
        y = graph.scan(body, sequences, held, starts, steps, carried=self.stateful and not states, backwards=False)  # type: ignore[arg-type]
        if not self.return_state:
            return y, []
        widths = sizes if at is not None else (self.width, *sizes)
        parts = list(pairwise(np.cumsum((0, *widths)).tolist()))
        last = y[:, -1]
        states = [last[:, a:b] if len(parts) > 1 else last for a, b in parts]
        a, b = parts[at or 0]
        return y[:, :, a:b] if len(parts) > 1 else y, states if at is not None else states[1:]

    def _body(self, sequences: Sequence[Tensor], held: Sequence[Tensor], given: int, *, masked: bool) -> tuple[graph.Graph, int | None]:
        """One step, and which of the states is its output: what is masked repeats, given states are added to the zeros of the first step.

        With `return_state` its output is all states side by side, behind the output if that is none of them.
        """
        now = [Tensor((None, *s.shape[2:]), s.dtype) for s in sequences]
        same = [Tensor(h.shape, h.dtype) for h in held]
        last = [Tensor((None, size), "float32") for size in self.state_sizes]
        states: list[Any] = [s + i for s, i in zip(last, now[len(now) - given :], strict=True)] if given else list(last)
        output, found = self.step(now[0], states, same)
        new = list(found)
        at = next((k for k, n in enumerate(new) if n is output), None)
        if masked:
            if at is None:
                raise KeraFlowError(where(repr(self)), "a cell whose output is one of its states, where steps are masked", "another output")
            new = [repeated(now[1], n, s) for n, s in zip(new, states, strict=True)]
            output = new[at]
        if self.return_state:
            parts = new if at is not None else [output, *new]
            output = apply("concat", *parts, axis=1) if len(parts) > 1 else parts[0]
        return graph.graph_of((*now, *same, *last), (output, *new)), at

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


def repeated(m: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """The new value of a state where m is 1, the old one where it is 0."""
    m = m if new.shape[1] == m.shape[1] else m[:, :1]
    found: Tensor = m * new + (1 - m) * old
    return found
