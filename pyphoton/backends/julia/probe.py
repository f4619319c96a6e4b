"""`python -m pyphoton.backends.julia.probe`: start Julia, try it, and print what was found as one line of JSON.

It is run in a process of its own, so that a Julia that crashes is a line in a report and no crash of the one who asked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from time import perf_counter
from typing import Any

from pyphoton.backends.julia import engines
from pyphoton.errors import PhotonError


def probe() -> dict[str, Any]:
    """Versions, seconds to start, whether memory is shared, and the error of a training step. Errors: BackendMissing, JuliaError."""
    from pyphoton.backends.julia.runtime import start

    began = perf_counter()
    runtime = start()
    seconds = perf_counter() - began
    return {**runtime.ask("versions"), "seconds": round(seconds, 2), "shared": _shared(), "parity": _parity()}


def _shared() -> bool:
    """A round trip by pointer: what Julia writes is seen here, and the way back leads to the same memory."""
    import numpy as np

    from pyphoton.backends.julia.exchange import from_julia, to_julia

    there = np.zeros((2, 3), dtype="float32")
    julia = to_julia(there).julia
    julia[2, 0] = 7.0  # axes are in Julia's order
    return bool(there[0, 2] == 7.0 and from_julia(julia).ctypes.data == there.ctypes.data)


def _parity() -> str:
    """What the conformance check finds wrong with a dense layer: forward, gradients, ten steps. Empty: nothing."""
    from pyphoton.conformance import check_backend
    from pyphoton.conformance.cases import CASES

    return "; ".join(f"{row.check}: error {row.error:.1e} {row.note}" for row in check_backend("julia", [CASES["dense"]]).failures)


def ask_another_process(seconds: float = 900.0) -> dict[str, Any]:
    """What a probe in a process of its own found, or {"error": why there is nothing}. Its stderr, where progress is told, is ours."""
    variables = {**os.environ, engines.VARIABLE: engines.wanted()}
    try:
        done = subprocess.run([sys.executable, "-m", __name__], env=variables, stdout=subprocess.PIPE, encoding="utf-8", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"Julia did not answer within {seconds:.0f} s."}
    if done.returncode < 0:
        return {"error": f"Julia ended the process with {signal.Signals(-done.returncode).name}."}
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": f"Julia ended the process with exit code {done.returncode}: {done.stdout[-500:]}"}
    return found


def main() -> None:
    """Print the findings."""
    try:
        found = probe()
    except PhotonError as error:
        found = {"error": str(error)}
    except Exception as error:  # noqa: BLE001  (a report says what went wrong, it does not end there)
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
