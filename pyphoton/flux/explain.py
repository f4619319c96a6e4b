"""Errors of equations on arrays: what NumPy says of shapes, said as the engines say it, with the models that it came through."""

from __future__ import annotations

import inspect
import sys
import traceback
from typing import Any

import numpy as np

from pyphoton import graph
from pyphoton.errors import ArgumentError, DataError, PhotonError, ShapeError
from pyphoton.flux import states
from pyphoton.tensor import Tensor


def checked_arrays(net: Any, inputs: tuple[Any, ...]) -> None:
    """Errors: ArgumentError for another number of arguments than `forward` has; DataError for what is no array with a batch axis or of one sample."""
    try:
        inspect.signature(net.forward).bind(*graph.spread(net.forward, inputs))
    except TypeError as error:
        wanted = ", ".join(inspect.signature(net.forward).parameters)
        raise ArgumentError(type(net).__name__, f"arguments {wanted}", f"{len(inputs)} of them", str(error)) from None
    for value in (v for i in inputs for v in (i if isinstance(i, tuple) else (i,))):
        try:
            array = np.asarray(value)
        except ValueError:
            array = None
        if array is None or array.dtype.kind not in "biuf" or array.ndim == 0:
            shown = repr(value)
            raise DataError(type(net).__name__, "arrays of numbers, one sample or a batch", shown if len(shown) < 60 else f"{shown[:60]}...")


def explained(net: Any, arrays: list[Any], nested: tuple[Any, ...]) -> ShapeError | None:
    """The ShapeError that the equations have for arrays of these shapes, if they have one: it knows the models around the place."""
    tensors = iter([Tensor((None, *a.shape[1:]), str(a.dtype)) for a in arrays])
    symbols = tuple(tuple(next(tensors) for _ in i) if isinstance(i, tuple) else next(tensors) for i in nested)
    try:
        with states.stepping():
            graph.trace(net, *symbols)
    except ShapeError as error:
        return error
    except PhotonError:
        return None
    return None


def line_of(function: Any) -> str:
    """The line of a net's function in which the running error was raised."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    mine = [f for f in frames if f.filename == function.__code__.co_filename and f.name == function.__name__]
    return f"in {function.__qualname__}, line {mine[-1].lineno}: {mine[-1].line}" if mine else ""
