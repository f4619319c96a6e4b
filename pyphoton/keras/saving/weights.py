"""The numbers of a model in a file of their own: a safetensors file with a checksum, arrays by the layers' names."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyphoton.errors import FileError, NotBuilt, ShapeError
from pyphoton.graph import root_path
from pyphoton.met import Met
from pyphoton.network import Network, network_of
from pyphoton.parameters import collect
from pyphoton.saving.container import Stored, opened, write
from pyphoton.saving.model import check_shapes, met_data, read_met, restore, understood
from pyphoton.saving.plans import stand_ins

KIND = "weights"


def met_by(model: Any) -> Met | None:
    """What a model is built for: what it has met, or what its Inputs say, a length that is open being 1; None where neither tells."""
    network = network_of(model)
    inputs = list(getattr(model, "_inputs", ()))
    if network.met is not None or not inputs:
        return network.met
    shapes = tuple(tuple(1 if n is None else int(n) for n in t.shape[1:]) for t in inputs)
    return Met(shapes, tuple(t.dtype.startswith(("int", "uint")) for t in inputs), len(inputs) > 1)


def arrays_of(model: Any, verb: str) -> dict[str, Any]:
    """The model's numbers by path; first they are drawn where there are none. Errors: NotBuilt for one whose input is not known."""
    network = network_of(model)
    met = met_by(model)
    if met is None:
        raise NotBuilt(verb, hint="The model has met no data yet, and has no Input: call it on an array first.")
    if network.met is None:
        network.forward_plan(stand_ins(met, network.dtype), met.as_tuple)
    return {path: p.value for path, p in collect(model, root_path(model)).items()}


def save_weights(model: Any, path: str | Path) -> Path | None:
    """Write the model's numbers. Returns the path; None, with a warning, for a model without parameters, which gets no file."""
    arrays = arrays_of(model, "save_weights")
    if not arrays:
        warnings.warn(f"{model.name} has no parameters: no file of weights was written.", stacklevel=3)
        return None
    return write(path, KIND, {"met": met_data(met_by(model))}, arrays)


def load_weights(model: Any, path: str | Path) -> None:
    """Set the model's numbers. Errors: FileError for a file of another model; nothing is changed then."""
    with opened(path, KIND) as file, understood(file.path):
        met = met_by(model) or (None if file.about["met"] is None else read_met(file.about["met"]))
        put(network_of(model), met, file)


def put(network: Network, met: Met | None, file: Stored) -> None:
    """The arrays of an open file as the numbers of a model. Errors: FileError; nothing is changed then."""
    if met is None:
        raise FileError(file.path, "a model whose input is known", "one without", "Call it on an array first.")
    if network.met is None:
        check_shapes(network, met, file.entries)
        restore(network, met, file.read())
        return
    held = collect(network.model, root_path(network.model))
    arrays = file.read()
    _check(file.path, held, arrays)
    for name, parameter in held.items():
        parameter.set_(arrays[name])


def _check(path: str, held: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    if set(held) != set(arrays):
        missing, more = sorted(set(held) - set(arrays)), sorted(set(arrays) - set(held))
        raise FileError(path, f"{str(missing)[:200]} too", f"{str(more)[:200]} besides")
    for name, parameter in held.items():
        try:
            parameter.check(arrays[name])
        except ShapeError as error:
            raise FileError(path, f"{name} of {error.expected}", error.received) from None
