"""How long a functional model of many layers takes: built, planned, saved in two files and in one, loaded.

`python -m benchmarks.keras_chain` prints a table for 2000 layers; `--layers` chooses another number. Times are the least of `--rounds`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from pyphoton.keras import Activation, Dense, Input, Model, load_model
from pyphoton.network import network_of

WIDTH = 8


def seconds(layers: int) -> dict[str, float]:
    """Seconds by what is done; the target, less than 2 s for 2000 layers, is about the sum of the first four."""
    times, at = {}, perf_counter()

    def lap(name: str) -> None:
        nonlocal at
        times[name] = perf_counter() - at
        at = perf_counter()

    x = y = Input(WIDTH)
    for i in range(layers):
        y = Activation("relu")(y) if i % 2 else Dense(WIDTH)(y)
    model = Model(x, y)
    lap("build")
    data = np.ones((1, WIDTH), "float32")
    network_of(model).forward_plan((data,), False)
    lap("plan")
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        lap("save")
        made = load_model(Path(folder) / "model")
        lap("load")
        model.save_to_file(Path(folder) / "arch.json", Path(folder) / "weights")
        lap("save as two files")
        Model.load_from_file(Path(folder) / "arch.json", Path(folder) / "weights")
        lap("load two files")
    if not np.array_equal(made(data), model(data)):
        raise SystemExit("the loaded model computes something else")
    return times


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--layers", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seconds(10)
    rounds = [seconds(options.layers) for _ in range(options.rounds)]
    print(f"{options.layers} layers")
    for name in rounds[0]:
        print(f"  {name:18} {min(r[name] for r in rounds):8.3f} s")
    print(f"  {'the first four':18} {min(sum(list(r.values())[:4]) for r in rounds):8.3f} s")


if __name__ == "__main__":
    main()
