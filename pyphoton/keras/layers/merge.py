"""Layers that take a list of tensors and give one, and the same as functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, ClassVar

from pyphoton import functions
from pyphoton.errors import KeraFlowError
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.shape import checked_axis
from pyphoton.keras.layers.stock import turned
from pyphoton.ops import size
from pyphoton.scopes import where
from pyphoton.typing import show


class Merge(Layer):
    """Base of layers that take a list of tensors. `broadcast`: their shapes may differ where NumPy's rules allow it."""

    supports_masking: ClassVar[bool] = True
    broadcast: ClassVar[bool] = True
    exactly: ClassVar[int | None] = None

    def forward(self, *inputs: Any) -> Any:
        """One tensor of several. Errors: KeraFlowError."""
        tensors = list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else list(inputs)
        if len(tensors) < 2 or self.exactly not in (None, len(tensors)):
            raise KeraFlowError(where(repr(self)), f"a list of {self.exactly or 'several'} tensors", f"{len(tensors)} of them")
        self.agree([t.shape for t in tensors])
        return self.merge(tensors)

    def agree(self, shapes: list[Any]) -> None:
        """Errors: KeraFlowError where shapes do not fit."""
        first = shapes[0]
        for shape in shapes[1:]:
            pairs = zip(reversed(first), reversed(shape), strict=False)
            fit = all(None in (m, n) or m == n or (self.broadcast and 1 in (m, n)) for m, n in pairs)
            if not fit or (len(shape) != len(first) and not self.broadcast):
                raise KeraFlowError(where(repr(self)), "equal shapes", " and ".join(map(show, shapes)))

    def merge(self, tensors: list[Any]) -> Any:
        """What is made of tensors that fit."""
        raise NotImplementedError


class Add(Merge):
    """The sum, element by element, of a list of tensors. Shapes broadcast. Source: Keras 3's Add."""

    def merge(self, tensors: list[Any]) -> Any:
        """Their sum."""
        return reduce(lambda a, b: a + b, tensors)


class Subtract(Merge):
    """The first of two tensors minus the second. Shapes broadcast. Source: Keras 3's Subtract."""

    exactly = 2

    def merge(self, tensors: list[Any]) -> Any:
        """Their difference."""
        return tensors[0] - tensors[1]


class Multiply(Merge):
    """The product, element by element, of a list of tensors. Shapes broadcast. Source: Keras 3's Multiply."""

    def merge(self, tensors: list[Any]) -> Any:
        """Their product."""
        return reduce(lambda a, b: a * b, tensors)


class Average(Merge):
    """The mean, element by element, of a list of tensors. Shapes broadcast. Source: Keras 3's Average."""

    def merge(self, tensors: list[Any]) -> Any:
        """Their mean."""
        return reduce(lambda a, b: a + b, tensors) * (1 / len(tensors))


class Maximum(Merge):
    """The largest, element by element, of a list of tensors. Shapes broadcast. Source: Keras 3's Maximum."""

    def merge(self, tensors: list[Any]) -> Any:
        """Their maximum."""
        return reduce(functions.maximum, tensors)


class Minimum(Merge):
    """The smallest, element by element, of a list of tensors. Shapes broadcast. Source: Keras 3's Minimum."""

    def merge(self, tensors: list[Any]) -> Any:
        """Their minimum."""
        return reduce(functions.minimum, tensors)


class ElementWiseSum(Add):
    """Keraflow's sum of a list of tensors of one shape. Errors: KeraFlowError for shapes that differ."""

    broadcast = False


class ElementWiseMult(Multiply):
    """Keraflow's product, element by element, of a list of tensors of one shape. Errors: KeraFlowError for shapes that differ."""

    broadcast = False


