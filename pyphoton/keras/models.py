"""Models, and what makes them again: the names of today's `keras.models`."""

from __future__ import annotations

from pyphoton.lazy import lazily

NAMES = {
    "keras.model": ("Model",),
    "keras.saving.files": ("clone_model", "load_model", "model_from_json", "model_from_yaml", "save_model"),
    "keras.sequential": ("Sequential",),
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, NAMES)
