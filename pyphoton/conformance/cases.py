"""The one table of cases that every backend is held to: layers and models, primitives, losses, metrics; and optimisers.

Epsilons, biases and windows are larger and odder here than in real models, so that putting one in the wrong place shows.
"""

from __future__ import annotations

from pyphoton.conformance.case import Case, Numbers, floats, whole
from pyphoton.conformance.gradient_cases import GRADIENTS
from pyphoton.conformance.layer_cases import LAYERS
from pyphoton.conformance.net_cases import NETS
from pyphoton.conformance.primitive_cases import PRIMITIVES
from pyphoton.keras.optimizers.nadam import Nadam
from pyphoton.optimisers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Momentum,
    Nesterov,
    Optimiser,
    Rmsprop,
)

CASES: dict[str, Case] = {case.name: case for case in (*LAYERS, *PRIMITIVES, *NETS, *GRADIENTS)}
"""All cases by name."""

OPTIMISERS: dict[str, Optimiser] = {
    "sgd": SGD(0.1), "sgd-clipped": SGD(0.1, gclip=0.05), "momentum": Momentum(0.03, 0.8), "nesterov": Nesterov(0.03, 0.8),
    "adagrad": Adagrad(0.1, eps=0.01), "rmsprop": Rmsprop(0.02, 0.8, eps=0.01), "adadelta": Adadelta(0.7, 0.8, eps=0.01),
    "adam": Adam(0.02, 0.8, 0.9, eps=0.01), "adam-clipped": Adam(0.02, 0.8, 0.9, eps=0.01, gclip=0.05),
    "adamw": AdamW(0.02, 0.8, 0.9, eps=0.01, weight_decay=0.3), "adamax": Adamax(0.02, 0.8, 0.9, eps=0.01),
    "adam-eps-hat": Adam(0.02, 0.8, 0.9, eps=0.01, eps_hat=True), "nadam": Nadam(0.02, 0.8, 0.9, eps=0.01),
    "sgd-elements": SGD(0.1, clip_value=0.03), "adam-together": Adam(0.02, 0.8, 0.9, eps=0.01, clip_norm=0.05),
    "sgd-decay": SGD(0.1, weight_decay=0.3), "adam-decay": Adam(0.02, 0.8, 0.9, eps=0.01, weight_decay=0.3),
    "momentum-all": Momentum(0.03, 0.8, gclip=0.1, clip_value=0.05, clip_norm=0.2, weight_decay=0.1),
    **{f"{c.__name__.lower()}-as-it-is": c() for c in (SGD, Momentum, Nesterov, Adagrad, Rmsprop, Adadelta, Adam, AdamW, Adamax, Nadam)},
}  # fmt: skip
"""Optimisers that are compared over ten steps: with arguments that show, and with their defaults."""

__all__ = ["CASES", "OPTIMISERS", "Case", "Numbers", "floats", "whole"]
