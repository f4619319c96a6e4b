"""What the first epoch costs over a later one, in a process where Julia has started and nothing else: prints JSON.

Plain Julia compiles a model when it first trains it. The Julia side of PyPhoton is compiled when it is installed.
"""

from __future__ import annotations

import json
import sys
from statistics import median

from benchmarks.cases import CASES
from benchmarks.engines import ENGINES
from benchmarks.threads import limit_threads
from benchmarks.timing import seconds_of_epoch

LATER = 3


def measure(engine: str, case: str) -> dict[str, float]:
    """Return the seconds of the first epoch, and the median of some later ones."""
    training = ENGINES[engine](CASES[case])
    limit_threads()
    first = seconds_of_epoch(training)
    return {"first": first, "later": median(seconds_of_epoch(training) for _ in range(LATER))}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(sys.argv[1], sys.argv[2])) + "\n")
