"""Arrays into torch and out of it: without a copy wherever dtype and device already fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch


def to_torch(array: Any, device: torch.device) -> torch.Tensor:
    """A tensor over the same memory (a copy only to another device, or for strides that torch does not have).

    The tensor is read only by convention: a read-only array stays unchanged because nothing here writes to inputs.
    """
    if isinstance(array, torch.Tensor):
        return array.to(device)
    if not isinstance(array, np.ndarray):
        if hasattr(array, "__dlpack_device__") and array.__dlpack_device__()[0] not in (1, 3):  # of CuPy or JAX, on a GPU
            return torch.utils.dlpack.from_dlpack(array).to(device)
        array = np.asarray(array)
    if any(s < 0 for s in array.strides):
        array = np.ascontiguousarray(array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array).to(device)


def to_numpy(tensor: torch.Tensor) -> Any:
    """A row-major NumPy array, over the tensor's memory unless that is on another device or lies otherwise."""
    return tensor.detach().cpu().contiguous().numpy()
