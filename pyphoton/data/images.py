"""Data sets of image files, read by Pillow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pyphoton.arguments import checked, is_integer
from pyphoton.data.dataset import Numbered
from pyphoton.data.passes import Pass
from pyphoton.errors import ArgumentError, BackendMissing, DataError

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


class ImageDataset(Numbered):
    """Sample i is (image of files[i], labels[i]): an array (channels, height, width) of float32 from 0 to 1.

    `resize` is (height, width), or one number for a square, of all images (bilinear); without it they keep their sizes.
    `mode` is "RGB", "L" (grey, one channel) or "RGBA"; every image is turned into it.
    Errors: ArgumentError (an AssertionError, too) for as many labels as there are not files; BackendMissing without Pillow;
    while loading DataError, naming the file, for one that is missing, truncated or no image.
    """

    @checked
    def __init__(self, files: Iterable[Any], labels: Any, *, resize: Any = None, mode: str = "RGB") -> None:
        _pillow()
        if isinstance(files, str | bytes | Path):
            raise ArgumentError("ImageDataset", "files: a list of files", repr(files), 'Write sorted(Path("folder").glob("*.png")).')
        self.files, self.labels = list(files), labels if hasattr(labels, "__getitem__") else list(labels)
        if len(self.files) != len(self.labels):
            raise ArgumentError("ImageDataset", "a label for each file", f"{len(self.files)} files and {len(self.labels)} labels")
        if mode not in CHANNELS:
            raise ArgumentError("ImageDataset", f"mode: {', '.join(CHANNELS)}", repr(mode))
        self.resize, self.mode = _resize(resize), mode

    def __len__(self) -> int:
        return len(self.files)

    def sample(self, index: int, now: Pass) -> Any:
        """(image, label) number `index`."""
        return read_image(self.files[index], resize=self.resize, mode=self.mode), self.labels[index]


def read_image(file: Any, *, resize: tuple[int, int] | None = None, mode: str = "RGB") -> Any:
    """The image of a file: (channels, height, width), float32 from 0 to 1. Errors: DataError, naming the file."""
    image_module = _pillow()
    try:
        with image_module.open(file) as opened:
            deep = opened.mode.startswith("I;16")
            image = opened.point(lambda v: v / 257).convert("L") if deep else opened
            image = image.convert(mode)
            if resize is not None:
                image = image.resize(resize[::-1], image_module.Resampling.BILINEAR)
            channels = [np.asarray(channel) for channel in image.split()]
    except FileNotFoundError:
        raise DataError(str(file), "an image file", "no file") from None
    except (OSError, SyntaxError, ValueError, EOFError, image_module.DecompressionBombError) as error:
        raise DataError(str(file), "an image file", f"one that cannot be read ({error})") from error
    return np.stack(channels).astype("float32") / np.float32(255)


def _resize(resize: Any) -> tuple[int, int] | None:
    if resize is None:
        return None
    found = (resize, resize) if is_integer(resize) else resize
    if not isinstance(found, tuple | list) or len(found) != 2 or not all(is_integer(n) and n > 0 for n in found):
        raise ArgumentError("ImageDataset", "resize: (height, width), or one number", repr(resize))
    return int(found[0]), int(found[1])


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise BackendMissing("ImageDataset", "Pillow", "none", "pip install 'pyphoton[data]', or pip install pillow.") from None
    return Image
