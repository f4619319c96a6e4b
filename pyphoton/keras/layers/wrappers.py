"""Layers around layers: TimeDistributed and Bidirectional."""

from __future__ import annotations

from typing import Any

from pyphoton import graph
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.layer import Layer
from pyphoton.keras.masks import as_numbers, mask_of, with_mask
from pyphoton.scopes import where
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import show


def _need_layer(owner: str, layer: Any) -> None:
    if not callable(layer) or isinstance(layer, type):
        raise KeraFlowError(owner, "a layer", repr(layer), f"Write {layer.__name__}(...)." if isinstance(layer, type) else "")


class TimeDistributed(Layer):
    """The same layer on every slice of axis 1: (batch, steps, ...) -> (batch, steps, what the layer makes of (batch, ...)).

    Any length, unknown ones too; the mask of the input is that of the output. The slices of all steps go through the layer as one batch,
    so statistics of a batch (BatchNormalization while training) are of all steps together. Its parameters are the layer's.
    Errors: ShapeError for an input without steps. Source: Keras, Keraflow.
    """

    supports_masking = True

    def __init__(self, layer: Any, **common: Any) -> None:
        _need_layer("TimeDistributed", layer)
        self.layer = layer
        super().__init__(**common)

    def children(self) -> dict[str, Any]:
        """The layer."""
        return {"layer": self.layer}

    def forward(self, x: Any) -> Any:
        """Steps become samples, and steps again."""
        if len(x.shape) < 2 or None in x.shape[2:]:
            raise ShapeError(where(repr(self)), "(batch, steps, ...) of known lengths behind the steps", show(x.shape))
        steps = x.shape[1]
        if steps is None:  # only shapes are asked for: a length is known when numbers arrive
            return self._mapped(graph.call(self.layer, x[:, 0]), lambda y: Tensor((y.shape[0], None, *y.shape[1:]), y.dtype, y.node))
        rows = graph.call(self.layer, x.reshape(-1, *x.shape[2:]))
        return self._mapped(rows, lambda y: y.reshape(-1, steps, *y.shape[1:]))

    @staticmethod
    def _mapped(result: Any, function: Any) -> Any:
        return tuple(map(function, result)) if isinstance(result, tuple) else function(result)


MERGES = ("concat", "sum", "mul", "ave", None)


class Bidirectional(Layer):
    """A recurrent layer in both directions over the sequence, its outputs joined.

    merge_mode: "concat" (side by side), "sum", "mul", "ave", or None for two outputs. The backward layer is a copy of the layer with the
    other direction and weights of its own, or `backward_layer`. With return_sequences both outputs are in the input's order, and 0 at masked
    steps; with return_state the states of the forward layer follow, then those of the backward one. Errors: KeraFlowError. Source: Keras.
    """

    def __init__(self, layer: Any, merge_mode: str | None = "concat", backward_layer: Any = None, **common: Any) -> None:
        _need_layer("Bidirectional", layer)
        if merge_mode not in MERGES:
            raise KeraFlowError("Bidirectional", f"merge_mode {', '.join(map(repr, MERGES))}", repr(merge_mode))
        if not hasattr(layer, "go_backwards"):
            raise KeraFlowError("Bidirectional", "a recurrent layer", repr(layer))
        self.merge_mode, self.forward_layer, self.backward_layer = merge_mode, layer, backward_layer or _turned(layer)
        for option in ("return_sequences", "return_state"):
            if getattr(self.backward_layer, option) != getattr(layer, option):
                raise KeraFlowError("Bidirectional", f"the same {option} in both directions", f"{layer!r} and {self.backward_layer!r}")
        if self.backward_layer.go_backwards == layer.go_backwards:
            raise KeraFlowError("Bidirectional", "layers of opposite directions", f"go_backwards={layer.go_backwards} in both")
        super().__init__(**common)

    def children(self) -> dict[str, Any]:
        """The layer of each direction."""
        return {"forward_layer": self.forward_layer, "backward_layer": self.backward_layer}

    def reset_states(self) -> None:
        """States of both directions begin anew."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    def forward(self, *inputs: Any) -> Any:
        """Both directions, joined. After the sequence: first states, those of the forward layer first."""
        x, *states = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], tuple | list) else inputs
        half = len(states) // 2
        a = graph.call(self.forward_layer, (x, *states[:half]) if states else x)
        b = graph.call(self.backward_layer, (x, *states[half:]) if states else x)
        last: tuple[Any, ...] = ()
        if self.forward_layer.return_state:
            (a, *of_a), (b, *of_b) = a, b
            last = (*of_a, *of_b)
        mask = mask_of(a)
        if mask is not None:
            a, b = a * as_numbers(mask, a), b * as_numbers(mask_of(b), b)
        if self.forward_layer.return_sequences:
            b = b[:, ::-1]
        y = self._merged(a, b)
        if mask is not None:
            for one in y if isinstance(y, tuple) else (y,):
                with_mask(one, mask)
        return (*(y if isinstance(y, tuple) else (y,)), *last) if last else y

    def _merged(self, a: Any, b: Any) -> Any:
        if self.merge_mode == "concat":
            return apply("concat", a, b, axis=-1)
        if self.merge_mode is None:
            return a, b
        return a * b if self.merge_mode == "mul" else a + b if self.merge_mode == "sum" else (a + b) / 2


def _turned(layer: Any) -> Any:
    """A layer with the same arguments and the other direction. Given first weights are not those of both."""
    given = {k: v for k, v in layer.arguments().items() if k not in ("name", "initial_weights")}
    return type(layer)(**{**given, "go_backwards": not layer.go_backwards})
