"""`python -m benchmarks.run`: measure everything in subprocesses and print the table.

This process only starts others and loads no engine: a program inherits the peak memory of the one that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.cases import CASES
from benchmarks.engines import ENGINES
from benchmarks.report import render
from benchmarks.targets import Imported, Measured
from benchmarks.timing import THREADS

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
MIN_REPEATS = 5
IMPORTS = 7
IMPORT_CODE = """
import sys, time
start = time.perf_counter()
import pyphoton
seconds = time.perf_counter() - start
import json
print(json.dumps([seconds, [name for name in ("torch", "juliacall") if name in sys.modules]]))
"""


def main(argv: list[str] | None = None) -> None:
    """Measure the chosen cases and engines, print the tables, and write them if asked."""
    options = _parse(argv)
    load = machine.load_average()
    warning = machine.warning(load=load)
    if warning:
        _say(warning)
    imported = _import_time() if any(name.startswith("pyphoton") for name in options.engines) else None
    results = {case: _measure(case, options.engines, repeats=options.repeats) for case in options.cases}
    others = {case: measured.others for case, measured in results.items()}
    warnings = [text for text in (warning, machine.disturbance(others)) if text]
    text = render(results, imported, machine=machine.describe(load=load), warnings=warnings)
    sys.stdout.write(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; only a whole run may be written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="measured epochs per engine and case (default 7)")
    parser.add_argument("--cases", type=_names(CASES), default=list(CASES), help=f"of {','.join(CASES)}")
    parser.add_argument("--engines", type=_names(ENGINES), default=list(ENGINES), help=f"of {','.join(ENGINES)}")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"--repeats: expected at least 1, received {options.repeats}")
    whole = set(options.cases) == set(CASES) and set(options.engines) == set(ENGINES)
    if options.write and not (whole and options.repeats >= MIN_REPEATS):
        parser.error(f"--write: expected all cases, all engines and at least {MIN_REPEATS} repeats")
    return options


def _names(known: dict[str, Any]) -> Any:
    """Return an argument type that reads known names parted by commas."""

    def read(text: str) -> list[str]:
        """Split the text and refuse unknown names."""
        names = list(dict.fromkeys(text.split(",")))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"expected names of {', '.join(known)}, received {', '.join(unknown)}")
        return names

    return read


def _measure(case: str, engines: list[str], *, repeats: int) -> Measured:
    """Measure peak memory, one process per engine, then the times, all engines in one process."""
    mib = {}
    for engine in engines:
        _say(f"{case}: peak memory of {engine}")
        mib[engine] = _child("-m", "benchmarks.memory", engine, case)["mib"]
    _say(f"{case}: {repeats} epochs of {', '.join(engines)} in turn")
    timed = _child("-m", "benchmarks.timing", case, ",".join(engines), str(repeats))
    for engine, seconds in timed["seconds"].items():
        _say(f"  {engine}: {' '.join(f'{second:.3f}' for second in seconds)} s")
    return Measured(timed["seconds"], timed["losses"], mib, timed["others"])


def _import_time() -> Imported:
    """Time `import pyphoton` in fresh processes; a first one, not counted, writes the bytecode."""
    _say(f"import of pyphoton, {IMPORTS} times")
    runs = [_child("-c", IMPORT_CODE) for _ in range(IMPORTS + 1)][1:]
    return Imported([seconds for seconds, _ in runs], sorted({name for _, loaded in runs for name in loaded}))


def _child(*arguments: str) -> Any:
    """Run Python at the repository root with two threads and return the JSON of its last line."""
    threads = {f"{library}_NUM_THREADS": str(THREADS) for library in ("OMP", "MKL", "OPENBLAS", "JULIA")}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | threads, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _say(text: str) -> None:
    """Report progress on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
