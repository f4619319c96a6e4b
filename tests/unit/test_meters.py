"""Meters: what they print, write and draw, read back and compared with the workout's history."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    MSE,
    Adam,
    ArgumentError,
    ConsoleMeter,
    Dense,
    FileError,
    FileMeter,
    LambdaCallback,
    PlotMeter,
    SilentMeter,
    TensorBoardMeter,
    UnknownName,
    Workout,
)
from pyphoton.callbacks.hooks import Fit, Step

X = np.random.default_rng(4).normal(size=(22, 3)).astype("float32")
Y = X[:, :1] * 2
METERS = (ConsoleMeter, FileMeter, TensorBoardMeter, PlotMeter)


def fresh():
    """A small workout with a metric."""
    return Workout(Dense(1), MSE(), Adam(0.01), seed=1, mae="mae")


def fail(*_):
    """A callback that fails."""
    raise KeyError("own")


def naming(meter, names, folder):
    """A meter that shows these metrics and writes into the folder."""
    places = {FileMeter: {"filename": folder / "log"}, TensorBoardMeter: {"path": folder / "board"}, PlotMeter: {"path": folder / "a.png"}}
    return meter(metrics=names, **places.get(meter, {}))


# ---- console -------------------------------------------------------------------------------------------------------------


def test_console_meter_prints_a_line_per_epoch(capsys):
    """Epochs and steps in Photon's form, the means of the epoch with four digits, no more; and no progress bar."""
    workout = fresh().fit_((X, Y), (X, Y), batch_size=8, epochs=2, callbacks=ConsoleMeter())
    out, err = capsys.readouterr()
    rows = workout.history.epochs
    lines = [f"\r[{n:4d}:{3 * n:7d}] - loss: {row['loss']:1.4f} - val_loss: {row['val_loss']:1.4f}\n" for n, row in enumerate(rows, 1)]
    assert out == "".join(lines)
    assert out.startswith("\r[   1:      3] - loss: ")
    assert err == ""


def test_console_meter_leaves_out_what_has_no_value(capsys):
    """Without validation data there is no val_loss to print; names may have Photon's colon; None prints all."""
    workout = fresh().fit_((X, Y), cb=ConsoleMeter([":mae", ":val_loss"]))
    assert capsys.readouterr().out == f"\r[   1:      1] - mae: {workout.history.epochs[0]['mae']:1.4f}\n"
    workout.fit_((X, Y), (X, Y), cb=ConsoleMeter(None))
    shown = capsys.readouterr().out
    assert shown.startswith("\r[   2:      2] - ")
    assert [part.split(":")[0] for part in shown.split(" - ")[1:]] == ["loss", "mae", "val_loss", "val_mae", "lr"]


def test_console_meter_during_an_epoch(capsys):
    """epoch_only=False prints the minibatches' values over the same line, at most once per throttle; the epoch ends the line."""
    workout = fresh().fit_((X, Y), batch_size=8, callbacks=ConsoleMeter("loss", throttle=0, epoch_only=False))
    steps = [f"\r[   1:{n:7d}] - loss: {value:1.4f}" for n, value in enumerate(workout.history("loss")[1], 1)]
    last = f"\r[   1:      3] - loss: {workout.history.epochs[0]['loss']:1.4f}\n"
    assert [line.rstrip(" ") for line in capsys.readouterr().out.split("\r")] == "".join([*steps, last]).split("\r")
    fresh().fit_((X, Y), batch_size=8, callbacks=ConsoleMeter("loss", throttle=1000, epoch_only=False))
    assert capsys.readouterr().out.count("\r") == 2  # the first step, and the epoch
    fresh().fit_((X, Y), batch_size=8, callbacks=[ConsoleMeter("loss", epoch_only=False), lambda w, phase: pp.stop(w)])
    assert capsys.readouterr().out.endswith("\n")


def test_console_meter_leaves_no_digit_of_a_longer_line(capsys):
    """A shorter line covers the longer one before it, so that 9.5 after 10.25 is not read as 9.50000."""
    workout, meter = fresh(), ConsoleMeter("loss", throttle=0, epoch_only=False)
    hooks, fit = meter.hooks(), Fit(workout, 1, False, lambda: None)
    hooks.begin(fit)
    for value in (10.25, 9.5):
        hooks.step(fit, Step(0, {"loss": value}, tuple))
    hooks.epoch(fit, 0, {"loss": 9.75})
    first, second, third = capsys.readouterr().out.split("\r")[1:]
    assert first.endswith(" - loss: 10.2500")
    assert second.endswith(" - loss: 9.5000 ")
    assert third.endswith(" - loss: 9.7500\n")


