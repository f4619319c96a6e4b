"""A small model of the Keras face for tests of training: any function of layers, with names for its inputs and outputs."""

import pytest

from pyphoton import BackendMissing
from pyphoton.interop.keras_model import keras_module
from pyphoton.keras.layer import Layer
from pyphoton.keras.training import Trainable


class Net(Trainable, Layer):
    """`function` of the inputs over `layers`, with these names."""

    def __init__(self, function, layers, inputs=("x",), outputs=("y",)):
        super().__init__()
        self.function, self.members = function, list(layers)
        self.input_names, self.output_names = list(inputs), list(outputs)

    def children(self):
        """The layers by number."""
        return {str(i): layer for i, layer in enumerate(self.members)}

    def forward(self, *inputs):
        """The function of the layers and the inputs."""
        flat = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], tuple) else inputs
        return self.function(self.members, *flat)


def chain(*layers):
    """A model of layers one behind the other."""

    def run(members, x):
        for layer in members:
            x = layer(x)
        return x

    return Net(run, layers)


def installed_keras():
    """Keras 3 itself, on what it runs on here."""
    try:
        return keras_module()
    except BackendMissing as error:
        pytest.skip(f"there is no Keras that can be imported: {error}")
