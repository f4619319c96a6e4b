"""Data modules both ways: PyPhoton's as a LightningDataModule, Lightning's as a PyPhoton DataModule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from pyphoton.data.passes import Pass
from pyphoton.errors import ArgumentError, BackendMissing
from pyphoton.systems.batches import is_whole, rebuilt
from pyphoton.systems.data_module import DataModule
from pyphoton.systems.feed import Feed, arrays_of, cut

try:
    from lightning.pytorch import LightningDataModule
    from lightning.pytorch.utilities.model_helpers import is_overridden
except ImportError as error:
    raise BackendMissing("as_lightning", hint=f"It needs PyTorch Lightning 2: pip install lightning ({error}).") from error


class Loader:
    """Data of any form that `fit_` takes, as batches of torch tensors over the same memory. Each iteration is one pass.

    The order of samples follows from the seed and the number of the epoch, as in PyPhoton's own trainer.
    """

    def __init__(self, data: Any, word: str, module: DataView, *, shuffle: bool) -> None:
        self.feed, self.module, self.shuffle = Feed(data, word), module, shuffle

    def __len__(self) -> int:
        count = self.feed.length(self.module.batch_size)
        if count is None:
            raise TypeError("the number of minibatches is not known before they are read")
        return count

    def __iter__(self) -> Iterator[Any]:
        trainer = self.module.trainer
        now = Pass(self.module.seed, 0 if trainer is None else int(trainer.current_epoch))
        found = self.feed.next(now, self.module.batch_size, self.shuffle)
        if is_whole(found):
            whole = arrays_of(found, self.feed.word)
            size = whole.count if self.module.batch_size is None else min(self.module.batch_size, whole.count)
            found = cut(whole, now.order(whole.count) if self.shuffle else None, size)
        for batch in found:
            data = arrays_of(batch)
            yield rebuilt(data.structure, [_tensor(a) for a in data.arrays])


def _tensor(array: Any) -> Any:
    return torch.from_numpy(array if array.flags.writeable else array.copy()) if isinstance(array, np.ndarray) else array


class DataView(LightningDataModule):  # type: ignore[misc]
    """A PyPhoton DataModule that Lightning's Trainer takes; `as_lightning(data_module)` makes it."""

    def __init__(self, data: DataModule, *, batch_size: int | None = 32, shuffle: bool = True, seed: int = 0) -> None:
        super().__init__()
        self.data, self.batch_size, self.shuffle, self.seed = data, batch_size, shuffle, seed

    def prepare_data(self) -> None:
        """The data module's."""
        self.data.prepare_data()

    def setup(self, stage: str) -> None:
        """The data module's; before a fit, that of validation, too."""
        self.data.setup(stage)

    def teardown(self, stage: str) -> None:
        """The data module's."""
        self.data.teardown(stage)

    def train_dataloader(self) -> Any:
        """Batches to train with, shuffled for each epoch."""
        return self._loader("train", self.shuffle)

    def val_dataloader(self) -> Any:
        """Batches to validate with; an empty list where there are none."""
        return self._loader("val", False)

    def test_dataloader(self) -> Any:
        """Batches to test with."""
        return self._loader("test", False)

    def predict_dataloader(self) -> Any:
        """Batches to predict for."""
        return self._loader("predict", False)

    def _loader(self, word: str, shuffle: bool) -> Any:
        data = getattr(self.data, f"{word}_dataloader")()
        return [] if data is None else Loader(data, word, self, shuffle=shuffle)


class FromLightning(DataModule):
    """A LightningDataModule as a DataModule; `from_lightning(data_module)` makes it. Methods that it does not have give None."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, LightningDataModule):
            raise ArgumentError("from_lightning", "a LightningDataModule", repr(data))
        self.data = data

    def prepare_data(self) -> None:
        """Lightning's."""
        self.data.prepare_data()

    def setup(self, stage: str) -> None:
        """Lightning's."""
        self.data.setup(stage)

    def teardown(self, stage: str) -> None:
        """Lightning's."""
        self.data.teardown(stage)

    def train_dataloader(self) -> Any:
        """Lightning's."""
        return self._loader("train_dataloader")

    def val_dataloader(self) -> Any:
        """Lightning's."""
        return self._loader("val_dataloader")

    def test_dataloader(self) -> Any:
        """Lightning's."""
        return self._loader("test_dataloader")

    def predict_dataloader(self) -> Any:
        """Lightning's."""
        return self._loader("predict_dataloader")

    def _loader(self, name: str) -> Any:
        return getattr(self.data, name)() if is_overridden(name, self.data, LightningDataModule) else None


from_lightning = FromLightning
