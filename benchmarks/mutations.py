"""Damaged and hostile checkpoint files: every one loads right or is refused with a PhotonError.

    python -m benchmarks.mutations --files 10000

Processes of their own load them, with a limit on memory; the time of each file and what Python's audit hooks report (programs
started, code executed, files written, connections) are watched. "Loads right" means: a file that rotted gives exactly what was
saved, and one that was edited gives what it says now.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.mutants import mutant
from pyphoton import (
    LSTM,
    MSE,
    Adam,
    Adamax,
    BatchNorm,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MaxPool,
    PhotonError,
    Residual,
    Sequential,
    Workout,
    accuracy,
    load_workout,
    relu,
    save_workout,
)  # fmt: skip

SECONDS, MEMORY = 20.0, 2 << 30
FORBIDDEN = ("exec", "compile", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "ctypes.dlopen", "pickle.find_class")


def originals(folder: Path) -> list[bytes]:
    """Three saved workouts: dense with metrics and slots, images, words with a shared layer and two layers of LSTM."""
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(24, 4)).astype("float32"), random.integers(0, 3, 24)
    shared = Dense(3)
    cases = [
        (Workout(Sequential(Dense(5, relu), BatchNorm(), Dropout(0.2), Dense(3)), CrossEntropyLoss(use_softmax=True), Adam(0.01), metrics=[accuracy()]), x, labels),
        (Workout(Sequential(Conv2D(2, 3, relu), MaxPool(), Flatten(), Dense(3)), "mse", Adamax()), random.normal(size=(6, 1, 6, 6)), random.normal(size=(6, 3))),
        (Workout(Sequential(Embedding(9, 3), LSTM(3, num_layers=2), shared, shared, Residual(Dense(2))), MSE(), "momentum"), random.integers(0, 9, (8, 5)), random.normal(size=(8, 5))),
    ]  # fmt: skip
    found = []
    for number, (workout, xs, ys) in enumerate(cases):
        workout.fit_((xs, ys), (xs, ys), epochs=2, batch_size=8)
        found.append(save_workout(workout, folder / f"{number}.pp").read_bytes())
    return found


def content(workout: Workout) -> dict[str, Any]:
    """What was loaded, as bytes and numbers that can be compared."""
    found: dict[str, Any] = {path: (p.value.dtype.str, p.shape, p.value.tobytes(), p.frozen) for path, p in workout.network.parameters.items()}
    session = {} if workout._session is None else {k: np.asarray(v).tobytes() for k, v in workout._session.state().items()}
    parts = repr((workout.model, workout.loss, workout.opt, workout.metrics, workout.steps, workout.epochs, workout.network.seed))
    return {"parameters": found, "session": session, "parts": parts, "history": repr((dict(workout.history.items()), workout.history.epochs))}


def said(file: bytes) -> tuple[dict[str, bytes], int, int]:
    """What an edited file says itself: parameters by path, steps and epochs."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["pyphoton"])
    data = file[8 + length :]
    arrays = {n.removeprefix("parameters/"): data[slice(*e["data_offsets"])] for n, e in header.items() if n.startswith("parameters/")}
    return arrays, about["steps"], about["epochs"]


def one(path: Path, whole: bool, file: bytes, original: dict[str, Any]) -> str:
    """Load a file: "refused", "loaded", or what is wrong."""
    path.write_bytes(file)
    try:
        workout = load_workout(path)
    except PhotonError as error:
        return "refused" if len(str(error)) < 5000 else "an error of many pages"
    if whole:
        return "loaded" if content(workout) == original else "other content was loaded"
    arrays, steps, epochs = said(file)
    same = {n: p.value.tobytes() for n, p in workout.network.parameters.items()} == arrays
    return "loaded" if same and (steps, epochs) == (workout.steps, workout.epochs) else "not what the file says"