def test_silent_meter_shows_nothing_even_on_a_terminal(capsys, monkeypatch):
    """SilentMeter takes the place of the progress bar, where it would be shown, and of nothing else."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fresh().fit_((X, Y))
    assert "epoch 1/1" in capsys.readouterr().err
    for meter in (SilentMeter(), ConsoleMeter()):
        fresh().fit_((X, Y), callbacks=[meter, lambda w, phase: None])
        out, err = capsys.readouterr()
        assert err == ""
        assert bool(out) == isinstance(meter, ConsoleMeter)


def test_a_bar_and_a_meter_in_its_place_are_refused():
    """verbose=True with a ConsoleMeter or SilentMeter asks for two things; verbose=False does not."""
    for meter in (SilentMeter(), ConsoleMeter()):
        with pytest.raises(ArgumentError, match="verbose=True"):
            fresh().fit_((X, Y), callbacks=meter, verbose=True)
    assert fresh().fit_((X, Y), callbacks=SilentMeter(), verbose=False).steps == 1


# ---- file ----------------------------------------------------------------------------------------------------------------


def read(path, mark):
    """The rows of a log: (name, value, step)."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [(name, float(value), int(step)) for name, value, step in csv.reader(file, delimiter=mark)]


def test_file_meter_writes_a_row_per_epoch(tmp_path):
    """Rows of metric, value and step between tabs, with all digits; a second fit goes on in the same file."""
    path = tmp_path / "log.txt"
    meter = FileMeter(path)
    workout = fresh().fit_((X, Y), (X, Y), batch_size=8, epochs=2, callbacks=meter)
    workout.fit_((X, Y), batch_size=8, callbacks=meter)
    rows = workout.history.epochs
    wanted = [(name, row[name], row["steps"]) for row in rows[:2] for name in ("loss", "val_loss")]
    assert read(path, "\t") == [*wanted, ("loss", rows[2]["loss"], 9)]
    assert path.read_text("utf-8").splitlines()[0] == f"loss\t{rows[0]['loss']!r}\t3"


def test_file_meter_writes_each_step_once(tmp_path):
    """epoch_only=False gives every step's value exactly once, over two fits, and only those of fits that it was part of."""
    path = tmp_path / "log.CSV"
    workout = fresh().fit_((X, Y), (X, Y), batch_size=8)
    for _ in range(2):
        workout.fit_((X, Y), (X, Y), batch_size=8, epochs=2, callbacks=FileMeter(path, None, epoch_only=False))
    head, *lines = path.read_text("utf-8").splitlines()
    assert head == "metric,value,step"
    assert "metric,value,step" not in lines
    found = {}
    for line in lines:
        name, value, step = line.split(",")
        assert int(step) not in found.setdefault(name, {})
        found[name][int(step)] = float(value)
    assert found == {name: {s: v for s, v in column.items() if s > 3} for name, column in workout.history.items()}
    assert set(found) == {"loss", "mae", "val_loss", "val_mae"}


