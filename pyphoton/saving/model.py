"""Saving a model: its arrays by their paths, and its architecture and the shapes that it was built for as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyphoton.config import DTYPES
from pyphoton.description import from_config, to_config
from pyphoton.errors import ArgumentError, BackendMissing, FileError, NotBuilt, PhotonError, Unsupported
from pyphoton.graph import root_path
from pyphoton.layers.julia import trust
from pyphoton.met import Met
from pyphoton.network import Network, network_of
from pyphoton.parameters import collect
from pyphoton.saving.container import Entry, opened, write
from pyphoton.saving.plans import plans_of, stand_ins
from pyphoton.workout import Workout


def save(model: Any, path: str | Path, *, architecture: bool = True) -> Path:
    """Write a built model (or a workout's model) to `path`. Returns the path. The former file stays until the new one is whole.

    `load` reads it, and in Julia, without Python, `PyPhoton.load_model`: for that it holds plans, too, and of a workout the plan of its loss.
    A model with functions or classes of your own is refused, unless `architecture=False` leaves its description out: then `load` needs
    `model=`. Errors: NotBuilt before the model has met data; ArgumentError when it holds functions of your own; FileError when the
    file cannot be written.
    """
    network = model.network if isinstance(model, Workout) else network_of(model)
    met = built(network, "save")
    batch = network.trained_on(model.loss, model.metrics) if isinstance(model, Workout) else None
    plans = plans_of(network, met, batch, getattr(model, "loss", None))  # before the parameters are asked: it collects them
    about = {
        "model": described(network.model, "save") if architecture else None, "dtype": network.dtype,
        "input_shapes": met.shapes, "input_tuple": met.as_tuple, "input_whole": met.whole,
        "frozen": frozen_in(network), "plans": plans,
    }  # fmt: skip
    return write(path, "model", about, current(network))


def load(path: str | Path, *, model: Any = None, safe_mode: bool = True) -> Any:
    """The model that `save` wrote, built, with its weights; what was frozen is frozen. Nothing from the file is executed.

    model: one of your own that is filled, not built yet; needed where the file holds no architecture. It has to have the same names and
    shapes. safe_mode=False: the Julia code in the file, that of `Julia` layers, may run when the model does; without it such a layer can be
    looked at, and refuses to compute. Errors: FileError; ArgumentError when the model is missing.
    """
    check_mode(safe_mode)
    with opened(path, "model") as file:
        if model is None and file.about.get("model", "") is None:
            raise no_architecture(file.path, "load")
        with understood(file.path):
            about = file.about
            met = read_met({"shapes": about["input_shapes"], "whole": about["input_whole"], "as_tuple": about["input_tuple"]})
            if model is None:
                model = from_config(about["model"])
                if not safe_mode:
                    trust(model)
            network = network_of(model)
            network.dtype = dtype_of(about)
            frozen = frozen_of(about, file.entries)
            check_shapes(network, met, file.entries)
            restore(network, met, file.read())
            for parameter in frozen:
                network.parameters[parameter].frozen = True
    return model


def check_mode(safe_mode: Any) -> None:
    """Errors: ArgumentError unless it says whether the code in a file stays where it is."""
    if not isinstance(safe_mode, bool):
        raise ArgumentError("safe_mode=", "True or False", repr(safe_mode))


def described(model: Any, verb: str) -> Any:
    """A model as JSON. Errors: ArgumentError, with the way out, for one with functions of the user's."""
    try:
        return to_config(model)
    except ArgumentError as error:
        hint = f"architecture=False leaves the model's description out; load{verb.removeprefix('save')}(path, model=model) then fills one that you build."
        raise ArgumentError(verb, error.expected, f"{error.received} ({error.where})", hint) from None


def no_architecture(path: str, verb: str) -> ArgumentError:
    """The error for a file that does not describe its model."""
    return ArgumentError(verb, "model=, the model that it was saved from, built in the same way", "none", f"{path} holds no architecture.")


def frozen_of(about: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """The paths of frozen parameters in a file, which are among the `known` ones; older files of models name none. Errors: FileError."""
    frozen = about.get("frozen", [])
    if not isinstance(frozen, list) or not all(isinstance(path, str) and path in set(known) for path in frozen):
        raise FileError("frozen", "paths of parameters", str(frozen)[:200])
    return frozen


def built(network: Network, verb: str) -> Met:
    """What the network's model was built for. Errors: NotBuilt."""
    if network.met is None:
        raise NotBuilt(verb, hint="The model has met no data yet: call it on an array, or fit_ it, first.")
    return network.met


def current(network: Network) -> dict[str, Any]:
    """The model's parameters by path, as they are now."""
    return {name: p.value for name, p in collect(network.model, root_path(network.model)).items()}


def frozen_in(network: Network) -> list[str]:
    """The paths of parameters that are frozen."""
    return sorted(path for path, p in network.parameters.items() if p.frozen)


@contextmanager
def understood(path: str) -> Iterator[None]:
    """Around the reading of what a file says: whatever the library refuses there is a FileError that names the file."""
    try:
        yield
    except (BackendMissing, Unsupported):
        raise
    except PhotonError as error:
        if isinstance(error, FileError) and error.where == path:
            raise
        raise FileError(path, hint=f"It does not describe what this version can build: {str(error)[:600]}") from error
    except Exception as error:
        raise FileError(path, "a whole description", f"a damaged one ({type(error).__name__}: {str(error)[:200]})") from error


def dtype_of(about: Mapping[str, Any]) -> str:
    """The dtype of a file's model. Errors: FileError."""
    if about["dtype"] not in DTYPES:
        raise FileError("dtype", " or ".join(DTYPES), repr(about["dtype"])[:80])
    return str(about["dtype"])


def read_met(data: Any) -> Met:
    """Shapes that were met, from JSON. Errors: FileError."""
    shapes, whole, as_tuple = data["shapes"], data["whole"], data["as_tuple"]
    good = isinstance(shapes, list) and isinstance(whole, list) and 0 < len(shapes) == len(whole) and isinstance(as_tuple, bool)
    good = good and all(isinstance(s, list) and len(s) < 32 and all(type(n) is int and 0 <= n < 2**40 for n in s) for s in shapes)
    if not good or not all(isinstance(w, bool) for w in whole) or not (as_tuple or len(shapes) == 1):
        raise FileError("shapes", "the shapes of inputs", repr(data)[:200])
    return Met(tuple(map(tuple, shapes)), tuple(whole), as_tuple)


def met_data(met: Met | None) -> dict[str, Any] | None:
    """The same as JSON."""
    return None if met is None else asdict(met)


def check_shapes(network: Network, met: Met, entries: Mapping[str, Entry]) -> None:
    """Errors: FileError unless the arrays are those of the model, by name, shape and dtype. Nothing is made."""
    wanted = network.shapes(stand_ins(met, network.dtype), met.as_tuple)
    if set(wanted) != set(entries):
        missing, more = sorted(set(wanted) - set(entries)), sorted(set(entries) - set(wanted))
        raise FileError("weights", f"{str(missing)[:200]} too", f"{str(more)[:200]} besides")
    names = {"float32": "F32", "float64": "F64"}
    for path, shape in wanted.items():
        entry = entries[path]
        if entry.shape != shape or entry.dtype != names[network.dtype]:
            raise FileError(path, f"{network.dtype} {shape}", f"{entry.dtype} {entry.shape}")


def restore(network: Network, met: Met, arrays: Mapping[str, Any]) -> None:
    """Build the network's model for what was met, with these parameters."""
    with network.restoring(arrays):
        network.forward_plan(stand_ins(met, network.dtype), met.as_tuple)
    for path, parameter in network.parameters.items():
        parameter.set_(arrays[path])
