"""compile, fit, evaluate, predict: what a model of this face has besides its layers. A workout of pyphoton does the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.errors import KeraFlowError, NotBuilt
from pyphoton.keras import data
from pyphoton.keras.callbacks.running import Rows, bar_of, with_forms
from pyphoton.keras.compiled import Compiled, Total
from pyphoton.keras.history import History
from pyphoton.keras.optimizers import Optimizer
from pyphoton.keras.optimizers import get as optimizer_of
from pyphoton.keras.states import is_stateful
from pyphoton.network import Network
from pyphoton.workout import Workout

AUTO = "auto"
DONE_ANYWAY = {
    "run_eagerly": lambda v: v is False, "jit_compile": lambda v: isinstance(v, bool) or v == AUTO, "steps_per_execution": lambda v: v in (1, AUTO),
    "auto_scale_loss": lambda v: v is True, "workers": lambda v: v == 1, "use_multiprocessing": lambda v: v is False, "max_queue_size": is_integer,
}  # fmt: skip
"""Arguments of today's Keras that choose how it runs, and the values that change nothing here."""


@dataclass
class _State:
    """What a model was compiled to, and the network that predicts. It stands in one attribute, where nobody looks for layers."""

    network: Network
    workout: Workout | None = None
    compiled: Compiled | None = None

    def __deepcopy__(self, _: Any) -> None:
        """A copy of a model is not compiled."""


