"""`from_photon`: the file of a workout that Photon.jl 0.9 saved, as a Workout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyphoton import metrics as metric_names
from pyphoton.arguments import checked
from pyphoton.config import get_context
from pyphoton.errors import ArgumentError, FileError
from pyphoton.interop.photon.model import Model
from pyphoton.interop.photon.stream import Stream
from pyphoton.interop.photon.training import counter, history_of, loss_of, metrics_of, optimiser_of, state_of
from pyphoton.network import network_of
from pyphoton.saving.model import understood
from pyphoton.workout import Workout

READ = 7
"""The fields of a Workout that are read: all but the last, the function that moves data to a device."""


@checked
def from_photon(
    path: str | Path, *, loss: Any = None, opt: Any = None, metrics: Any = (), per_sample: bool = False,
    backend: str | None = None, device: str | None = None,
) -> Workout:  # fmt: skip
    """A workout that Photon.jl 0.9 saved with `saveworkout`, as a Workout with copies of its numbers: predictions are Photon's, and `fit_` goes on.

    Model, weights, BatchNorm's running numbers, frozen parameters, loss, optimiser with its state, metrics, history and counters come along.
    Neither Julia nor Knet is needed, and nothing from the file is executed. Axes stand in reverse: what is (W, H, C, N) in Julia is
    (N, C, H, W) here, (features, N) is (N, features); class numbers count from 0.

    loss, opt, metrics (as a list or by name): used instead of what the file says; needed where that was a function of your own. A new `opt`
    begins anew. backend, device: where it runs; the context's by default.
    per_sample: Photon 0.9 takes Softmax() over the whole minibatch, and its RNN, LSTM and GRU go on from one sample to the next. Such layers
    are refused, or with per_sample=True read as Photon documents them, each sample by itself; predictions differ then, and with recurrent
    layers the optimiser begins anew.
    A layer does here what it did in Photon: its MaxPool is read as AvgPool, and AvgPool as MaxPool, for it calls Knet's pooling so.

    Errors: FileError for a file that is damaged or something else; Unsupported, naming the place in the workout, for what has no exact
    equivalent here, with the way out. Source: Photon.jl 0.9 on Knet 1.4; Julia's Serialization, protocol 24 (Julia 1.10).
    """
    if not isinstance(per_sample, bool):
        raise ArgumentError("from_photon per_sample=", "True or False", repr(per_sample))
    given = metric_names.named((), metrics) if isinstance(metrics, dict) else metric_names.named(metrics, {})
    data = _bytes(path)
    with understood(str(path)):
        found = Stream(str(path), data).first("Workout", READ)
        read = Model(found["model"], per_sample)
        weights = read.weights
        parts = loss_of(found["loss"]) if loss is None else loss, optimiser_of(found["opt"], weights) if opt is None else opt
        measured = metrics_of(found["metrics"], given)
        counters = {name: counter(found[name], name) for name in ("steps", "epochs")}
        values = history_of(found["history"])
        state = state_of(weights, counters["steps"]) if opt is None and not read.recurs else None
    made = Workout(read.model, *parts, backend=backend, device=device)
    made.metrics, made.steps, made.epochs = measured, counters["steps"], counters["epochs"]
    made.network.dtype = read.dtype
    if read.dtype != get_context().dtype:  # the model by itself, too
        network_of(read.model).dtype = read.dtype
    made.history.restore(values, [])
    made._waiting = None if state is None else (made.opt, state)
    return made


def _bytes(path: str | Path) -> bytes:
    """The file's bytes. Errors: FileError."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileError(str(path), "a workout that Photon.jl saved", "no such file") from None
    except (OSError, ValueError) as error:
        raise FileError(str(path), "a workout that Photon.jl saved", str(error)) from None
