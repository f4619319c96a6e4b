"""The four models in Keras's words, for whoever has these words."""

from __future__ import annotations

from typing import Any


def stack(name: str, layers: Any) -> list[Any]:
    """The layers of a case, from Keras's module `layers` or from another one with its names. Images are channels first, the order that torch itself wants."""
    match name:
        case "mlp":
            return [layers.Dense(256, activation="relu"), layers.Dense(10)]
        case "conv":
            return [
                layers.Conv2D(16, 3, activation="relu", data_format="channels_first"),
                layers.Conv2D(32, 3, activation="relu", data_format="channels_first"),
                layers.MaxPooling2D(2, data_format="channels_first"),
                layers.Flatten(),
                layers.Dense(10),
            ]
        case "lstm":
            return [layers.LSTM(64), layers.Dense(10)]
        case "tiny":
            return [layers.Dense(16, activation="relu"), layers.Dense(3)]
    raise KeyError(f"no Keras model for the case {name!r}")