def test_file_meter_writes_while_training(tmp_path):
    """After each epoch its rows can be read by others: the file is flushed."""
    path, seen = tmp_path / "log", []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(read(path, "\t"))))
    fresh().fit_((X, Y), epochs=3, callbacks=[FileMeter(path, "loss"), watch])
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("epoch_only", [True, False])
def test_file_meter_leaves_no_rows_of_an_epoch_that_is_undone(tmp_path, epoch_only):
    """After an error the file is closed and holds the epochs before it; the next fit writes those steps once."""
    path = tmp_path / "log"
    meter, workout = FileMeter(path, "loss", epoch_only=epoch_only), fresh()
    with pytest.raises(KeyError):
        workout.fit_((X, Y), batch_size=8, epochs=3, callbacks=[meter, lambda w, phase: fail() if w.steps == 5 else None])
    done = 1 if epoch_only else 3
    assert len(read(path, "\t")) == done
    assert meter._file is None
    workout.fit_((X, Y), batch_size=8, callbacks=meter)
    assert [step for _, _, step in read(path, "\t")] == ([3, 6] if epoch_only else [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("epoch_only", [True, False])
def test_file_meter_takes_back_the_rows_of_an_epoch_that_another_callback_undoes(tmp_path, epoch_only):
    """A callback after it fails when the rows are written already: they are taken back with the epoch."""
    path = tmp_path / "log.csv"
    meter, workout = FileMeter(path, "loss", epoch_only=epoch_only), fresh()
    late = LambdaCallback(on_epoch_end=lambda epoch, logs: fail() if epoch == 1 else None)
    with pytest.raises(KeyError):
        workout.fit_((X, Y), batch_size=8, epochs=3, callbacks=[meter, late])
    workout.fit_((X, Y), batch_size=8, callbacks=meter)
    steps = [int(line.split(",")[2]) for line in path.read_text("utf-8").splitlines()[1:]]
    assert steps == ([3, 6] if epoch_only else [1, 2, 3, 4, 5, 6])


def test_file_meter_keeps_the_steps_before_a_stop(tmp_path):
    """stop() in the middle of an epoch keeps its steps: their rows are written when the fit ends."""
    path = tmp_path / "log"
    fresh().fit_((X, Y), batch_size=8, callbacks=[FileMeter(path, "loss", epoch_only=False), lambda w, p: pp.stop(w) if w.steps == 2 else None])
    assert [step for _, _, step in read(path, "\t")] == [1, 2]


def test_file_meter_that_cannot_write_says_so_at_the_start(tmp_path):
    """A folder in the place of the file is a FileError with its name, and nothing is trained."""
    workout = fresh()
    with pytest.raises(FileError, match="folder"):
        (tmp_path / "folder").mkdir()
        workout.fit_((X, Y), callbacks=FileMeter(tmp_path / "folder"))
    assert workout.steps == 0


# ---- tensorboard -----------------------------------------------------------------------------------------------------------

REASON = "tensorboard is not installed: pip install 'pyphoton[tensorboard]'"


def scalars(folder):
    """What TensorBoard itself reads from a folder: {name: [(step, value)]}."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read_back = EventAccumulator(str(folder))
    read_back.Reload()
    return {name: [(event.step, event.value) for event in read_back.Scalars(name)] for name in read_back.Tags()["scalars"]}


def test_tensorboard_meter(tmp_path):
    """TensorBoard's own reader finds every metric at every step, over two fits."""
    pytest.importorskip("tensorboard", reason=REASON)
    meter = TensorBoardMeter(tmp_path)
    workout = fresh().fit_((X, Y), (X, Y), batch_size=8, epochs=2, callbacks=meter)
    workout.fit_((X, Y), (X, Y), batch_size=8, callbacks=meter)
    found = scalars(tmp_path)
    assert set(found) == {"loss", "mae", "val_loss", "val_mae"}
    for name, column in found.items():
        assert [step for step, _ in column] == list(workout.history[name])
        np.testing.assert_allclose([value for _, value in column], list(workout.history[name].values()), rtol=1e-6)


def test_tensorboard_meter_shows_each_epoch_when_it_is_done(tmp_path):
    """After each epoch its values can be read, and after an error those of the epochs before it."""
    pytest.importorskip("tensorboard", reason=REASON)
    seen = []

    def look(epoch, logs):
        seen.append(len(scalars(tmp_path)["loss"]))
        if epoch == 2:
            fail()

    with pytest.raises(KeyError):
        fresh().fit_((X, Y), batch_size=8, epochs=9, callbacks=[LambdaCallback(on_batch_end=print), TensorBoardMeter(tmp_path, "loss"), LambdaCallback(on_epoch_end=look)])
    assert seen == [3, 6, 9]


def test_tensorboard_meter_takes_back_an_epoch_that_is_undone(tmp_path):
    """After an epoch that another callback undid, and its repetition, TensorBoard reads each step once, with its last value."""
    pytest.importorskip("tensorboard", reason=REASON)
    meter, workout = TensorBoardMeter(tmp_path), fresh()
    late = LambdaCallback(on_epoch_end=lambda epoch, logs: fail() if epoch == 1 else None)
    with pytest.raises(KeyError):
        workout.fit_((X, Y), batch_size=8, epochs=3, callbacks=[meter, late])
    workout.fit_((X, -Y), batch_size=8, epochs=2, callbacks=meter)
    found = scalars(tmp_path)["loss"]
    assert [step for step, _ in found] == list(range(1, 10))
    np.testing.assert_allclose([value for _, value in found], workout.history("loss")[1], rtol=1e-6)


def test_tensorboard_meter_without_tensorboard(monkeypatch):
    """Where tensorboard is missing, making the meter warns, and a fit with it trains."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.warns(RuntimeWarning, match=r"pip install 'pyphoton\[tensorboard\]'") as caught:
        meter = TensorBoardMeter("nowhere")
    assert caught[0].filename == __file__
    assert fresh().fit_((X, Y), callbacks=meter).steps == 1
    assert not Path("nowhere").exists()


def test_tensorboard_meter_loads_no_engine(tmp_path):
    """Writing for TensorBoard imports neither torch nor TensorFlow."""
    pytest.importorskip("tensorboard", reason=REASON)
    code = (
        "import sys, pyphoton as pp\n"
        "from types import SimpleNamespace as S\n"
        "from pyphoton.callbacks.hooks import Fit\n"
        "w = pp.Workout(pp.Dense(1), 'mse', backend='numpy')\n"
        "h = pp.TensorBoardMeter(sys.argv[1]).hooks(); fit = Fit(w, 1, False, lambda: None)\n"
        "h.begin(fit); w.steps = 1; w.history.record(1, {'loss': 2.0}); h.epoch(fit, 0, {}); h.end(fit, None)\n"
        "print([m for m in ('torch', 'tensorflow', 'juliacall') if m in sys.modules])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(pp.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout == "[]\n"
    assert scalars(tmp_path) == {"loss": [(1, 2.0)]}


# ---- pictures --------------------------------------------------------------------------------------------------------------


def test_plot_meter_writes_a_picture_after_each_epoch(tmp_path, monkeypatch):
    """The picture is there after the first epoch, is another one after the second, and has a default name."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'pyphoton[plot]'")
    monkeypatch.chdir(tmp_path)
    pictures = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: pictures.append(Path("learning-curves.png").read_bytes()))
    fresh().fit_((X, Y), epochs=2, callbacks=[PlotMeter(), look])
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
    fresh().fit_((X, Y), callbacks=PlotMeter(["loss", "mae"], "curves.svg"))
    assert "<svg" in Path("curves.svg").read_text("utf-8")


