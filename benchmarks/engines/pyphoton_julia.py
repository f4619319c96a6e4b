"""PyPhoton on Julia: the same Workout and fit_, with Julia started and limited to the benchmark's threads."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cases import Case
from benchmarks.engines import Training, pyphoton_fit
from benchmarks.threads import THREADS
from pyphoton.backends.julia.runtime import start


def build(case: Case) -> Training:
    """Start Julia and build the workout. Before an epoch is timed Julia collects its garbage, too."""
    julia = start().julia
    julia.seval(f"import LinearAlgebra; LinearAlgebra.BLAS.set_num_threads({THREADS})")
    training, collect = pyphoton_fit.build(case, backend="julia"), julia.seval("GC.gc")

    def both() -> None:
        """Collect the garbage of Python, which may hold some of Julia's, and then that of Julia."""
        training.collect()
        collect()

    return replace(training, collect=both)
