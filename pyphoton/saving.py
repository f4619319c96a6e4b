"""Saving a model: one safetensors file with the arrays, and the architecture as JSON in its header.

Loading executes nothing from the file: it calls the library's own constructors with numbers and names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_bytes

from pyphoton.description import from_config, to_config
from pyphoton.errors import FileError, NotBuilt, PhotonError
from pyphoton.graph import root_path
from pyphoton.network import Network, network_of
from pyphoton.parameters import collect
from pyphoton.workout import Workout

FORMAT = "pyphoton-model-1"


def save(model: Any, path: str | Path) -> Path:
    """Write a built model (or a workout's model) to `path`. Returns the path. The former file stays until the new one is whole.

    Errors: NotBuilt before the model has met data; ArgumentError when it holds functions of your own.
    """
    network = model.network if isinstance(model, Workout) else network_of(model)
    met = network.met
    if met is None:
        raise NotBuilt("save", hint="The model has met no data yet: call it on an array, or fit_ it, first.")
    about = {
        "format": FORMAT, "model": to_config(network.model), "dtype": network.dtype,
        "input_shapes": [list(s) for s in met.shapes], "input_tuple": met.as_tuple, "input_whole": list(met.whole),
    }  # fmt: skip
    arrays = {name: np.ascontiguousarray(p.value) for name, p in collect(network.model, root_path(network.model)).items()}
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(save_bytes(arrays, metadata={"pyphoton": json.dumps(about)}))
        temporary.replace(target)
    except OSError as error:
        raise FileError(str(target), "a place that can be written to", str(error)) from None
    finally:
        temporary.unlink(missing_ok=True)
    return target


def load(path: str | Path) -> Any:
    """The model that `save` wrote, built, with its weights. Errors: FileError."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("pyphoton", "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise FileError(str(path), "a saved model", "no such file") from None
    except (SafetensorError, ValueError, OSError) as error:
        raise FileError(str(path), "a saved model", f"something else ({error})") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else "a file without a PyPhoton header"
        raise FileError(str(path), f"format {FORMAT}", str(found), "A newer PyPhoton may read it.")
    try:
        model = from_config(about["model"])
        network = network_of(model)
        network.dtype = about["dtype"]
        kinds = [np.int64 if whole else np.dtype(about["dtype"]) for whole in about["input_whole"]]
        inputs = tuple(np.zeros((1, *s), k) for s, k in zip(about["input_shapes"], kinds, strict=True))
        network.forward_plan(inputs, about["input_tuple"])
        fill(network, arrays)
    except PhotonError as error:
        raise FileError(str(path), hint=f"It does not describe a model of this version: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(str(path), "a whole header", f"a damaged one ({type(error).__name__}: {error})") from error
    return model


def fill(network: Network, arrays: dict[str, Any]) -> None:
    """Set all parameters of a network. Errors: FileError unless names and shapes are exactly those of the model."""
    wanted, got = set(network.parameters), set(arrays)
    if wanted != got:
        raise FileError("weights", f"{sorted(wanted - got)} too", f"{sorted(got - wanted)} besides")
    for name, parameter in network.parameters.items():
        parameter.set_(arrays[name])
