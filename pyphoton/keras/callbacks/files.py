"""Callbacks that write files: ModelCheckpoint, CSVLogger, TensorBoard; and RemoteMonitor, which is refused."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyphoton.callbacks.hooks import Callback as CoreCallback
from pyphoton.callbacks.hooks import Hooks
from pyphoton.callbacks.tensorboard_meter import TensorBoardMeter
from pyphoton.errors import KeraFlowError, UnknownName, Unsupported, near
from pyphoton.keras.callbacks.base import Callback, Monitoring, line_per_epoch, refused_verbose


class ModelCheckpoint(Monitoring):
    """Save the model after epochs. The file's name may have the epoch (from 1) and values in it: "{epoch:02d}-{val_loss:.2f}.h5".

    save_best_only (Keraflow: save_on_improvement): only when the monitored value is better than ever; initial_value_threshold is where
    that begins. save_weights_only: `model.save_weights(path)`, else `model.save(path)`. save_freq: "epoch", or after so many
    minibatches. Errors: KeraFlowError; UnknownName for a value that is not measured.
    """

    def __init__(
        self, filepath: Any, monitor: str = "val_loss", verbose: int = 0, save_best_only: bool = False, save_weights_only: bool = False,
        mode: str = "auto", save_freq: Any = "epoch", initial_value_threshold: float | None = None, *, save_on_improvement: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode)
        refused_verbose("ModelCheckpoint", verbose)
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise KeraFlowError("ModelCheckpoint save_freq=", '"epoch" or a number of minibatches', repr(save_freq))
        self.filepath, self.save_weights_only, self.save_freq = str(filepath), save_weights_only, save_freq
        self.save_best_only = save_best_only or save_on_improvement
        self.best = initial_value_threshold
        self._epoch = self._seen = 0
        if save_freq != "epoch":
            self.on_train_batch_end = self._batch_end  # only then the epoch is asked at each minibatch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Know the epoch."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save."""
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _batch_end(self, batch: int, logs: Any = None) -> None:
        self._seen += 1
        if self._seen % self.save_freq == 0:
            self._save(self._epoch, {"batch": batch + 1, **(logs or {})})

    def _save(self, epoch: int, logs: Mapping[str, Any]) -> None:
        if self.save_best_only:
            value = self.value(logs)
            if not self.better(value, self.best):
                return
            self.best = value
        try:
            path = self.filepath.format(**{"epoch": epoch + 1, **logs})
        except KeyError as error:
            known = ("epoch", *logs)
            raise UnknownName("ModelCheckpoint filepath=", "values that are measured", str(error), near(str(error).strip("'"), known)) from None
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._write(path)

    def _write(self, path: str) -> None:
        name = "save_weights" if self.save_weights_only else "save"
        method = getattr(self.model, name, None)
        if method is not None:
            method(path)
            return
        if self.save_weights_only:
            raise KeraFlowError("ModelCheckpoint", f"a model with {name}(path)", type(self.model).__name__)
        from pyphoton.saving import save

        save(self.model, path)


class CSVLogger(Callback):
    """Write a row per epoch: "epoch" (from 0) and what was measured, by name. append: go on behind the rows of a file."""

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append
        self._file: Any = None
        self._names: list[str] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the file."""
        self._names = None
        if self.append and self.filename.exists():
            with self.filename.open(newline="", encoding="utf-8") as old:
                self._names = next(csv.reader(old, delimiter=self.separator), None)
        self._file = self.filename.open("a" if self.append else "w", newline="", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a row; the first tells the names."""
        row = {"epoch": epoch, **(logs or {})}
        begins = self._names is None
        self._names = self._names or list(row)
        writer = csv.DictWriter(self._file, self._names, restval="NA", extrasaction="ignore", delimiter=self.separator)
        if begins:
            writer.writeheader()
        writer.writerow(row)
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class TensorBoard(CoreCallback):
    """Write what is measured for TensorBoard into `log_dir`. Needs the package tensorboard.

    Graphs, histograms, images, embeddings and profiles are not written: these arguments are refused. Errors: Unsupported.
    """

    def __init__(self, log_dir: Any = "logs", **options: Any) -> None:
        quiet: dict[str, Any] = {"histogram_freq": 0, "write_graph": (True, False), "write_images": False, "write_steps_per_second": False,
                 "update_freq": "epoch", "profile_batch": 0, "embeddings_freq": 0, "embeddings_metadata": None}  # fmt: skip
        for name, value in options.items():
            if name not in quiet:
                raise KeraFlowError("TensorBoard", f"log_dir, {', '.join(quiet)}", f"{name}=", near(name, quiet))
            if value not in (quiet[name] if isinstance(quiet[name], tuple) else (quiet[name],)):
                raise Unsupported(f"TensorBoard {name}=", repr(quiet[name]), repr(value), "Only scalars are written.")
        self.log_dir = str(log_dir)
        meter: Any = TensorBoardMeter
        self.meter = meter(self.log_dir)

    def hooks(self) -> Hooks:
        """Those of pyphoton's TensorBoardMeter."""
        return self.meter.hooks()  # type: ignore[no-any-return]


class ProgbarLogger(CoreCallback):
    """A line of loss and metrics for each epoch in the place of the progress bar."""

    def hooks(self) -> Hooks:
        """Those of pyphoton's ConsoleMeter."""
        return line_per_epoch().hooks()  # type: ignore[no-any-return]


class RemoteMonitor(Callback):
    """Nothing is sent over the network while training: refused. Errors: Unsupported."""

    def __init__(self, *_: Any, **__: Any) -> None:
        hint = "Send from a function of yours: LambdaCallback(on_epoch_end=lambda epoch, logs: send(logs))."
        raise Unsupported("RemoteMonitor", "a callback that stays on this machine", "one that sends to a server", hint)


__all__ = ["CSVLogger", "ModelCheckpoint", "ProgbarLogger", "RemoteMonitor", "TensorBoard"]
