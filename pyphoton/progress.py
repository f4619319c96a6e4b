"""The progress bar of `fit_` (tqdm): loss, metrics, rate and time left. Quiet in CI, without a terminal, or when asked."""

from __future__ import annotations

import os
import sys
from typing import Any


def wanted(verbose: bool | None) -> bool:
    """Whether to show a bar: as asked, else only to a person."""
    if verbose is not None:
        return verbose
    if os.environ.get("CI"):
        return False
    return "ipykernel" in sys.modules or sys.stderr.isatty()


class Progress:
    """The bar of one epoch. Without a bar every method does nothing."""

    def __init__(self, show: bool, epoch: int, epochs: int, batches: int | None) -> None:
        self.bar: Any = None
        if show:
            from tqdm.auto import tqdm

            width = len(str(epochs))
            self.bar = tqdm(total=batches, desc=f"epoch {epoch:>{width}}/{epochs}", unit="batch", leave=True, dynamic_ncols=True)

    def every(self, batches: int | None) -> int:
        """After how many batches the bar wants to know; 0 for never."""
        return 0 if self.bar is None else max(1, (batches or 20) // 20)

    def at(self, step: int, values: dict[str, float]) -> None:
        """Show a step of this epoch."""
        if self.bar is not None:
            self.bar.set_postfix({k: f"{v:.4g}" for k, v in values.items()}, refresh=False)
            self.bar.update(step - self.bar.n)

    def close(self, step: int, values: dict[str, float]) -> None:
        """Show the epoch's means and leave the line."""
        if self.bar is not None:
            self.at(step, values)
            self.bar.refresh()
            self.bar.close()
            self.bar = None
