"""W @ x with W (out, in) on the left, as early Flux first wrote it: of a batch x (batch, in), W times each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.tensor import Tensor, apply


class Matrix(Tensor):
    """A matrix of a net: `W @ x` with W (out, in) is W times each sample of the batch x (batch, in)."""

    __slots__ = ()

    def __matmul__(self, other: Any) -> Tensor:
        if isinstance(other, Tensor) and other.ndim == 2 and other.shape[0] is None:
            return apply("matmul", other, self.transpose())  # type: ignore[no-any-return]
        return apply("matmul", self, other)  # type: ignore[no-any-return]


class Columns(np.ndarray):
    """The same for arrays."""

    def __matmul__(self, other: Any) -> Any:
        plain, other = np.asarray(self), np.asarray(other)
        return other @ plain.transpose() if other.ndim == 2 else plain @ other

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(i) if isinstance(i, Columns) else i for i in inputs), **kwargs)
