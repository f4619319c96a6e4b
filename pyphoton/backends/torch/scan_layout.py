"""The other order of axes that scans need: views, which cost nothing."""

from __future__ import annotations

import torch


def swapped(x: torch.Tensor) -> torch.Tensor:
    """(batch, steps, width) as (steps, batch, width), and back."""
    return x.transpose(0, 1)


def turned(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix of the way back."""
    return matrix.t()
