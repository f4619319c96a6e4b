"""The rules by which loss, metrics, x, y, sample_weights and class_weight are passed: each row of the table, with worked values."""

import numpy as np
import pytest
from keras_net import Net, chain

import pyphoton as pp
from pyphoton.errors import KeraFlowError, PhotonError, UnknownName

X = np.array([[1.0], [2.0], [3.0]], "float32")
A, B = np.array([[1.0], [2.0], [3.0]]), np.array([[0.0], [0.0], [6.0]])


def two(**compiled):
    """Two inputs, two outputs without weights to learn but factors 1: a = left, b = left + right."""
    scale = pp.Dense(1, use_bias=False)

    def run(members, left, right):
        return members[0](left), members[0](left) + right

    model = Net(run, [scale], ("left", "right"), ("a", "b"))
    model.compile("sgd", **{"loss": "mse", **compiled} if "loss" not in compiled else compiled)
    model.predict([X, X])
    pp.weights(model)[0][...] = 1.0
    return model


def one(**compiled):
    """y = x, by a weight that is 1."""
    model = chain(pp.Dense(1, use_bias=False))
    model.compile("sgd", **{"loss": "mse", **compiled})
    model.predict(X)
    pp.weights(model)[0][...] = 1.0
    return model


# ---- loss and metrics ------------------------------------------------------------------------------------------------

A_LOSS, B_LOSS = 0.0, float(np.mean((2 * X - B) ** 2))
"""a = x = A exactly; b = 2x = (2, 4, 6) against (0, 0, 6): (4 + 16) / 3."""


@pytest.mark.parametrize("loss", [{"a": "mse", "b": "mse"}, {"b": "mean_squared_error", "a": "se"}, ["mse", "mse"], ("mse", "mse")])
def test_losses_by_name_and_in_a_list(loss):
    """A loss for each output; the total is their sum, and each stands behind it."""
    found = two(loss=loss).evaluate([X, X], [A, B], return_dict=True)
    assert found == pytest.approx({"loss": A_LOSS + B_LOSS, "a_loss": A_LOSS, "b_loss": B_LOSS})


@pytest.mark.parametrize(("loss", "text"), [
    ("mse", "Unmatched length"), (["mse"], "Unmatched length"), (["mse"] * 3, "Unmatched length"), ({"a": "mse"}, "Missing name: b"),
    ({"a": "mse", "c": "mse"}, "Unknown name.*'a'|Unknown name"), ({"a": "mse", "b": None}, "Missing name: b"),
])  # fmt: skip
def test_losses_that_are_refused(loss, text):
    """Several outputs: no single loss, none missing, none too many."""
    with pytest.raises(KeraFlowError, match=text):
        two(loss=loss)


def test_one_output_takes_a_single_loss():
    """A name, a list of one, a dictionary, a function of (y_true, y_pred), an object: the same number."""
    def squares(y_true, y_pred):
        return (y_pred - y_true) ** 2

    for loss in ("mse", ["mse"], {"y": "mse"}, squares, pp.MSE(), "se"):
        assert one(loss=loss).evaluate(X, X + 2) == pytest.approx(4.0)
    with pytest.raises(UnknownName, match="mse"):
        one(loss="msee")


def test_loss_weights_count_in_the_total_only():
    """loss = sum of weight times loss; what is missing has weight 1."""
    for weights, total in (({"b": 0.5}, B_LOSS / 2), ([2.0, 3.0], 3 * B_LOSS)):
        found = two(loss=["mse", "mse"], loss_weights=weights).evaluate([X, X], [A, B], return_dict=True)
        assert found["loss"] == pytest.approx(total) and found["b_loss"] == pytest.approx(B_LOSS)
    with pytest.raises(KeraFlowError, match="dictionary or a list"):
        two(loss=["mse", "mse"], loss_weights=2.0)


