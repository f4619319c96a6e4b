"""What both scikit-learn estimators do: arguments, the model that is trained, training it, and what is kept of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np

from pyphoton import losses, optimisers, parameters
from pyphoton import metrics as metric_names
from pyphoton.activations import get as activation_of
from pyphoton.arguments import is_integer
from pyphoton.config import DTYPES
from pyphoton.description import Description
from pyphoton.errors import ArgumentError, BackendMissing, ShapeError, UnknownName, Unsupported, near
from pyphoton.interop.sklearn_targets import OfTarget, Weighed
from pyphoton.layers import Dense, Sequential
from pyphoton.pickled import session_state, workout_of, workout_state
from pyphoton.workout import Workout

try:
    from sklearn.base import BaseEstimator
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise BackendMissing("PhotonClassifier", hint=f"It needs scikit-learn 1.6 or later: pip install scikit-learn ({error}).") from error

T = TypeVar("T")
NESTED = ("model", "loss", "optimizer")
"""Arguments that have arguments of their own: `optimizer__lr`."""
MOST_SAMPLES = 200
"""The largest minibatch of batch_size="auto", as in scikit-learn's own networks."""


def _without_nested(init: T) -> T:
    """A constructor as scikit-learn looks at it: `**nested` is no argument with a name of its own."""
    seen = inspect.signature(init)  # type: ignore[arg-type]
    init.__signature__ = seen.replace(parameters=[p for p in seen.parameters.values() if p.kind is not p.VAR_KEYWORD])  # type: ignore[attr-defined]
    return init


