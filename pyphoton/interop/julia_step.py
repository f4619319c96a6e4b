"""A Julia layer on the engine torch: the code runs in Julia over torch's memory, and torch gets its gradients from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from pyphoton.backends.julia import code as asking
from pyphoton.errors import Unsupported
from pyphoton.julia_code import Code
from pyphoton.plan import Step

Tensor = torch.Tensor


def on_torch(step: Step, own: Mapping[str, Tensor], mode: Any) -> Callable[..., Any]:
    """The function of a step's inputs. Errors: Unsupported where no Julia is, or on another device; FileError for code that is not trusted."""
    where = f"{step.path} Julia".strip()
    code = Code.of(step.attrs)
    code.check(where)
    reason = asking.missing()
    if reason:
        hint = f"{reason} In a checkout: pip install '.[julia]'. Or write the layer in Python: a function of tensors, or a Layer with forward."
        raise Unsupported(where, "a Julia that runs its code", "none here", hint)
    from pyphoton.interop.julia_functions import torch_function

    held = [own[name] for name in (*step.attrs["params"], *step.attrs["arrays"])]
    functions: dict[bool, Any] = {}

    def run(*xs: Tensor) -> Any:
        if any(t.device.type != "cpu" for t in (*xs, *held)):
            raise Unsupported(where, "tensors on the CPU", str(xs[0].device), "Julia layers compute on the CPU: device='cpu'.")
        if mode.training not in functions:
            functions[mode.training] = torch_function(asking.applied(step, mode.training))
        return functions[mode.training](*xs, *held)

    return run