class Trainable:
    """A model that can be compiled and trained. It has `input_names` and `output_names`."""

    input_names: list[str]
    output_names: list[str]
    stop_training: bool
    history: Any
    _state: _State | None = None

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, *, loss_weights: Any = None, weighted_metrics: Any = None,
        backend: str | None = None, device: str | None = None, seed: int | None = None, precision: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """Say how the model is trained. It may be called again: training begins anew with the weights as they are.

        optimizer: a name, an optimizer of this face, or one of pyphoton's. loss: a name, a loss, or a function of (y_true, y_pred) that
        gives the loss of each sample; for several outputs one for each, in a list or by name. metrics: a list (for several outputs: of
        each output, or by name). loss_weights: numbers by output. weighted_metrics: metrics that sample weights count for.
        backend, device, seed, precision: as for a Workout. Errors: KeraFlowError, UnknownName.
        """
        data.taken("compile", options, DONE_ANYWAY)
        compiled = Compiled(self.output_names, optimizer_of(optimizer), loss, metrics, weighted_metrics, loss_weights)
        compiled.optimizer.iterations = 0
        workout = Workout(self, Total(compiled), compiled.optimizer.core(), backend=backend, device=device, seed=seed, precision=precision)
        workout.metrics = compiled.columns()
        self._state = _State(workout.network, workout, compiled)

    # ---- what it was compiled to ---------------------------------------------------------------------------------------

    def _ready(self, where: str) -> tuple[Workout, Compiled]:
        state = self._state
        if state is None or state.workout is None or state.compiled is None:
            raise KeraFlowError(where, "a compiled model", "one that is not", "Please call compile before: model.compile(optimizer, loss).")
        return state.workout, state.compiled

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._state is not None and self._state.compiled is not None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer; its `learning_rate` can be assigned."""
        return self._state.compiled.optimizer if self._state is not None and self._state.compiled is not None else None

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` returns, in order. Errors: KeraFlowError."""
        _, compiled = self._ready("metrics_names")
        return list(compiled.named(dict.fromkeys(("loss", *compiled.columns()), 0.0)))

    @property
    def workout(self) -> Workout:
        """The workout of pyphoton that trains. Errors: KeraFlowError."""
        return self._ready("workout")[0]

    def _named(self) -> data.Names:
        try:
            shapes = [tuple(t.shape) for t in getattr(self, "inputs", None) or ()]
        except (NotBuilt, AttributeError):
            shapes = []
        compiled = None if self._state is None else self._state.compiled
        needs = compiled is None or compiled.needs_targets
        return data.Names(self.input_names, self.output_names, shapes, needs)

    # ---- training ------------------------------------------------------------------------------------------------------

    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int | None = None, verbose: Any = "auto", callbacks: Any = None,
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True, class_weight: Any = None, sample_weight: Any = None,
        initial_epoch: int = 0, steps_per_epoch: int | None = None, validation_steps: int | None = None,
        validation_batch_size: int | None = None, validation_freq: Any = 1, *, nb_epoch: int | None = None, sample_weights: Any = None,
        **options: Any,
    ) -> History:  # fmt: skip
        """Train until epoch `epochs` (1), counted from `initial_epoch`. Returns the History of these epochs.

        x, y: arrays by name, in a list, or alone; or x alone gives minibatches (x, y) or (x, y, weights): a generator, a DataLoader, a
        Dataset. Arrays are shuffled anew for each epoch and cut by batch_size (32); the last smaller minibatch is kept.
        sample_weight: numbers for the samples, for all outputs or by output; the loss is sum(weight * loss) / (number of samples).
        class_weight: {class: weight}, by output where there are several. validation_split: that last fraction of the arrays, taken before
        shuffling; validation_data, a tuple (x, y) or (x, y, weights), or minibatches, comes before it. Validation values are means over
        all samples. verbose: "auto" shows a bar on terminals, 1 always, 2 a line for each epoch. nb_epoch and sample_weights
        are older names. Errors: KeraFlowError, ShapeError.
        """
        workout, compiled = self._ready("fit")
        data.taken("fit", options, DONE_ANYWAY)
        epochs = _either("epochs", epochs, "nb_epoch", nb_epoch, 1)
        weights = _either("sample_weight", sample_weight, "sample_weights", sample_weights, None)
        _check_counts(epochs=epochs, initial_epoch=initial_epoch)
        names = self._named()
        training = data.given("fit", x, y, weights, class_weight, names, steps_per_epoch)
        validation = None
        if validation_data is not None:
            validation = self._validation(validation_data, names, validation_steps)
        elif validation_split:
            if not isinstance(training, tuple):
                raise KeraFlowError("fit validation_split=", "arrays to split", type(x).__name__, "Pass validation_data.")
            training, validation = data.split(training, validation_split)
        apart = validation_freq != 1 or validation_batch_size is not None
        rows = Rows(self, compiled, initial_epoch, epochs, callbacks)
        if apart and validation is not None:
            size = validation_batch_size or batch_size or 32
            rows.validate = lambda: workout.evaluate(validation, batch_size=size)
            rows.frequency = validation_freq
        show, meters = bar_of(verbose)
        workout.fit_(
            training, None if apart else validation, epochs=max(0, epochs - initial_epoch), batch_size=batch_size or 32, shuffle=bool(shuffle),
            callbacks=[*with_forms(callbacks, rows), *meters], verbose=show, on_nan="ignore",
        )  # fmt: skip
        self.history = rows.history
        return rows.history

    def _validation(self, given: Any, names: data.Names, steps: int | None) -> Any:
        if isinstance(given, tuple) and len(given) in (2, 3):
            return data.given("fit validation", given[0], given[1], given[2] if len(given) == 3 else None, None, names, steps)
        if isinstance(given, list | Mapping) or hasattr(given, "shape"):
            raise KeraFlowError("fit validation_data=", "a tuple (x, y) or (x, y, sample_weights), or minibatches", type(given).__name__)
        return data.given("fit validation", given, None, None, None, names, steps)

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: Any = "auto", sample_weight: Any = None,
        steps: int | None = None, callbacks: Any = None, return_dict: bool = False, *, sample_weights: Any = None,
    ) -> Any:  # fmt: skip
        """The loss and the metrics over data of any form that `fit` takes, as means over all samples: a list, or the loss alone.

        What layers add to the loss, and penalties of parameters, do not count. return_dict: by name. Errors: KeraFlowError, ShapeError.
        """
        workout, compiled = self._ready("evaluate")
        _refuse_callbacks("evaluate", callbacks)
        weights = _either("sample_weight", sample_weight, "sample_weights", sample_weights, None)
        found = workout.evaluate(data.given("evaluate", x, y, weights, None, self._named(), steps), batch_size=batch_size or 256)
        return _returned(compiled.named(found), return_dict)

    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False) -> Any:
        """One update with one minibatch. Returns its loss and metrics before the update, as `evaluate` does. Errors: as `fit`."""
        workout, compiled = self._ready("train_on_batch")
        workout.step_(*data.whole("train_on_batch", x, y, sample_weight, class_weight, self._named()))
        compiled.optimizer.iterations = workout.steps
        values = {name: workout.history[name][workout.steps] for name in ("loss", *workout.metrics)}
        return _returned(compiled.named(values), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one minibatch. Errors: as `evaluate`."""
        workout, compiled = self._ready("test_on_batch")
        pair = data.whole("test_on_batch", x, y, sample_weight, None, self._named())
        return _returned(compiled.named(workout.evaluate(pair, batch_size=None)), return_dict)

    # ---- predicting ----------------------------------------------------------------------------------------------------

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None, callbacks: Any = None) -> Any:
        """The output for a batch of inputs, as a NumPy array; a list of them for several outputs. It need not be compiled.

        x: arrays as for `fit`, or minibatches of inputs (what follows them in a tuple is not looked at). Errors: KeraFlowError, ShapeError.
        """
        _refuse_callbacks("predict", callbacks)
        names = self._named()
        if self._state is None:
            self._state = _State(Network(self, hold=False))
        if data.is_arrays(x):
            return _listed(self._outputs_for(x, names, batch_size or 256))
        parts = [self._outputs_for(i[0] if isinstance(i, tuple | list) else i, names, None) for i in data.Minibatches("predict", x, names, None, steps).items()]
        if not parts:
            raise KeraFlowError("predict x", "at least one minibatch", "none")
        if isinstance(parts[0], tuple):
            return [np.concatenate(column) for column in zip(*parts, strict=True)]
        return np.concatenate(parts)

    def _outputs_for(self, x: Any, names: data.Names, batch_size: int | None) -> Any:
        inputs = data.inputs_of("predict", x, names)
        network: Any = self._state and self._state.network
        return network.predict(inputs if len(inputs) > 1 else inputs[0], makebatch=False, batch_size=batch_size or len(inputs[0]), carried=is_stateful(self))

    def predict_on_batch(self, x: Any) -> Any:
        """The output for one minibatch. Errors: as `predict`."""
        return self.predict(x, batch_size=len(data.inputs_of("predict_on_batch", x, self._named())[0]))

    compile_, fit_, train_on_batch_ = compile, fit, train_on_batch


def _listed(outputs: Any) -> Any:
    return list(outputs) if isinstance(outputs, tuple) else outputs


def _returned(named: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return named
    values = list(named.values())
    return values[0] if len(values) == 1 else values


def _either(name: str, value: Any, older: str, old: Any, default: Any) -> Any:
    if value is not None and old is not None:
        raise KeraFlowError("fit", f"{name} or {older}", "both", f"{older} is another name of {name}.")
    return value if value is not None else default if old is None else old


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if not is_integer(value) or value < 0:
            raise KeraFlowError(f"fit {name}=", "a whole number from 0", repr(value))


def _refuse_callbacks(where: str, callbacks: Sequence[Any] | None) -> None:
    if callbacks:
        raise KeraFlowError(f"{where} callbacks=", "none: callbacks follow fit", repr(callbacks))
