"""PhotonClassifier and PhotonRegressor where scikit-learn uses them: pipelines, searches, clones, files; against formulas and Workout."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyphoton import (
    MSE,
    SGD,
    Adam,
    ArgumentError,
    BCELoss,
    Conv2D,
    CrossEntropyLoss,
    DataError,
    Dense,
    EarlyStop,
    HingeLoss,
    Input,
    Sequential,
    ShapeError,
    UnknownName,
    Workout,
    accuracy,
    nll,
    relu,
    softmax,
    tanh,
)
from pyphoton.interop import PhotonClassifier, PhotonRegressor

X, LABELS = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[LABELS]
SHORT = {"epochs": 8, "batch_size": 16, "optimizer": Adam(0.01), "random_state": 0}


def make(features, outputs, units=8):
    """A model for so many inputs and outputs."""
    return Sequential(Input(features), Dense(units, tanh), Dense(outputs))


def test_it_is_the_workout_that_one_would_write():
    """The same model, seed and data give the same weights, to the bit, as fit_ of a Workout."""
    model = Sequential(Dense(6, relu), Dense(3))
    found = PhotonClassifier(model, epochs=3, batch_size=32, optimizer=SGD(0.1), dtype="float32", random_state=5).fit(X, LABELS)
    own = Workout(Sequential(Dense(6, relu), Dense(3)), CrossEntropyLoss(use_softmax=True), SGD(0.1), seed=found.workout_.network.seed)
    own.fit_((X, LABELS), epochs=3, batch_size=32, verbose=False)
    np.testing.assert_array_equal(found.decision_function(X), own.predict(X))
    assert found.loss_curve_ == [row["loss"] for row in own.history.epochs]
    assert found.n_iter_ == 3
    assert not model.built


def test_labels_and_probabilities():
    """Strings come back; probabilities are the softmax of the scores, and the label is that of the largest."""
    found = PhotonClassifier(**SHORT).fit(X, NAMES)
    scores, p = found.decision_function(X), found.predict_proba(X)
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-10)
    assert list(found.classes_) == ["setosa", "versicolor", "virginica"]
    assert (found.predict(X) == found.classes_[p.argmax(1)]).all()
    assert found.score(X, NAMES) > 0.9


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("auto", 2), (BCELoss(use_sigmoid=True), 1), (HingeLoss(), 1), ("squared_hinge", 1), (nll, 2), (MSE(), 2)],
)
def test_two_classes(loss, outputs):
    """One output or two, as the loss has it; decision_function above 0 is the second class, and probabilities fit to it."""
    x, y = X[:100], NAMES[:100]
    found = PhotonClassifier(loss=loss, **SHORT).fit(x, y)
    assert found.workout_.predict(x).shape == (100, outputs)
    assert found.score(x, y) > 0.9
    if hasattr(found, "decision_function"):
        assert ((found.decision_function(x) > 0) == (found.predict(x) == "versicolor")).all()
    if hasattr(found, "predict_proba"):
        np.testing.assert_allclose(found.predict_proba(x)[:, 1], 1 / (1 + np.exp(-found.decision_function(x))), rtol=1e-9)
    assert hasattr(found, "predict_proba") == (loss in ("auto", nll) or isinstance(loss, BCELoss))


def test_a_model_that_gives_probabilities():
    """With softmax at the end and the loss for it; there are no scores then."""
    found = PhotonClassifier(Sequential(Dense(3), softmax), loss=CrossEntropyLoss(), **SHORT).fit(X, LABELS)
    np.testing.assert_allclose(found.predict_proba(X), found.workout_.predict(X), rtol=1e-12)
    assert not hasattr(found, "decision_function")


def test_a_given_model_is_copied_and_goes_on_from_its_weights():
    """Neither the model nor its clone is written to; one epoch with rate 0 leaves the weights that it came with."""
    model = Sequential(Dense(3))
    first = np.array(model(X.astype("float32")))
    found = PhotonClassifier(model, epochs=1, optimizer=SGD(0.0)).fit(X, LABELS)
    np.testing.assert_allclose(found.decision_function(X), first, rtol=1e-5)
    PhotonClassifier(model, epochs=2, optimizer=SGD(0.5)).fit(X, LABELS)
    clone(found).set_params(optimizer=SGD(0.5)).fit(X, LABELS)
    np.testing.assert_array_equal(model(X.astype("float32")), first)
    assert found.model_ is not model


def test_weights_of_samples_count_as_copies():
    """A full batch: weight 3 is three copies, weight 0 is none (to rounding); weights of one loss are refused."""
    y = X[:, 0] * 2 - X[:, 1]
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    settings = {"epochs": 20, "batch_size": None, "random_state": 1, "hidden": 5, "optimizer": SGD(0.01)}
    a = PhotonRegressor(**settings).fit(X, y, sample_weight=weights)
    b = PhotonRegressor(**settings).fit(np.repeat(X, weights, 0), np.repeat(y, weights))
    np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-7)
    assert np.abs(a.predict(X) - PhotonRegressor(**settings).fit(X, y).predict(X)).max() > 1e-4
    with pytest.raises(ArgumentError, match="sample_weight: expected a loss that has a value for each sample"):
        PhotonRegressor(loss=lambda p, y: ((p - y) ** 2).mean(), **settings).fit(X, y, sample_weight=weights)


def test_several_numbers_for_each_sample():
    """y (N, 2) comes back as (N, 2), (N, 1) as (N, 1), (N,) as (N,); the fit explains the data."""
    x, y = make_regression(80, 5, n_targets=2, noise=0.1, random_state=0)
    y = y / y.std(0)
    found = PhotonRegressor(epochs=60, batch_size=16, optimizer=Adam(0.01), random_state=0).fit(x, y)
    assert found.predict(x).shape == (80, 2)
    assert found.score(x, y) > 0.95
    assert PhotonRegressor(epochs=1).fit(x, y[:, :1]).predict(x).shape == (80, 1)
    assert PhotonRegressor(epochs=1).fit(x, y[:, 0]).predict(x).shape == (80,)
    with pytest.raises(DataError, match="y: expected 2 numbers for each sample, received 1"):
        found.partial_fit(x, y[:, 0])


def test_nested_arguments():
    """`optimizer__lr`, `loss__...` and `model__...` reach what they name; a clone has them; unknown ones are refused with the nearest name."""
    found = PhotonClassifier(make, model__units=5, optimizer__lr=0.02, **{**SHORT, "optimizer": "adam"}).fit(X, LABELS)
    assert found.model_.layers[1].units == 5
    assert found.workout_.opt.lr == 0.02
    again = clone(found).set_params(optimizer__lr=0.03, model__units=6, epochs=1, loss=CrossEntropyLoss(use_softmax=True), loss__weight=2.0)
    again.fit(X, LABELS)
    assert (again.model_.layers[1].units, again.workout_.opt.lr, again.workout_.loss.weight) == (6, 0.03, 2.0)
    assert again.get_params()["optimizer__lr"] == 0.03
    with pytest.raises(UnknownName, match=r"PhotonClassifier: .*epoch=.*Did you mean 'epochs'"):
        PhotonClassifier(epoch=3)
    with pytest.raises(UnknownName, match="Did you mean 'hidden'"):
        PhotonClassifier().set_params(hiden=3)
    with pytest.raises(ArgumentError, match="lr"):
        PhotonClassifier(optimizer__lrr=1).fit(X, LABELS)
    with pytest.raises(ArgumentError, match="model__units: expected a model that is made by a function"):
        PhotonClassifier(Dense(3), model__units=3).fit(X, LABELS)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_search_in_a_pipeline(jobs):
    """GridSearchCV finds that rate 0 learns nothing; two worker processes find what one does."""
    steps = make_pipeline(StandardScaler(), PhotonClassifier(**SHORT))
    grid = {"photonclassifier__optimizer__lr": [0.0, 0.05], "photonclassifier__hidden": [(4,), (16,)]}
    search = GridSearchCV(steps, grid, cv=2, n_jobs=jobs, error_score="raise").fit(X, NAMES)
    assert search.best_params_["photonclassifier__optimizer__lr"] == 0.05
    assert search.best_score_ > 0.9
    scores = search.cv_results_["mean_test_score"]
    alone = cross_val_score(clone(steps).set_params(**search.best_params_), X, NAMES, cv=2)
    assert alone.mean() == pytest.approx(scores.max(), abs=1e-12)


def test_a_pickled_estimator_predicts_and_goes_on():
    """Predictions, history and the next epoch are the same; no engine's object is in the bytes."""
    settings = {**SHORT, "warm_start": True, "epochs": 2, "metrics": [accuracy()]}
    whole = PhotonClassifier(**settings).fit(X, NAMES)
    data = pickle.dumps(whole)
    assert b"torch" not in data and b"julia" not in data
    half = pickle.loads(data)
    np.testing.assert_array_equal(half.predict_proba(X), whole.predict_proba(X))
    assert half.history_ == whole.history_
    for estimator in (whole, half):
        estimator.fit(X, NAMES)
    np.testing.assert_array_equal(half.predict_proba(X), whole.predict_proba(X))
    assert half.n_iter_ == whole.n_iter_ == 4
    assert len(half.loss_curve_) == 4
    assert half.history_[-1]["accuracy"] > 0.5


