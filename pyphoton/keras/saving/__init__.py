"""Models of the Keras face as text and files: the architecture as JSON or YAML, the numbers in a checked file. Nothing in a file is executed."""

from __future__ import annotations

from pyphoton.lazy import lazily

NAMES = {
    "keras.saving.files": ("load_model", "load_from_file", "model_from_json", "model_from_yaml", "save_model"),
    "keras.saving.reading": ("unserialize",),
    "keras.saving.writing": ("serialize",),
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, NAMES)
