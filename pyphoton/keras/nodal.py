"""What every layer of this face has of its calls, its weights and its configuration, as properties and methods with Keras's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton.errors import KeraFlowError
from pyphoton.keras import nodes
from pyphoton.layers import base
from pyphoton.parameters import Parameter, view
from pyphoton.tensor import Tensor


class Nodal(base.Layer, own_call=True):
    """A layer that knows its calls."""

    @property
    def input(self) -> Any:
        """The tensor that the layer was called with. Errors: KeraFlowError when it was not, or more than once."""
        return nodes.input(self)

    @property
    def output(self) -> Any:
        """The tensor that the layer made. Errors: KeraFlowError when it was not called, or more than once."""
        return nodes.output(self)

    @property
    def input_shape(self) -> Any:
        """The shape of `input`, the batch first."""
        return nodes.input_shape(self)

    @property
    def output_shape(self) -> Any:
        """The shape of `output`, the batch first."""
        return nodes.output_shape(self)

    def get_input_at(self, node_index: int) -> Any:
        """The tensor of call number `node_index`, from 0."""
        return nodes.input(self, node_index)

    def get_output_at(self, node_index: int) -> Any:
        """The result of call number `node_index`, from 0."""
        return nodes.output(self, node_index)

    @property
    def parameters(self) -> Any:
        """The parameters by path; made now where the input's shape is known. Errors: NotBuilt."""
        nodes.built_parameters(self)
        return view(self)

    @property
    def weights(self) -> list[Parameter]:
        """The parameters, layer by layer, in each one trained ones first."""
        return nodes.built_parameters(self)

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The parameters that training changes."""
        return [p for p in self.weights if p.role == "weight" and not p.frozen]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The parameters that training leaves as they are, and what layers measure."""
        return [p for p in self.weights if p.role != "weight" or p.frozen]

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights
    trainable_params = trainable_weights

    def get_weights(self) -> list[Any]:
        """Copies of the arrays, in the order of `weights`."""
        return nodes.weights(self)

    def set_weights(self, weights: Any) -> None:
        """Set the arrays, in the order of `get_weights`. Errors: KeraFlowError; nothing is changed then."""
        nodes.weights_(self, weights)

    def count_params(self) -> int:
        """How many numbers the parameters have."""
        return sum(p.value.size for p in self.weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, the name among them."""
        return nodes.get_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A new layer with these arguments, and numbers of its own."""
        return cls(**config)

    # ---- calling ---------------------------------------------------------------------------------------------------------

    def __call__(self, *inputs: Any, training: bool | None = None) -> Any:
        """The layer on tensors (a tensor, or several) or on a batch of arrays (an array, or several). training: on arrays, as in training."""
        if training is None or not isinstance(training, bool):
            return super().__call__(*inputs)
        given = self.arranged(*inputs)
        flat = [t for i in given for t in (i if isinstance(i, tuple) else (i,))]
        if any(isinstance(t, Tensor) for t in flat):
            raise KeraFlowError(repr(self), "training=None in a model", f"training={training}", "fit trains, predict does not; trainable=False keeps parameters.")
        return self.computed(*given, training=training)

    def arranged(self, *inputs: Any) -> tuple[Any, ...]:
        """Lists of tensors as tuples, and a Sequential that begins with an Input as the tensor that it stands for. Errors: KeraFlowError."""
        return tuple(_argument(self, i) for i in inputs)

    def on_arrays(self, *inputs: Any) -> Any:
        """The layer on a batch of arrays, as NumPy arrays."""
        return self.computed(*inputs)

    def computed(self, *inputs: Any, training: bool = False) -> Any:
        """The layer on a batch of arrays. training: as in training, with dropout."""
        from pyphoton.data.forms import members
        from pyphoton.network import network_of

        arrays, many = members(inputs[0] if len(inputs) == 1 else inputs, "inputs")
        return network_of(self).run(arrays, many, training=training, carried=True)


def _argument(layer: Any, given: Any) -> Any:
    """One argument of a call. Errors: KeraFlowError for what is neither a tensor nor numbers."""
    if isinstance(given, list | tuple) and any(hasattr(i, "shape") or isinstance(i, base.Layer) for i in given):
        return tuple(_argument(layer, i) for i in given)
    stands_for = getattr(given, "as_tensor", None)
    if stands_for is not None:
        return stands_for()
    if given is None or isinstance(given, str) or (callable(given) and not hasattr(given, "shape")):
        raise KeraFlowError(repr(layer), "a tensor, or numbers", repr(given), "Begin with x = Input(shape).")
    return given