def test_metrics_by_name_in_a_list_and_alone():
    """One output: anything; several: by name, or first come first served; keys are output_metric."""
    for metrics in ("mae", ["mae"], {"y": "mae"}, {"y": ["mae"]}, [["mae"]]):
        assert one(metrics=metrics).evaluate(X, X + 2, return_dict=True) == pytest.approx({"loss": 4.0, "mae": 2.0})
    assert one(metrics=["mae", "se"]).metrics_names == ["loss", "mae", "se"]
    names = {
        ("b_mae",): {"b": "mae"}, ("a_mae",): ["mae"], ("a_mae", "b_mse"): ["mae", "mse"], ("a_mae", "a_mse", "b_mae"): [["mse", "mae"], "mae"],
        ("b_acc",): [None, "acc"],
    }  # fmt: skip
    for expected, given in names.items():
        assert two(loss=["mse", "mse"], metrics=given).metrics_names == ["loss", "a_loss", "b_loss", *expected]
    for wrong, text in (("mae", "dictionary or a list"), (["mae"] * 3, "More inputs"), ({"c": "mae"}, "Unknown name")):
        with pytest.raises(KeraFlowError, match=text):
            two(loss=["mse", "mse"], metrics=wrong)


def test_functions_are_labelled_by_their_name():
    """A custom metric's key is its __name__, a class's is its name in words, an alias stays as it was written."""
    from pyphoton.keras import metrics

    def rmse(y_true, y_pred):
        return ((y_true - y_pred) ** 2).mean(axis=-1)

    model = one(metrics=[rmse, metrics.MeanAbsoluteError(), "acc", metrics.RootMeanSquaredError(name="root"), rmse])
    assert model.metrics_names == ["loss", "rmse", "mean_absolute_error", "acc", "root", "rmse_1"]
    assert model.evaluate(X, X + 2, return_dict=True)["root"] == pytest.approx(2.0)


# ---- x and y ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [{"left": X, "right": X}, {"right": X.tolist(), "left": X}, [X, X], (X, X)])
@pytest.mark.parametrize("y", [{"a": A, "b": B}, {"b": B.tolist(), "a": A}, [A, B], (A, B)])
def test_inputs_and_targets_by_name_and_in_a_list(x, y):
    """Dictionaries, lists and tuples are the same data."""
    assert two(loss=["mse", "mse"]).evaluate(x, y)[0] == pytest.approx(B_LOSS)


@pytest.mark.parametrize(("x", "y", "text"), [
    (X, [A, B], "2 arrays: left, right"), (X.tolist(), [A, B], "2 arrays"), ([X], [A, B], "Missing name: right"),
    ({"left": X}, [A, B], "Missing name: right"), ([X, X, X], [A, B], "More inputs than expected"), ({"left": X, "rihgt": X}, [A, B], "Did you mean 'right'"),
    ([X, X], A, "2 arrays: a, b"), ([X, X], {"a": A}, "Missing name: b"), ([X, X], None, "targets for a, b"), ([X, X[:2]], [A, B], "as many samples"),
])  # fmt: skip
def test_data_that_are_refused(x, y, text):
    """Nothing missing, nothing unknown, no single array for two names, no unlike lengths."""
    with pytest.raises(KeraFlowError, match=text):
        two(loss=["mse", "mse"]).fit(x, y)


def test_one_name_takes_one_array_or_nested_list():
    """x as an array, a nested list, a list of one array, by name; targets (n,) for an output (n, 1)."""
    y = X[:, 0] + 2
    for x in (X, X.tolist(), [X], {"x": X}):
        for targets in (y, y.tolist(), y[:, None], [y], {"y": y}):
            assert one().evaluate(x, targets) == pytest.approx(4.0)
    np.testing.assert_array_equal(one().predict(X.tolist()), X)


def test_shapes_that_do_not_fit_are_named():
    """The error says which shape was expected and which was given."""
    with pytest.raises(PhotonError, match=r"\(None, 1\).*\(None, 2\)"):
        one().fit(X, np.zeros((3, 2)))


# ---- sample weights and class weights ----------------------------------------------------------------------------------

W = np.array([3.0, 0.0, 1.0])
A_OFF = np.array([[3.0], [5.0], [4.0]])
"""Squares of a against it: 4, 9, 1. Weighted by W: (12 + 0 + 1) / 3."""


