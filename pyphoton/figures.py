"""What all pictures share: a figure that opens no window, shows itself in a notebook, and is written where a path is given.

matplotlib is loaded when a picture is made. Figures are drawn by its Agg engine directly: the program's own choice of a
matplotlib backend is left alone.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyphoton.errors import BackendMissing, FileError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAINING, VALIDATION, INK, GRID = "#2563a8", "#d9622b", "#222222", "#e3e5e9"
MOST_PIXELS = 60000


def new_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """A white figure of so many inches. Errors: BackendMissing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BackendMissing("plots", hint="matplotlib is not installed: pip install 'pyphoton[plot]'.") from error
    figure = Figure((width, height), dpi=min(140.0, MOST_PIXELS / max(width, height)), layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    vars(figure)["_repr_png_"] = partial(_png, figure)
    return figure


def _png(figure: Figure) -> bytes:
    """What a notebook shows."""
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def finished(figure: Figure, path: str | Path | None) -> Figure:
    """The figure, written where a path is given. Errors: FileError."""
    if path is not None:
        try:
            figure.savefig(path)
        except (OSError, ValueError) as error:
            raise FileError(str(path), hint=f"The picture cannot be written: {error}") from error
    return figure
