"""compile, fit, evaluate, predict: what a model of this face has besides its layers."""

from __future__ import annotations


class Trainable:
    """A model that can be compiled and trained. It has `input_names` and `output_names`."""
