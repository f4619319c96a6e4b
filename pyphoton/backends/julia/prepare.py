"""Installing Julia and Flux the normal way, through juliapkg, or a project with Knet beside it, and compiling PyPhoton's Julia code. Never done by an import."""

from __future__ import annotations

from typing import Any

from pyphoton.backends.julia import engines, kept, locate
from pyphoton.backends.julia.making import make
from pyphoton.backends.julia.probe import ask_another_process
from pyphoton.errors import BackendMissing


def prepare() -> dict[str, Any]:
    """Install what is missing, compile, try it; what the try found. A second call finds everything done.

    With PYPHOTON_JULIA and PYPHOTON_JULIA_PROJECT nothing is installed: these are only tried. Errors: BackendMissing.
    """
    reason = locate.missing() or locate.wrong()
    if reason:
        raise BackendMissing("Julia", hint=reason)
    if not locate.given():
        _resolve() if engines.by_juliapkg() else make()
    found = ask_another_process()
    if "error" in found:
        raise BackendMissing("Julia", hint=found["error"] + _again())
    return found


def _again() -> str:
    """How to begin anew, where PyPhoton keeps the project."""
    here = None if engines.by_juliapkg() else kept.folder(engines.wanted())
    return f"\nTo have the project made anew, delete {here}." if here is not None and locate.place().project == str(here) else ""


def _resolve() -> None:
    """Let juliapkg find or download Julia and install the packages of juliapkg.json; it tells its steps itself."""
    locate.place()  # tells juliapkg of a given executable
    import juliapkg

    try:
        juliapkg.resolve()
    except Exception as error:
        hint = f"{type(error).__name__}: {error}\nIs there a network? Without one, set {locate.JULIA} and {locate.PROJECT}."
        raise BackendMissing("Julia", "an installation by juliapkg", "an error", hint) from error
