"""What a workout is made of, in a file and back: model, loss, optimiser and metrics. What is of the user's own has only its name there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyphoton import losses, optimisers
from pyphoton import metrics as metric_names
from pyphoton.description import Description, from_config, to_config
from pyphoton.errors import ArgumentError, FileError, UnknownName, near
from pyphoton.optimisers import Optimiser
from pyphoton.saving.container import Stored
from pyphoton.saving.model import no_architecture, understood

YOURS = "yours"


@dataclass(frozen=True)
class Parts:
    """A workout's parts. `named` tells that loss and metrics all come from the file."""

    model: Any
    loss: Any
    opt: Optimiser
    metrics: dict[str, Any]
    named: bool


def named(part: Any) -> Any:
    """A loss, metric or optimiser as JSON; one of the user's own as its name only."""
    try:
        return to_config(part)
    except ArgumentError:
        return {YOURS: str(getattr(part, "__name__", type(part).__name__))[:80]}


def parts_of(file: Stored, model: Any, loss: Any, opt: Any, metrics: Any) -> Parts:
    """The parts that a file describes, those of the user's own in their places. Errors: FileError; ArgumentError for one that is missing."""
    with understood(file.path):
        about = file.about
        configs = {"model": about["model"], "loss": about["loss"], "opt": about["optimiser"]}
        pairs = about["metrics"]
        if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in pairs):
            raise FileError("metrics", "names and metrics", str(pairs)[:200])
        if "loss" in dict(pairs) or len(dict(pairs)) != len(pairs):
            raise FileError("metrics", "names of their own", str([p[0] for p in pairs])[:200])
    given = {"model": model, "loss": loss, "opt": opt}
    found = {name: _one(file, name, config, given[name]) for name, config in configs.items()}
    measured, all_named = _metrics(file, dict(pairs), metrics)
    with understood(file.path):
        opt = optimisers.get(found["opt"])
    return Parts(found["model"], losses.get(found["loss"]), opt, measured, all_named and loss is None)


def _one(file: Stored, name: str, config: Any, given: Any) -> Any:
    """The part that was given, or else the file's. Errors: ArgumentError when there is none."""
    if given is not None:
        return given
    if config is None:
        raise no_architecture(file.path, "load_workout")
    if _yours(config):
        raise ArgumentError("load_workout", f"{name}=, which was of your own: {str(config[YOURS])[:80]}", "none", f"{file.path} cannot hold Python functions.")
    with understood(file.path):
        found = from_config(config)
        good = isinstance(found, Optimiser) if name == "opt" else callable(found)
        if not good or (name == "loss" and isinstance(found, Description) and found.kind not in ("loss", "metric")):
            raise FileError(name, f"a description of {name}", repr(found)[:80])
        return found


def _yours(config: Any) -> bool:
    return isinstance(config, dict) and YOURS in config


def _metrics(file: Stored, configs: Mapping[str, Any], given: Any) -> tuple[dict[str, Any], bool]:
    own = metric_names.named((), given) if isinstance(given, dict) else metric_names.named(given, {})
    unknown = sorted(set(own) - set(configs))
    if unknown:
        raise UnknownName("load_workout metrics=", "metrics that the workout has", ", ".join(unknown), near(unknown[0], configs))
    missing = [name for name, config in configs.items() if _yours(config) and name not in own]
    if missing:
        raise ArgumentError("load_workout", f"metrics=, with those of your own: {', '.join(missing)}", "none", f"{file.path} cannot hold Python functions.")
    return {name: own[name] if name in own else _one(file, "loss", config, None) for name, config in configs.items()}, not own