def work(first: int, last: int, seed: int, folder: Path) -> None:
    """Load the mutants of these numbers; a line for each."""
    files = originals(folder)
    saved = [content(load_workout(folder / f"{n}.pp")) for n in range(len(files))]
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    events: list[str] = []
    watching = False
    sys.addaudithook(lambda event, args: events.append(f"{event} {str(args)[:80]}") if watching and event in FORBIDDEN else None)
    for number in range(first, last):
        random = Random(seed * 1_000_003 + number)
        which = random.randrange(len(files))
        kind, whole, file = mutant(random, files[which])
        print(json.dumps([number, kind, "begun", 0.0]), flush=True)
        begun = time.perf_counter()
        watching = number >= first + 20  # modules that are loaded when first needed have come by then
        try:
            result = one(folder / "mutant.pp", whole, file, saved[which])
        except Exception as error:  # noqa: BLE001  (whatever it is, it is reported as a failure of the loader)
            result = f"{type(error).__name__}: {str(error)[:200]}"
        watching = False
        result = f"executed {events[0]}" if events else result
        events.clear()
        print(json.dumps([number, kind, result, time.perf_counter() - begun]), flush=True)


def keep(files: int, seed: int, folder: Path) -> None:
    """Only write the mutants, for another reader than Python's: `<original>-<number>.pp`, and the originals as `<original>.pp`."""
    good = originals(folder)
    for number in range(files):
        random = Random(seed * 1_000_003 + number)
        which = random.randrange(len(good))
        (folder / f"{which}-{number}.pp").write_bytes(mutant(random, good[which])[2])


def run(files: int, seed: int, workers: int = 2) -> tuple[Counter[str], list[str], tuple[float, str]]:
    """Counts of what happened, the failures, and the longest time of one file."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    slowest = (0.0, "")
    bounds = [files * k // workers for k in range(workers + 1)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for k in range(workers):
            place = Path(folder) / str(k)
            place.mkdir()
            options = ["--from", str(bounds[k]), "--to", str(bounds[k + 1]), "--seed", str(seed), "--folder", str(place)]
            with (place / "out").open("w") as out:
                running.append((place, subprocess.Popen([sys.executable, "-m", "benchmarks.mutations", *options], stdout=out, env=environment)))
        for place, process in running:
            code = process.wait(timeout=60 + files * 2)
            lines = [json.loads(line) for line in (place / "out").read_text().splitlines()]
            if code or (lines and lines[-1][2] == "begun"):
                failures.append(f"exit code {code} at {lines[-1] if lines else 'the start'}")
            for number, kind, result, seconds in lines:
                if result == "begun":
                    continue
                slowest = max(slowest, (seconds, f"{number} {kind} {result}"))
                counts[f"{kind} {result}" if result in ("loaded", "refused") else "failed"] += 1
                if result not in ("loaded", "refused") or seconds > SECONDS:
                    failures.append(f"{number} {kind}: {result} ({seconds:.1f} s)")
    return counts, failures, slowest


def main() -> int:
    """Run, and print the figures. 1 when a file was neither loaded right nor refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", help="write the files into this folder, and do not load them")
    for hidden in ("--from", "--to", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        work(int(getattr(options, "from")), int(options.to), options.seed, Path(options.folder))
        return 0
    if options.keep:
        keep(options.files, options.seed, Path(options.keep))
        return 0
    counts, failures, slowest = run(options.files, options.seed)
    for name, count in sorted(counts.items()):
        print(f"{count:6} {name}")
    done = sum(counts.values())
    print(f"{done} files: {sum(c for n, c in counts.items() if n.endswith('refused'))} refused, "
          f"{sum(c for n, c in counts.items() if n.endswith('loaded'))} loaded right, {len(failures)} failures; slowest {slowest[0]:.2f} s ({slowest[1]})")  # fmt: skip
    print("\n".join(failures[:40]))
    return int(bool(failures) or done != options.files)


if __name__ == "__main__":
    sys.exit(main())
