"""Saving and loading: the methods of models, and today's Keras's functions for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyphoton.errors import FileError, KeraFlowError
from pyphoton.keras.model import Model
from pyphoton.keras.saving import text, weights
from pyphoton.keras.saving.reading import unserialize
from pyphoton.keras.saving.writing import serialize
from pyphoton.layers.base import Layer
from pyphoton.layers.julia import trust
from pyphoton.network import network_of
from pyphoton.saving.container import opened, write
from pyphoton.saving.model import built, check_mode, dtype_of, frozen_in, met_data, read_met, understood
from pyphoton.saving.plans import plans_of

KIND = "keras"


def save_to_file(model: Any, arch_fname: str | Path, weight_fname: str | Path | None = None, overwrite: bool = False, **options: Any) -> None:
    """The architecture as .json or .yaml, and the numbers in a file of their own. See `Model.save_to_file`."""
    kind = text.kind_of(arch_fname)
    for path in (arch_fname, weight_fname):
        if path is not None:
            refuse(path, overwrite)
    written = text.dumped(serialize(model), kind, **options)
    text.write_text(arch_fname, written)
    if weight_fname is not None:
        weights.save_weights(model, weight_fname)


def load_from_file(arch_fname: str | Path, weight_fname: str | Path | None = None, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """The model that `save_to_file` wrote, not compiled; without a file of weights its numbers are new. `safe_mode` as for `load`. Errors: FileError."""
    check_mode(safe_mode)
    kind = text.kind_of(arch_fname)
    model = _a_layer(unserialize(text.loaded(text.read_text(arch_fname), kind, str(arch_fname)), custom_objects), str(arch_fname))
    if not safe_mode:
        trust(model)
    if weight_fname is not None:
        weights.load_weights(model, weight_fname)
    return model


def save_model(model: Any, filepath: str | Path, overwrite: bool = True) -> None:
    """Architecture and numbers in one file, PyPhoton's own whatever its name ends in; `load_model` reads it.

    `to_keras(model).save(...)` writes one that Keras reads. How the model was compiled is not kept. Errors: FileError; KeraFlowError for what no
    file can name.
    """
    refuse(filepath, overwrite)
    arrays, network = weights.arrays_of(model, "save"), network_of(model)
    met = built(network, "save")
    plans = plans_of(network, met)  # before the parameters are asked: it collects them
    about = {"architecture": serialize(model), "dtype": network.dtype, "met": met_data(met), "frozen": frozen_in(network), "plans": plans}
    write(filepath, KIND, about, arrays)


def load_model(filepath: str | Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """The model that `model.save(path)` wrote, not compiled; `compile` is taken as Keras has it. `safe_mode` as for `load`. Errors: FileError."""
    check_mode(safe_mode)
    with opened(filepath, KIND) as file, understood(file.path):
        model = _a_layer(unserialize(file.about["architecture"], custom_objects), file.path)
        if not safe_mode:
            trust(model)
        network = network_of(model)
        network.dtype = dtype_of(file.about)
        weights.put(network, read_met(file.about["met"]), file)
    return model


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `to_json` described, with numbers of its own. Errors: FileError."""
    return _a_layer(unserialize(text.loaded(json_string, "json", "model_from_json"), custom_objects), "model_from_json")


def model_from_yaml(yaml_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `to_yaml` described, with numbers of its own. Errors: FileError, BackendMissing without PyYAML."""
    return _a_layer(unserialize(text.loaded(yaml_string, "yaml", "model_from_yaml"), custom_objects), "model_from_yaml")


def clone_model(model: Any) -> Model:
    """A model of the same architecture with layers and numbers of its own, drawn anew. `copy.deepcopy(model)` keeps the numbers.

    Errors: KeraFlowError for layers of your own: build the model again instead.
    """
    made: Model = unserialize(serialize(model), _classes_in(model))
    return made


def _classes_in(model: Any) -> dict[str, Any]:
    """The classes of layers in a model, by name."""
    found: dict[str, Any] = {}
    todo, seen = [model], set[int]()
    while todo:
        layer = todo.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            if isinstance(layer, Layer) and not type(layer).__module__.startswith("pyphoton."):
                found[type(layer).__name__] = type(layer)
            todo += list(layer.children().values()) if isinstance(layer, Layer) else []
    return found


def _a_layer(found: Any, where: str) -> Any:
    if not isinstance(found, Layer):
        raise FileError(where, "a model", repr(found)[:80])
    return found


def refuse(path: str | Path, overwrite: bool) -> None:
    """Errors: KeraFlowError for a file that is there, unless it may be overwritten."""
    if not overwrite and Path(path).exists():
        raise KeraFlowError(str(path), "the name of a new file", "one that is there", "Pass overwrite=True to replace it.")
