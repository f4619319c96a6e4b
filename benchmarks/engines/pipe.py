"""An engine that is another process, told over a pipe to train one epoch at a time: one line to it, one line back."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from benchmarks.engines import Training


class Pipe:
    """The running program, which answers "epoch" with its own seconds and its mean loss."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the program and wait until it says that it is ready."""
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment)
        self._read()

    def ask(self, word: str) -> str:
        """Send a line and return the answer. Raises if the program has ended."""
        stream = self._there(self.process.stdin)
        with suppress(BrokenPipeError):  # reading says what has happened
            stream.write(f"{word}\n")
            stream.flush()
        return self._read()

    def training(self) -> Training:
        """The engine. The program ends when its input ends, which is when this process does."""
        losses: list[float] = []

        def epoch() -> float:
            """Train one epoch and return the program's seconds."""
            seconds, loss = map(float, self.ask("epoch").split())
            losses.append(loss)
            return seconds

        return Training(epoch, lambda: losses[-1], lambda: self.ask("collect"), self.process.pid)

    def _read(self) -> str:
        """Return the next line. Raises if the program has ended; it has said why on stderr then."""
        line = self._there(self.process.stdout).readline()
        if not line:
            with suppress(BrokenPipeError), self.process:  # closes the pipes and waits
                pass
            raise RuntimeError(f"{self.name}: the process ended with code {self.process.returncode}")
        return line.strip()

    def _there(self, stream: IO[str] | None) -> IO[str]:
        """Return a stream that Popen was asked to open."""
        if stream is None:
            raise RuntimeError(f"{self.name}: expected a pipe to the process")
        return stream
