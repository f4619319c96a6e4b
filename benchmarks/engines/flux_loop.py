"""Plain Flux in a Julia of its own: benchmarks/flux_loop.jl, told over a pipe to train one epoch at a time."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import IO

from benchmarks.cases import Case, data
from benchmarks.engines import Training
from benchmarks.julia import command
from benchmarks.threads import THREADS

SCRIPT = Path(__file__).resolve().parents[1] / "flux_loop.jl"


class Pipe:
    """The running script: one line to it, one line back."""

    def __init__(self, case: Case) -> None:
        """Start Julia with the case's data, and wait until it has read them."""
        with tempfile.TemporaryDirectory() as folder:
            x, y = data(case)
            x.tofile(Path(folder, "x.bin"))
            y.tofile(Path(folder, "y.bin"))
            numbers = map(str, (case.samples, case.batch, case.classes, THREADS))
            started = command(str(SCRIPT), case.name, *numbers, folder)
            self.process = subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
            self._read()

    def ask(self, word: str) -> str:
        """Send a line and return the answer."""
        stream = _there(self.process.stdin)
        stream.write(f"{word}\n")
        stream.flush()
        return self._read()

    def _read(self) -> str:
        """Return the next line. Raises if Julia has ended; it has said why on stderr then."""
        line = _there(self.process.stdout).readline()
        if not line:
            raise RuntimeError(f"flux: the script ended with code {self.process.wait()}")
        return line.strip()


def _there(stream: IO[str] | None) -> IO[str]:
    """Return a stream that Popen was asked to open."""
    if stream is None:
        raise RuntimeError("flux: expected a pipe to the script")
    return stream


def build(case: Case) -> Training:
    """Start the script. Julia times each epoch itself; it ends when its input ends, which is when this process does."""
    pipe = Pipe(case)
    losses: list[float] = []

    def epoch() -> float:
        """Train one epoch and return Julia's seconds."""
        seconds, loss = map(float, pipe.ask("epoch").split())
        losses.append(loss)
        return seconds

    return Training(epoch, lambda: losses[-1], lambda: pipe.ask("collect"), pipe.process.pid)
