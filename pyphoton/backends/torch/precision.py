"""Mixed precision: torch's autocast around the forward pass, and for float16 a loss scale. Parameters stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

Tensor = torch.Tensor
HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
FIRST_SCALE, PATIENCE = 2.0**16, 2000


class Precision:
    """What a program computes in. `name` is "bfloat16", "float16", or None for the parameters' own type.

    float16 has few exponents: the loss is multiplied by `scale` before gradients are taken, and they are divided by it.
    Gradients that overflow are dropped and the scale is halved; after PATIENCE good steps it is doubled
    (Micikevicius et al. 2017, as in torch.amp.GradScaler).
    """

    def __init__(self, name: str | None, device: torch.device) -> None:
        self.half = None if name is None else HALVES[name]
        self.device = device
        self.scale = FIRST_SCALE if name == "float16" else 1.0
        self.good = 0

    def __call__(self) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        return nullcontext() if self.half is None else torch.autocast(self.device.type, self.half)

    def gradients(self, loss: Tensor, weights: list[Tensor]) -> tuple[Tensor | None, ...] | None:
        """The gradients of a loss; None when float16 was too small for them."""
        if self.half is not torch.float16:
            return torch.autograd.grad(loss, weights, allow_unused=True)
        found = torch.autograd.grad(loss.float() * self.scale, weights, allow_unused=True)
        with torch.no_grad():
            scaled = tuple(None if g is None else g / self.scale for g in found)
            if not all(bool(g.isfinite().all()) for g in scaled if g is not None):
                self.scale, self.good = max(self.scale / 2, 1.0), 0
                return None
        self.good += 1
        if self.good >= PATIENCE:
            self.scale, self.good = self.scale * 2, 0
        return scaled

    def state(self) -> dict[str, Any]:
        """The loss scale, where there is one."""
        return {"scale": np.array([self.scale, self.good])} if self.half is torch.float16 else {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`."""
        if "scale" in state:
            scale, good = np.asarray(state["scale"]).tolist()
            self.scale, self.good = float(scale), int(good)
