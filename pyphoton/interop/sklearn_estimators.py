"""PhotonClassifier and PhotonRegressor: models as scikit-learn's estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from pyphoton.activations import sigmoid, softmax
from pyphoton.errors import ArgumentError, DataError
from pyphoton.interop.sklearn_base import PhotonEstimator
from pyphoton.interop.sklearn_targets import columns, kind_of, takes_columns
from pyphoton.losses import MSE, BCELoss, CrossEntropyLoss, FocalLoss, HingeLoss


def _has_probabilities(estimator: PhotonClassifier) -> bool:
    return kind_of(estimator._loss()) in ("scores", "probabilities")


def _has_decisions(estimator: PhotonClassifier) -> bool:
    return kind_of(estimator._loss()) in ("scores", "margins")


class PhotonClassifier(ClassifierMixin, PhotonEstimator):  # type: ignore[misc]
    """A classifier of two or more classes, of any labels.

    model: a model, which is copied and never changed (the copy begins with its weights, where it has some); a function or class
    that makes one, called with `features=` and `outputs=` where it names them and with `model__...`; None makes dense layers
    of the widths `hidden`. For each class the model gives a score, without softmax at the end; with loss=CrossEntropyLoss()
    a probability. BCELoss and the hinge losses may have one output for two classes.
    loss, optimizer, metrics, callbacks, device, backend: as in Workout and fit_. "auto" is CrossEntropyLoss(use_softmax=True).
    epochs: passes of each `fit`. batch_size: "auto" is min(200, samples). validation_fraction: the share of samples that is measured
    after each epoch instead of trained on (`val_loss` in history_). dtype: None takes that of the data, float64 where it is neither.
    random_state: as in scikit-learn; weights, order of samples, dropout and the validation part follow from it.
    warm_start: another `fit` goes on where the last one ended.
    Nested arguments: `optimizer__lr=0.01`, `loss__...`, `model__...` (of what makes the model).

    Attributes: classes_, n_features_in_, feature_names_in_, n_iter_ (epochs), loss_curve_, history_ (a row per epoch), model_, workout_.
    Source of the conventions: scikit-learn's developer guide. Errors: ValueError of scikit-learn's checks, ArgumentError, ShapeError.
    """

    _default_loss = CrossEntropyLoss(use_softmax=True)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PhotonClassifier:
        """Train on X (samples, ...) and labels y (samples,). sample_weight (samples,): a weight w counts as w copies of a sample."""
        go_on = self.warm_start and hasattr(self, "_kept")
        x, numbers, weights = self._checked(X, y, sample_weight, None, reset=not go_on)
        self._fit(x, numbers, weights, epochs=self.epochs, anew=not go_on)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> PhotonClassifier:
        """One more epoch on these samples. `classes`: all labels that there are; needed at the first call."""
        first = not hasattr(self, "classes_")
        x, numbers, weights = self._checked(X, y, sample_weight, classes, reset=first, partial=True)
        self._fit(x, numbers, weights, epochs=1, anew=not hasattr(self, "_kept"))
        return self

    def _checked(self, X: Any, y: Any, sample_weight: Any, classes: Any, *, reset: bool, partial: bool = False) -> tuple[Any, Any, Any]:
        """Samples, class numbers and weights; `classes_` is set. Errors: ValueError."""
        x, labels = self._check(X, y, reset=reset)
        check_classification_targets(labels)
        labels = column_or_1d(labels, warn=True)
        weights, count = self._weights(sample_weight, x)
        x, labels = x[count], labels[count]
        if reset:
            if partial and classes is None:
                raise ArgumentError("partial_fit", "classes=, all labels that there are, at the first call", "none")
            self.classes_ = np.unique(labels if classes is None else classes)
        if len(self.classes_) < 2:
            raise DataError("y", "at least 2 classes", f"one class, {self.classes_[0]!r}")
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise DataError("y", f"classes among {self.classes_.tolist()}", repr(unknown[0]), "Name all of them in `classes`, or set warm_start=False.")
        return x, np.searchsorted(self.classes_, labels), weights

    def _fit(self, x: Any, numbers: Any, weights: Any, *, epochs: int, anew: bool) -> None:
        loss, count = self._loss(), len(self.classes_)
        outputs = 1 if count == 2 and isinstance(loss, BCELoss | HingeLoss | FocalLoss) else count
        y = columns(numbers, count, outputs, x.dtype) if takes_columns(loss) else numbers
        self._train(x, y, weights, epochs=epochs, outputs=outputs, anew=anew)

    def predict(self, X: Any) -> Any:
        """The label of each sample: (samples,)."""
        found = self._outputs(X)
        if found.shape[1] > 1:
            return self.classes_[np.argmax(found, axis=1)]
        limit = 0.5 if kind_of(self._loss()) in ("probabilities", "values") else 0.0
        return self.classes_[(found[:, 0] > limit).astype(int)]

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """The probability of each class: (samples, classes). There where the loss says that outputs are scores or probabilities."""
        found = self._outputs(X)
        loss = self._loss()
        if kind_of(loss) == "scores":
            found = sigmoid(found) if isinstance(loss, BCELoss) else softmax(found)
        if found.shape[1] == 1:
            return np.concatenate([1 - found, found], axis=1)
        return found / found.sum(axis=1, keepdims=True)

    @available_if(_has_decisions)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Any:
        """Scores (samples, classes); for two classes (samples,), above 0 for classes_[1]."""
        found = self._outputs(X)
        if found.shape[1] == 1:
            return found[:, 0]
        return found[:, 1] - found[:, 0] if found.shape[1] == 2 else found


class PhotonRegressor(RegressorMixin, PhotonEstimator):  # type: ignore[misc]
    """Regression of one or several numbers for each sample.

    Arguments and attributes are those of PhotonClassifier, but for classes_. The model gives as many outputs as y has columns; loss "auto" is MSE().
    """

    _default_loss = MSE()

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PhotonRegressor:
        """Train on X (samples, ...) and y (samples,) or (samples, outputs). sample_weight (samples,): a weight w counts as w copies."""
        go_on = self.warm_start and hasattr(self, "_kept")
        self._fit(X, y, sample_weight, epochs=self.epochs, go_on=go_on)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> PhotonRegressor:
        """One more epoch on these samples."""
        self._fit(X, y, sample_weight, epochs=1, go_on=hasattr(self, "_kept"))
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, epochs: int, go_on: bool) -> None:
        x, values = self._check(X, y, reset=not go_on, y_numeric=True, multi_output=True)
        weights, count = self._weights(sample_weight, x)
        x, values = x[count], values[count]
        table = values.reshape(len(values), -1).astype(x.dtype)
        known: int = vars(self).get("n_outputs_", table.shape[1])
        if go_on and known != table.shape[1]:
            raise DataError("y", f"{known} numbers for each sample", str(table.shape[1]))
        self.n_outputs_, self._flat = table.shape[1], values.ndim == 1
        self._train(x, table, weights, epochs=epochs, outputs=self.n_outputs_, anew=not go_on)

    def predict(self, X: Any) -> Any:
        """The numbers for each sample, in the shape of the y that was trained on: (samples,) or (samples, outputs)."""
        found = self._outputs(X)
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
