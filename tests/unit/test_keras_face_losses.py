"""Losses, objectives and metrics of the Keras face against real Keras's, where it is installed, and against numbers by hand."""

import numpy as np
import pytest
from keras_net import installed_keras

import pyphoton as pp
from pyphoton import keras
from pyphoton.errors import KeraFlowError, UnknownName, Unsupported
from pyphoton.keras import losses, metrics, objectives

RANDOM = np.random.default_rng(4)
Y = RANDOM.uniform(0.05, 1, (6, 4)).astype("float32")
P = RANDOM.uniform(0.05, 1, (6, 4)).astype("float32")
SHARES = (P / P.sum(axis=1, keepdims=True)).astype("float32")
ONE_HOT = np.eye(4, dtype="float32")[[0, 3, 1, 1, 2, 0]]
LABELS = ONE_HOT.argmax(axis=1)
SCORES = RANDOM.normal(size=(6, 4)).astype("float32")
WEIGHTS = np.array([1, 0, 2, 0.5, 3, 1], "float32")
SIGNS = np.sign(RANDOM.normal(size=(6, 4))).astype("float32")
BINARY = (SIGNS > 0).astype("float32")

PAIRS = {
    "MeanSquaredError": (Y, P, {}), "MeanAbsoluteError": (Y, P, {}), "MeanAbsolutePercentageError": (Y, P, {}),
    "MeanSquaredLogarithmicError": (Y, P, {}), "Hinge": (SIGNS, SCORES, {}), "SquaredHinge": (BINARY, SCORES, {}),
    "CategoricalHinge": (ONE_HOT, SCORES, {}), "KLDivergence": (Y, P, {}), "Poisson": (Y, P, {}), "LogCosh": (Y, P, {}),
    "Huber": (Y * 3, P, {"delta": 0.7}), "CosineSimilarity": (Y, SCORES, {}), "BinaryCrossentropy": (BINARY, P * 0.9, {"label_smoothing": 0.1}),
    "BinaryCrossentropy logits": (BINARY, SCORES, {"from_logits": True}), "CategoricalCrossentropy": (ONE_HOT, P, {"label_smoothing": 0.2}),
    "CategoricalCrossentropy logits": (ONE_HOT, SCORES, {"from_logits": True}), "SparseCategoricalCrossentropy": (LABELS, SHARES, {}),
    "SparseCategoricalCrossentropy logits": (LABELS, SCORES, {"from_logits": True}),
    "SparseCategoricalCrossentropy ignoring": (LABELS[:, None], SCORES, {"from_logits": True, "ignore_class": 1}),
}  # fmt: skip


def real_keras():
    """Keras itself, on torch."""
    return installed_keras()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_losses_are_those_of_keras(name, weighted):
    """Each loss of a batch, with sample weights and without, to float32's precision; zero weights and ignored classes among them."""
    y, p, options = PAIRS[name]
    weights = WEIGHTS if weighted else None
    reference = getattr(real_keras().losses, name.split()[0])(**options)(y, p, sample_weight=weights)
    found = getattr(losses, name.split()[0])(**options)(y, p, weights)
    assert float(found) == pytest.approx(float(reference), rel=2e-5)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "none"])
def test_reductions_are_those_of_keras(reduction):
    """The sum, the mean by weights, and no reduction at all."""
    reference = real_keras().losses.MeanSquaredError(reduction=reduction)(Y, P, sample_weight=WEIGHTS)
    np.testing.assert_allclose(losses.MeanSquaredError(reduction=reduction)(Y, P, WEIGHTS), reference.cpu().numpy(), rtol=1e-5)


def test_weights_are_divided_by_the_number_of_samples():
    """sum(w l) / n by hand: losses 1 and 4 with weights 3 and 0 make 1.5."""
    assert float(losses.MeanSquaredError()(np.array([[0.0], [0.0]]), np.array([[1.0], [2.0]]), np.array([3.0, 0.0]))) == 1.5


ALIASES = {
    "mse": "MeanSquaredError", "mean_squared_error": "MeanSquaredError", "mae": "MeanAbsoluteError", "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError", "kld": "KLDivergence", "kullback_leibler_divergence": "KLDivergence", "cosine_proximity": "CosineSimilarity",
    "log_cosh": "LogCosh", "categorical_hinge": "CategoricalHinge", ":mse": "MeanSquaredError", "bce": "BinaryCrossentropy",
}  # fmt: skip


def test_names_of_both_eras_are_known():
    """Aliases give the loss they stand for; a misspelt one names its neighbours."""
    assert {alias: type(losses.get(alias)).__name__ for alias in ALIASES} == ALIASES
    assert losses.get("square_error").name == "square_error" and losses.get("se").plain is objectives.square_error
    with pytest.raises(UnknownName, match="mean_squared_error"):
        losses.get("mean_squared_eror")


