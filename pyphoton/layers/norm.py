"""BatchNorm and LayerNorm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton import activations, initialisers
from pyphoton.description import description
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.base import Layer, Param, fraction, known
from pyphoton.scopes import where
from pyphoton.typing import Shape, show


def _small(owner: Any) -> None:
    if not isinstance(owner.epsilon, float | int) or owner.epsilon <= 0:
        raise ArgumentError(type(owner).__name__, "epsilon above 0", repr(owner.epsilon))


@description
class BatchNorm(Layer):
    """Normalises each channel over the batch (and space), then scales, shifts and activates.

        y = activation(scale * (x - mean) / sqrt(variance + epsilon) + shift)

    While training, mean and (biased) variance are those of the batch, and the running ones move towards them:
    running = (1 - momentum) * running + momentum * batch, with the unbiased variance. Otherwise the running ones are used.
    Input and output: (batch, channels, ...). Parameters: scale, shift (channels,); state: mean, variance (channels,).
    Source: Ioffe and Szegedy 2015; torch.nn.BatchNorm2d; Flux.BatchNorm.
    """

    kind = "batch_norm"
    activation: Any = activations.identity
    momentum: float = 0.1
    epsilon: float = 1e-5
    scale: bool = True
    shift: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        fraction(self, momentum=self.momentum)
        _small(self)
        self.set(activation=activations.get(self.activation, "BatchNorm activation="))

    def infer(self, *inputs: Shape) -> Shape:
        """The input's shape."""
        if len(inputs[0]) < 2:
            raise ShapeError(where(repr(self)), "(batch, channels, ...)", show(inputs[0]))
        known(self, inputs[0][1], "channel")
        return inputs[0]

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Scale and shift (weights), mean and variance (state), all (channels,)."""
        shape = (known(self, inputs[0][1], "channel"),)
        found = {"scale": Param(shape, initialisers.ones)} if self.scale else {}
        found |= {"shift": Param(shape)} if self.shift else {}
        state = {"mean": Param(shape, role="state"), "variance": Param(shape, initialisers.ones, role="state")}
        return found | state

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Momentum and epsilon."""
        return {"momentum": float(self.momentum), "epsilon": float(self.epsilon)}


@description
class LayerNorm(Layer):
    """Normalises each sample over its last axis, then scales and shifts.

        y = scale * (x - mean) / sqrt(variance + epsilon) + shift

    Input and output: (batch, ..., features). Parameters: scale, shift (features,).
    Source: Ba et al. 2016; torch.nn.LayerNorm; Flux.LayerNorm.
    """

    kind = "layer_norm"
    activation: Any = activations.identity
    epsilon: float = 1e-5
    scale: bool = True
    shift: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        _small(self)
        self.set(activation=activations.get(self.activation, "LayerNorm activation="))

    def infer(self, *inputs: Shape) -> Shape:
        """The input's shape."""
        if len(inputs[0]) < 2:
            raise ShapeError(where(repr(self)), "(batch, ..., features)", show(inputs[0]))
        known(self, inputs[0][-1], "last")
        return inputs[0]

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Scale and shift, both (features,)."""
        shape = (known(self, inputs[0][-1], "last"),)
        found = {"scale": Param(shape, initialisers.ones)} if self.scale else {}
        return found | ({"shift": Param(shape)} if self.shift else {})

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Epsilon."""
        return {"epsilon": float(self.epsilon)}
