"""Peak memory of one engine on one case: this process trains two epochs and prints its own high-water mark as JSON.

It has to be started from a small process: on Linux a program inherits the peak of the one that started it, which
is why `benchmarks.run` itself loads no engine.
"""

from __future__ import annotations

import json
import resource
import sys

from benchmarks.cases import CASES
from benchmarks.engines import ENGINES
from benchmarks.threads import limit_threads

EPOCHS = 2


def measure(engine: str, case: str) -> dict[str, float]:
    """Train two epochs and return the peak of the process in MiB."""
    inherited = _peak()
    training = ENGINES[engine](CASES[case])
    limit_threads()
    for _ in range(EPOCHS):
        training.epoch()
    peak = _peak()
    if peak <= inherited:
        raise RuntimeError(f"expected a peak above the {inherited:.0f} MiB inherited from the parent")
    return {"mib": peak}


def _peak() -> float:
    """Return the largest resident size so far in MiB; Linux counts in KiB, macOS in bytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(sys.argv[1], sys.argv[2])) + "\n")
