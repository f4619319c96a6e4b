"""RNN: a cell, or several on top of each other, over a sequence; and the cells of the classical layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyphoton import graph
from pyphoton.errors import KeraFlowError
from pyphoton.keras.layers.equations import Equations, GRUEquations, LSTMEquations, SimpleRNNEquations
from pyphoton.keras.layers.recurrence import Scanned
from pyphoton.tensor import Tensor


class Cell(Equations):
    """One step as a layer: (x, state, ...) -> (output, new state, ...). Options and parameters are those of the layer over sequences."""

    @property
    def state_size(self) -> Any:
        """The width of the state, or a list of them."""
        sizes = list(self.state_sizes)  # type: ignore[attr-defined]
        return sizes if len(sizes) > 1 else sizes[0]

    def trace(self, *inputs: Any) -> Any:
        """The step; `activation` belongs to it."""
        return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        """The output and the new states. Behind the states: what the state is multiplied by while training, where a layer has drawn that."""
        x, *flat = _flat(inputs)
        self.meet(x)
        count = len(self.state_sizes)  # type: ignore[attr-defined]
        y, new = self.step(x, flat[:count], flat[count:])  # type: ignore[attr-defined]
        return (y, *new)


class SimpleRNNCell(SimpleRNNEquations, Cell):
    """One step of SimpleRNN."""


class LSTMCell(LSTMEquations, Cell):
    """One step of LSTM; its states are h and c."""


class GRUCell(GRUEquations, Cell):
    """One step of GRU."""


class RNN(Scanned):
    """A cell over a sequence: (batch, steps, features) -> (batch, width), or (batch, steps, width) with return_sequences.

    cell: SimpleRNNCell, LSTMCell, GRUCell; a list of cells, each on the output of the one before; or a layer of your own, which has `state_size`
    (a width, or a list of them) and is called with (x, states) and returns (output, new states). The output's width is that of the
    first state of the last cell. Options as for SimpleRNN. Errors: KeraFlowError. Source: Keras.
    """

    options = Scanned.options

    def __init__(self, cell: Any, **options: Any) -> None:
        self.cells = tuple(cell) if isinstance(cell, tuple | list) else (cell,)
        for one in self.cells:
            if not callable(one) or not hasattr(one, "state_size"):
                raise KeraFlowError("RNN", "a cell, which has state_size, or a list of cells", repr(one))
        super().__init__(**options)

    def children(self) -> dict[str, Any]:
        """The cells."""
        return {"cell": self.cells[0]} if len(self.cells) == 1 else {f"cells.{i}": c for i, c in enumerate(self.cells)}

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The widths of the states of all cells, in order."""
        return tuple(size for cell in self.cells for size in _sizes(cell))

    @property
    def width(self) -> int:
        """The output's."""
        return _sizes(self.cells[-1])[0]

    def before(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The sequence, and for each cell with dropout what its features and state are multiplied by."""
        features, held = x.shape[-1], list[Tensor]()
        for cell in self.cells:
            if isinstance(cell, Cell):
                cell.meet(Tensor((None, features)))
                held += [n for n in cell.noise(x) if n is not None]
            features = _sizes(cell)[0]
        return x, held

    def step(self, x: Any, states: Sequence[Any], held: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """One cell after the other."""
        rest, noises, new = iter(states), iter(held), list[Any]()
        for cell in self.cells:
            own = [next(rest) for _ in _sizes(cell)]
            x, *found = self._one(cell, x, own, noises)
            new += found
        return x, new

    @staticmethod
    def _one(cell: Any, x: Any, states: list[Any], noises: Iterator[Any]) -> Sequence[Any]:
        if not isinstance(cell, Cell):
            y, new = graph.call(cell, x, tuple(states))
            return (y, *new) if isinstance(new, tuple | list) else (y, new)
        if cell.dropout:
            x = x * next(noises)
        found: Sequence[Any] = graph.call(cell, x, *states, *([next(noises)] if cell.recurrent_dropout else []))
        return found


def _sizes(cell: Any) -> tuple[int, ...]:
    size = cell.state_size
    return tuple(size) if isinstance(size, tuple | list) else (size,)


def _flat(inputs: Any) -> list[Any]:
    return [t for i in inputs for t in (_flat(i) if isinstance(i, tuple | list) else [i])]
