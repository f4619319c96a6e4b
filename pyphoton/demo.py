"""`python -m pyphoton demo`: a small convolutional network reads handwritten digits, in well under a minute.

It shows a whole session: data, model, training with the progress bar, pictures, saving and loading.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

from pyphoton.errors import ArgumentError, BackendMissing, FileError

HELP = "train a small network on handwritten digits, with pictures and a saved model"
PROMISED = 0.97
ALIKE = 1e-5
EPOCHS = 15


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"passes over the training images (default {EPOCHS})")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder to write to (default demo-output)")
    parser.add_argument("--backend", help="engine to train on (default: PYPHOTON_BACKEND, or the first that can run here)")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights and the shuffling (default 0)")


def run(options: argparse.Namespace) -> int:
    """Train, show, save, load, compare. Returns the exit code: 0, or 1 when a promise is not kept."""
    from pyphoton import Adam, CrossEntropyLoss, Workout, accuracy, summary

    if options.epochs < 1:
        raise ArgumentError("--epochs", "a number above 0", str(options.epochs))
    begun = perf_counter()
    folder = _folder(options.output)
    train_x, test_x, train_y, test_y = digits()
    loss = CrossEntropyLoss(use_softmax=True)
    workout = Workout(network(), loss, Adam(0.004), metrics=[accuracy()], backend=options.backend, seed=options.seed)
    print(f"backend: {workout.network.backend.describe()}")
    print(f"data: {len(train_x)} digits of 8 x 8 pixels to train on, {len(test_x)} to test on")
    print(f"\n{summary(workout, train_x.shape[1:])}\n", flush=True)

    workout.fit_((train_x, train_y), (test_x, test_y), epochs=options.epochs, batch_size=64, verbose=True)
    if workout.interrupted:
        return 1

    scores = workout.predict(test_x)
    reached = float((scores.argmax(1) == test_y).mean())
    print(f"\naccuracy on the {len(test_x)} test digits: {100 * reached:.2f} %")
    files = _pictures(workout, folder, test_x, scores, test_y)
    saved = folder / "digits.safetensors"
    difference = _saved_and_loaded(workout, saved, test_x, scores)
    print(f"saved, loaded again: largest difference of its scores {difference:g}")
    print(f"done in {perf_counter() - begun:.1f} s; its files:")
    for file in (*files, saved):
        print(f"  {file}")
    if difference > ALIKE:
        print(f"\nThe loaded model does not predict the same: expected differences up to {ALIKE:g}.")
    if reached < PROMISED:
        longer = max(EPOCHS, 2 * options.epochs)
        print(f"\nThat is below {PROMISED:.0%}, which this demo promises. Train longer: --epochs {longer}")
    return 0 if difference <= ALIKE and reached >= PROMISED else 1


def digits() -> tuple[Any, Any, Any, Any]:
    """scikit-learn's digits, a quarter kept for the test: images (N, 1, 8, 8) from 0 to 1 and labels.

    In the order train x, test x, train y, test y.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise BackendMissing("demo", hint="scikit-learn is not installed: pip install 'pyphoton[demo]'.") from error
    data = load_digits()
    images = (data.images[:, None] / 16).astype("float32")
    parts = train_test_split(images, data.target, test_size=0.25, stratify=data.target, random_state=0)
    return parts[0], parts[1], parts[2], parts[3]


def network() -> Any:
    """Two convolutions, and two layers that tell the ten digits apart. Nothing in it is random, so that all engines learn alike."""
    from pyphoton import Conv2D, Dense, MaxPool, Sequential, relu

    return Sequential(
        Conv2D(32, 3, relu, padding=1), Conv2D(32, 3, relu, padding=1), MaxPool(), Dense(64, relu), Dense(10)
    )


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"--output {path}", "a folder that can be written", str(error)) from error
    return path


def _pictures(workout: Any, folder: Path, images: Any, scores: Any, truth: Any) -> tuple[Path, ...]:
    from pyphoton import plot_history, plot_model, softmax
    from pyphoton.plots import plot_mistakes

    files = curves, mistakes, model = tuple(folder / f"{name}.png" for name in ("learning-curves", "worst-mistakes", "model"))
    plot_history(workout, path=curves)
    plot_mistakes(images, scores.argmax(1), truth, softmax(scores), path=mistakes)
    plot_model(workout, path=model)
    return files


def _saved_and_loaded(workout: Any, path: Path, images: Any, scores: Any) -> float:
    """The largest difference between the scores of the model that is read back and `scores`."""
    from pyphoton import Workout, load, save

    save(workout, path)
    again = Workout(load(path), workout.loss, backend=workout.network.backend.name).predict(images)
    return float(abs(again - scores).max())
