"""The torch backend: trains on the CPU and on CUDA. torch is imported when the first model is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from pyphoton.backends.base import Module


class TorchBackend:
    """Runs and trains plans with torch."""

    name = "torch"
    priority = 20
    precisions = frozenset({"bfloat16", "float16"})

    @property
    def supports(self) -> frozenset[str]:
        """All primitives and layer kinds."""
        from pyphoton.backends.torch.lower import SUPPORTED

        return SUPPORTED

    def missing(self) -> str:
        """What to install, when torch is not there."""
        return "" if find_spec("torch") else "torch is not installed: pip install 'pyphoton[torch]'."

    def start(self, *, asked: bool = True) -> None:
        """Nothing is to be started."""

    def devices(self) -> tuple[str, ...]:
        """The processor, and CUDA where torch sees it."""
        import torch

        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def describe(self) -> str:
        """For people."""
        import torch

        return f"torch {torch.__version__}"

    def module(self, parameters: Mapping[str, Any], *, roles: Mapping[str, str], device: str, seed: int, precision: str | None = None) -> Module:
        """Parameters, used in place on the CPU, copied to another device."""
        from pyphoton.backends.torch.module import TorchModule

        return TorchModule(parameters, roles, device, seed, precision)


BACKEND = TorchBackend()
