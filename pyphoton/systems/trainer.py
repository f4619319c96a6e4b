"""Trainer: a system, its data and its optimisers, and the history of training them. No formula and no engine stands here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pyphoton.arguments import checked
from pyphoton.callbacks.forms import listed
from pyphoton.callbacks.hooks import Fit
from pyphoton.callbacks.running import Running
from pyphoton.clock import RATE
from pyphoton.diagnose import non_finite
from pyphoton.errors import ArgumentError, DataError
from pyphoton.fitting import check_counts, run_epochs
from pyphoton.interrupt import Interrupt
from pyphoton.progress import Progress
from pyphoton.record import History
from pyphoton.systems import sessions as engine
from pyphoton.systems.data_module import Source
from pyphoton.systems.epochs import Measured, Runs, columns_of, named
from pyphoton.systems.feed import Arrays, Feed
from pyphoton.systems.hooks import SystemHooks
from pyphoton.systems.measuring import NOTHING, WORDS, measured, predicted
from pyphoton.systems.optimizers import Configured, configured
from pyphoton.systems.planning import Planned, StepNetwork
from pyphoton.systems.recording import Log
from pyphoton.systems.steps import Recorded, called


@dataclass(frozen=True)
class _Job:
    """What one call of fit is told."""

    epochs: int
    batch_size: int | None
    shuffle: bool
    finite: bool
    show: bool
    running: Running
    hooks: SystemHooks
    interrupt: Interrupt


class Trainer:
    """What `setup(system, data)` gives: it trains, measures and predicts with a system, and counts on from call to call.

    State: `history` (values by name and step; `history.epochs`: a row for each epoch), `steps`, `epochs`; whether the last fit was
    `interrupted` (Ctrl-C), and why it was `stopped`. `network` runs the system's plans, `optimizers` are its optimisers.
    """

    def __init__(
        self, system: Any, source: Source, *, backend: str | None = None, device: str | None = None, seed: int | None = None,
        precision: str | None = None, callbacks: Any = (), max_epochs: int | None = None,
    ) -> None:  # fmt: skip
        self.system, self.source = system, source
        self.network = StepNetwork(system, backend=backend, device=device, seed=seed, precision=precision)
        self.configured: tuple[Configured, ...] = configured(system)
        self.callbacks, self.max_epochs = callbacks, max_epochs
        self.history = History()
        self.steps = self.epochs = 0
        self.interrupted = False
        self.stopped: str | None = None
        self.metrics: dict[str, Log] = {}
        self._session: engine.Sessions | None = None
        self._made_for: Any = None
        self._fitting = False

    def __repr__(self) -> str:
        return f"Trainer({self.system!r}; {self.steps} steps, {self.epochs} epochs, on {self.network.backend.name})"

    @property
    def model(self) -> Any:
        """The system: what callbacks with Lightning's hooks get as their module."""
        return self.system

    @property
    def optimizers(self) -> tuple[Any, ...]:
        """The optimisers, each over the parameters of its models, with their schedules."""
        return tuple(one.optimiser for one in self.configured)

    @property
    def callback_metrics(self) -> dict[str, float]:
        """What the last epoch gave, by name: Lightning's name for the last row of the history."""
        return dict(self.history.epochs[-1]) if self.history.epochs else {}

    @property
    def current_epoch(self) -> int:
        """The epochs done: Lightning's name."""
        return self.epochs

    @property
    def global_step(self) -> int:
        """The minibatches trained with: Lightning's name. A minibatch counts once, however many optimisers step."""
        return self.steps

    # ---- training ----------------------------------------------------------------------------------------------------

    @checked
    def fit(
        self, epochs: int | None = None, *, batch_size: int | None = 32, shuffle: bool = True, callbacks: Any = (),
        verbose: bool | None = None, on_nan: str = "raise",
    ) -> Trainer:  # fmt: skip
        """Train for `epochs` more epochs; without a number up to `max_epochs` of `setup` in all, or one. Returns the trainer.

        batch_size, shuffle: for data in memory and data sets, as in `fit_`. callbacks: besides those of `setup`, of any form that `fit_` takes.
        verbose and on_nan: as in `fit_`. After each epoch the validation data are measured.
        An epoch that ends in an error is undone; Ctrl-C ends after the running minibatch and keeps what was done.
        Errors: DataError, ShapeError, NonFiniteLoss, ArgumentError.
        """
        if epochs is None:
            epochs = 1 if self.max_epochs is None else max(self.max_epochs - self.epochs, 0)
        check_counts(epochs, batch_size, on_nan)
        if shuffle not in (True, False) or verbose not in (True, False, None):
            raise ArgumentError("fit", "shuffle and verbose: True or False", f"{shuffle!r} and {verbose!r}")
        with self._stage("fit") as training:
            validating = self.source.feed("validate")
            interrupt, hooks = Interrupt(), SystemHooks(self)
            fit = Fit(self, epochs, validating is not None, lambda: training.length(batch_size))
            running = Running([hooks, *listed(self.callbacks), *listed(callbacks)], fit, interrupt)
            job = _Job(epochs, batch_size, bool(shuffle), on_nan == "raise", running.wants_bar(verbose), running, hooks, interrupt)
            if validating is not None and len(running.all) > 1:  # callbacks may ask for what validation logs
                self.planned("validate", validating.first(), 0)
            run_epochs(self, running, interrupt, epochs, lambda number: self._epoch(training, validating, job, number))
        return self

    @contextmanager
    def _stage(self, stage: str) -> Iterator[Feed]:
        """The data of a stage between `setup(stage)` and `teardown(stage)`. Errors: DataError where there are none."""
        if self._fitting:
            raise ArgumentError(stage, "one fit, validate, test or predict at a time", "a second one in a hook or callback")
        self.source.begin(stage)
        self._fitting = True
        try:
            feed = self.source.feed(stage)
            if feed is None:
                raise DataError(stage, f"data for {stage}", "none", f"Give them: trainer.{stage}(data), or write the method of the data module.")
            with closing(feed):
                yield feed
        finally:
            self._fitting = False
            self.source.end(stage)

    def _epoch(self, training: Feed, validating: Feed | None, job: _Job, number: int) -> None:
        begun, row, running = perf_counter(), dict[str, float](), job.running
        job.hooks.row = row
        if running.epoch_begin(number - 1):
            return
        clocks = engine.Clocks(self.configured, self.steps, self.epochs, self.history)
        runs = Runs(self, "fit", training, batch_size=job.batch_size, shuffle=job.shuffle)
        progress, first = Progress(job.show, number, job.epochs, runs.count), self.steps
        try:
            whole, means = self._train(runs, clocks, job, progress)
            row.update(means.means(list(self.metrics.values())))
            if validating is not None and not job.interrupt and not running.stopped:
                with running.stoppable():
                    row.update(self._validated(validating, job))
            row.update(clocks.named(max(self.steps - first, 1)))
        finally:
            progress.close(self.steps - first, self._shown(row))
        with running.stoppable():
            job.hooks.call("on_train_epoch_end")  # current_epoch is still the number of this epoch, as in Lightning
        self.epochs += whole and not running.cut
        self.history.epochs.append({"epoch": self.epochs, "steps": self.steps, **row, "seconds": perf_counter() - begun})
        if not running.stopped:
            running.epoch(number - 1, row)

    def _shown(self, row: dict[str, float]) -> dict[str, float]:
        """What the bar shows at the end of an epoch: what is shown in it, and the rates."""
        names = {"loss": "loss"} | {log.name: log.step_name for log in self.metrics.values() if log.prog_bar}
        found = {name: row[name] if name in row else self.history.last(at_step, self.steps) for name, at_step in names.items()}
        return {name: v for name, v in found.items() if v is not None} | {name: v for name, v in row.items() if name.split("_")[0] == RATE}

    def _train(self, runs: Runs, clocks: engine.Clocks, job: _Job, progress: Progress) -> tuple[bool, Measured]:
        """The steps of an epoch; whether it was not stopped before its end, and what was measured."""
        running, seen, first = job.running, Measured(), self.steps
        stream = self._watched(runs, running)
        if running.first():
            return False, seen
        every = 1 if running.steps else progress.every(runs.count)
        for data in stream:
            begun = self.steps

            def hook(done: int, values: tuple[float, ...], begun: int = begun, planned: Planned = data.planned) -> bool:
                now = begun - first + done
                found = named(planned, values)
                progress.at(now, {log.name: found[log.name] for log in planned.logs if log.prog_bar})
                if not running.steps:
                    return False
                self.steps = first + now
                found |= clocks.named(now) if clocks.scheduled else {}
                self.history.record(self.steps, {log.step_name: found[log.name] for log in planned.logs if log.on_step})
                return running.step(now, found)

            report = self.session.epoch(
                data, rates=clocks.rates(begun - first), every=every, hook=hook if every else None, interrupt=job.interrupt.flag, finite=job.finite,
            )  # fmt: skip
            self.steps = begun
            self._record(data.planned, report.values)
            seen.add(data.planned, report)
            if report.failed is not None:
                raise non_finite(self, *report.failed)
            if (report.stopped or job.interrupt or running.stopped) and self.steps - first != runs.count:
                clocks.record(self.history, first, self.steps - first)
                return False, seen
        if self.steps == first and not runs.skipped:
            raise DataError("data", "at least one minibatch", "none", NOTHING)
        clocks.record(self.history, first, self.steps - first)
        seen.add_skipped(runs)
        return True, seen

    def _watched(self, runs: Runs, running: Running) -> Iterator[engine.Data]:
        """The runs of an epoch, of which the callbacks are told; the first minibatch is read, which makes the parameters."""
        from pyphoton.backends.base import Stream

        if runs.whole is not None:
            running.watched(runs.whole[1])
            return runs.runs()
        runs.items = iter(running.watched(Stream(runs.items, runs.count)).batches)  # type: ignore[arg-type, union-attr]
        found = runs.runs()
        first = next(found, None)
        return iter(()) if first is None else _again(first, found)

    def _record(self, planned: Planned, values: Any) -> None:
        for log, column in columns_of(planned, values):
            if log.on_step:
                self.history.record_many(self.steps + 1, (log.step_name,), column[:, None])
        self.steps += len(values)

    # ---- measuring ---------------------------------------------------------------------------------------------------

    def validate(self, data: Any = None, *, batch_size: int | None = 256) -> dict[str, float]:
        """What validation_step measures over the validation data, or over `data`: means over samples, by name. Nothing is changed or recorded."""
        return self._measure_stage("validate", data, batch_size)

    def test(self, data: Any = None, *, batch_size: int | None = 256) -> dict[str, float]:
        """What test_step measures over the data of the stage "test", or over `data`: means over samples, by name. Nothing is changed."""
        return self._measure_stage("test", data, batch_size)

    def _measure_stage(self, stage: str, data: Any, batch_size: int | None) -> dict[str, float]:
        check_counts(1, batch_size, "raise")
        hooks = SystemHooks(self)
        if data is not None:
            return measured(self, stage, Feed(data, stage), batch_size, hooks, None)
        with self._stage(stage) as feed:
            return measured(self, stage, feed, batch_size, hooks, None)

    def _validated(self, feed: Feed, job: _Job) -> dict[str, float]:
        found = measured(self, "validate", feed, job.batch_size, job.hooks, job.interrupt)
        self.history.record(self.steps, found)
        return found

    def predict(self, data: Any = None, *, batch_size: int | None = 256) -> Any:
        """What predict_step gives for the data of the stage "predict", or for `data`: arrays with a row for each sample, in its structure."""
        check_counts(1, batch_size, "raise")
        if data is not None:
            return predicted(self, Feed(data, "predict"), batch_size)
        with self._stage("predict") as feed:
            return predicted(self, feed, batch_size)

    # ---- plans and sessions ------------------------------------------------------------------------------------------

    @property
    def session(self) -> engine.Sessions:
        """The training sessions of the engine; made anew, with the same state, when parameters are added or frozen."""
        wanted = engine.key(self.network, self.configured)
        if self._session is None or self._made_for != wanted:
            state = None if self._session is None else self._session.state()
            made = engine.Sessions(self.network, self.configured)
            if state is not None:
                made.load(state)
            self._session, self._made_for = made, wanted
        return self._session

    def planned(self, stage: str, data: Arrays, number: int) -> Planned:
        """The step of a stage ("fit", "validate", "test", "predict") for a batch, the `number`-th of its pass. Errors: those of the trace."""
        counters = {"batch_idx": number, "current_epoch": self.epochs, "global_step": self.steps}
        name = {"fit": "training_step", "predict": "predict_step"}.get(stage) or f"{WORDS[stage][0]}_step"
        where, method = f"{type(self.system).__name__}.{name}", getattr(self.system, name, None)

        def run(step: Recorded) -> None:
            value = called(method, step, where)
            if stage == "predict":
                step.predicted(value, where)
            else:
                automatic = stage != "fit" or bool(self.system.automatic_optimization)
                step.returned(value, where, automatic=automatic, key="loss" if stage == "fit" else WORDS[stage][1])

        training = stage == "fit"
        made = self.network.planned(
            name, run, data.arrays, data.structure, counters=counters, handles=[c.handle for c in self.configured] if training else (),
            names=[c.name for c in self.configured], training=training,
        )  # fmt: skip
        if stage in ("fit", "validate"):
            self.metrics |= {log.name: log for log in made.logs if log.name != "loss"}
        return made

    # ---- files -------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path | None = None) -> Path:
        """Write everything that training goes on from: parameters, optimisers, counters, history, random numbers. Returns the path.

        path: by default `system_<steps>.pp`. `load` on the trainer of an equal system goes on from there. The former file stays until the new one is whole. Errors: FileError.
        """
        from pyphoton.systems.checkpoints import save_trainer

        return save_trainer(self, f"system_{self.steps}.pp" if path is None else path)

    def load(self, path: str | Path) -> Trainer:
        """Go on from a file that `save` wrote for an equal system. Returns the trainer. Errors: FileError; nothing is changed then."""
        from pyphoton.systems.checkpoints import load_trainer

        load_trainer(self, path)
        return self


def _again(first: engine.Data, rest: Iterator[engine.Data]) -> Iterator[engine.Data]:
    yield first
    yield from rest
