"""Normal noise while training."""

from __future__ import annotations

from typing import Any

from pyphoton.description import description
from pyphoton.errors import ArgumentError
from pyphoton.layers.base import Layer
from pyphoton.typing import Shape


@description
class NormalNoise(Layer):
    """Adds normal numbers with mean 0 and deviation `std` while training; with `multiply` each number is multiplied by 1 + such a number.

        y = x + std * n,  or  y = x * (1 + std * n)

    Input and output: any shape. In `predict`, `validate` and `model(x)` it does nothing.
    """

    kind = "noise"
    std: float = 0.1
    multiply: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.std, bool) or not isinstance(self.std, int | float) or not 0 <= self.std < float("inf"):
            raise ArgumentError("NormalNoise", "std: a number from 0", repr(self.std))

    def infer(self, *inputs: Shape) -> Shape:
        """The input's shape."""
        return inputs[0]

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The deviation, and whether the input is multiplied."""
        return {"std": float(self.std), "multiply": self.multiply}
