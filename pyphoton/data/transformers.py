"""Transformers: what turns a data set into another one, sample by sample, and is put behind it with `|`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.data.dataset import Dataset, Numbered, Selected, as_dataset, position
from pyphoton.data.passes import Pass
from pyphoton.data.stack import numbers
from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError, DataError, near


class Transformer(Description):
    """A step of a pipeline: `dataset | transformer`, or `transformer(dataset)`. Two of them in a row are one, too."""

    __array_ufunc__ = None  # an array on the left of | is not turned into an array of transformers

    def apply(self, source: Dataset) -> Any:
        """What stands behind this step when `source` stands before it."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def __call__(self, dataset: Any) -> Any:
        """The same as `dataset | transformer`."""
        return self.apply(as_dataset(dataset))

    def __ror__(self, dataset: Any) -> Any:
        return self.apply(as_dataset(dataset))

    def __or__(self, following: Any) -> Transformer:
        if not isinstance(following, Transformer):
            return NotImplemented
        return Composed(self, following)


@description
class Composed(Transformer):
    """Two transformers, one after the other: what `first | second` gives without a data set."""

    first: Transformer
    second: Transformer

    def apply(self, source: Dataset) -> Any:
        """Both steps."""
        return self.second.apply(as_dataset(self.first.apply(source)))


class SampleTransformer(Transformer):
    """A transformer that changes each sample by itself: it says `change`."""

    def apply(self, source: Dataset) -> Dataset:
        """A data set of changed samples. Nothing is computed before a sample is asked for."""
        return Changed(source, self)

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """The changed sample. `draw()` gives the random numbers that belong to it."""
        raise NotImplementedError(f"{type(self).__name__}.change")


Draw = Callable[[], Any]


class Changed(Numbered):
    """A data set behind a transformer of samples."""

    def __init__(self, source: Dataset, transformer: SampleTransformer) -> None:
        self.source, self.transformer, self.depth = source, transformer, source.depth + 1

    def __len__(self) -> int:
        return len(self.source)

    @property
    def in_memory(self) -> bool:
        """Whether the source is."""
        return self.source.in_memory

    def sample(self, index: int, now: Pass) -> Any:
        """The changed sample: the same for the same pass, whoever loads it and when."""
        x, y = self.source.sample(index, now)
        return self.transformer.change(x, y, lambda: now.generator(index, self.depth))


def axes_of(axis: Any, owner: str) -> frozenset[str]:
    """Which of X and Y an `axis=` argument names: "X", "Y", Photon's ":X", or several of these. Errors: ArgumentError."""
    found = [str(a).lstrip(":") for a in ([axis] if isinstance(axis, str) else axis)]
    if not found or set(found) - {"X", "Y"}:
        raise ArgumentError(owner, 'axis: "X", "Y" or both', repr(axis))
    return frozenset(found)


def on_axes(function: Callable[[Any], Any], axes: frozenset[str], x: Any, y: Any) -> tuple[Any, Any]:
    """(x, y) with a function applied to those in `axes`, to each member of a tuple."""
    return _each(function, x) if "X" in axes else x, _each(function, y) if "Y" in axes else y


def _each(function: Callable[[Any], Any], part: Any) -> Any:
    return tuple(map(function, part)) if isinstance(part, tuple) else function(part)


def floating(array: Any) -> Any:
    """An array of floats: itself, or whole numbers as float32."""
    found = numbers(array)
    return found if found.dtype.kind == "f" else found.astype("float32")


@description
class Map(SampleTransformer):
    """Apply a function of your own: of (x, y), which returns the new pair, or with axis="X" or "Y" of that part alone.

    The function is called in worker threads, and must not call an engine.
    """

    function: Callable[..., Any]
    axis: Any = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ArgumentError("Map", "a function", repr(self.function))
        if self.axis is not None:
            axes_of(self.axis, "Map")

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """What the function makes of the sample."""
        if self.axis is not None:
            axes = axes_of(self.axis, "Map")
            return self.function(x) if "X" in axes else x, self.function(y) if "Y" in axes else y
        changed = self.function(x, y)
        if not isinstance(changed, tuple) or len(changed) != 2:
            raise DataError("Map", "a function of (x, y) that returns a pair", type(changed).__name__, 'Use axis="X" for a function of x.')
        return changed


@description
class Noise(SampleTransformer):
    """Add Gaussian noise: x + level * n with n drawn from the normal distribution, other numbers in each pass.

    Input and output: arrays of any shape; whole numbers become float32. Photon's name is NoisingTransformer.
    """

    level: float = 0.01
    axis: Any = "X"

    def __post_init__(self) -> None:
        axes_of(self.axis, "Noise")
        if not isinstance(self.level, int | float) or not self.level >= 0:
            raise ArgumentError("Noise", "level: a number from 0", repr(self.level))

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """The sample with noise."""
        generator = draw()

        def noisy(array: Any) -> Any:
            clean = floating(array)
            return clean + (self.level * generator.standard_normal(clean.shape)).astype(clean.dtype)

        return on_axes(noisy, axes_of(self.axis, "Noise"), x, y)


NoisingTransformer = Noise


