"""The order of axes that layers with `data_format=None` take for granted."""

from __future__ import annotations

from typing import Any

from pyphoton.errors import KeraFlowError

FORMATS = ("channels_last", "channels_first")
_format = FORMATS[0]


def image_data_format() -> str:
    """What was set, at first "channels_last": (batch, height, width, channels)."""
    return _format


def set_image_data_format(data_format: str) -> None:
    """What layers that are made from now on take for granted. Errors: KeraFlowError."""
    global _format
    _format = checked_format("set_image_data_format", data_format)


def checked_format(owner: str, data_format: Any, default: str | None = None) -> str:
    """A data format; None is `default`, or what was set. Errors: KeraFlowError."""
    found = (default or _format) if data_format is None else {"tf": FORMATS[0], "th": FORMATS[1], "default": default or _format}.get(data_format, data_format)
    if found not in FORMATS:
        raise KeraFlowError(owner, f"data_format {' or '.join(FORMATS)}", repr(data_format))
    return str(found)
