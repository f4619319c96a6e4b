"""How long Julia takes to start in this process, with all that PyPhoton needs of it: prints JSON."""

from __future__ import annotations

import json
import sys
from time import perf_counter

from pyphoton.backends.julia.runtime import start


def measure() -> float:
    """Return the seconds until Julia can be asked something."""
    begun = perf_counter()
    start()
    return perf_counter() - begun


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure()) + "\n")
