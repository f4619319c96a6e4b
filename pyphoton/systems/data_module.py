"""DataModule: where a system's data come from, stage by stage; and data of other forms as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton.errors import ArgumentError, MissingMethod, PhotonError
from pyphoton.systems.feed import Feed, arrays_of

STAGES = {"fit": "train", "validate": "val", "test": "test", "predict": "predict"}
"""The stages, and the word in the name of the method that gives their data."""


class DataModule:
    """Base of data modules: `prepare_data` once, `setup(stage)` before a stage, the data of each, `teardown(stage)` after it.

    stage is "fit", "validate", "test" or "predict". A method gives whatever `fit_` takes: arrays (X, Y), a dictionary of arrays, a
    Dataset, a DataLoader, minibatches; None where there are none.
    """

    def prepare_data(self) -> None:
        """What is done once, as downloading."""

    def setup(self, stage: str) -> None:
        """Make the data of a stage ready."""

    def train_dataloader(self) -> Any:
        """The data to train with. Errors: MissingMethod until a subclass says it."""
        raise MissingMethod(type(self).__name__, "a method train_dataloader", "none", "Write `def train_dataloader(self): return (X, Y)`.")

    def val_dataloader(self) -> Any:
        """The data that are measured after each epoch."""
        return None

    def test_dataloader(self) -> Any:
        """The data of `test`."""
        return None

    def predict_dataloader(self) -> Any:
        """The data of `predict`."""
        return None

    def teardown(self, stage: str) -> None:
        """Clean up after a stage."""


class Given(DataModule):
    """Data that were given as they are: to train with, and to validate with."""

    def __init__(self, train: Any, validation: Any = None) -> None:
        self.train, self.validation = train, validation

    def train_dataloader(self) -> Any:
        """What was given."""
        return self.train

    def val_dataloader(self) -> Any:
        """What was given to validate with."""
        return self.validation


def module_of(data: Any, validation: Any = None) -> Any:
    """A data module of data in any form; (train, validation) are told from (X, Y) by having another number of samples each.

    Errors: ArgumentError.
    """
    if isinstance(data, type) and hasattr(data, "train_dataloader"):
        raise ArgumentError("setup", "a data module", f"the class {data.__name__}", f"Make one: {data.__name__}().")
    if hasattr(data, "train_dataloader"):
        if validation is not None:
            raise ArgumentError("setup", "validation data from the data module", "validation= besides")
        return data
    if data is None:
        raise ArgumentError("setup", "data: a DataModule, or what fit_ takes", "None", "Write setup(system, (X, Y)).")
    if validation is None and _is_pair(data):
        return Given(*data)
    return Given(data, validation)


def _is_pair(data: Any) -> bool:
    """Whether data are (train, validation)."""
    if not isinstance(data, tuple) or len(data) != 2:
        return False
    if not all(isinstance(part, tuple | Mapping) for part in data):
        return not any(hasattr(part, "shape") or isinstance(part, Mapping) for part in data) and not _is_numbers(data)
    try:
        counts = [arrays_of(part).count for part in data]
    except PhotonError:  # what is wrong with them is said where they are used
        return False
    return counts[0] != counts[1]


def _is_numbers(data: Any) -> bool:
    """Whether data are lists of numbers, which are arrays."""
    part = data
    while isinstance(part, tuple | list) and part:
        part = part[0]
    return isinstance(part, int | float)


class Source:
    """A data module whose stages are begun and ended once each."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.ready: set[str] = set()
        self.prepared = False
        self._feeds: dict[str, tuple[Any, Feed]] = {}

    def begin(self, stage: str) -> None:
        """`prepare_data` the first time, and `setup(stage)` unless it is ready."""
        if stage in self.ready:
            return
        if not self.prepared:
            self._call("prepare_data")
            self.prepared = True
        self._call("setup", stage)
        self.ready.add(stage)

    def end(self, stage: str) -> None:
        """`teardown(stage)`."""
        if stage in self.ready:
            self.ready.discard(stage)
            self._call("teardown", stage)

    def _call(self, name: str, *arguments: Any) -> None:
        method = getattr(self.module, name, None)
        if method is not None:
            method(*arguments)

    def feed(self, stage: str) -> Feed | None:
        """The data of a stage, None where there are none; what is read only once is remembered. Errors: DataError."""
        name = f"{STAGES[stage]}_dataloader"
        method = getattr(self.module, name, None)
        data = None if method is None else method()
        if data is None:
            return None
        known = self._feeds.get(stage)
        if known is None or known[0] is not data:
            known = self._feeds[stage] = (data, Feed(data, f"{STAGES[stage]} data"))
        return known[1]
