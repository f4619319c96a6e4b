"""A Julia function as a function of torch tensors, with gradients."""

from __future__ import annotations

from typing import Any

import torch

from pyphoton.backends.julia import pulling
from pyphoton.errors import ArgumentError
from pyphoton.interop.torch_julia import Call, called
from pyphoton.interop.torch_memory import shareable


def torch_function(julia: Any) -> TorchFunction:
    """A Julia function for torch tensors, differentiated by Zygote: `f = torch_function("x -> x .^ 2")`, then `f(x).sum().backward()`.

    julia: a function, or anything else that can be called, as juliacall shows it; its source text; or its name ("MyPkg.f").

    Tensors and Julia's arrays are the same memory, axes reversed: shape (N, F) here is size (F, N) there. A tensor that is not row-major
    is copied once. A tensor without axes, and a number of Python, is a number in Julia (a float in the tensors' type). A result is a tensor
    over Julia's memory, a tuple gives several. A result or gradient that is memory of something else (`identity`) is a copy.

    Gradients are those of Julia's rules: an `rrule` of ChainRulesCore counts. Whole numbers have none; a float on which nothing depends
    has zeros. Writing into an input or result between forward and backward is an error in torch, as elsewhere. Only first derivatives.

    Errors: ArgumentError for what is no function; JuliaError for what Julia says, now or in a call; DataError for an argument that
    Julia cannot use; Unsupported in another thread or process than Julia's. On CUDA with CUDA.jl; not run on a GPU yet.
    """
    return TorchFunction(julia)


class TorchFunction:
    """What `torch_function` gives: called with tensors and numbers, it gives a tensor or a tuple of them."""

    def __init__(self, julia: Any) -> None:
        self.julia = julia
        self._prepared = pulling.prepared(julia)
        self._name = julia.strip().split("\n")[0] if isinstance(julia, str) else str(julia)

    def __repr__(self) -> str:
        return f"torch_function({self._name})"

    def __call__(self, *arguments: Any) -> Any:
        """The function's results. Errors: DataError, JuliaError, Unsupported."""
        tensors = [shareable(x, f"argument {i} of {self._name}") for i, x in enumerate(_tensors(arguments))]
        return called(Call(self._prepared, self._name, len(tensors)), tensors)

    def __deepcopy__(self, memo: Any) -> TorchFunction:
        return self

    def __reduce__(self) -> Any:
        if not isinstance(self.julia, str):
            hint = "Make it from its source or its name, or anew in the other process."
            raise ArgumentError(repr(self), "a function made from text, to be pickled", "one of a running Julia", hint)
        return torch_function, (self.julia,)


def _tensors(arguments: tuple[Any, ...]) -> list[Any]:
    """Numbers of Python as tensors: floats in the type of the floats among the tensors."""
    kinds = [x.dtype for x in arguments if isinstance(x, torch.Tensor) and (x.is_floating_point() or x.is_complex())]
    kind = kinds[0] if kinds else torch.float64
    for other in kinds:
        kind = torch.promote_types(kind, other)
    real = torch.empty((), dtype=kind).real.dtype if kind.is_complex else kind
    return [torch.tensor(x, dtype=real if isinstance(x, float) else None) if isinstance(x, bool | int | float | complex) else x for x in arguments]
