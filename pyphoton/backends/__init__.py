"""The registry: a folder here is a backend. Its `__init__` offers BACKEND and imports its engine only when it is used."""

from __future__ import annotations

import importlib
import os
import pkgutil

from pyphoton import config
from pyphoton.backends.base import Backend
from pyphoton.errors import BackendMissing, UnknownName, Unsupported, near
from pyphoton.plan import Plan

VARIABLE = "PYPHOTON_BACKEND"


def backends() -> dict[str, Backend]:
    """All backends by name, the preferred first, whether or not they can run here."""
    folders = [m.name for m in pkgutil.iter_modules(__path__) if m.ispkg]
    found: list[Backend] = [importlib.import_module(f"{__name__}.{f}").BACKEND for f in folders]
    return {b.name: b for b in sorted(found, key=lambda b: -b.priority)}


def get_backend(name: str | None = None) -> Backend:
    """The backend `name`, or that of set_context, or of the variable PYPHOTON_BACKEND, or the first that can run here.

    "auto" stands for the last. Errors: UnknownName; BackendMissing with what to install.
    """
    wanted = name or config.get_context().backend or os.environ.get(VARIABLE) or "auto"
    known = backends()
    if wanted == "auto":
        return next(b for b in known.values() if not b.missing())
    if wanted not in known:
        raise UnknownName("backend", "a backend", repr(wanted), near(wanted, [*known, "auto"]))
    reason = known[wanted].missing()
    if reason:
        raise BackendMissing(f"backend {wanted}", hint=reason)
    return known[wanted]


def check_supported(backend: Backend, plan: Plan) -> None:
    """Errors: Unsupported, naming the step that the backend has no meaning for."""
    for step in plan.steps:
        if step.op not in backend.supports:
            able = [b.name for b in backends().values() if step.op in b.supports]
            hint = f"Use backend={' or '.join(map(repr, able))}." if able else "No backend can run it."
            raise Unsupported(f"{step.path} {step.op}".strip(), f"a step that backend {backend.name} knows", step.op, hint)


__all__ = ["Backend", "backends", "check_supported", "get_backend"]
