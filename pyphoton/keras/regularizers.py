"""Penalties of parameters by the names of today's `keras.regularizers`; see `pyphoton.regularisers`."""

from __future__ import annotations

from pyphoton.regularisers import L1, L1L2, L2, OrthogonalRegularizer, Regulariser, get

Regularizer = Regulariser
l1, l2, l1l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Both penalties, l1 sum(|p|) + l2 sum(p^2). Errors: ArgumentError for factors below 0."""
    return L1L2(l1, l2)


__all__ = ["L1", "L2", "L1L2", "OrthogonalRegularizer", "Regularizer", "get", "l1", "l1_l2", "l1l2", "l2", "orthogonal_regularizer"]
