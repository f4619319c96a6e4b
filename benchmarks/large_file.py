"""`python -m benchmarks.large_file`: train an epoch over a file that is larger than the memory it may take.

Writes samples of 64 KiB into an HDF5 file, and into a .npy file that is mapped into memory, in a temporary folder that is removed
again. A fresh process for each trains one shuffled epoch and prints by how much its resident memory grew, at its highest,
after the model has trained on a first minibatch. On Linux, which tells the resident size of a process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
GROWTH_MIB = 300.0
FEATURES = 16384
BLOCK = 1024
FORMS = ("hdf5", "memmap")


def main(argv: list[str] | None = None) -> int:
    """Write, train and measure each form; return 0 if all stay within the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_file", description=__doc__)
    parser.add_argument("--gib", type=float, default=4.0, help="size of the file (default 4)")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS), help="which files (default both)")
    parser.add_argument("--read", nargs=2, metavar=("FORM", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.read:
        sys.stdout.write(json.dumps(train(options.read[0], Path(options.read[1]))) + "\n")
        return 0
    reached = True
    for form in options.forms:
        with tempfile.TemporaryDirectory() as folder:
            samples = write(form, Path(folder), options.gib)
            command = [sys.executable, "-m", "benchmarks.large_file", "--read", form, folder]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8")
        found = json.loads(done.stdout.splitlines()[-1])
        within = found["grown"] <= GROWTH_MIB
        reached = reached and within
        sys.stdout.write(
            f"{form}: {options.gib:g} GiB, {samples} samples, {found['steps']} steps in {found['seconds']:.1f} s; resident memory grew by "
            f"{found['grown']:.0f} MiB from {found['before']:.0f} MiB; target <= {GROWTH_MIB:.0f} MiB: {'yes' if within else 'no'}\n"
        )
        sys.stdout.flush()
    return 0 if reached else 1


def write(form: str, folder: Path, gib: float) -> int:
    """Write X (N, FEATURES) and Y (N, 1) of random numbers, a block at a time. Returns N."""
    samples = max(1, int(gib * 2**30 / (4 * FEATURES) / BLOCK)) * BLOCK
    block = np.random.default_rng(0).standard_normal((BLOCK, FEATURES), dtype="float32")
    x, y = _files(form, folder, samples)
    for start in range(0, samples, BLOCK):
        x[start : start + BLOCK] = block
        y[start : start + BLOCK] = block[:, :1]
    for array in (x, y):
        flush = getattr(array, "flush", None)
        if flush is not None:
            flush()
    return samples


def _files(form: str, folder: Path, samples: int) -> tuple[Any, Any]:
    if form == "memmap":
        return tuple(  # type: ignore[return-value]
            np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype="float32", shape=(samples, width))
            for name, width in (("x", FEATURES), ("y", 1))
        )
    import h5py

    file = h5py.File(folder / "data.h5", "w")
    return file.create_dataset("x", (samples, FEATURES), "float32"), file.create_dataset("y", (samples, 1), "float32")


def train(form: str, folder: Path) -> dict[str, float]:
    """One epoch over the file; how many MiB the process grew by at its highest."""
    from pyphoton import MSE, SGD, Dense, HDF5Dataset, VectorDataset, Workout, fit_

    if form == "memmap":
        x, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy")
        data: Any = (x, y)
        few = VectorDataset(x, y)[:64]
    else:
        data = HDF5Dataset(folder / "data.h5", "x", "y")
        few = data[:64]
    workout = Workout(Dense(1), MSE(), SGD(1e-6))
    fit_(workout, few, batch_size=32, verbose=False)
    first = workout.steps
    with Highest() as highest:
        start = perf_counter()
        fit_(workout, data, batch_size=32, verbose=False)
        taken = perf_counter() - start
    return {"before": highest.before, "grown": highest.value - highest.before, "seconds": taken, "steps": workout.steps - first}


class Highest:
    """The largest resident size, in MiB, while a context lasts; looked at every 5 ms by a thread."""

    def __enter__(self) -> Highest:
        self.before = self.value = resident()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.value = max(self.value, resident())

    def _look(self) -> None:
        while not self._end.wait(0.005):
            self.value = max(self.value, resident())


def resident() -> float:
    """The resident size of this process in MiB, files that are mapped into it included."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    raise SystemExit(main())
