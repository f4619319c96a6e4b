"""An engine in a Python process of its own, told by lines to train one epoch at a time: `python -m benchmarks.told <engine> <case>`.

The lines are those of loop.jl: "epoch" is answered by its seconds and its mean loss, "collect" by a word. The end of the input ends the process.
"""

from __future__ import annotations

import os
import sys
from typing import IO

from benchmarks.cases import CASES
from benchmarks.engines import ENGINES
from benchmarks.threads import limit_threads
from benchmarks.timing import timed


def serve(engine: str, case: str) -> None:
    """Build the case, and do what the lines of the standard input say."""
    told, answers = _kept()
    training = ENGINES[engine](CASES[case])
    limit_threads()
    _say(answers, "ready")
    for line in told:
        if line.strip() == "epoch":
            seconds = timed(training)
            _say(answers, f"{seconds!r} {training.loss()!r}")
        else:
            training.collect()
            _say(answers, "collected")


def _kept() -> tuple[IO[str], IO[str]]:
    """Keep the standard input and output for the lines: Julia makes its own of what it finds there, which is nothing and stderr from now on."""
    told, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return told, answers


def _say(answers: IO[str], line: str) -> None:
    answers.write(f"{line}\n")
    answers.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
