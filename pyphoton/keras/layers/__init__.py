"""The stock layers of the Keras face, a file per family."""

from __future__ import annotations

from pyphoton.lazy import lazily

NAMES = {
    "keras.layers.conv": ("Conv1D", "Conv2D", "Conv3D"),
    "keras.layers.core": ("Activation", "Dense", "Dropout"),
    "keras.layers.pool": (
        "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
        "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Pooling1D", "Pooling2D", "Pooling3D",
    ),
    "keras.layers.shape": ("Flatten",),
}  # fmt: skip
"""The module of each layer's class."""
__all__, __getattr__, __dir__ = lazily(__name__, NAMES)
