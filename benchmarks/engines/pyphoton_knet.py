"""PyPhoton on Knet: what pyphoton_julia.py builds, in a Python process of its own, as one Julia process has one engine."""

from __future__ import annotations

import sys

from benchmarks.cases import Case
from benchmarks.engines import Training
from benchmarks.engines.pipe import Pipe
from benchmarks.julia import knet_environment


def build(case: Case) -> Training:
    """Start the process, which starts Julia with Knet and builds the workout."""
    command = [sys.executable, "-m", "benchmarks.told", "pyphoton-julia", case.name]
    return Pipe("pyphoton-knet", command, knet_environment()).training()
