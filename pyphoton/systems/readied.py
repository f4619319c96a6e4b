"""setup: a system and its data made ready to train."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from pyphoton.arguments import checked, is_integer
from pyphoton.errors import ArgumentError
from pyphoton.systems.data_module import Source, module_of
from pyphoton.systems.hooks import check_hooks
from pyphoton.systems.objects import MLSystem
from pyphoton.systems.trainer import Trainer


@checked
def setup(
    system: Any, data: Any = None, validation: Any = None, *, backend: str | None = None, device: str | None = None, seed: int | None = None,
    precision: str | None = None, callbacks: Any = None, max_epochs: int | None = None,
) -> Trainer:  # fmt: skip
    """Ready everything: optimisers and schedules are configured, the data's `setup("fit")` is called, and parameters are built from one batch.

    data: a DataModule, or data of any form that `fit_` takes; (train, validation) as a tuple, too; None where the system has
    `train_dataloader` itself. backend, device, seed, precision: as for a Workout. callbacks: for every fit. max_epochs: how far `fit()`
    without a number trains. Returns the trainer. Called again with the same system and data it changes nothing and gives the same trainer.
    Errors: MissingMethod (no configure_optimizer), ArgumentError, DataError, ShapeError.
    """
    if not isinstance(system, MLSystem):
        hint = f"Write {system.__name__}(...)." if isinstance(system, type) else "class Mine(MLSystem): ..., then setup(Mine(), data)."
        raise ArgumentError("setup", "an MLSystem first", repr(system)[:200], hint)
    if max_epochs is not None and (not is_integer(max_epochs) or max_epochs < 0):
        raise ArgumentError("setup max_epochs=", "a whole number from 0, or None", repr(max_epochs))
    options = (backend, device, seed, precision)
    known = vars(system).get("_ready_for")
    if data is None and hasattr(system, "train_dataloader"):
        data = system
    if known is not None and _same(known[0], data) and _same(known[1], validation) and known[2] == options:
        trainer: Trainer = vars(system)["_trainer"]
        if callbacks is not None:
            trainer.callbacks = callbacks
        if max_epochs is not None:
            trainer.max_epochs = max_epochs
        return trainer
    check_hooks(system)
    source = Source(module_of(data, validation))
    trainer = Trainer(
        system, source, backend=backend, device=device, seed=seed, precision=precision, callbacks=() if callbacks is None else callbacks, max_epochs=max_epochs,
    )  # fmt: skip
    vars(system)["_trainer"] = trainer
    with ExitStack() as undo:
        undo.callback(vars(system).pop, "_trainer")
        source.begin("fit")
        feed = source.feed("fit")
        if feed is None:
            raise ArgumentError("setup", "data to train with", "None from train_dataloader")
        trainer.planned("fit", feed.first(), 0)
        undo.pop_all()
    vars(system)["_ready_for"] = data, validation, options
    return trainer


def _same(a: Any, b: Any) -> bool:
    """Whether data are the same objects in the same order."""
    if a is b:
        return True
    lying = getattr(a, "__array_interface__", None)
    if lying is not None:  # the same memory, as another view of it
        return bool(lying == getattr(b, "__array_interface__", None))
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(map(_same, a, b))
    return isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
