"""as_lightning: a system, or its data, as what Lightning's own Trainer runs."""

from __future__ import annotations

from typing import Any

from pyphoton.arguments import checked
from pyphoton.errors import ArgumentError
from pyphoton.interop.lightning_data import DataView
from pyphoton.interop.lightning_module import SystemModule
from pyphoton.systems.data_module import DataModule
from pyphoton.systems.objects import MLSystem


@checked
def as_lightning(what: Any, batch: Any = None, *, seed: int | None = None, batch_size: int | None = 32, shuffle: bool = True) -> Any:
    """A system as a LightningModule, or a DataModule as a LightningDataModule, for Lightning's own Trainer, on torch.

    >>> trainer = lightning.Trainer(max_epochs=3)
    >>> trainer.fit(as_lightning(system), DataLoader(dataset, batch_size=32))

    A system's parameters stay its own: they share memory, so that what Lightning trains is trained here. Its steps are traced as ever, its optimisers
    become torch's with the same formulas, and `log` goes to Lightning. batch: one batch that parameters are made for; without it that is the
    first batch of Lightning's data. seed: what they are drawn from. batch_size, shuffle, seed: of a DataModule's arrays and data sets.
    Errors: ArgumentError; BackendMissing without Lightning; those of `setup`.
    """
    if isinstance(what, MLSystem):
        return SystemModule(what, batch, seed=seed)
    if isinstance(what, DataModule):
        return DataView(what, batch_size=batch_size, shuffle=shuffle, seed=0 if seed is None else seed)
    hint = "Write class Mine(MLSystem): ...; a model alone becomes a torch module by torch_(model).native."
    raise ArgumentError("as_lightning", "an MLSystem or a DataModule", repr(what)[:200], hint)
