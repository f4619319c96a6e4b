"""Two threads for every engine: whatever library computes, and whenever it was loaded."""

from __future__ import annotations

import sys

THREADS = 2
ENVIRONMENT = {f"{library}_NUM_THREADS": str(THREADS) for library in ("OMP", "MKL", "OPENBLAS")}
"""For the processes that measure. Julia is told by each engine: inside Python it runs on one thread of its own."""


def limit_threads() -> None:
    """Give torch two threads if an engine has loaded it."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(THREADS)


def check_threads() -> None:
    """Raise if an engine has changed the number of torch's threads during the measurement."""
    torch = sys.modules.get("torch")
    if torch and torch.get_num_threads() != THREADS:
        raise RuntimeError(f"expected {THREADS} threads to the end, found {torch.get_num_threads()}")
