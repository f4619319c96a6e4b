"""Is a backend right? One table of cases, and `check_backend`, which holds any backend to it."""

from pyphoton.conformance.cases import CASES, OPTIMISERS
from pyphoton.conformance.check import ConformanceReport, check_backend

__all__ = ["CASES", "OPTIMISERS", "ConformanceReport", "check_backend"]