@pytest.mark.parametrize(("weights", "a", "b"), [
    ({"a": W}, 13 / 3, B_LOSS), ([W], 13 / 3, B_LOSS), ([None, W], 14 / 3, 4.0), ({"b": W.tolist()}, 14 / 3, 4.0), (W, 13 / 3, 4.0),
    (W.tolist(), 13 / 3, 4.0), ([W, W], 13 / 3, 4.0), ([], 14 / 3, B_LOSS), (None, 14 / 3, B_LOSS),
])  # fmt: skip
def test_sample_weights(weights, a, b):
    """By name or in a list, missing ones weigh 1; one vector is for all outputs. The loss is sum(w l) / n."""
    found = two(loss=["mse", "mse"]).evaluate([X, X], [A_OFF, B], sample_weight=weights, return_dict=True)
    assert found == pytest.approx({"loss": a + b, "a_loss": a, "b_loss": b})


def test_sample_weights_that_are_refused():
    """Another number of them, an unknown output, both names of the argument."""
    model = two(loss=["mse", "mse"])
    for wrong in (np.ones(2), {"c": W}, [W, W, W], {"a": np.ones((3, 2))}):
        with pytest.raises(KeraFlowError):
            model.fit([X, X], [A, B], sample_weight=wrong)
    with pytest.raises(KeraFlowError, match="both"):
        model.fit([X, X], [A, B], sample_weight=W, sample_weights=W)


def test_training_follows_the_weights():
    """A sample of weight 0 does not move the weight; the others by lr times their gradient: w -= .01 * 2/3 * sum(w x (p - y))."""
    model = one()
    model.fit(X, X + 1, sample_weights=W, batch_size=3)
    assert pp.weights(model)[0].item() == pytest.approx(1 + 0.01 * 2 / 3 * (3 * 1 + 1 * 3), rel=1e-6)


def test_class_weights():
    """{class: weight} weighs by target: whole numbers, columns and one-hot rows; classes without weight count 1."""
    x = np.zeros((4, 2), "float32")
    labels = np.array([0, 1, 1, 1])
    model = chain(pp.Dense(2, use_bias=False))
    expected = np.log(2) * (5 + 1 + 1 + 1) / 4
    for y, loss in ((labels, "sparse_"), (labels[:, None], "sparse_"), (np.eye(2)[labels], "")):
        from pyphoton.keras import losses

        kind = losses.get(f"{loss}categorical_crossentropy")
        kind.options["from_logits"] = True
        model.compile("sgd", kind)
        history = model.fit(x, y, class_weight={0: 5.0}, batch_size=4)
        assert history.history["loss"] == [pytest.approx(expected, rel=1e-6)]
        history = model.fit(x, y, class_weight={0: 5.0}, sample_weight=np.array([2.0, 1, 1, 1]), batch_size=4)
        assert history.history["loss"] == [pytest.approx(np.log(2) * 13 / 4, rel=1e-6)]


def test_class_weights_by_output():
    """Several outputs: by name; a single dictionary is refused."""
    model = two(loss=["mse", "mse"])
    history = model.fit([X, X], [A_OFF, B], class_weight={"b": {6: 0.0}}, batch_size=3)
    assert history.history["b_loss"] == [pytest.approx((4 + 16 + 0) / 3)]
    for wrong in ({0: 2.0}, {"c": {0: 1.0}}, [{}, {}, {}], 3.0):
        with pytest.raises(KeraFlowError, match="class_weight"):
            model.fit([X, X], [A_OFF, B], class_weight=wrong)


def test_weighted_metrics_are_means_by_weight_over_the_epoch():
    """metrics do not look at weights; weighted_metrics are sum(w v) / sum(w), also over minibatches of unlike weight."""
    model = one(metrics=["mae"], weighted_metrics=["mse"])
    found = model.evaluate(X, X + np.array([[1.0], [2.0], [3.0]]), sample_weight=W, batch_size=2, return_dict=True)
    assert found == pytest.approx({"loss": (3 * 1 + 0 + 9) / 3, "mae": 2.0, "mse": (3 + 9) / 4})


def test_shares_are_those_of_the_epoch():
    """Precision over minibatches is true positives by predicted ones of all samples, not a mean of shares."""
    model = one(loss="mse", metrics=["precision", "recall"])
    x, y = np.array([[1.0], [1.0], [1.0], [0.0], [0.0]]), np.array([1.0, 0, 0, 1, 1])
    found = model.evaluate(x, y, batch_size=2, return_dict=True)
    assert found["precision"] == pytest.approx(1 / 3) and found["recall"] == pytest.approx(1 / 3)
