"""The first batch that a Lightning trainer is going to give to a module: parameters are made for its shapes."""

from __future__ import annotations

from typing import Any

LOOPS = {"fit": ("fit_loop", "train_dataloader"), "validate": ("validate_loop", "val_dataloader"), "test": ("test_loop", "test_dataloader")}
"""For each stage: the trainer's loop, and the method of a data module."""


def first_batch(trainer: Any, stage: str) -> Any:
    """The first batch of a stage, or None where none can be looked at without using it up."""
    loop, method = LOOPS.get(stage, ("predict_loop", "predict_dataloader"))
    data = getattr(trainer, "datamodule", None)
    if data is not None:
        loader = getattr(data, method)()
    else:
        source = getattr(getattr(trainer, loop, None), "_data_source", None)
        loader = getattr(source, "instance", None)
    if isinstance(loader, list | tuple) and loader and hasattr(loader[0], "__iter__") and not isinstance(loader[0], list | tuple | dict):
        loader = loader[0] if not hasattr(loader[0], "shape") else loader
    if loader is None or hasattr(loader, "__next__") or not hasattr(loader, "__iter__"):
        return None
    return next(iter(loader), None)
