"""Noise while training: normal, and zeros along whole axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import functions, graph
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras.data_format import FORMATS, checked_format
from pyphoton.keras.layers.core import Dropout, checked_rate
from pyphoton.keras.layers.stock import Standard, each_element
from pyphoton.layers import base
from pyphoton.layers.noise import NormalNoise
from pyphoton.scopes import where
from pyphoton.typing import show


class _Normal(Standard):
    supports_masking: ClassVar[bool] = True

    def result(self, *inputs: Any) -> Any:
        """The step."""
        return each_element(lambda t: graph.apply_leaf(self, (t,)), inputs[0])


class GaussianNoise(_Normal):
    """Adds normal noise of standard deviation `stddev` while training: y = x + stddev n. Keras 1 says `sigma`. Errors: KeraFlowError."""

    spellings: ClassVar[Mapping[str, str]] = {"sigma": "stddev"}

    def __init__(self, stddev: float, **common: Any) -> None:
        if isinstance(stddev, bool) or not isinstance(stddev, int | float) or stddev < 0:
            raise KeraFlowError("GaussianNoise", "stddev: a number from 0", repr(stddev))
        self.stddev = stddev
        super().__init__(**common)

    def core(self) -> base.Layer:
        """Added noise."""
        return NormalNoise(self.stddev)


class GaussianDropout(_Normal):
    """Multiplies by normal noise of mean 1 and variance rate / (1 - rate) while training (Srivastava et al. 2014). Errors: KeraFlowError."""

    spellings: ClassVar[Mapping[str, str]] = {"p": "rate"}

    def __init__(self, rate: float, **common: Any) -> None:
        self.rate = checked_rate("GaussianDropout", rate)
        super().__init__(**common)

    def core(self) -> base.Layer:
        """Multiplied noise."""
        return NormalNoise((self.rate / (1 - self.rate)) ** 0.5, multiply=True)


class AlphaDropout(Dropout):
    """Dropout for selu: what is dropped takes selu's least value, and mean and variance of normal inputs stay (Klambauer et al. 2017)."""

    def result(self, *inputs: Any) -> Any:
        """A mask of ones and zeros chooses; a scale and a shift give back mean and variance."""
        (x,) = inputs
        if self.rate == 0:
            return x
        least, keep = -1.0507009873554805 * 1.6732632423543772, 1 - self.rate
        scale = (keep * (1 + self.rate * least**2)) ** -0.5
        shift = -scale * least * self.rate
        part = x[tuple(slice(0, 1) if a in self.mask_axes(x.ndim) else slice(None) for a in range(x.ndim))]
        drawn = graph.apply_leaf(self, ((part == part).astype(x.dtype),))  # 0 or 1 / keep; in evaluation 1
        mask = drawn * keep
        return functions.where(drawn == 1.0, x, scale * (x * mask + least * (1 - mask)) + shift)


class _Spatial(Dropout):
    rank: ClassVar[int]
    spellings: ClassVar[Mapping[str, str]] = {**Dropout.spellings, "dim_ordering": "data_format"}

    def __init__(self, rate: float, data_format: str | None = None, **common: Any) -> None:
        self.data_format = checked_format(type(self).__name__, data_format, FORMATS[0] if self.rank == 1 else None)
        super().__init__(rate, **common)

    def mask_axes(self, rank: int) -> tuple[int, ...]:
        """The spatial axes. Errors: ShapeError."""
        if rank != self.rank + 2:
            raise ShapeError(where(repr(self)), f"an input of {self.rank + 2} axes", show((None,) * rank))
        return tuple(range(1, rank - 1)) if self.data_format == FORMATS[0] else tuple(range(2, rank))


_DOC = """Dropout of whole channels of (batch, {axes}, channels), or channels on axis 1 with data_format="channels_first" (Tompson et al. 2014).

    Errors: KeraFlowError unless 0 <= rate < 1; ShapeError.
    """


def _made(rank: int) -> Any:
    doc = _DOC.format(axes=("length", "height, width", "depth, height, width")[rank - 1])
    return type(f"SpatialDropout{rank}D", (_Spatial,), {"__doc__": doc, "__module__": __name__, "rank": rank})


SpatialDropout1D, SpatialDropout2D, SpatialDropout3D = map(_made, (1, 2, 3))
