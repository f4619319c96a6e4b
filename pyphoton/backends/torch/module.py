"""The torch module: parameters and programs, with training sessions on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyphoton.backends.base import NONE, Limits
from pyphoton.backends.joint import check_sessions
from pyphoton.backends.torch.joint import TorchJoint
from pyphoton.backends.torch.program import Parameters
from pyphoton.backends.torch.train import TorchSession
from pyphoton.optimisers import Optimiser


class TorchModule(Parameters):
    """What the backend hands out."""

    def session(self, optimiser: Optimiser, frozen: frozenset[str], limits: Limits = NONE) -> TorchSession:
        """A new training session."""
        return TorchSession(self, optimiser, frozen, limits)

    def joint(self, sessions: Sequence[Any]) -> TorchJoint:
        """Sessions that train together."""
        check_sessions(self, sessions)
        return TorchJoint(self, sessions)
