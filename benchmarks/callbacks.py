"""What callbacks cost: the processor time of an epoch of a tiny model, by kind of callback, over that without any.

`python -m benchmarks.callbacks` prints a table; `--backend` chooses the engine, `--epochs` how many are timed. Kinds are
measured in turns, in processor time, and the least of each counts, so that what else runs on the machine matters little.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np

import pyphoton as pp

SAMPLES, FEATURES, BATCH = 4096, 8, 16
ROUNDS = 12


class KerasEpochs:
    """A callback with Keras's method for epochs."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Keep the loss."""
        self.loss = logs["loss"]


class KerasBatches:
    """A callback with Keras's method for batches."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Keep the loss."""
        self.loss = logs["loss"]


def kinds(folder: Path) -> dict[str, Callable[[], Any]]:
    """What is measured, by name. The first is what the others are compared with."""

    def keep(workout: Any, filename: Any) -> None:
        return None

    return {
        "none": list,
        "epoch: EpochSave (that writes nothing)": lambda: pp.EpochSave(save=keep),
        "epoch: EarlyStop, AutoSave, Keras's on_epoch_end": lambda: [
            pp.EarlyStop("loss", patience=10**6), pp.AutoSave("loss", save=keep), KerasEpochs(),
        ],
        "epoch: ConsoleMeter, FileMeter": lambda: [pp.ConsoleMeter(), pp.FileMeter(folder / "log.tsv")],
        "step: ConsoleMeter(epoch_only=False)": lambda: pp.ConsoleMeter(epoch_only=False),
        "step: a function of (workout, phase)": lambda: lambda workout, phase: None,
        "step: Keras's on_train_batch_end": KerasBatches,
    }  # fmt: skip


def measure(epochs: int, backend: str | None, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the seconds of an epoch, by kind of callback."""
    random = np.random.default_rng(0)
    x = random.normal(size=(SAMPLES, FEATURES)).astype("float32")
    y = x[:, :1].copy()
    with TemporaryDirectory() as folder:
        made = kinds(Path(folder))
        workouts = {name: pp.Workout(pp.Sequential(pp.Dense(8, pp.relu), pp.Dense(1)), "mse", pp.SGD(), seed=0, backend=backend) for name in made}
        least = dict.fromkeys(made, float("inf"))
        for number in range(rounds + 1):
            for name, make in made.items():
                callbacks = make()
                begun = process_time()
                with redirect_stdout(StringIO()):
                    workouts[name].fit_((x, y), batch_size=BATCH, epochs=epochs, callbacks=callbacks, verbose=None)
                if number:  # the first round warms up
                    least[name] = min(least[name], (process_time() - begun) / epochs)
    return least


def main(given: list[str] | None = None) -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3, help="epochs in each fit (default 3)")
    parser.add_argument("--backend", help="engine (default: as everywhere)")
    options = parser.parse_args(given)
    seconds = measure(options.epochs, options.backend)
    none = seconds["none"]
    print(f"{pp.get_backend(options.backend).describe()}: {SAMPLES // BATCH} steps of a tiny model in an epoch of {1e3 * none:.2f} ms")
    for name, value in seconds.items():
        print(f"{name:52} {value / none:6.2f} times, {1e6 * (value - none) / (SAMPLES // BATCH):+8.2f} us per step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
