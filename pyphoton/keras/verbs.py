"""The verbs as free functions, the Julian way: `compile_(model, ...)`, `fit_(model, x, y)`. Those that end in _ change the model."""

from __future__ import annotations

from typing import Any

from pyphoton.errors import KeraFlowError
from pyphoton.keras.objectives import metric


def _method(model: Any, verb: str) -> Any:
    found = getattr(model, verb, None)
    if found is None:
        raise KeraFlowError(verb, "a model of pyphoton.keras", repr(model), "Make one: Model(inputs, outputs), or Sequential([...]).")
    return found


def compile_(model: Any, *args: Any, **kwargs: Any) -> None:
    """Say how a model is trained; see Model.compile. Errors: KeraFlowError."""
    _method(model, "compile")(*args, **kwargs)


def fit_(model: Any, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
    """Train a model; see Model.fit. Returns the History. Errors: KeraFlowError, ShapeError."""
    return _method(model, "fit")(x, y, **kwargs)


def evaluate(model: Any, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
    """Loss and metrics over data; see Model.evaluate. Errors: KeraFlowError, ShapeError."""
    return _method(model, "evaluate")(x, y, **kwargs)


def predict(model: Any, x: Any, **kwargs: Any) -> Any:
    """The model's output for a batch; see Model.predict. Errors: KeraFlowError, ShapeError."""
    return _method(model, "predict")(x, **kwargs)


def train_on_batch_(model: Any, x: Any, y: Any = None, **kwargs: Any) -> Any:
    """One update with one minibatch; see Model.train_on_batch. Errors: KeraFlowError, ShapeError."""
    return _method(model, "train_on_batch")(x, y, **kwargs)


def test_on_batch(model: Any, x: Any, y: Any = None, **kwargs: Any) -> Any:
    """Loss and metrics of one minibatch; see Model.test_on_batch. Errors: KeraFlowError, ShapeError."""
    return _method(model, "test_on_batch")(x, y, **kwargs)


def predict_on_batch(model: Any, x: Any) -> Any:
    """The model's output for one minibatch. Errors: KeraFlowError, ShapeError."""
    return _method(model, "predict_on_batch")(x)


__all__ = ["compile_", "evaluate", "fit_", "metric", "predict", "predict_on_batch", "test_on_batch", "train_on_batch_"]
