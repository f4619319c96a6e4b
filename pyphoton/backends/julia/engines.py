"""Which engine computes inside Julia: "flux" (the core's own steps, which compute what Flux does) or "knet" (experimental).

One Julia process has one engine: Flux 0.16 and Knet 1.4 need different versions of CUDA.jl and NNlib, and so different projects. The
first of these decides: what was asked for (`get_backend("julia", engine="knet")`, `knet(model)`), the variable PYPHOTON_ENGINE, "flux".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pyphoton.errors import UnknownName, near

VARIABLE = "PYPHOTON_ENGINE"
PACKAGES = {"flux": "Flux", "knet": "Knet"}
"""engine => the Julia package that the project has to have; julia/engines/ and julia/src/environment.jl have the versions."""
BY_JULIAPKG = "flux"
"""The engine whose project juliapkg keeps; it is installed when it is first asked for. The others have projects of their own (kept.py)."""

_asked = ""


@contextmanager
def asked_for(engine: str) -> Iterator[None]:
    """From now on this engine is wanted in this process, unless the block fails. Errors: UnknownName."""
    global _asked
    before, _asked = _asked, _known(engine, "engine")
    try:
        yield
    except BaseException:
        _asked = before
        raise


@contextmanager
def during(engine: str | None) -> Iterator[None]:
    """In the block this engine is wanted; with None nothing is changed. For commands. Errors: UnknownName."""
    global _asked
    before = _asked
    _asked = _known(engine, "--engine") if engine else before
    try:
        yield
    finally:
        _asked = before


def wanted() -> str:
    """The engine that this process wants. Errors: UnknownName."""
    return _asked or _known(os.environ.get(VARIABLE) or BY_JULIAPKG, VARIABLE)


def package() -> str:
    """The Julia package of that engine."""
    return PACKAGES[wanted()]


def by_juliapkg() -> bool:
    """Whether that engine's project is the one that juliapkg keeps."""
    return wanted() == BY_JULIAPKG


def install() -> str:
    """The command that prepares that engine."""
    return "python -m pyphoton install" + ("" if by_juliapkg() else f" --engine {wanted()}")


def extra() -> str:
    """The command that installs what that engine needs in Python."""
    return f"pip install 'pyphoton[{'julia' if by_juliapkg() else wanted()}]'"


def _known(engine: str, where: str) -> str:
    if engine not in PACKAGES:
        raise UnknownName(where, "an engine of Julia", repr(engine), near(engine, list(PACKAGES)))
    return engine