@description
class OneHotEncoder(SampleTransformer):
    """Turn labels into vectors with a place for each of `labels`: one label into one-hot, several into multi-hot.

    Input: a label, or an array or list of labels. Output: (len(labels),) of `dtype`, 1 at their places.
    Errors: ArgumentError for labels that occur twice; while loading DataError for one that is not among them.
    """

    labels: Any
    axis: Any = "Y"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        axes_of(self.axis, "OneHotEncoder")
        if isinstance(self.labels, str) or not hasattr(self.labels, "__iter__"):
            raise ArgumentError("OneHotEncoder", "labels: a list of them", repr(self.labels))
        object.__setattr__(self, "labels", tuple(map(_plain, self.labels)))
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ArgumentError("OneHotEncoder", "labels: at least one, and none twice", repr(list(self.labels)))
        object.__setattr__(self, "_places", {label: place for place, label in enumerate(self.labels)})

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """The sample with vectors in the place of labels."""
        return on_axes(self._encoded, axes_of(self.axis, "OneHotEncoder"), x, y)

    def _encoded(self, value: Any) -> Any:
        places: dict[Any, int] = self._places  # type: ignore[attr-defined]
        several = isinstance(value, list) or (hasattr(value, "shape") and len(value.shape) > 0)
        found = [_plain(v) for v in (np.ravel(value) if hasattr(value, "shape") else value)] if several else [_plain(value)]
        vector = np.zeros(len(places), self.dtype)
        for label in found:
            if label not in places:
                raise DataError("OneHotEncoder", "a known label", repr(label), near(label, map(str, places)))
            vector[places[label]] = 1
        return vector


def _plain(label: Any) -> Any:
    """A label as Python has it: NumPy's and torch's numbers and strings become Python's."""
    return label.item() if hasattr(label, "item") else label


@description
class ImageCrop(SampleTransformer):
    """Cut a random window of `size` (height, width) out of images, other windows in each pass; center=True takes the middle.

    Input: X (..., H, W). Output: X (..., height, width), all channels. One number is a square. `size_y` crops Y, too, at
    the same place. Errors: DataError for an image that is smaller.
    """

    size: Any
    size_y: Any = None
    center: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _size(self.size))
        object.__setattr__(self, "size_y", None if self.size_y is None else _size(self.size_y))

    def change(self, x: Any, y: Any, draw: Draw) -> tuple[Any, Any]:
        """The sample with a window of its image."""
        image = numbers(x)
        _check_room(image, self.size)
        room = [have - want for have, want in zip(image.shape[-2:], self.size, strict=True)]
        corner = [r // 2 for r in room] if self.center else draw().integers(0, [r + 1 for r in room]).tolist()
        if self.size_y is None:
            return _window(image, corner, self.size), y
        target = numbers(y)
        _check_room(target, [c + want for c, want in zip(corner, self.size_y, strict=True)])
        return _window(image, corner, self.size), _window(target, corner, self.size_y)


def _window(image: Any, corner: list[int], size: tuple[int, int]) -> Any:
    (top, left), (height, width) = corner, size
    return image[..., top : top + height, left : left + width]


def _check_room(image: Any, size: Any) -> None:
    if image.ndim < 2 or any(have < want for have, want in zip(image.shape[-2:], size, strict=True)):
        raise DataError("ImageCrop", f"an image (channels, height, width) of at least {tuple(size)}", str(image.shape))


def _size(size: Any) -> tuple[int, int]:
    found = (size, size) if is_integer(size) else size
    if not isinstance(found, tuple | list) or len(found) != 2 or not all(is_integer(n) and n > 0 for n in found):
        raise ArgumentError("ImageCrop", "size: (height, width), or one number", repr(size))
    return int(found[0]), int(found[1])


@description
class Subset(Transformer):
    """Some samples, by their numbers or a mask of truth values. Nothing is copied. Errors: ArgumentError."""

    indices: Any

    def __post_init__(self) -> None:
        given = np.asarray(self.indices)
        if given.ndim != 1 or (given.size and given.dtype.kind not in "biu"):
            raise ArgumentError("Subset", "numbers of samples, or a mask", f"{given.dtype} of shape {given.shape}")
        object.__setattr__(self, "indices", tuple(given.tolist()))

    def apply(self, source: Dataset) -> Dataset:
        """The selection."""
        given = np.asarray(self.indices, dtype=None if self.indices else "int64")
        if given.dtype == bool:
            if len(given) != len(source):
                raise ArgumentError("Subset", f"a mask of {len(source)}", f"one of {len(given)}")
            given = np.flatnonzero(given)
        try:
            return Selected(source, tuple(position(i, len(source)) for i in given.tolist()))
        except IndexError as error:
            raise ArgumentError("Subset", f"numbers below {len(source)}", str(error)) from None


@description
class Split(Transformer):
    """Part a data set in two, for training and validation: `train, valid = dataset | Split(0.25)`.

    The first has round(n (1 - valid_perc)) of n samples, drawn by `seed`; shuffle=False takes them from the front.
    """

    valid_perc: float = 0.2
    shuffle: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.valid_perc, int | float) or not 0 <= self.valid_perc <= 1:
            raise ArgumentError("Split", "valid_perc: a number from 0 to 1", repr(self.valid_perc))

    def apply(self, source: Dataset) -> tuple[Dataset, Dataset]:
        """Both parts."""
        samples = len(source)
        order = Pass(self.seed).order(samples).tolist() if self.shuffle else list(range(samples))
        cut = round(samples * (1 - self.valid_perc))
        return Selected(source, tuple(order[:cut])), Selected(source, tuple(order[cut:]))
