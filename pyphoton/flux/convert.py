"""`torch_(m)`, `flux(m)`, `tf(m)`: the same model and the same parameters on another engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton.backends import get_backend
from pyphoton.converted import Converted, original
from pyphoton.errors import BackendMissing, Unsupported
from pyphoton.layers.core import Input
from pyphoton.network import network_of
from pyphoton.scopes import children

MOST_DEEP = 64
"""Models inside of models, as deep as one looks for a cycle."""


def torch_(model: Any, device: str = "cpu") -> Converted:
    """The model on torch, whatever the default engine is: a new object over the same parameters.

    Training it changes the original. `device="cuda"` keeps a copy there, which is written back after every epoch. `.native` is a
    torch.nn.Module over the same memory.
    Errors: BackendMissing without torch; ShapeError where layers do not fit, now if the shape of the input is known, else at the first
    call; Unsupported for a model with a cycle.
    """
    return _converted(model, "torch", device)


def flux(model: Any) -> Converted:
    """The model inside Julia, whatever the default engine is: a new object over the same parameters.

    Training it changes the original. `.native` is a Flux.Chain over the same memory, where Flux has these layers.
    Errors: BackendMissing without Julia; otherwise as `torch_`.
    """
    return _converted(model, "julia", "cpu", "flux")


def tf(model: Any) -> Any:
    """The model built of Keras's layers, with TensorFlow or whatever Keras runs on: see `KerasModel` for what is shared when.

    Where the shape of the input is not known it is built of the first data. Errors: BackendMissing without Keras; Unsupported for a
    layer that Keras has no exact equivalent for, and for a model with a cycle.
    """
    model = _checked(model)
    from pyphoton.interop.keras_model import KerasModel

    _plan_now(model, model)
    return KerasModel(model)


def knet(model: Any) -> Converted:
    """The model inside Julia, computed by Knet (experimental): a new object over the same parameters.

    Training it changes the original. Errors: BackendMissing without Julia or a project with Knet; Unsupported when Julia runs with Flux
    in this process; for a layer that Knet cannot compute, when data first meets it; otherwise as `torch_`.
    """
    return _converted(model, "julia", "cpu", "knet")


def mxnet(model: Any, *where: Any) -> Any:
    """The model on MXNet. Errors: BackendMissing: its last release is of 2022, and the project has ended."""
    raise BackendMissing("mxnet", "an engine that lives", "MXNet, which ended in 2023", "torch_(model) or flux(model) instead.")


def is_cyclic(model: Any) -> bool:
    """Whether a model reads a state of its own last run: it, or a model inside of it, says so by an attribute `cyclic`.

    What has that attribute answers for everything inside: an unrolled model is not cyclic, though what it unrolls is.
    """
    return _cyclic(model, MOST_DEEP)


def _cyclic(model: Any, deep: int) -> bool:
    own = getattr(model, "cyclic", None)
    if isinstance(own, bool) or deep == 0:
        return bool(own)
    return any(_cyclic(m, deep - 1) for m in children(model).values())


def _checked(model: Any) -> Any:
    model = original(model)
    if is_cyclic(model):
        raise Unsupported("This model has a cycle; try unrolling it first.")
    return model


def _converted(model: Any, backend: str, device: str, engine: str | None = None) -> Converted:
    model = _checked(model)
    if engine is not None:
        get_backend(backend, engine=engine)
    made = Converted(model, backend, device)
    network_of(made)  # an engine that is not there is refused here
    _plan_now(made, made.model)
    return made


def _plan_now(made: Any, model: Any) -> None:
    """Plan the model where its input's shape is known: layers that do not fit each other are refused now."""
    network = network_of(made)
    met = network.met
    if met is not None:
        kinds = [np.int64(0) if whole else np.float32(0) for whole in met.whole]
        shapes, as_tuple = met.shapes, met.as_tuple
    else:
        first = _first(model)
        if not isinstance(first, Input) or None in first.dims:
            return
        kinds, shapes, as_tuple = [np.float32(0)], (tuple(n for n in first.dims if n is not None),), False
    network.forward_plan(tuple(np.broadcast_to(k, (1, *s)) for k, s in zip(kinds, shapes, strict=True)), as_tuple)


def _first(model: Any) -> Any:
    """The layer that the input meets first, where models are lists."""
    for _ in range(MOST_DEEP):
        if not isinstance(getattr(model, "layers", None), tuple) or not model.layers:
            break
        model = model.layers[0]
    return model
