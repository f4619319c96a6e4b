"""PlotMeter: learning curves that are drawn anew after each epoch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyphoton.callbacks.hooks import Callback, Fit, Hooks, callback
from pyphoton.callbacks.names import DEFAULT, names_in, shown
from pyphoton.errors import ArgumentError, BackendMissing

PICTURE = "learning-curves.png"


@callback
class PlotMeter(Callback):
    """Draw the learning curves after each epoch: live in a notebook, elsewhere as a picture in a file.

    metrics: names, or None for all (see plot_history). path: the picture, png, svg or pdf; None writes "learning-curves.png"
    outside of a notebook. show: a function that is given each new figure, in the place of both.
    Errors: BackendMissing without matplotlib and UnknownName, at the start of a fit; FileError.
    """

    metrics: Any = DEFAULT
    path: str | Path | None = None
    _: KW_ONLY
    show: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        self.metrics = names_in(self.metrics, "PlotMeter")
        if self.path is not None and not isinstance(self.path, str | Path):
            raise ArgumentError("PlotMeter path=", "a file's name, or None", repr(self.path))
        if self.show is not None and not callable(self.show):
            raise ArgumentError("PlotMeter show=", "a function of a figure, or None", repr(self.show))
        self._names: tuple[str, ...] = ()
        self._show: Callable[[Any], Any] | None = None

    def hooks(self) -> Hooks:
        """At the begin and each epoch."""
        return Hooks(begin=self._begin, epoch=self._epoch)

    def _begin(self, fit: Fit) -> None:
        if find_spec("matplotlib") is None:
            raise BackendMissing("PlotMeter", hint="matplotlib is not installed: pip install 'pyphoton[plot]'.")
        self._names = shown(fit, self.metrics, "PlotMeter")
        self._show = self.show or (_Notebook() if "ipykernel" in sys.modules else None)

    def _epoch(self, fit: Fit, number: int, row: Mapping[str, float]) -> None:
        from pyphoton.plots import plot_history

        history = fit.workout.history
        drawn = [n for n in self._names if n in history or f"val_{n}" in history]
        path = PICTURE if self.path is None and self._show is None else self.path
        figure = plot_history(fit.workout, drawn, path)
        if self._show is not None:
            self._show(figure)


class _Notebook:
    """One output of a notebook's cell, which each new figure takes."""

    def __init__(self) -> None:
        self.output: Any = None

    def __call__(self, figure: Any) -> None:
        from IPython.display import display

        if self.output is None:
            self.output = display(figure, display_id=True)
        else:
            self.output.update(figure)
