"""Which Julia is measured: for Flux the one that PyPhoton would start, in the same project; for Knet the project that PYPHOTON_KNET_PROJECT names,
or the one that `pyphoton install --engine knet` has made.

And why none is, where none is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.threads import THREADS

if TYPE_CHECKING:
    from pyphoton.backends.julia import locate

KNET_PROJECT = "PYPHOTON_KNET_PROJECT"


class Versions(NamedTuple):
    """Versions of Julia and of Flux or Knet; empty, and why, where that package does not run by itself."""

    julia: str = ""
    package: str = ""
    reason: str = ""


def command(package: str, *arguments: str) -> list[str]:
    """Return the command that runs plain Julia with "Flux" or "Knet". PyPhoton is looked at only now: other engines do without it."""
    from pyphoton.backends.julia import locate

    found = _knet_place() if package == "Knet" else locate.place()
    return [found.executable, f"--project={found.project}", "--startup-file=no", f"--threads={THREADS}", *arguments]


def knet_environment() -> Mapping[str, str]:
    """The environment of a Python process whose Julia computes with Knet."""
    from pyphoton.backends.julia import engines, locate

    place = _knet_place()
    given = {locate.JULIA: place.executable, locate.PROJECT: place.project, engines.VARIABLE: "knet"}
    return {key: value for key, value in os.environ.items() if key not in locate.JULIACALL.values()} | given


def _knet_place() -> locate.Place:
    """The named project, with the Julia that was named for all, or that of the PATH; or the one that is kept; with no project where neither is."""
    from pyphoton.backends.julia import engines, locate

    if not os.environ.get(KNET_PROJECT):
        with engines.during("knet"):
            return locate.place()
    named = os.environ.get(locate.JULIA) or os.environ.get(locate.JULIACALL[locate.JULIA]) or "julia"
    return locate.Place(shutil.which(named) or named, os.environ.get(KNET_PROJECT, ""))


@cache
def versions(package: str) -> Versions:
    """Ask Julia for its version and that of "Flux" or "Knet", which is then also compiled if it was not."""
    from pyphoton.backends.julia import locate

    if package == "Knet" and not _knet_place().complete:
        return Versions(reason=f"{KNET_PROJECT} names no Julia project with Knet and PythonCall, and `pyphoton install --engine knet` has made none.")
    if package == "Flux" and not locate.place().complete:
        return Versions(reason=locate.missing() or locate.unprepared())
    asked = command(package, "-e", f'using {package}; print("\\n", VERSION, " ", pkgversion({package}))')
    try:
        done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
    except OSError as error:
        return Versions(reason=f"Julia does not start: {error.strerror}.")
    if done.returncode:
        return Versions(reason=f"{package} does not load: {(done.stderr.splitlines() or [''])[0]}")
    return Versions(*done.stdout.splitlines()[-1].split())


def missing(package: str) -> str:
    """Return why plain Flux or Knet cannot be measured; empty when it can."""
    return versions(package).reason


def backend_missing(package: str) -> str:
    """Return why PyPhoton's Julia backend cannot be measured with "Flux" or "Knet"; empty when it can."""
    from pyphoton.backends.julia import locate

    return locate.missing() or missing(package)