class PhotonEstimator(BaseEstimator):  # type: ignore[misc]
    """The base of PhotonClassifier and PhotonRegressor."""

    @_without_nested
    def __init__(
        self, model: Any = None, *, hidden: Any = (100,), activation: Any = "relu", loss: Any = "auto", optimizer: Any = "adam",
        epochs: int = 200, batch_size: Any = "auto", shuffle: bool = True, metrics: Any = (), callbacks: Any = (),
        validation_fraction: float = 0.0, backend: str | None = None, device: str | None = None, dtype: str | None = None,
        random_state: Any = None, warm_start: bool = False, verbose: bool = False, **nested: Any,
    ) -> None:  # fmt: skip
        self.model = model
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.metrics = metrics
        self.callbacks = callbacks
        self.validation_fraction = validation_fraction
        self.backend = backend
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self._set_nested(nested)

    # ---- arguments ---------------------------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments by name, nested ones that were given ("optimizer__lr") among them."""
        return {**super().get_params(deep), **{n: v for n, v in vars(self).items() if n.partition("__")[0] in NESTED and "__" in n}}

    def set_params(self, **params: Any) -> PhotonEstimator:
        """Change arguments, also nested ones: `optimizer__lr=0.1`. Errors: UnknownName."""
        own = self._get_param_names()
        self._set_nested({n: v for n, v in params.items() if n not in own})
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _set_nested(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if name.partition("__")[0] not in NESTED or not name.partition("__")[2]:
                known = (*self._get_param_names(), *(f"{n}__..." for n in NESTED))
                raise UnknownName(type(self).__name__, "an argument of it", f"{name}=", near(name, known))
            setattr(self, name, value)

    def _nested(self, word: str) -> dict[str, Any]:
        return {n.partition("__")[2]: v for n, v in vars(self).items() if n.startswith(f"{word}__")}

    def _described(self, word: str, found: Any) -> Any:
        """A loss or optimiser with the nested arguments that were given. Errors: ArgumentError."""
        nested = self._nested(word)
        if nested and not isinstance(found, Description):
            raise ArgumentError(f"{word}__{next(iter(nested))}", f"{word}: one of the library", repr(found))
        return type(found)(**{**found.arguments(), **nested}) if nested else found

    def _loss(self) -> Any:
        """The loss without weights of samples. Errors: UnknownName, ArgumentError."""
        default = isinstance(self.loss, str) and self.loss == "auto"
        return self._described("loss", self._default_loss if default else losses.get(self.loss))

    # ---- what is trained ---------------------------------------------------------------------------------------------

    def _made(self, features: int, outputs: int) -> Any:
        """The model to train: a copy of the one given, what its maker makes, or dense layers."""
        nested = self._nested("model")
        if isinstance(self.model, Description) or (self.model is not None and not inspect.isroutine(self.model) and not inspect.isclass(self.model)):
            if nested:
                hint = "Give a function that makes the model, as def make(units=8): return Sequential(Dense(units), ...)."
                raise ArgumentError(f"model__{next(iter(nested))}", "a model that is made by a function or class", repr(self.model), hint)
            return deepcopy(self.model)
        if self.model is not None:
            known = inspect.signature(self.model).parameters
            told = {"features": features, "outputs": outputs}
            made = self.model(**{**{n: v for n, v in told.items() if n in known}, **nested})
            if not callable(made):
                raise ArgumentError("model", "a function that returns a model", f"one that returns {made!r}")
            return made
        widths = tuple(self.hidden) if isinstance(self.hidden, tuple | list) else (self.hidden,)
        activation = activation_of(self.activation)
        return Sequential(*(Dense(width, activation) for width in widths), Dense(outputs))

    def _workout(self, x: Any, outputs: int, weighed: bool) -> Workout:
        model = self._made(int(x.shape[1]), outputs)
        metrics = metric_names.named(self.metrics, {})
        loss = self._loss()
        made = Workout(
            model, Weighed(loss) if weighed else loss, self._described("optimizer", optimisers.get(self.optimizer)),
            backend=self.backend, device=self.device, seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
        )  # fmt: skip
        made.metrics = {name: OfTarget(metric) if weighed else metric for name, metric in metrics.items()}
        made.network.dtype = self._dtype(model, x)
        plan = made.network.forward_plan((x,), False)
        shapes = {n: shape for step in plan.steps for n, shape in zip(step.outputs, step.shapes, strict=True)}
        found = shapes.get(plan.outputs[0], ())
        if not plan.single or found[1:] != (outputs,):
            hint = "Let a function make the model, def make(outputs): ..., or give it a last layer of that size."
            raise ShapeError("model", f"{outputs} outputs for each sample", str(found[1:] if plan.single else "several tensors"), hint)
        return made

    def _dtype(self, model: Any, x: Any) -> str:
        """The floats of the model: those that it has, those asked for, or those of the data."""
        built = next((str(p.value.dtype) for p in parameters.collect(model).values()), None)
        if built is None and self.dtype is not None and self.dtype not in DTYPES:
            raise UnknownName("dtype", "a dtype or None", repr(self.dtype), near(self.dtype, DTYPES))
        return built or self.dtype or ("float32" if x.dtype == np.float32 else "float64")

    # ---- training ----------------------------------------------------------------------------------------------------

    def _check(self, x: Any, y: Any = "no_validation", *, reset: bool, **kwargs: Any) -> Any:
        """Data as arrays, by scikit-learn's own rules: x, or x and y. Errors: ValueError, TypeError."""
        return validate_data(self, x, y, dtype=[np.float64, np.float32], allow_nd=self.model is not None, reset=reset, **kwargs)

    def _train(self, x: Any, y: Any, weights: Any, *, epochs: int, outputs: int, anew: bool) -> None:
        """`epochs` more epochs of the model, or of a new one."""
        if not is_integer(epochs) or epochs < 1:
            raise ArgumentError(type(self).__name__, "epochs: a whole number above 0", repr(epochs))
        workout = None if anew else self._current()
        if workout is None:
            workout = self._workout(x, outputs, weights is not None)
        elif isinstance(workout.loss, Weighed) != (weights is not None):
            self._weigh(workout, weights is not None)
        kind = np.dtype(workout.network.dtype)
        x = x.astype(kind, copy=False)
        target = y if weights is None else (y, weights.astype(kind))
        training, validation = self._parted(x, target)
        size = min(MOST_SAMPLES, len(training[0])) if isinstance(self.batch_size, str) and self.batch_size == "auto" else self.batch_size
        workout.fit_(
            training, validation, epochs=epochs, batch_size=size, shuffle=self.shuffle, callbacks=self.callbacks, verbose=self.verbose,
        )  # fmt: skip
        self._kept, self._session = workout, session_state(workout)
        self.history_ = [dict(row) for row in workout.history.epochs]
        self.loss_curve_ = [row["loss"] for row in self.history_ if "loss" in row]
        self.n_iter_ = workout.epochs

    def _weigh(self, workout: Workout, weighed: bool) -> None:
        """Go on with weights of samples, or without."""
        workout.loss = Weighed(self._loss()) if weighed else workout.loss.loss
        workout.metrics = {n: OfTarget(m) if weighed else m.metric for n, m in workout.metrics.items()}

    def _parted(self, x: Any, target: Any) -> tuple[Any, Any]:
        """Training data, and a part of it that is kept for validation."""
        if not self.validation_fraction:
            return (x, target), None
        parts = target if isinstance(target, tuple) else (target,)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        split = train_test_split(x, *parts, test_size=self.validation_fraction, random_state=seed)
        first, second = split[::2], split[1::2]
        return tuple((s[0], tuple(s[1:]) if isinstance(target, tuple) else s[1]) for s in (first, second))  # type: ignore[return-value]

    def _weights(self, sample_weight: Any, x: Any) -> Any:
        """The weights of samples with mean 1 over those that count, and which do; None where there are none."""
        if sample_weight is None:
            return None, slice(None)
        weights = _check_sample_weight(sample_weight, x, dtype=np.float64)
        count = weights > 0
        if (weights < 0).any() or not count.any():
            raise ArgumentError("sample_weight", "no weight below 0, and one above", f"weights from {weights.min():g} to {weights.max():g}")
        return weights[count] / weights[count].mean(), count

    # ---- what is kept ------------------------------------------------------------------------------------------------

    def _current(self) -> Workout | None:
        """The workout so far; made again from what was pickled when it is first needed."""
        kept = vars(self).get("_kept")
        if isinstance(kept, dict):
            kept = self._kept = workout_of(kept, backend=self.backend, device=self.device)
        return kept

    @property
    def workout_(self) -> Workout:
        """The workout that trained: history, step by step, and the network. Errors: sklearn.exceptions.NotFittedError."""
        check_is_fitted(self)
        found = self._current()
        assert found is not None
        return found

    @property
    def model_(self) -> Any:
        """The trained model: a copy of the one that was given. Errors: sklearn.exceptions.NotFittedError."""
        return self.workout_.model

    def __getstate__(self) -> dict[str, Any]:
        """What pickling keeps: arguments, and descriptions and arrays of what was trained."""
        state = dict(super().__getstate__())
        kept, session = state.get("_kept"), state.pop("_session", None)
        if not isinstance(kept, Workout):
            return state
        try:
            session = session_state(kept)
        except Unsupported:  # joblib pickles in a thread of its own, where Julia cannot be asked: as it was after the last fit
            pass
        return {**state, "_kept": workout_state(kept, session)}

    def _outputs(self, x: Any) -> Any:
        """The model's outputs, (samples, outputs). Errors: NotFittedError, ValueError."""
        check_is_fitted(self)
        x = self._check(x, reset=False)
        workout = self.workout_
        return workout.predict(x.astype(workout.network.dtype, copy=False), makebatch=False)
