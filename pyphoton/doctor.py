"""`python -m pyphoton doctor`: what is installed, what works, and for each problem the command that mends it.

Julia is tried in a process of its own. The exit code is 0 only if the backend that is asked for works.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pyphoton import __version__

HELP = "say what is installed and what works, and how to mend what does not"
OK, ABSENT, PROBLEM = "ok", "absent", "problem"
SIGNS = {OK: "ok     ", ABSENT: "absent ", PROBLEM: "PROBLEM"}


@dataclass(frozen=True)
class Finding:
    """One line of the report: `remedy` is the command or the step that mends a problem or adds what is absent."""

    group: str
    name: str
    state: str
    detail: str
    remedy: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--backend", help="the backend that has to work (default: PYPHOTON_BACKEND, or any that trains)")
    parser.add_argument("--engine", help="what computes in Julia: flux or knet, which is experimental (default: PYPHOTON_ENGINE, or flux)")


def run(options: argparse.Namespace) -> int:
    """Examine, report. Returns 0 when the backend that is asked for works, 1 otherwise. Errors: UnknownName."""
    asked = _asked(options.backend)
    findings = [*_python(), *_torch(), *_julia(options.engine)]
    working = [f.group for f in findings if f.name == "parity" and f.state == OK]
    fine = asked in working if asked != "auto" else bool({"torch", "julia"} & set(working))
    if options.json:
        print(json.dumps({"asked": asked, "works": fine, "working": working, "findings": [asdict(f) for f in findings]}, indent=1))
    else:
        _show(findings, asked, fine)
    return 0 if fine else 1


def _asked(name: str | None) -> str:
    from pyphoton.backends import backends, wanted
    from pyphoton.errors import UnknownName, near

    asked = wanted(name)
    known = [*backends(), "auto"]
    if asked not in known:
        raise UnknownName("backend", "a backend", repr(asked), near(asked, known))
    return asked


def _show(findings: list[Finding], asked: str, fine: bool) -> None:
    group = ""
    for f in findings:
        if f.group != group:
            group = f.group
            print(group)
        print(f"  {SIGNS[f.state]}  {f.name}: {f.detail}")
        if f.remedy:
            print(f"           -> {f.remedy}")
    what = f"backend {asked}" if asked != "auto" else "a backend that trains"
    print(f"{what}: {'works' if fine else 'does NOT work'}")


# ---- the groups --------------------------------------------------------------------------------------------------------


def _python() -> Iterator[Finding]:
    yield Finding("python", "Python", OK, f"{platform.python_version()} at {sys.executable}, {platform.platform()}")
    yield Finding("python", "pyphoton", OK, __version__)
    for package in ("numpy", "safetensors"):
        yield _package("python", package)
    yield _parity("numpy")


def _package(group: str, package: str, remedy: str = "") -> Finding:
    try:
        return Finding(group, package, OK, version(package))
    except PackageNotFoundError:
        return Finding(group, package, ABSENT, "not installed", remedy)


def _parity(backend: str) -> Finding:
    """A dense layer against the NumPy reference: forward, and where the backend trains gradients and ten steps."""
    from pyphoton.conformance import check_backend
    from pyphoton.conformance.cases import CASES

    report = check_backend(backend, [CASES["dense"]])
    wrong = "; ".join(f"{r.check}: error {r.error:.1e} {r.note}" for r in report.failures)
    return Finding(backend, "parity", PROBLEM, wrong, _report(backend)) if wrong else Finding(backend, "parity", OK, f"{len(report.rows)} checks")


def _report(backend: str) -> str:
    return f"python -c \"from pyphoton.conformance import check_backend; print(check_backend('{backend}'))\", and report what it prints"


def _torch() -> Iterator[Finding]:
    from pyphoton.backends import backends

    torch = _package("torch", "torch", "pip install 'pyphoton[torch]'")
    yield torch
    if torch.state == OK:
        devices = backends()["torch"].devices()
        yield Finding("torch", "CUDA", OK if "cuda" in devices else ABSENT, "available" if "cuda" in devices else "torch sees no CUDA device")
        yield _parity("torch")


def _julia(engine: str | None) -> Iterator[Finding]:
    from pyphoton.backends.julia import engines

    with engines.during(engine):
        yield from _bridge()
        yield from _engine()
        yield from _start()


def _bridge() -> Iterator[Finding]:
    from pyphoton.backends.julia import engines

    yield _package("julia", "juliacall", engines.extra())
    yield _package("julia", "juliapkg", engines.extra())


def _engine() -> Iterator[Finding]:
    """The engine, the Julia and project that it has, and whether the project for Knet is there."""
    from pyphoton.backends.julia import engines, kept, locate

    found, engine = locate.place(), engines.wanted()
    experimental = "" if engine == engines.BY_JULIAPKG else ", which is experimental"
    yield Finding("julia", engines.VARIABLE, OK, f"{engine}{experimental}; others: {', '.join(sorted({*engines.PACKAGES} - {engine}))}")
    yield Finding("julia", locate.JULIA, OK if found.executable else ABSENT, found.executable or "not known: juliapkg finds or downloads one")
    keeper = "juliapkg keeps one" if engines.by_juliapkg() else f"{engines.install()} makes one"
    yield Finding("julia", locate.PROJECT, OK if found.project else ABSENT, found.project or f"not known: {keeper}")
    for other, package in engines.PACKAGES.items():
        if engine == engines.BY_JULIAPKG != other and kept.complete(other):
            yield Finding("julia", f"project with {package}", OK, f"{kept.folder(other)}, for {engines.VARIABLE}={other}, which is experimental")


def _start() -> Iterator[Finding]:
    from pyphoton.backends.julia import engines, locate
    from pyphoton.backends.julia.probe import ask_another_process

    absent, wrong = locate.missing() or locate.unprepared(), locate.wrong()
    if absent or wrong:
        yield Finding("julia", "start", PROBLEM if wrong else ABSENT, wrong or absent)
        return
    tried = ask_another_process()
    if "error" in tried:
        yield Finding("julia", "start", PROBLEM, tried["error"], "" if locate.given() else engines.install())
    else:
        yield from _tried(tried)


def _tried(found: dict[str, Any]) -> Iterator[Finding]:
    yield Finding("julia", "start", OK, f"Julia {found['julia']} in {found['seconds']} s, {found['threads']} threads for BLAS")
    for name, number in found["packages"].items():
        yield Finding("julia", name, OK if number else ABSENT, number or "not in the project")
    yield Finding("julia", "shared memory", OK if found["shared"] else PROBLEM, "a round trip by pointer" if found["shared"] else "arrays were copied")
    yield Finding("julia", "parity", PROBLEM if found["parity"] else OK, found["parity"] or "a dense layer: forward, gradients, ten steps")
