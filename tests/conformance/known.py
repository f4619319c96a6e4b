"""The backends under test, and what is known to fail on them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pyphoton.backends import backends
from pyphoton.errors import BackendMissing

XFAILS = Path(__file__).parents[1] / "xfails"


def known_failures(backend):
    """The checks that fail on a backend, with the reason, from tests/xfails/<backend>.txt: lines `name # reason`."""
    file = XFAILS / f"{backend}.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    pairs = [line.split("#", 1) for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): reason.strip() for name, reason in pairs}


@cache
def why_not(engine):
    """Why an engine that is installed does not start here; empty when it does."""
    try:
        engine.start(asked=False)
    except BackendMissing as error:
        return str(error)
    return ""


def on_every_backend(names):
    """(backend, name) for every backend that there is, with clear ids, skips and xfails."""
    found = []
    for backend, engine in backends().items():
        failures = known_failures(backend)
        missing = engine.missing() or why_not(engine)
        for name in names:
            marks = [pytest.mark.julia] if backend == "julia" else []
            if missing:
                marks.append(pytest.mark.skip(reason=missing))
            if name in failures:
                marks.append(pytest.mark.xfail(reason=failures[name], strict=True))
            found.append(pytest.param(backend, name, id=f"{backend}-{name.replace(' ', '-')}", marks=marks))
    return found
