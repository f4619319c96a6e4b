"""The workouts that real Photon saved, and what it computed with them: tests/golden/photon, made by make.jl there."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "golden" / "photon"
_ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")


@cache
def cases():
    """What Photon computed, by the name of the file, with arrays as NumPy arrays."""
    return json.loads((FOLDER / "numbers.json").read_text("utf-8"), object_hook=_array)["cases"]


def file(name):
    """The path of a saved workout."""
    return FOLDER / f"{name}.dat"


def _array(found):
    match = _ARRAY.fullmatch(next(iter(found), ""))
    if not match:
        return found
    (numbers,) = found.values()
    return np.array(numbers, dtype=match[1]).reshape([int(n) for n in match[2].split(",")])
