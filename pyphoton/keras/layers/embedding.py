"""Embedding: a table of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import graph, layers
from pyphoton.keras.layers.core import Dropout, checked_rate
from pyphoton.keras.layers.stock import Standard, merged
from pyphoton.keras.masks import mask_of, unequal, with_mask
from pyphoton.layers import base


class Embedding(Standard):
    """A table of vectors, looked up by whole numbers: y[..., :] = table[x].

    Input: whole numbers from 0 to input_dim - 1, (batch, ...). Output: (batch, ..., output_dim). Parameters: table (input_dim, output_dim).
    dropout: while training, the whole vector of a place is 0 with this probability, the others are scaled by 1 / (1 - dropout).
    mask_zero: number 0 stands for a step that is not there, for the layers after it. Keraflow says `vocabulary_size` and `init`.
    Errors: DataError for a number outside of the vocabulary. Source: Keras 3's Embedding.
    """

    supports_masking: ClassVar[bool] = True
    spellings: ClassVar[Mapping[str, str]] = {
        "vocabulary_size": "input_dim", "init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint", "weights": "initial_weights",
    }  # fmt: skip
    short_names: ClassVar[Mapping[str, str]] = {"W": "table", "embeddings": "table"}

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform", embeddings_regularizer: Any = None, embeddings_constraint: Any = None,
        mask_zero: bool = False, dropout: float = 0.0, activity_regularizer: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        self.input_dim, self.output_dim, self.init, self.mask_zero = input_dim, output_dim, embeddings_initializer, bool(mask_zero)
        self.dropping = Dropout(checked_rate("Embedding", dropout)) if dropout else None
        self.activity_regularizer = activity_regularizer
        super().__init__(**merged(
            "Embedding", common, regularizers={"table": embeddings_regularizer}, constraints={"table": embeddings_constraint}, aliases=self.short_names,
        ))  # fmt: skip

    def core(self) -> base.Layer:
        """Embedding."""
        return layers.Embedding(self.input_dim, self.output_dim, self.init)

    def trace(self, *inputs: Any) -> Any:
        """The vectors, and the mask of the steps that are there."""
        y = super().trace(*inputs)
        mask = unequal(inputs[0], 0) if self.mask_zero else mask_of(inputs[0])
        return y if mask is None else with_mask(y, mask)

    def result(self, *inputs: Any) -> Any:
        """The vectors, some of them dropped while training."""
        y = super().result(*inputs)
        if self.dropping is None:
            return y
        part = y[..., :1]
        return y * graph.call(self.dropping, (part == part).astype(y.dtype))
