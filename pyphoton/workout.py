"""Workout: a model, a loss, an optimiser, and the history of training them. No formula and no engine stands here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from pyphoton import losses, optimisers, parameters
from pyphoton import metrics as metric_names
from pyphoton.arguments import checked
from pyphoton.backends.base import Batches, Report, Session, Stream, Whole
from pyphoton.callbacks.forms import listed
from pyphoton.callbacks.hooks import Fit
from pyphoton.callbacks.running import Running
from pyphoton.clock import RATE, Clock
from pyphoton.data.arrays import convert
from pyphoton.data.forms import Batch, Epochs, batch_of, is_whole
from pyphoton.data.passes import Pass
from pyphoton.diagnose import non_finite
from pyphoton.errors import ArgumentError, DataError, PhotonError, note
from pyphoton.fitting import check_counts, check_some, means, peeked, run_epochs
from pyphoton.gradient import Gradients
from pyphoton.interrupt import Interrupt
from pyphoton.network import Network
from pyphoton.plan import Plan
from pyphoton.progress import Progress
from pyphoton.record import History
from pyphoton.rollback import undone_on_error


class Workout:
    """Training of `model` with `loss` by `opt`, measured by `metrics`.

    `metrics` is a list of metrics, or give them by name: `Workout(model, loss, acc=accuracy())`. `loss` is any callable
    of (prediction, target). backend, device and seed default to the context's (see get_backend, set_context, seed_).
    precision: "bfloat16" or "float16" computes in that type where it is good enough (torch only); parameters stay as they are.
    convertor: what `fit_`, `step_`, `validate`, `evaluate` and `gradients` apply to each minibatch unless they are given their own.
    State: `history`, `steps` (minibatches done), `epochs` (passes done). Every call of `fit_` goes on from there; whether the
    last one was `interrupted` (Ctrl-C), and why it was `stopped` (None where nothing asked for it).
    """

    def __init__(
        self, model: Any, loss: Any, opt: Any = None, *, metrics: Any = (), backend: str | None = None,
        device: str | None = None, seed: int | None = None, precision: str | None = None,
        convertor: Callable[[Any], Any] | None = None, **named_metrics: Any,
    ) -> None:  # fmt: skip
        _check_convertor(convertor)
        self.model = model
        self.loss = losses.get(loss)
        self.opt = optimisers.get(optimisers.SGD() if opt is None else opt)
        self.metrics = metric_names.named(metrics, named_metrics)
        self.history = History()
        self.steps = 0
        self.epochs = 0
        self.convertor = convertor
        self.interrupted = False
        self.stopped: str | None = None
        self.network = Network(model, backend=backend, device=device, seed=seed, precision=precision)
        self._session: Session | None = None
        self._made_for: Any = None
        self._waiting: tuple[Any, dict[str, Any]] | None = None  # an optimiser, and the state that its first session goes on from
        self._fitting = False

    def __repr__(self) -> str:
        return f"Workout({self.model!r}, {self.loss!r}, {self.opt!r}; {self.steps} steps, {self.epochs} epochs, on {self.network.backend.name})"

    # ---- training ----------------------------------------------------------------------------------------------------

    @checked
    def fit_(
        self, data: Any, validation: Any = None, *, epochs: int = 1, batch_size: int | None = 32, shuffle: bool = True,
        convertor: Callable[[Any], Any] | None = None, callbacks: Any = (),
        verbose: bool | None = None, on_nan: str = "raise", cb: Any = None,
    ) -> Workout:  # fmt: skip
        """Train for `epochs` more epochs. Returns the workout.

        data: a tuple (X, Y) of arrays (N, ...), or of tuples of arrays, is the whole data set: shuffled anew for each epoch
        and cut into minibatches of `batch_size` (None: one), the last smaller one kept. So is a Dataset of samples, PyPhoton's
        or torch's, which worker threads load. Any iterable of (X, Y), a DataLoader or `dataset | MiniBatch(8)`
        among them, gives minibatches as they come; a function is called for each epoch and returns either.
        validation: the same forms; measured after each epoch as `val_loss` and so on.
        convertor: applied to each minibatch (X, Y); the default casts to the model's dtype; `identity` casts nothing. None means
        the workout's own.
        callbacks (or cb): one or a list, called in order: functions of (workout, phase), phase "train" after each step, "valid"
        at the end of each epoch; functions without arguments, at most every 5 seconds; objects with Keras's methods or
        Lightning's hooks; the library's own, as EarlyStop. An error in one of them is an error of the epoch.
        verbose: True or False for the progress bar; None shows it on a terminal only, unless a ConsoleMeter or SilentMeter is there.
        on_nan: "raise" ends at a loss that is not finite, naming step and layer; "ignore" goes on.

        An epoch that ends in an error is undone: weights, optimiser, counters and history are what they were before it.
        Ctrl-C ends after the running minibatch and keeps what was done.
        Errors: DataError, ShapeError, NonFiniteLoss, ArgumentError.
        """
        check_counts(epochs, batch_size, on_nan)
        _check_options(convertor, shuffle, verbose)
        convertor = self.convertor if convertor is None else convertor
        if self._fitting:
            raise ArgumentError("fit_", "one fit_ of a workout at a time", "a second one in a callback")
        training, validating = Epochs(data), None if validation is None else Epochs(validation)
        interrupt = Interrupt()
        fit = Fit(self, epochs, validating is not None, partial(training.expected, batch_size))
        running = Running(listed(callbacks, cb), fit, interrupt)
        show = running.wants_bar(verbose)

        def one(number: int) -> None:
            self._epoch(training, validating, running, interrupt, batch_size=batch_size, shuffle=shuffle,
                        convertor=convertor, bar=(show, number, epochs), finite=on_nan == "raise")  # fmt: skip

        with self._training(), closing(training):
            run_epochs(self, running, interrupt, epochs, one)
        return self

    @contextmanager
    def _training(self) -> Iterator[None]:
        self._fitting = True
        try:
            yield
        finally:
            self._fitting = False

    def _epoch(
        self, data: Epochs, validation: Epochs | None, running: Running, interrupt: Interrupt, *,
        batch_size: int | None, shuffle: bool, convertor: Any, bar: tuple[bool, int, int], finite: bool,
    ) -> None:  # fmt: skip
        begun, row = perf_counter(), {}
        if running.epoch_begin(bar[1] - 1):
            return
        batches, count = self._batches(data, batch_size, convertor, shuffle)
        batches = running.watched(batches)
        if isinstance(batches, Stream):
            batches = peeked(batches)
        if running.first():
            return
        first_step, clock = self.steps, Clock(self)
        progress = Progress(*bar, count)

        def hook(done: int, values: tuple[float, ...]) -> bool:
            named = dict(zip(self._names, values, strict=True))
            progress.at(done, named)
            if not running.steps:
                return False
            self.steps = first_step + done
            named |= clock.named(done)
            self.history.record(self.steps, named)
            return running.step(done, named)

        every = 1 if running.steps else progress.every(count)
        try:
            report = self.session.epoch(
                batches, train=True, every=every, hook=hook if every else None, interrupt=interrupt.flag, finite=finite,
                rates=clock.rates,
            )  # fmt: skip
            self._record(report, first_step, clock)
            if report.failed is not None:
                raise non_finite(self, *report.failed)
            row = means(self._names, report)
            if validation is not None and not interrupt and not running.stopped:
                with running.stoppable():
                    row |= self._validate_all(validation, batch_size, convertor, interrupt)
            row[RATE] = clock(max(len(report.values), 1))
        finally:
            progress.close(self.steps - first_step, row)
        if not report.stopped and not running.cut:
            self.epochs += 1
        self.history.epochs.append({"epoch": self.epochs, "steps": self.steps, **row, "seconds": perf_counter() - begun})
        if not running.stopped:
            running.epoch(bar[1] - 1, row)

    def _record(self, report: Report, first_step: int, clock: Clock) -> None:
        if report.failed is None:
            check_some(report)
        self.history.record_many(first_step + 1, self._names, report.values)
        clock.record(self.history, first_step, len(report.values))
        self.steps = first_step + len(report.values)

    def step_(self, x: Any, y: Any) -> float:
        """One update on one minibatch. Returns its loss (before the update). Errors: as `fit_`; nothing is changed then."""
        if self._fitting:
            raise ArgumentError("step_", "no fit_ of the workout running", "one")
        with undone_on_error(self):
            batch = self._minibatch((x, y), self.convertor)
            clock = Clock(self)
            report = self.session.epoch(Stream([batch]), train=True, rates=clock.rates)
            self._record(report, self.steps, clock)
            if report.failed is not None:
                raise non_finite(self, *report.failed)
        return float(report.values[0, 0])

    # ---- measuring ---------------------------------------------------------------------------------------------------

    def validate(self, batch: Any) -> dict[str, float]:
        """Measure one minibatch (X, Y) and keep the values as `val_...` at the current step. Nothing else changes."""
        values = self._measure(Epochs([batch]), None, self.convertor, None)
        named = {f"val_{name}": value for name, value in values.items()}
        self.history.record(self.steps, named)
        return named

    def evaluate(self, data: Any, *, batch_size: int | None = 256, convertor: Callable[[Any], Any] | None = None) -> dict[str, float]:
        """Loss and metrics over data of any form that `fit_` takes: means weighted by samples. Nothing is changed or recorded."""
        check_counts(1, batch_size, "raise")
        return self._measure(Epochs(data), batch_size, self.convertor if convertor is None else convertor, None)

    def _validate_all(self, data: Epochs, batch_size: int | None, convertor: Any, interrupt: Interrupt) -> dict[str, float]:
        values = self._measure(data, batch_size, convertor, interrupt)
        named = {f"val_{name}": value for name, value in values.items()}
        self.history.record(self.steps, named)
        return named

    def _measure(self, data: Epochs, batch_size: int | None, convertor: Any, interrupt: Interrupt | None) -> dict[str, float]:
        with closing(data):
            batches, _ = self._batches(data, batch_size, convertor, shuffle=False, train=False)
            if isinstance(batches, Stream):
                batches = peeked(batches)
            report = self.session.epoch(batches, train=False, interrupt=None if interrupt is None else interrupt.flag)
        if report.stopped:
            return {}
        check_some(report)
        return means(self._names, report)

    def predict(self, x: Any, *, makebatch: bool | None = None, batch_size: int = 256, like: Any = None) -> Any:
        """The model's output for x: a batch (N, ...), or one sample (...) for which one output is returned.

        A sample is told from a batch by the number of axes that the model was built with; `makebatch` True (x is one
        sample) or False (x is a batch) overrides. The output is a NumPy array; `like=x` gives the kind of array that x is,
        `like="torch"` and so on that kind (see interop.as_kind). Errors: ShapeError, DataError.
        """
        return self.network.predict(x, makebatch, batch_size, like=like)

    def gradients(self, batch: Any, *, convertor: Callable[[Any], Any] | None = None) -> Gradients:
        """The gradient of the loss for one minibatch (X, Y): pairs (parameter, gradient), and by path. Nothing changes."""
        _check_options(convertor, shuffle=False, verbose=None)
        plan, arrays, _ = self._minibatch(batch, self.convertor if convertor is None else convertor)
        _, by_name, _ = self.session.gradient(plan, arrays)
        return Gradients({name: (self.network.parameters[name], by_name[name]) for name in self.network.parameters if name in by_name})

    # ---- freezing ----------------------------------------------------------------------------------------------------

    def freeze_(self, what: Any = None) -> Workout:
        """Leave parameters as they are from the next epoch on: a parameter, a layer, several; the whole model when None."""
        parameters.freeze_(self.model if what is None else what)
        return self

    def unfreeze_(self, what: Any = None) -> Workout:
        """Train parameters again that `freeze_` stopped."""
        parameters.unfreeze_(self.model if what is None else what)
        return self

    # ---- plans and sessions ------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The training session of the backend; made anew, with the same state, when parameters are added or frozen."""
        key = (self.network.module, self.network.frozen(), self.opt, self.network.limits())
        if self._session is None or self._made_for != key:
            state = None if self._session is None else self._session.state()
            made = self.network.module.session(self.opt, key[1], key[3])
            if state is not None and self._made_for[2] is self.opt:
                made.load(state)
            elif state is None and self._to_resume() is not None:
                from pyphoton.saving.state import resume

                resume(made, self._to_resume() or {}, self.network.parameters, self.opt)
            self._session, self._made_for = made, key
        return self._session

    def _to_resume(self) -> dict[str, Any] | None:
        """What a session that is not made yet goes on from; None where training begins anew."""
        return self._waiting[1] if self._session is None and self._waiting is not None and self._waiting[0] is self.opt else None

    @property
    def _names(self) -> tuple[str, ...]:
        return ("loss", *self.metrics)

    def _plan(self, batch: Batch, train: bool) -> Plan:
        batch.samples()
        of = self.network.training_plan if train else self.network.measuring_plan
        return of(batch, self.loss, self.metrics)

    def _batches(
        self, data: Epochs, batch_size: int | None, convertor: Any, shuffle: bool, train: bool = True
    ) -> tuple[Batches, int | None]:
        """The epoch's data for the backend, and the number of minibatches where it is known."""
        now = Pass(self.network.seed, self.epochs)
        current = data.next(now, batch_size, shuffle)
        if not is_whole(current):
            return Stream(self._stream(current, convertor, train), data.length()), data.length()
        whole = batch_of(current, nested_lists=False)
        count = whole.samples()
        size = count if batch_size is None else min(batch_size, count)
        order = now.order(count) if shuffle else None
        number = -(-count // size)
        if convertor is not None:
            rows = np.arange(count) if order is None else order
            cut = (_rows(whole, rows[i : i + size]) for i in range(0, count, size))
            return Stream(self._stream(cut, convertor, train), number), number
        plan = self._plan(whole, train)
        arrays = self.network.converted(plan, whole.arrays, whole.names)
        return Whole(plan, arrays, count, order, size), number

    def _stream(self, items: Iterable[Any], convertor: Any, train: bool) -> Iterator[tuple[Plan, tuple[Any, ...], int]]:
        for number, item in enumerate(items, 1):
            try:
                made = self._minibatch(item, convertor, train)
            except PhotonError as error:
                note(error, f"in minibatch {number}")
                raise
            yield made

    def _minibatch(self, item: Any, convertor: Any, train: bool = True) -> tuple[Plan, tuple[Any, ...], int]:
        """A minibatch (X, Y) as the backend takes it: plan, arrays, number of samples. Errors: DataError, ShapeError."""
        batch = batch_of(item if convertor is None else convertor(item), raw=convertor is not None)
        plan = self._plan(batch, train)
        if convertor is None:
            return plan, self.network.converted(plan, batch.arrays, batch.names), batch.samples()
        return plan, _checked_arrays(batch, plan), batch.samples()


def _rows(batch: Batch, rows: Any) -> tuple[Any, Any]:
    x, y = (tuple(np.asarray(a)[rows] for a in arrays) for arrays in (batch.x, batch.y))
    return x if batch.x_tuple else x[0], y if batch.y_tuple else y[0]


def _checked_arrays(batch: Batch, plan: Plan) -> tuple[Any, ...]:
    """What a convertor of the user left; whole numbers as engines take them. Errors: DataError for another dtype than the model's."""
    found = []
    for array, value, name in zip(batch.arrays, plan.inputs, batch.names, strict=True):
        dtype = str(array.dtype).removeprefix("torch.")
        found.append(convert(array, value, name) if value.dtype == "int64" else array)
        if value.dtype != "int64" and name.startswith("inputs") and dtype != value.dtype:
            hint = "Leave convertor= out to have it cast, or build the model with set_context(dtype=...)."
            raise DataError(name, f"{value.dtype} from the convertor", dtype, hint)
    return tuple(found)


def _check_options(convertor: Any, shuffle: Any, verbose: Any) -> None:
    for name, value, allowed in (("shuffle", shuffle, (True, False)), ("verbose", verbose, (True, False, None))):
        if not any(value is a for a in allowed):
            raise ArgumentError("fit_", f"{name}: {' or '.join(map(str, allowed))}", repr(value))
    _check_convertor(convertor)


def _check_convertor(convertor: Any) -> None:
    if convertor is not None and not callable(convertor):
        raise ArgumentError("convertor", "a function of a minibatch, or None", repr(convertor))
