"""Sequential: layers one after the other; a model, a layer or a tensor, by what its first member is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pyphoton import graph
from pyphoton.errors import KeraFlowError
from pyphoton.keras.entry import Input, InputLayer
from pyphoton.keras.layer import Layer
from pyphoton.keras.model import Listed, Model, named
from pyphoton.keras.symbolic import Tensor, tensors_in


class Sequential(Model):
    """Linear stack of layers: `Sequential([Input(8), Dense(3), Dense(1)])`, or without the list; `add(layer)` appends.

    With an Input in front (or `input_dim=`, `input_shape=`, `batch_input_shape=` of the first layer, or a model) it can be compiled and fit,
    and stands for its output tensor: `Dense(2)(model)`. Otherwise it is a layer, called with what its first member takes.
    Errors: KeraFlowError for one with an Input that is called with another tensor.
    """

    def __init__(self, *layers: Any, **common: Any) -> None:
        trainable = common.pop("trainable", True)
        self._inputs, self._outputs, self._input_keys, self._output_keys = (), (), [], []
        self._many, self._order = False, []
        self._list: list[Any] = []
        self._after: list[tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = []
        Layer.__init__(self, **common)
        members = list(layers[0]) if len(layers) == 1 and isinstance(layers[0], list | tuple) else list(layers)
        self.add_(*members)
        if trainable is not True:
            self.trainable = trainable

    def add_(self, *layers: Any) -> Sequential:
        """Append layers, in place. Returns the model. Errors: KeraFlowError, ShapeError; the layer is not appended then."""
        from pyphoton.network import structure_changed

        for layer in layers:
            self._append(layer)
            named(self._list)
            if not self.trainable:
                self.trainable = False
        structure_changed()
        return self

    add = add_

    def pop(self) -> Any:
        """Take the last layer away and return it. Errors: KeraFlowError when there is none."""
        from pyphoton.network import structure_changed

        if not self._list:
            raise KeraFlowError(self.name, "a layer", "none", "There are no layers in the model.")
        layer = self._list.pop()
        self._inputs, self._outputs = self._after.pop()
        structure_changed()
        return layer

    def _append(self, layer: Any) -> None:
        before = self._inputs, self._outputs
        if isinstance(layer, InputLayer):
            layer = layer.tensor
        if isinstance(layer, Tensor):
            self._begin(layer)
            return
        if not callable(layer) or isinstance(layer, type):
            raise KeraFlowError(self.name, "layers and functions", repr(layer), f"Write {layer.__name__}(...)." if isinstance(layer, type) else "")
        if not self._list and not self._inputs:
            first = getattr(layer, "begins_with", None)
            if first is not None:
                self._begin(Input(batch_shape=first))
            elif getattr(layer, "_inputs", ()):
                self._inputs, self._outputs = layer._inputs, layer._outputs
                self._list.append(layer)
                self._after.append(before)
                return
        if self._outputs:
            result = layer(self._outputs[0] if len(self._outputs) == 1 else self._outputs)
            if not tensors_in((result,)):
                raise KeraFlowError(self.name, "a function that gives a tensor", repr(result))
            self._outputs = tuple(tensors_in((result,)))
        self._list.append(layer)
        self._after.append(before)

    def _begin(self, t: Tensor) -> None:
        if self._list or self._inputs:
            raise KeraFlowError(self.name, "an Input in front only", f"{t!r} after {len(self._list)} layers")
        if not isinstance(t.layer, InputLayer):
            raise KeraFlowError(self.name, "layers, or an Input in front", repr(t))
        self._inputs = self._outputs = (t,)

    def build(self, input_shape: Any) -> None:
        """Begin with an Input of this shape, the batch first. Errors: KeraFlowError, ShapeError."""
        if not self._inputs and self._list:
            members, self._list, self._after = self._list, [], []
            self._begin(Input(batch_shape=input_shape))
            self.add_(*members)

    def as_tensor(self) -> Any:
        """The output tensor that it stands for. Errors: KeraFlowError when it begins with no Input."""
        if not self._outputs:
            raise KeraFlowError(self.name, "a Sequential that begins with an Input", repr(self), "Put an Input in front, or call it with a tensor first.")
        return self._outputs[0] if len(self._outputs) == 1 else self._outputs

    @property
    def layers(self) -> Listed:
        """The layers in order, without the Input."""
        return Listed(self._list)

    def children(self) -> dict[str, Any]:
        """The layers by their names, or by kind and number."""
        return named(self._list)

    def arranged(self, *inputs: Any) -> tuple[Any, ...]:
        """As a Model's; nothing is fed to one that begins with an Input. Errors: KeraFlowError."""
        if self._inputs and any(t.symbolic for t in tensors_in(inputs)):
            raise KeraFlowError(
                self.name, "a Sequential without an Input to be called with a tensor", "one that begins with an Input",
                "It stands for its own output: Dense(2)(model). Leave the Input away to use it as a layer.",
            )  # fmt: skip
        return super().arranged(*inputs)

    def forward(self, *inputs: Any) -> Any:
        """The last member's output."""
        x = inputs[0] if len(inputs) == 1 else inputs
        if self._inputs and not isinstance(self._list[0] if self._list else None, Model):
            x = self._inputs[0].layer.forward(x)
        for member in self._list:
            x = graph.call(member, x)
        return x

    def arguments(self) -> dict[str, Any]:
        """What it is made of."""
        return {"layers": [*(t.layer for t in self._inputs), *self._list], "name": self.given_name}

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A model of its own: copies of the layers and their numbers."""
        from pyphoton import network

        made = memo[id(self)] = object.__new__(type(self))
        apart = ("_inputs", "_outputs", "_list", "_after", "_nodes", "given")
        for name, value in vars(self).items():
            vars(made)[name] = value if name in apart else deepcopy(value, memo)
        vars(made).pop("_nodes", None)
        members = [deepcopy(m, memo) for m in self._list]
        made._inputs, made._outputs, made._list, made._after = (), (), [], []
        if self._inputs and not isinstance(self._list[0] if self._list else None, Model):
            begin = self._inputs[0].layer
            made._begin(InputLayer(begin.batch_shape, begin.dtype, begin.mask_value, name=begin.name).tensor)
        made.add_(*members)
        network.copy(self, made)
        return made

    def __len__(self) -> int:
        return len(self._list)

    def __iter__(self) -> Any:
        return iter(self._list)

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(self._list[index]) if isinstance(index, slice) else self._list[index]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(repr(m) if isinstance(m, Layer) else getattr(m, '__name__', repr(m)) for m in self._list)})"
