"""SIGKILL at random moments of saving: no checkpoint is lost or half read.

    python -m benchmarks.kills --kills 200

A process saves a workout over and over, by turns under one name and under numbered ones, and says after each save which step it
was. Every array of step n holds n. It is killed at a random moment; then the newest file has to load, be at least as new as what
was said last, and hold one step throughout; so do all the others. The next process goes on in the same folder.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyphoton import SGD, Dense, Sequential, Workout, load_workout, save_workout

KEPT = 3
"""Numbered files that are kept."""


def make(width: int) -> Workout:
    """A workout with some megabytes of parameters."""
    workout = Workout(Sequential(Dense(width), Dense(width), Dense(3)), "mse", SGD(), backend="numpy", seed=0)
    workout.predict(np.zeros((1, width)), makebatch=False)
    return workout


def save_for_ever(folder: Path, width: int) -> None:
    """Save step after step until somebody ends it."""
    workout = make(width)
    step = max(map(number, folder.glob("step_*.pp")), default=0)
    while True:
        step += 1
        for parameter in workout.network.parameters.values():
            parameter.set_(np.full(parameter.shape, step % 4096))
        workout.steps = step
        workout.history.record(step, {"loss": float(step)})
        save_workout(workout, folder / f"step_{step}.pp")
        save_workout(workout, folder / "newest.pp")
        print(step, flush=True)
        for old in sorted(folder.glob("step_*.pp"), key=number)[:-KEPT]:
            old.unlink()


def number(path: Path) -> int:
    """The step in a file's name."""
    return int(path.stem.removeprefix("step_"))


def step_of(path: Path) -> int:
    """The step that a file holds. Errors: FileError; AssertionError when its arrays are of several steps."""
    workout = load_workout(path, backend="numpy")
    found = {float(v) for p in workout.network.parameters.values() for v in (p.value.min(), p.value.max())}
    if found != {float(workout.steps % 4096)} or workout.history.last("loss") != workout.steps:
        raise AssertionError(f"{path.name}: step {workout.steps} with arrays of {sorted(found)}")
    return int(workout.steps)


@dataclass
class Result:
    """Kills done, kills that left a half-written temporary file, files that were loaded afterwards, steps saved, failures."""

    kills: int
    inside: int
    loaded: int
    steps: int
    failures: list[str]


def run(kills: int, seed: int = 0, width: int = 500) -> Result:
    """Kill that many savers."""
    chance, result = random.Random(seed), Result(0, 0, 0, 0, [])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(kills):
            said = _killed(folder, width, chance.uniform(0.0, 0.15))
            result.kills += 1
            result.inside += any(p.name.endswith(".part") for p in folder.iterdir())
            try:
                numbered = sorted(folder.glob("step_*.pp"), key=number)
                for path in numbered:
                    if step_of(path) != number(path):
                        raise AssertionError(f"{path.name} holds another step")
                newest = step_of(folder / "newest.pp")
                if newest < said or number(numbered[-1]) < said:
                    raise AssertionError(f"step {said} was saved, {newest} and {numbered[-1].name} are the newest")
                result.loaded += 1 + len(numbered)
                result.steps = max(result.steps, newest)
            except Exception as error:  # noqa: BLE001  (whatever goes wrong is counted, and shown at the end)
                result.failures.append(f"{type(error).__name__}: {error}")
        left = [p.name for p in folder.iterdir() if p.name.endswith(".part") and p.name.startswith(".newest.pp")]
        save_workout(make(width), folder / "newest.pp")
        after = [p.name for p in folder.iterdir() if p.name.startswith(".newest.pp")]
        if after:
            result.failures.append(f"{len(left)} temporary files were left, {len(after)} stay after the next save")
    return result


def _killed(folder: Path, width: int, seconds: float) -> int:
    """Start a saver, kill it that long after its first save; the step that it said last."""
    command = [sys.executable, "-m", "benchmarks.kills", "--folder", str(folder), "--width", str(width)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return int((first + process.stdout.read()).splitlines()[-1])


def main() -> int:
    """Run, and print the figures. 1 when a checkpoint was lost or half read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--width", type=int, default=500)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        save_for_ever(Path(options.folder), options.width)
    result = run(options.kills, width=options.width)
    print(f"{result.kills} kills, {result.inside} of them while a file was half written; {result.steps} steps saved, "
          f"{result.loaded} files loaded afterwards, {len(result.failures)} failures")  # fmt: skip
    print("\n".join(result.failures[:20]))
    return int(bool(result.failures))


if __name__ == "__main__":
    sys.exit(main())