class Concatenate(Merge):
    """A list of tensors side by side along `axis`; shapes agree on the other axes.

    axis counts the batch, as in today's Keras: -1, or 1 for the first axis after it. 0 without `include_batch_dim` is that axis, too, as in Keraflow:
    samples are not joined. include_batch_dim=True: 0 is the batch. False: Keraflow's counting, 0 for the first axis after the batch.
    Errors: KeraFlowError.
    """

    spellings: ClassVar[Mapping[str, str]] = {"concat_axis": "axis"}

    def __init__(self, axis: int = -1, include_batch_dim: bool | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.axis, self.include_batch_dim = axis, include_batch_dim

    def _axis(self, rank: int) -> int:
        if self.include_batch_dim is None:
            return checked_axis(self, self.axis or 1, rank, True)
        return checked_axis(self, self.axis, rank, self.include_batch_dim)

    def agree(self, shapes: list[Any]) -> None:
        """Errors: KeraFlowError where shapes differ on another axis."""
        axis = self._axis(len(shapes[0]))
        for shape in shapes[1:]:
            same = len(shape) == len(shapes[0]) and all(
                i == axis or None in (m, n) or m == n for i, (m, n) in enumerate(zip(shapes[0], shape, strict=True))
            )
            if not same:
                raise KeraFlowError(where(repr(self)), f"shapes that are equal except on axis {axis}", " and ".join(map(show, shapes)))

    def merge(self, tensors: list[Any]) -> Any:
        """Side by side."""
        return functions.concatenate(tensors, axis=self._axis(tensors[0].ndim))


class Dot(Merge):
    """Sums of products of two tensors along one axis of each, sample by sample.

    axes: the axis, the batch counted, or one for each. normalize: both are divided by their length along it first (cosine).
    (batch, *a) and (batch, *b) -> (batch, *rest of a, *rest of b), (batch, 1) of two matrices. Source: Keras 3's Dot. Errors: KeraFlowError.
    """

    exactly = 2

    def __init__(self, axes: Any, normalize: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.axes = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(self.axes) != 2:
            raise KeraFlowError("Dot", "axes: one number, or two", repr(axes))
        self.normalize = bool(normalize)

    def _both(self, shapes: list[Any]) -> list[int]:
        found = [checked_axis(self, a, len(s), True) for a, s in zip(self.axes, shapes, strict=True)]
        if 0 in found:
            raise KeraFlowError(where(repr(self)), "axes after the batch", repr(self.axes))
        return found

    def agree(self, shapes: list[Any]) -> None:
        """Errors: KeraFlowError where the axes have different lengths."""
        lengths = [s[a] for s, a in zip(shapes, self._both(shapes), strict=True)]
        if None not in lengths and lengths[0] != lengths[1]:
            raise KeraFlowError(where(repr(self)), "equal lengths of the axes", " and ".join(map(show, shapes)))

    def merge(self, tensors: list[Any]) -> Any:
        """The matrix product of the samples."""
        rests, sides = [], []
        for x, axis in zip(tensors, self._both([t.shape for t in tensors]), strict=True):
            if self.normalize:
                x = x / functions.sqrt(functions.maximum((x * x).sum(axis=axis, keepdims=True), 1e-12))
            others = tuple(a for a in range(1, x.ndim) if a != axis)
            rests.append([x.shape[a] for a in others])
            sides.append(turned(x, (0, *others, axis)).reshape([x.shape[0], size(tuple(rests[-1])) if others else 1, x.shape[axis]]))
        product = sides[0] @ turned(sides[1], (0, 2, 1))
        rest = [*rests[0], *rests[1]]
        return product.reshape([product.shape[0], *(rest or [1])])


def _function(kind: type[Merge]) -> Callable[..., Any]:
    def merge(inputs: Any, **options: Any) -> Any:
        return kind(**options)(list(inputs))

    merge.__name__ = merge.__qualname__ = kind.__name__.lower()
    merge.__doc__ = f"{kind.__name__}(**options)(inputs): {(kind.__doc__ or '').splitlines()[0]}"
    return merge


add, subtract, multiply, average = _function(Add), _function(Subtract), _function(Multiply), _function(Average)
maximum, minimum, concatenate = _function(Maximum), _function(Minimum), _function(Concatenate)


def dot(inputs: Any, axes: Any = -1, **options: Any) -> Any:
    """Dot(axes, **options)(inputs): sums of products of two tensors along one axis of each, sample by sample."""
    return Dot(axes, **options)(list(inputs))
