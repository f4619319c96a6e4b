"""The registry: a folder here is a backend. Its `__init__` offers BACKEND and imports its engine only when it is used."""

from __future__ import annotations

import importlib
import os
import pkgutil
import warnings
from collections.abc import Iterable
from typing import Any

from pyphoton import config
from pyphoton.backends.base import Backend
from pyphoton.errors import BackendMissing, UnknownName, Unsupported, near
from pyphoton.plan import Plan

VARIABLE, AUTO = "PYPHOTON_BACKEND", "auto"


def backends() -> dict[str, Backend]:
    """All backends by name, the preferred first, whether or not they can run here."""
    folders = [m.name for m in pkgutil.iter_modules(__path__) if m.ispkg]
    found: list[Backend] = [importlib.import_module(f"{__name__}.{f}").BACKEND for f in folders]
    return {b.name: b for b in sorted(found, key=lambda b: -b.priority)}


def wanted(name: str | None = None) -> str:
    """The name of the backend that is asked for: `name`, set_context's, that of the variable PYPHOTON_BACKEND, or "auto"."""
    return name or config.get_context().backend or os.environ.get(VARIABLE) or AUTO


def get_backend(
    name: str | None = None, *, engine: str | None = None, device: str = "cpu", precision: str | None = None, plan: Plan | None = None
) -> Backend:  # fmt: skip
    """The backend `name`, or that of set_context, or of the variable PYPHOTON_BACKEND, or the first that can run here.

    "auto" stands for the last: the first that is installed, starts, has the `device` and the `precision`, and knows every step
    of the `plan`. The backend is started. `engine` is what computes inside it, where there is a choice: "flux" or "knet" in "julia".
    Errors: UnknownName; BackendMissing with what to install; Unsupported for an engine that it has not, or that cannot run beside the one that runs.
    """
    asked, known = wanted(name), backends()
    if engine is not None and asked in (AUTO, *known):
        able = [b.name for b in known.values() if getattr(b, "engines", ())]
        if asked not in able:
            hint = f"Use get_backend({able[0]!r}, engine={engine!r})."
            raise Unsupported("get_backend", "a backend that has engines", f"{asked!r}, engine={engine!r}", hint)
    if asked == AUTO:
        return _first(known.values(), device, precision, plan)
    if asked not in known:
        raise UnknownName("backend", "a backend", repr(asked), near(asked, [*known, AUTO]))
    reason = known[asked].missing()
    if reason:
        raise BackendMissing(f"backend {asked}", hint=reason)
    start: Any = known[asked].start
    start() if engine is None else start(engine=engine)
    return known[asked]


def hasgpu() -> bool:
    """Whether the backend that models are built for now sees a GPU here: `set_context(device="cuda")` is possible then."""
    return any(not device.startswith("cpu") for device in get_backend().devices())


def _first(known: Iterable[Backend], device: str, precision: str | None, plan: Plan | None) -> Backend:
    """The first backend that can; of one that is installed and cannot, it is said once why."""
    able = [b for b in known if not b.missing()]
    refusals: list[tuple[str, str]] = []
    for backend in able:
        reason = _refusal(backend, device, precision, plan)
        if not reason:
            for name, said in refusals:
                _say_once(f"{name} is not used, {backend.name} is. {said}")
            return backend
        refusals.append((backend.name, reason))
    return able[0]  # which says why it cannot, when it is used


def _refusal(backend: Backend, device: str, precision: str | None, plan: Plan | None) -> str:
    if precision is not None and precision not in backend.precisions:
        return f"It has no mixed precision {precision}."
    try:
        if plan is not None:
            check_supported(backend, plan)
        backend.start(asked=False)
    except (BackendMissing, Unsupported) as error:
        return str(error)
    return "" if device == "cpu" or device.split(":")[0] in backend.devices() else f"It has no device {device}."


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, RuntimeWarning, stacklevel=5)


_said: set[str] = set()


def check_supported(backend: Backend, plan: Plan) -> None:
    """Errors: Unsupported, naming the step that the backend has no meaning for."""
    for step in plan.all_steps():
        if step.op not in backend.supports:
            able = [b.name for b in backends().values() if step.op in b.supports]
            hint = f"Use backend={' or '.join(map(repr, able))}." if able else "No backend can run it."
            raise Unsupported(f"{step.path} {step.op}".strip(), f"a step that backend {backend.name} knows", step.op, hint)


def check_precision(backend: Backend, precision: str | None) -> None:
    """Errors: UnknownName, Unsupported for a mixed precision that there is not, or not here."""
    if precision is None or precision in backend.precisions:
        return
    known = sorted({p for b in backends().values() for p in b.precisions})
    if precision not in known:
        raise UnknownName("precision", "None or a mixed precision", repr(precision), near(precision, known))
    able = [b.name for b in backends().values() if precision in b.precisions]
    raise Unsupported("precision", f"one that backend {backend.name} has", repr(precision), f"Use backend={' or '.join(map(repr, able))}.")


__all__ = ["Backend", "backends", "check_precision", "check_supported", "get_backend", "hasgpu", "wanted"]
