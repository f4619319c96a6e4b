"""Masks: which steps of a sequence count. A mask travels with a tensor of the running trace, from layer to layer.

A mask is (batch, steps), truth values. A layer that makes one (`Masking`, an `Embedding` with mask_zero, an `Input` with mask_value)
gives it to its output; a layer with `supports_masking` hands it on; recurrent layers and averages over steps respect it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyphoton.tensor import Tensor, apply


def mask_of(tensor: Any) -> Tensor | None:
    """The mask that goes with a tensor; None where all steps count."""
    return getattr(tensor, "mask", None)


def with_mask(tensor: Any, mask: Tensor | None) -> Any:
    """The tensor, with this mask from now on."""
    tensor.mask = mask
    return tensor


def unequal(x: Any, value: float) -> Tensor:
    """The mask of numbers (batch, steps), ids of words, say: the steps that are not `value`."""
    return apply("ne", x, value)  # type: ignore[no-any-return]


def masked_where(x: Any, value: float | None) -> Any:
    """An input (batch, steps) whose steps that hold `value` are left out: what Input(mask_value=) asks for. None leaves it as it is."""
    return x if value is None else with_mask(x, unequal(x, value))


def joined(masks: Sequence[Tensor | None]) -> Tensor | None:
    """The steps that count in each of several tensors that become one."""
    found: Tensor | None = None
    for mask in masks:
        found = mask if found is None or mask is None or mask is found else found & mask
    return found


def passed_on(layer: Any, inputs: Sequence[Any], result: Any) -> Any:
    """The result of a layer, with the mask of its inputs where the layer supports masking and has made no mask itself."""
    if not getattr(layer, "supports_masking", False) or not isinstance(result, Tensor) or result.mask is not None:
        return result
    flat = [t for i in inputs for t in (i if isinstance(i, tuple | list) else (i,))]
    mask = joined([mask_of(t) for t in flat])
    return result if mask is None else with_mask(result, mask)


def as_numbers(mask: Any, like: Tensor) -> Tensor:
    """1 and 0 for each step, (batch, steps, 1), in the floats of another tensor."""
    dtype = like.dtype if like.dtype.startswith("float") else "float32"
    numbers: Tensor = mask.astype(dtype)[..., None]
    return numbers


def mean_over_steps(x: Tensor, *, keepdims: bool = False) -> Tensor:
    """The mean over axis 1 of (batch, steps, ...), of those steps that count. A sample without any gives 0."""
    mask = mask_of(x)
    if mask is None:
        return x.mean(axis=1, keepdims=keepdims)
    m = as_numbers(mask, x)
    for _ in x.shape[3:]:
        m = m[..., None]
    count = apply("maximum", m.sum(axis=1, keepdims=keepdims), 1.0)
    found: Tensor = (x * m).sum(axis=1, keepdims=keepdims) / count
    return found
