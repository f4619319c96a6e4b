"""What the figures were measured on, in one line that names neither the host nor a path."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from benchmarks.julia import Versions
from benchmarks.others import MUCH
from benchmarks.threads import THREADS

BUSY = 1.0
PACKAGES = ("torch", "keras", "numpy", "juliacall")


def load_average() -> float:
    """Return the load average of the last minute, to the two decimals that are shown."""
    return round(os.getloadavg()[0], 2)


def describe(*, load: float, julia: Mapping[str, Versions]) -> str:
    """Return cores, versions and the load average before the run."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}, {cores} cores, {THREADS} threads used"
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    versions += "".join(f"; Julia {found.julia}, {package} {found.package}" for package, found in julia.items())
    return f"{system}; Python {platform.python_version()}, {versions}; load average at start {load:.2f}"


def warning(*, load: float) -> str:
    """Return a sentence if other work was running at the start, else nothing."""
    if load <= BUSY:
        return ""
    return f"Warning: the load average at start was {load:.2f}, above {BUSY:.1f}: these figures are provisional."


def disturbance(others: Mapping[str, float | None]) -> str:
    """Return a sentence if other work took much of the machine while a case was timed, else nothing."""
    disturbed = [f"{cores:.2f} cores in {case}" for case, cores in others.items() if cores is not None and cores > MUCH]
    if not disturbed:
        return ""
    return f"Warning: other work ran during the timing and took {', '.join(disturbed)}: measure these again."


def _version(package: str) -> str:
    """Return the installed version without importing the package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
