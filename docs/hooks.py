"""The reference page: every public name under its subject, from the package's own list."""

from __future__ import annotations

import inspect

import pyphoton

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
        lines += [_entry(name) + "\n" for name in names[module]]
    return "\n".join(lines)


def _entry(name: str) -> str:
    value = getattr(pyphoton, name)
    own = getattr(value, "__name__", None)
    if own == name and "." not in value.__qualname__:
        return f"::: {value.__module__}.{name}"
    if own is not None and hasattr(pyphoton, own):
        return f"### {name}\n\nAnother name of [`{own}`](#{value.__module__}.{own})."
    return f"### {name}\n\n{inspect.getdoc(value)}"
