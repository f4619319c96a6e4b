"""Names of Keras's `preprocessing`: sequences of one length."""

from __future__ import annotations

from pyphoton.keras.preprocessing import sequence
from pyphoton.keras.utils import pad_sequences

__all__ = ["pad_sequences", "sequence"]