def test_plot_meter_shows_figures(tmp_path, monkeypatch):
    """`show` gets a figure per epoch with a panel per metric, and no file is written unless asked."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'pyphoton[plot]'")
    monkeypatch.chdir(tmp_path)
    figures = []
    fresh().fit_((X, Y), (X, Y), epochs=3, callbacks=PlotMeter(None, show=figures.append))
    assert [[axes.get_title(loc="left") for axes in figure.axes] for figure in figures] == [["loss", "mae"]] * 3
    assert list(tmp_path.iterdir()) == []


# ---- names and arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:TensorBoardMeter does nothing")
@pytest.mark.parametrize("meter", METERS)
def test_unknown_metric_is_named_at_the_start(meter, tmp_path):
    """A name that no fit of this workout measures is refused with the known ones; a val_ name without validation data is not."""
    workout = fresh()
    with pytest.raises(UnknownName, match="'val_mse'") as caught:
        workout.fit_((X, Y), callbacks=naming(meter, ["loss", "val_mse"], tmp_path))
    assert "loss" in str(caught.value)
    assert meter.__name__ in str(caught.value)
    assert workout.steps == 0
    assert workout.fit_((X, Y), callbacks=naming(meter, ["loss", "val_mae"], tmp_path)).steps == 1


BAD = {
    "metrics": (lambda: ConsoleMeter(5), "metrics"),
    "metrics that are functions": (lambda: FileMeter("x", [MSE()]), "metrics"),
    "no metrics": (lambda: ConsoleMeter([]), "metrics"),
    "throttle": (lambda: ConsoleMeter(throttle=-1), "throttle"),
    "epoch_only": (lambda: ConsoleMeter(epoch_only=1), "epoch_only"),
    "file meter's epoch_only": (lambda: FileMeter(epoch_only=None), "epoch_only"),
    "filename": (lambda: FileMeter(3), "filename"),
    "path": (lambda: PlotMeter(path=3), "path"),
    "show": (lambda: PlotMeter(show="me"), "show"),
    "unknown argument": (lambda: ConsoleMeter(epochOnly=True), "epoch_only"),
    "argument of the silent one": (lambda: SilentMeter(metrics="loss"), "metrics"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_refused_at_once(what):
    """The constructor refuses what it cannot use and names the argument."""
    make, word = BAD[what]
    with pytest.raises(ArgumentError, match=word):
        make()
