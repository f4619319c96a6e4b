"""Training through `as_module` and a torch optimiser against the Julia backend's own loop: the MLP 784-256-10 in minibatches of 128. Prints JSON.

Seconds of an epoch of 8192 samples, epoch by epoch in turn, medians, and their ratio: a model of PyPhoton, and the same as a Flux.Chain. torch
and BLAS in Julia have one thread, so that other work on the machine does not decide.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pyphoton import SGD, CrossEntropyLoss, Dense, Sequential, Workout, relu
from pyphoton.backends.julia import pulling
from pyphoton.interop import as_module

SAMPLES, BATCH, EPOCHS = 8192, 128, 12


def measure() -> dict[str, Any]:
    """Return the median seconds of an epoch by what runs it, and the ratios to Workout.fit_."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(SAMPLES, 784)).astype("float32"), rng.integers(0, 10, SAMPLES)
    model = Sequential(Dense(256, relu), Dense(10))
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), SGD(0.05), backend="julia")
    own: Callable[[], Any] = lambda: workout.fit_((x, labels), batch_size=BATCH, shuffle=False, verbose=False)  # noqa: E731
    own()
    julia = pulling.julia_module()
    julia.seval("using Flux, LinearAlgebra; BLAS.set_num_threads(1)")
    torch.set_num_threads(1)
    chain = julia.seval("Flux.Chain(Flux.Dense(784 => 256, Flux.relu), Flux.Dense(256 => 10))")
    ways = {"fit_": own, "as_module": _epoch(as_module(workout), x, labels), "as_module of Flux": _epoch(as_module(chain), x, labels)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(EPOCHS + 2):
        for name, run in ways.items():
            begun = perf_counter()
            run()
            if turn >= 2:
                times[name].append(perf_counter() - begun)
    seconds = {name: float(np.median(t)) for name, t in times.items()}
    ratios = {name: float(np.median(np.divide(t, times["fit_"]))) for name, t in times.items()}
    return {"seconds": seconds, "ratios": ratios}


def _epoch(module: torch.nn.Module, x: Any, labels: Any) -> Callable[[], None]:
    """Return a pass over the data as torch's users write it."""
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05)
    inputs, targets = torch.split(torch.from_numpy(x), BATCH), torch.split(torch.from_numpy(labels), BATCH)

    def run() -> None:
        for a, b in zip(inputs, targets, strict=True):
            optimiser.zero_grad()
            torch.autograd.backward(torch.nn.functional.cross_entropy(module(a), b))
            optimiser.step()

    return run


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure()) + "\n")