OBJECTIVES = {  # of p = [[.25, .75]], t = [[0, 1]], with e = 1e-6, by hand
    "square_error": [[0.0625, 0.0625]], "absolute_error": [[0.25, 0.25]], "absolute_percentage_error": [[2.5e7, 25.0]],
    "squared_logarithmic_error": [[np.log(1.25) ** 2, np.log(2 / 1.75) ** 2]], "hinge": [[1.0, 0.25]], "squared_hinge": [[1.0, 0.0625]],
    "binary_crossentropy": [[-np.log(0.75), -np.log(0.75)]], "categorical_crossentropy": [[-np.log(0.75)]],
    "kullback_leibler_divergence": [[-np.log(0.75)]], "poisson": [[0.25, 0.75 - np.log(0.75)]],
    "cosine_proximity": [[0.0, -0.75 / np.sqrt(0.625)]], "accuracy": [1.0],
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_take_the_prediction_first(name):
    """Keraflow's formulas element by element, f(y_pred, y_true)."""
    found = getattr(objectives, name)(np.array([[0.25, 0.75]]), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(found, OBJECTIVES[name], rtol=1e-4, atol=3e-5)


def test_poisson_is_the_likelihood_of_the_target():
    """p - t log(p + e), which falls towards p = t (not t - p log t)."""
    t = np.array([[2.0]])
    assert objectives.poisson(np.array([[2.0]]), t) < objectives.poisson(np.array([[1.5]]), t)
    assert objectives.poisson(np.array([[2.0]]), t) < objectives.poisson(np.array([[2.5]]), t)


METRICS = {
    "BinaryAccuracy": (BINARY, P, {}), "CategoricalAccuracy": (ONE_HOT, SCORES, {}), "SparseCategoricalAccuracy": (LABELS, SCORES, {}),
    "TopKCategoricalAccuracy": (ONE_HOT, SCORES, {"k": 2}), "SparseTopKCategoricalAccuracy": (LABELS, SCORES, {"k": 3}),
    "MeanSquaredError": (Y, P, {}), "MeanAbsoluteError": (Y, P, {}), "RootMeanSquaredError": (Y, P, {}), "CosineSimilarity": (Y, SCORES, {}),
    "Precision": (BINARY, P, {}), "Recall": (BINARY, P, {}),
}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_those_of_keras_over_several_batches(name, weighted):
    """Two batches of unlike size: the metric of all samples, not the mean of two."""
    y, p, options = METRICS[name]
    reference, found = getattr(real_keras().metrics, name)(**options), getattr(metrics, name)(**options)
    for part in (slice(0, 4), slice(4, 6)):
        weights = WEIGHTS[part] if weighted else None
        reference.update_state(y[part], p[part], sample_weight=weights)
        found.update_state(y[part], p[part], weights)
    assert found.result() == pytest.approx(float(reference.result()), rel=1e-5)


def test_a_mean_of_numbers_and_what_cannot_be_exact():
    """metrics.Mean by itself; AUC says why not."""
    mean = metrics.Mean()
    mean.update_state([2.0, 4.0], [1.0, 3.0])
    assert mean(np.array([6.0])) == pytest.approx((2 + 12 + 6) / 5)
    with pytest.raises(Unsupported, match="roc_auc_score"):
        metrics.AUC()


def test_shapes_that_do_not_fit_are_named():
    """Expected and received shapes stand in the error; class numbers are told from one-hot rows."""
    with pytest.raises(KeraFlowError, match=r"\(6, 4\).*\(6, 3\)"):
        losses.MeanSquaredError()(Y[:, :3], P)
    with pytest.raises(KeraFlowError, match="categorical_crossentropy"):
        losses.SparseCategoricalCrossentropy()(ONE_HOT, SHARES)
    with pytest.raises(KeraFlowError, match="binary_crossentropy"):
        losses.CategoricalCrossentropy()(Y[:, :1], P[:, :1])
    with pytest.raises(KeraFlowError, match="reduction"):
        losses.MeanSquaredError(reduction="median")


def test_losses_of_pyphoton_keep_their_order():
    """pyphoton.MSE() and its functions take the prediction first, also with weights."""
    y, p = np.array([[-1.0], [1.0]], "float32"), np.array([[0.5], [3.0]], "float32")
    hinge = losses.get(pp.HingeLoss())
    assert float(hinge(y, p)) == pytest.approx((1.5 + 0.0) / 2)
    assert float(hinge(y, p, np.array([2.0, 0.0]))) == pytest.approx(1.5)
    assert float(losses.get(pp.nll)(LABELS, SCORES)) == pytest.approx(float(pp.nll(SCORES, LABELS)))


def test_metric_keeps_the_name_and_the_order():
    """Keras.jl's metric(f): f(true, predicted), called as the function is."""
    def signed(actual, predicted):
        return (actual - predicted).mean(axis=-1)

    wrapped = keras.metric(signed)
    assert wrapped.__name__ == "signed"
    assert metrics.get(wrapped)(np.array([[3.0]]), np.array([[1.0]])) == 2.0
