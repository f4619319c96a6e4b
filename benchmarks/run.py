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
from benchmarks.julia import versions
from benchmarks.report import render
from benchmarks.targets import Figure, Imported, Measured, crossing_figures, first_figures, start_figure
from benchmarks.threads import ENVIRONMENT

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
MIN_REPEATS = 5
IMPORTS = 7
FIRSTS = 3
STARTS = 5
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
    engines, left_out = _sorted_out(options.engines)
    imported = _import_time() if any(name.startswith("pyphoton") for name in engines) else None
    results = {case: _measure(case, engines, repeats=options.repeats) for case in options.cases}
    figures = _julia_figures(options.cases, engines)
    others = {case: measured.others for case, measured in results.items()}
    notes = [text for text in (warning, machine.disturbance(others), _not_measured(left_out)) if text]
    julia = {package: versions(package) for name in engines if (package := ENGINES[name].julia)}
    text = render(results, imported, figures, machine=machine.describe(load=load, julia=julia), notes=notes)
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


def _sorted_out(asked: list[str]) -> tuple[list[str], list[str]]:
    """Return the engines that can run here and those that cannot, with a line for each of these."""
    missing = {name: ENGINES[name].missing() for name in asked}
    for name, reason in missing.items():
        if reason:
            _say(f"{name}: left out. {reason}")
    return [name for name in asked if not missing[name]], [name for name in asked if missing[name]]


def _not_measured(left_out: list[str]) -> str:
    """Return a sentence about the engines that were left out. What exactly was missing is not for the file."""
    reasons = {"Flux": "Julia was not ready on this machine", "Knet": "there was no Julia project with Knet on this machine"}
    found = {package: [name for name in left_out if ENGINES[name].julia == package] for package in reasons}
    return " ".join(f"Not measured, because {reasons[package]}: {', '.join(names)}." for package, names in found.items() if names)


def _measure(case: str, engines: list[str], *, repeats: int) -> Measured:
    """Measure peak memory, one process per engine, then the times, all engines in one process."""
    mib = {}
    for engine in engines:
        if not ENGINES[engine].memory:
            continue
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


def _julia_figures(cases: list[str], engines: list[str]) -> list[Figure]:
    """Measure what is Julia's alone: the first epoch, and of the backend also the start and the crossing of arrays."""
    measured = {}
    for case, engine in ((c, e) for c in cases for e in engines if ENGINES[e].julia):
        _say(f"{case}: first epoch of {engine}, {FIRSTS} times")
        measured[case, engine] = [_child("-m", "benchmarks.first", engine, case) for _ in range(FIRSTS)]
    figures = first_figures(measured)
    if "pyphoton-julia" in engines:
        _say(f"start of Julia, {STARTS} times; then to_julia")
        starts = [_child("-m", "benchmarks.start") for _ in range(STARTS + 1)][1:]  # the first one reads from the disk
        figures += [start_figure(starts), *crossing_figures(_child("-m", "benchmarks.crossing"))]
    return figures


def _child(*arguments: str) -> Any:
    """Run Python at the repository root with two threads and return the JSON of its last line."""
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _say(text: str) -> None:
    """Report progress on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
