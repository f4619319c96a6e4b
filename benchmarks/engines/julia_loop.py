"""Plain Flux or plain Knet in a Julia of its own: benchmarks/flux_loop.jl or knet_loop.jl, told to train one epoch at a time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.cases import Case, data
from benchmarks.engines import Training
from benchmarks.engines.pipe import Pipe
from benchmarks.julia import command
from benchmarks.threads import THREADS

FOLDER = Path(__file__).resolve().parents[1]


def build(case: Case, *, package: str) -> Training:
    """Start the script in the project of "Flux" or "Knet", with the case's data in a folder until it has read them."""
    with tempfile.TemporaryDirectory() as folder:
        x, y = data(case)
        x.tofile(Path(folder, "x.bin"))
        y.tofile(Path(folder, "y.bin"))
        numbers = map(str, (case.samples, case.batch, case.classes, THREADS))
        script = str(FOLDER / f"{package.lower()}_loop.jl")
        return Pipe(package, command(package, script, case.name, *numbers, folder)).training()