def test_joblib_files(tmp_path):
    """joblib.dump and load, as people keep estimators."""
    import joblib

    found = PhotonRegressor(hidden=4, epochs=2, random_state=0).fit(X, LABELS)
    joblib.dump(found, tmp_path / "found.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "found.joblib").predict(X), found.predict(X))


def test_partial_fit_is_one_more_epoch():
    """The classes of the first call stay; samples of a part of them are enough; another class is refused."""
    found = PhotonClassifier(batch_size=10, random_state=0)
    with pytest.raises(ArgumentError, match="partial_fit: expected classes="):
        found.partial_fit(X[:20], NAMES[:20])
    found.partial_fit(X[:20], NAMES[:20], classes=np.unique(NAMES))
    for _ in range(3):
        found.partial_fit(X, NAMES)
    assert (found.n_iter_, found.workout_.steps) == (4, 2 + 3 * 15)
    with pytest.raises(DataError, match="'rose'"):
        found.partial_fit(X[:2], ["setosa", "rose"])


def test_validation_and_callbacks():
    """A share of the samples is measured and not trained on; EarlyStop ends the fit."""
    found = PhotonClassifier(validation_fraction=0.2, callbacks=EarlyStop(patience=2), **{**SHORT, "epochs": 500, "optimizer": Adam(0.1)}).fit(X, LABELS)
    assert found.n_iter_ < 500
    assert "val_loss" in found.history_[0]
    assert found.workout_.steps == found.n_iter_ * (-(-120 // 16))


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_tables(name):
    """Names of columns are remembered, and others are refused; predictions are those of the numbers alone."""
    module = pytest.importorskip(name, reason=f"{name} is not installed")
    table = module.DataFrame({n: X[:, i] for i, n in enumerate("abcd")})
    found = PhotonClassifier(**SHORT).fit(table, module.Series(NAMES))
    assert list(found.feature_names_in_) == list("abcd")
    assert (found.predict(table) == PhotonClassifier(**SHORT).fit(X, NAMES).predict(X)).all()
    with pytest.raises(ValueError, match="feature names"):
        found.predict(table.rename(columns={"a": "z"}) if name == "pandas" else table.rename({"a": "z"}))


def test_images():
    """A model that is given takes what it takes: here (N, 1, 8, 8)."""
    x, y = load_digits(return_X_y=True)
    x = (x[:300] / 16).reshape(-1, 1, 8, 8).astype("float32")
    model = Sequential(Conv2D(8, 3, relu), Dense(10))
    found = PhotonClassifier(model, epochs=6, batch_size=16, optimizer=Adam(0.01), random_state=0).fit(x, y[:300])
    assert found.score(x, y[:300]) > 0.9
    assert found.predict_proba(x[:3]).dtype == np.float32


def test_what_does_not_fit_is_said():
    """A model of another width; one class; no fit yet; a bad epoch count."""
    with pytest.raises(ShapeError, match=r"model: expected 3 outputs for each sample, received \(4,\)"):
        PhotonClassifier(Dense(4)).fit(X, LABELS)
    with pytest.raises(DataError, match="y: expected at least 2 classes"):
        PhotonClassifier().fit(X, np.zeros(150))
    with pytest.raises(NotFittedError):
        PhotonClassifier().predict(X)
    with pytest.raises(ArgumentError, match="epochs: a whole number above 0"):
        PhotonRegressor(epochs=0).fit(X, LABELS)
    with pytest.raises(ArgumentError, match="a function that returns a model"):
        PhotonRegressor(lambda: 3).fit(X, LABELS)


def test_pickling_in_another_thread():
    """joblib pickles tasks in threads; an engine that belongs to one thread is not asked there."""
    from concurrent.futures import ThreadPoolExecutor

    found = PhotonClassifier(**SHORT).fit(X, NAMES)
    with ThreadPoolExecutor(1) as pool:
        data = pool.submit(pickle.dumps, found).result()
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    np.testing.assert_array_equal(again.partial_fit(X, NAMES).predict_proba(X), found.partial_fit(X, NAMES).predict_proba(X))
