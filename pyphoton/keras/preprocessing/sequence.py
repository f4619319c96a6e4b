"""Sequences of several lengths as one array."""

from __future__ import annotations

from pyphoton.keras.utils import pad_sequences

__all__ = ["pad_sequences"]
