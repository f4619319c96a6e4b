"""The reference page: every public name under its subject, from the package's own list."""

from __future__ import annotations

import inspect
from types import ModuleType

import pyphoton
from pyphoton import flux

MARK = "<!-- public names -->"
TITLES = {
    "layers": "Layers", "activations": "Activations", "functions": "Functions of tensors", "losses": "Losses", "metrics": "Metrics",
    "optimisers": "Optimisers", "schedules": "Schedules", "initialisers": "Initialisers", "workout": "Workout", "verbs": "Verbs",
}  # fmt: skip
"""Subjects that come first, in this order; the others follow by the name of their module."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the names where the mark stands."""
    return markdown.replace(MARK, _reference()) if MARK in markdown else markdown


def _reference() -> str:
    names = pyphoton._NAMES
    lines = []
    for module in (*TITLES, *sorted(set(names) - set(TITLES))):
        lines += [f"## {TITLES.get(module, module.split('.')[-1].replace('_', ' ').capitalize())}", ""]
        lines += [_entry(pyphoton, name) + "\n" for name in names[module]]
    lines += ["## The Flux face", "", "What `from pyphoton.flux import *` brings besides.", ""]
    own = [name for module, group in flux._NAMES.items() if module.startswith("flux.") for name in group]
    lines += [_entry(flux, name) + "\n" for name in sorted(own, key=str.lower)]
    return "\n".join(lines)


def _entry(face: ModuleType, name: str) -> str:
    value = getattr(face, name)
    own = getattr(value, "__name__", None)
    if own == name and "." not in value.__qualname__:
        return f"::: {value.__module__}.{name}"
    if own is not None and hasattr(face, own):
        return f"### {name}\n\nAnother name of [`{own}`](#{value.__module__}.{own})."
    return f"### {name}\n\n{inspect.getdoc(value)}"
