"""Which Julia is measured: the one that PyPhoton would start, in the same project; and why none is, where none is."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import NamedTuple

from benchmarks.threads import THREADS


class Versions(NamedTuple):
    """Versions of Julia and Flux; empty, and why, where plain Flux does not run."""

    julia: str = ""
    flux: str = ""
    reason: str = ""


def command(*arguments: str) -> list[str]:
    """Return the command that runs plain Julia. PyPhoton is looked at only now: other engines do without it."""
    from pyphoton.backends.julia import locate

    found = locate.place()
    return [found.executable, f"--project={found.project}", "--startup-file=no", f"--threads={THREADS}", *arguments]


@cache
def versions() -> Versions:
    """Ask Julia for its version and that of Flux, which is then also compiled if it was not."""
    from pyphoton.backends.julia import locate

    if not locate.place().complete:
        return Versions(reason=locate.missing() or locate.unprepared())
    asked = command("-e", 'using Flux; print("\\n", VERSION, " ", pkgversion(Flux))')
    try:
        done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
    except OSError as error:
        return Versions(reason=f"Julia does not start: {error.strerror}.")
    if done.returncode:
        return Versions(reason=f"Flux does not load: {(done.stderr.splitlines() or [''])[0]}")
    return Versions(*done.stdout.splitlines()[-1].split())


def flux_missing() -> str:
    """Return why plain Flux cannot be measured; empty when it can."""
    return versions().reason


def backend_missing() -> str:
    """Return why PyPhoton's Julia backend cannot be measured; empty when it can."""
    from pyphoton.backends.julia import locate

    return locate.missing() or flux_missing()
