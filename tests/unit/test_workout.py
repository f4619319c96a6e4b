"""Workout: training against an independent loop, measuring, predicting, gradients, metrics and callbacks."""

import os
import sys

import numpy as np
import pytest
from snapshot import assert_same, copies, everything

import pyphoton as pp
from pyphoton import (
    MAE,
    MSE,
    SGD,
    Adam,
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Momentum,
    NonFiniteLoss,
    Sequential,
    Workout,
    accuracy,
    relu,
    tanh,
)
from pyphoton.progress import wanted

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(22, 4)).astype("float32")
Y = RANDOM.normal(size=(22, 2)).astype("float32")
LABELS = RANDOM.integers(0, 3, 22)
BATCHES = [slice(i, i + 8) for i in range(0, 22, 8)]


def regression(opt=None, seed=1, **options):
    """A small workout: Dense-relu-Dense under MSE."""
    return Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), opt or SGD(0.1), seed=seed, **options)


def noisy(opt=None, seed=1, **options):
    """A classifier with layers that behave differently while training, and an optimiser with state."""
    model = Sequential(Dense(6, relu), BatchNorm(), Dropout(0.5), Dense(3))
    return Workout(model, CrossEntropyLoss(use_softmax=True), opt or Adam(0.01), seed=seed, **options)


def numpy_loop(values, batches, rate):
    """Dense-relu-Dense, MSE and SGD by hand: losses before each update, and the weights after all of them."""
    w1, b1, w2, b2 = (values[name].astype("float64") for name in ("0.kernel", "0.bias", "1.kernel", "1.bias"))
    losses = []
    for x, y in batches:
        hidden = x @ w1 + b1
        active = np.maximum(hidden, 0)
        error = active @ w2 + b2 - y
        losses.append(np.mean(error**2))
        d_output = 2 * error / error.size
        d_hidden = (d_output @ w2.T) * (hidden > 0)
        w2, b2 = w2 - rate * active.T @ d_output, b2 - rate * d_output.sum(0)
        w1, b1 = w1 - rate * x.T @ d_hidden, b1 - rate * d_hidden.sum(0)
    return losses, {"0.kernel": w1, "0.bias": b1, "1.kernel": w2, "1.bias": b2}


# ---- training ------------------------------------------------------------------------------------------------------


def test_fit_equals_a_loop_written_by_hand():
    """Losses and weights of three epochs are those of a NumPy loop with its own backpropagation."""
    workout = regression()
    workout.predict(X)
    losses, weights = numpy_loop(copies(workout), [(X[b], Y[b]) for b in BATCHES] * 3, 0.1)
    workout.fit_((X, Y), batch_size=8, shuffle=False, epochs=3)
    np.testing.assert_allclose(workout.history("loss")[1], losses, rtol=1e-5)
    for path, value in weights.items():
        np.testing.assert_allclose(workout.network.parameters[path].value, value, rtol=1e-5, atol=1e-6)


def test_fit_starts_from_the_drawn_weights_when_it_builds_the_model():
    """An unbuilt model trains from the very weights that predicting first would have shown."""
    first, second = regression(), regression()
    first.predict(X)
    losses, _ = numpy_loop(copies(first), [(X[b], Y[b]) for b in BATCHES], 0.1)
    second.fit_((X, Y), batch_size=8, shuffle=False)
    np.testing.assert_allclose(second.history("loss")[1], losses, rtol=1e-5)


def test_float64_trains_in_float64():
    """With dtype float64 the losses agree with the loop by hand to twelve digits."""
    pp.set_context(dtype="float64")
    try:
        workout = regression()
        workout.predict(X)
        losses, _ = numpy_loop(copies(workout), [(X[b].astype("float64"), Y[b].astype("float64")) for b in BATCHES], 0.1)
        workout.fit_((X, Y), batch_size=8, shuffle=False)
    finally:
        pp.reset_context()
    assert {p.value.dtype for p in workout.network.parameters.values()} == {np.dtype("float64")}
    np.testing.assert_allclose(workout.history("loss")[1], losses, rtol=1e-12)


@pytest.mark.parametrize("opt", [SGD, Momentum, Adam])
def test_second_fit_continues(opt):
    """Two calls of one epoch give, to the last bit, what one call of two epochs gives: shuffling and dropout included."""
    once, twice = noisy(opt()), noisy(opt())
    once.fit_((X, LABELS), batch_size=8, epochs=2)
    twice.fit_((X, LABELS), batch_size=8).fit_((X, LABELS), batch_size=8)
    for workout in (once, twice):
        for row in workout.history.epochs:
            del row["seconds"]
    assert_same(everything(twice), everything(once))


def test_counters_and_history():
    """Steps are updates, epochs are passes, and history has a value per step, a row per epoch and val_ per epoch."""
    workout = noisy(metrics=[accuracy()]).fit_((X, LABELS), (X[:7], LABELS[:7]), batch_size=8, epochs=3)
    assert (workout.steps, workout.epochs) == (9, 3)
    assert list(workout.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert list(workout.history["loss"]) == list(range(1, 10)) == list(workout.history["accuracy"])
    assert list(workout.history["val_loss"]) == [3, 6, 9] == list(workout.history["val_accuracy"])
    assert [(row["epoch"], row["steps"]) for row in workout.history.epochs] == [(1, 3), (2, 6), (3, 9)]
    assert all(set(row) == {"epoch", "steps", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"} for row in workout.history.epochs)
    steps, values = workout.history("loss")
    assert steps.tolist() == list(range(1, 10))
    assert values.tolist() == list(workout.history["loss"].values())


def test_epoch_row_is_the_mean_weighted_by_samples():
    """The epoch's loss and metric are means over samples: the last smaller minibatch counts less."""
    workout = noisy(metrics=[accuracy()]).fit_((X, LABELS), batch_size=8)
    for name in ("loss", "accuracy"):
        assert workout.history.epochs[0][name] == pytest.approx(np.average(workout.history(name)[1], weights=[8, 8, 6]), rel=1e-6)


def test_training_metric_is_of_the_minibatch_before_its_update():
    """A training metric is measured on the same prediction as the loss of that step."""
    workout = Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), SGD(0.1), metrics=[MSE()], seed=1)
    workout.fit_((X, Y), batch_size=8, epochs=2)
    assert workout.history("mse")[1].tolist() == workout.history("loss")[1].tolist()


def test_no_epochs_change_nothing():
    """`epochs=0` trains nothing and records nothing."""
    workout = regression().fit_((X, Y))
    before = everything(workout)
    assert workout.fit_((X, Y), epochs=0) is workout
    assert_same(everything(workout), before)


def test_each_epoch_visits_every_sample_once_in_a_new_order():
    """Whole arrays are shuffled anew for each epoch, X and Y together, the last smaller minibatch kept."""
    seen = []

    def loss(p, y):
        seen.append(y.numpy().copy()[:, 0])
        return ((p - y) ** 2).mean()

    numbers = np.arange(22, dtype="float32")[:, None]
    model = lambda x: x * 1.0  # noqa: E731
    workout = Workout(model, loss, seed=3)
    workout.fit_((numbers, numbers), batch_size=8, epochs=3)
    assert workout.history("loss")[1].tolist() == [0.0] * 9
    assert [len(batch) for batch in seen] == [8, 8, 6] * 3
    orders = [np.concatenate(seen[i : i + 3]).astype(int).tolist() for i in (0, 3, 6)]
    assert all(sorted(order) == list(range(22)) for order in orders)
    assert list(range(22)) not in orders
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_same_seed_same_training():
    """Two workouts with one seed train alike to the last bit; another seed gives other weights and another order."""
    a, b, c = (noisy(seed=s).fit_((X, LABELS), batch_size=8, epochs=2) for s in (4, 4, 5))
    assert_same(copies(a), copies(b))
    assert a.history["loss"] == b.history["loss"]
    assert a.history["loss"] != c.history["loss"]


def test_photon_linear_regression():
    """2x - 3y + 4z - 5 is recovered to a decimal by 5 epochs of 50 minibatches of 8 with the default SGD."""
    x = np.random.default_rng(0).normal(size=(400, 3))
    workout = Workout(Dense(1), MSE(), SGD(0.1), seed=0)
    pp.fit_(workout, (x, x @ [[2.0], [-3.0], [4.0]] - 5.0), epochs=5, batch_size=8)
    assert workout.steps == 250
    np.testing.assert_allclose(workout.model.parameters.kernel.value[:, 0], [2, -3, 4], atol=0.05)
    np.testing.assert_allclose(workout.model.parameters.bias.value, [-5], atol=0.05)


def test_default_optimiser_is_sgd_with_a_hundredth():
    """Without `opt` a step moves the weights by 0.01 times the gradient."""
    workout = Workout(Sequential(Dense(5, relu), Dense(2)), "mse", seed=1)
    workout.predict(X)
    _, weights = numpy_loop(copies(workout), [(X, Y)], 0.01)
    workout.step_(X, Y)
    np.testing.assert_allclose(workout.network.parameters["1.kernel"].value, weights["1.kernel"], atol=1e-6)


def test_step_updates_once_and_returns_the_loss_before_it():
    """`step_` is one update: its loss is of the old weights, and counters and history move by one."""
    workout = regression()
    workout.predict(X)
    losses, weights = numpy_loop(copies(workout), [(X, Y)] * 2, 0.1)
    found = [workout.step_(X, Y), pp.step_(workout, X, Y)]
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    np.testing.assert_allclose(workout.network.parameters["0.kernel"].value, weights["0.kernel"], atol=1e-6)
    assert (workout.steps, workout.epochs) == (2, 0)
    assert workout.history["loss"] == {1: found[0], 2: found[1]}


def test_step_and_fit_share_their_counting():
    """Steps by hand and steps of `fit_` follow each other: four of them are the epoch of four minibatches."""
    by_hand, by_fit = regression(Adam(0.01)), regression(Adam(0.01))
    for b in BATCHES:
        by_hand.step_(X[b], Y[b])
    by_hand.fit_([(X[b], Y[b]) for b in BATCHES])
    by_fit.fit_([(X[b], Y[b]) for b in BATCHES], epochs=2)
    assert by_hand.steps == by_fit.steps == 6
    assert_same(copies(by_hand), copies(by_fit))


def test_optimiser_can_be_replaced():
    """Another `opt` on the workout is used from the next epoch on."""
    workout = regression().fit_((X, Y), shuffle=False)
    before = copies(workout)
    workout.opt = SGD(0.0)
    workout.fit_((X, Y), shuffle=False)
    assert_same(copies(workout), before)


def test_loss_and_metric_can_be_replaced():
    """Another loss or metric under the same name is measured, not the one that was planned before."""
    workout = Workout(Dense(2), MSE(), error=MSE(), seed=1)
    p = workout.predict(X)
    assert workout.evaluate((X, Y))["error"] == pytest.approx(np.mean((p - Y) ** 2), rel=1e-5)
    distance = pytest.approx(np.mean(np.abs(p - Y)), rel=1e-5)
    workout.metrics["error"] = MAE()
    assert workout.evaluate((X, Y))["error"] == distance
    workout.loss = MAE()
    assert workout.evaluate((X, Y)) == {"loss": distance, "error": distance}


def test_a_loss_is_not_taken_for_one_that_is_gone():
    """Each new loss is planned anew, also when Python gives it the memory of one that was dropped."""
    workout = Workout(lambda x: x * 2.0, MSE())
    for delta in (1.0, 2.0, 3.0, 4.0):
        workout.loss = None
        workout.loss = pp.PseudoHuberLoss(delta=delta)
        wanted = np.mean(delta**2 * (np.sqrt(1 + (2 * X / delta) ** 2) - 1))
        assert workout.evaluate((X, 0 * X))["loss"] == pytest.approx(wanted, rel=1e-5)


def test_several_inputs_and_outputs_under_a_loss_of_ones_own():
    """Two inputs and two outputs train with a loss that weighs them; the losses are those of the formula."""

    def model(a, b):
        h = first(a) + second(b)
        return head(h), h

    def loss(p, y):
        return MSE()(p[0], y[0]) + 0.5 * MAE()(p[1], y[1])

    first, second, head = Dense(3), Dense(3, tanh), Dense(1)
    workout = Workout(model, loss, Adam(0.05), seed=2)
    x = (X, X[:, :2] * 2)
    y = (Y[:, :1], RANDOM.normal(size=(22, 3)))
    p = workout.predict(x)
    assert [part.shape for part in p] == [(22, 1), (22, 3)]
    wanted = np.mean((p[0] - y[0]) ** 2) + 0.5 * np.mean(np.abs(p[1] - y[1]))
    workout.fit_((x, y), batch_size=None, epochs=30)
    assert workout.history("loss")[1][0] == pytest.approx(wanted, rel=1e-5)
    assert workout.history("loss")[1][-1] < 0.7 * wanted


def test_loss_by_class_by_name_and_by_function_is_the_same():
    """MSE, MSE(), "mse" and a lambda of the formula train alike."""
    losses = (MSE, MSE(), "mse", lambda p, y: ((p - y) ** 2).mean())
    found = [Workout(Dense(2), loss, SGD(0.1), seed=1).fit_((X, Y), epochs=2).history("loss")[1] for loss in losses]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-6)


# ---- measuring changes nothing -----------------------------------------------------------------------------------------

MEASURE = {
    "predict": lambda w: w.predict(X),
    "evaluate": lambda w: w.evaluate((X, LABELS), batch_size=8),
    "gradients": lambda w: w.gradients((X, LABELS)),
    "call": lambda w: w.model(X),
    "summary": lambda w: str(pp.summary(w)),
}


@pytest.mark.parametrize("verb", MEASURE)
def test_measuring_changes_nothing(verb):
    """Weights, running statistics, optimiser, random numbers, counters and history are as before."""
    workout = noisy().fit_((X, LABELS), batch_size=8)
    before = everything(workout)
    MEASURE[verb](workout)
    assert_same(everything(workout), before)


def test_validate_only_records():
    """`validate` writes val_ values at the current step and changes nothing else; twice it gives the same."""
    workout = noisy(metrics=[accuracy()]).fit_((X, LABELS), batch_size=8)
    weights, state, recorded, rows, steps, epochs = everything(workout)
    first, second = workout.validate((X[:9], LABELS[:9])), pp.validate(workout, (X[:9], LABELS[:9]))
    assert first == second
    assert first == {f"val_{name}": value for name, value in workout.evaluate((X[:9], LABELS[:9]), batch_size=None).items()}
    assert list(first) == ["val_loss", "val_accuracy"]
    recorded |= {name: {3: value} for name, value in first.items()}
    assert_same(everything(workout), (weights, state, recorded, rows, steps, epochs))


@pytest.mark.parametrize("verb", [*MEASURE, "validate"])
def test_measuring_in_a_callback_does_not_disturb_the_epoch(verb):
    """A callback may measure in the middle of an epoch: dropout stays on, and the training is what it would have been."""
    measure = MEASURE.get(verb, lambda w: w.validate((X, LABELS)))
    plain = noisy().fit_((X, LABELS), batch_size=4, epochs=2)
    watched = noisy().fit_((X, LABELS), batch_size=4, epochs=2, callbacks=lambda w, phase: measure(w))
    assert watched.history["loss"] == plain.history["loss"]
    assert_same(copies(watched), copies(plain))


def test_dropout_and_batch_norm_act_only_in_training():
    """Outside training Dropout(1) is the identity and BatchNorm uses its running statistics."""
    workout = Workout(Sequential(Dropout(1.0), Dense(2, initb=1.0)), MSE(), SGD(0.0), seed=1)
    kernel = lambda: workout.network.parameters["1.kernel"].value  # noqa: E731
    p = workout.predict(X)
    np.testing.assert_allclose(p, X @ kernel() + 1, atol=1e-5)
    workout.fit_((X, Y), (X, Y), batch_size=None)
    assert workout.history["loss"][1] == pytest.approx(np.mean((1 - Y) ** 2), rel=1e-5)
    assert workout.history["val_loss"][1] == pytest.approx(np.mean((p - Y) ** 2), rel=1e-5)


def test_validation_is_the_mean_over_samples():
    """val_loss and val_accuracy are means over the whole validation set, whatever its minibatches."""
    workout = noisy(metrics=[accuracy()])
    workout.fit_((X, LABELS), (X, LABELS), batch_size=5)
    scores = workout.predict(X).astype("float64")
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    loss, share = -logs[np.arange(22), LABELS].mean(), (scores.argmax(1) == LABELS).mean()
    assert workout.history["val_loss"][5] == pytest.approx(loss, rel=1e-5)
    assert workout.history["val_accuracy"][5] == pytest.approx(share, rel=1e-6)
    uneven = [(X[:1], LABELS[:1]), (X[1:4], LABELS[1:4]), (X[4:], LABELS[4:])]
    for data, options in (((X, LABELS), {"batch_size": 7}), ((X, LABELS), {"batch_size": None}), (uneven, {}), (iter(uneven), {})):
        assert pp.evaluate(workout, data, **options) == {"loss": pytest.approx(loss, rel=1e-5), "accuracy": pytest.approx(share, rel=1e-6)}


def test_predict_tells_a_sample_from_a_batch():
    """The number of axes tells one sample from a batch once the model is built; `makebatch` overrides."""
    workout = regression()
    assert workout.predict(X[0], makebatch=True).shape == (2,)
    batch = workout.predict(X)
    assert batch.shape == (22, 2)
    np.testing.assert_allclose(workout.predict(X[3]), batch[3], rtol=1e-6)
    assert workout.predict(X[3:4]).shape == (1, 2)
    np.testing.assert_allclose(workout.predict(X.reshape(22, 2, 2)[3], makebatch=True), batch[3], rtol=1e-6)
    with pytest.raises(pp.ShapeError, match=r"\(batch, 4\)"):
        workout.predict(X[0, :3], makebatch=True)


def test_predict_in_pieces_is_the_same():
    """`batch_size` of predict changes memory, not numbers; a tuple of outputs is joined member by member."""
    h = Dense(3, tanh)
    workout = Workout(lambda x: (h(x), x * 2.0), lambda p, y: MSE()(p[0], y), seed=1)
    whole, pieces = workout.predict(X), workout.predict(X, batch_size=5)
    assert isinstance(whole, tuple)
    for w, p in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(p, w, rtol=1e-6)
    np.testing.assert_array_equal(whole[1], X * 2)
    one = workout.predict(X[4])
    assert [part.shape for part in one] == [(3,), (4,)]
    np.testing.assert_allclose(one[0], whole[0][4], rtol=1e-6)


def test_predict_takes_a_workout_or_a_model():
    """The free function gives the same for the workout, for its model, and for calling the model."""
    workout = noisy().fit_((X, LABELS))
    wanted = workout.predict(X)
    for found in (pp.predict(workout, X), pp.predict(workout.model, X), workout.model(X), pp.predict(workout.model, X[0])):
        np.testing.assert_allclose(found, wanted if found.ndim == 2 else wanted[0], rtol=1e-6)


def test_free_functions_refuse_what_is_not_a_workout():
    """`fit_(model, data)` says that a Workout comes first, and how to make one."""
    data = (X, Y)
    verbs = {
        pp.fit_: data, pp.evaluate: data, pp.validate: data, pp.gradients: data, pp.history: "loss", pp.hasmetric: "loss",
        pp.getmetricvalue: "loss",
    }  # fmt: skip
    for verb, argument in verbs.items():
        with pytest.raises(pp.ArgumentError, match=rf"^{verb.__name__}: .*a Workout first.*Dense\(2\).*Workout\(model, loss, opt\)"):
            verb(Dense(2), argument)


def test_history_is_asked_by_name():
    """history, hasmetric and getmetricvalue find values by name and step, with or without Julia's colon."""
    workout = regression().fit_((X, Y), batch_size=8)
    steps, values = pp.history(workout, ":loss")
    assert (steps.tolist(), len(values)) == ([1, 2, 3], 3)
    assert pp.hasmetric(workout, "loss")
    assert pp.hasmetric(workout, ":loss")
    assert not pp.hasmetric(workout, "val_loss")
    assert pp.getmetricvalue(workout, "loss", 2) == values[1]
    assert pp.getmetricvalue(workout, "loss") == values[2]
    assert pp.getmetricvalue(workout, "loss", 99) is None
    assert pp.getmetricvalue(workout, "val_loss") is None
    with pytest.raises(pp.UnknownName, match=r"'los'.*'loss'"):
        pp.history(workout, "los")
    with pytest.raises(KeyError):
        regression().history["loss"]


# ---- gradients -------------------------------------------------------------------------------------------------------


def test_gradients_are_central_differences():
    """In float64 every gradient is the central difference of the loss, to seven digits."""
    pp.set_context(dtype="float64")
    try:
        workout = Workout(Sequential(Dense(3, tanh), Dense(3)), CrossEntropyLoss(use_softmax=True), seed=3)
        x, y = X[:6].astype("float64"), LABELS[:6]
        workout.predict(x)
        found = pp.gradients(workout, (x, y))
        assert sorted(p.path for p, _ in found) == ["0.bias", "0.kernel", "1.bias", "1.kernel"]
        for parameter, gradient in found:
            assert gradient.shape == parameter.shape
            for place in np.ndindex(parameter.shape):
                kept = parameter.value[place]
                losses = []
                for shift in (1e-6, -1e-6):
                    parameter.value[place] = kept + shift
                    losses.append(workout.evaluate((x, y))["loss"])
                parameter.value[place] = kept
                assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-6, abs=1e-8)
    finally:
        pp.reset_context()


def test_gradients_are_those_of_a_step():
    """One SGD step with rate 1 moves each parameter by exactly its gradient."""
    workout = regression(SGD(1.0))
    found = {p.path: (p.value.copy(), g.copy()) for p, g in workout.gradients((X, Y))}
    workout.step_(X, Y)
    for path, (value, gradient) in found.items():
        np.testing.assert_allclose(workout.network.parameters[path].value, value - gradient, rtol=1e-5, atol=1e-6)
    assert len(found) == 4


# ---- backends --------------------------------------------------------------------------------------------------------


def test_same_seed_same_weights_on_every_backend():
    """NumPy and torch draw the same weights from the same seed and predict the same."""
    on_numpy, on_torch, other = (noisy(seed=s, backend=b) for s, b in ((6, "numpy"), (6, "torch"), (7, "torch")))
    p = [w.predict(X) for w in (on_numpy, on_torch, other)]
    assert_same(copies(on_numpy), copies(on_torch))
    np.testing.assert_allclose(p[0], p[1], rtol=1e-4, atol=1e-6)
    assert np.abs(p[1] - p[2]).max() > 1e-3


def test_numpy_backend_measures_and_refuses_to_train():
    """The reference backend evaluates; training it says which backend can, and leaves the workout as it was."""
    workout = regression(backend="numpy")
    values = workout.evaluate((X, Y))
    assert values["loss"] == pytest.approx(np.mean((workout.predict(X) - Y) ** 2), rel=1e-5)
    before = everything(workout)
    for train in (lambda: workout.fit_((X, Y)), lambda: workout.step_(X, Y), lambda: workout.gradients((X, Y))):
        with pytest.raises(pp.Unsupported, match=r"backend numpy.*torch"):
            train()
    assert_same(everything(workout), before)


# ---- metrics ---------------------------------------------------------------------------------------------------------


def scaled_distance(p, y):
    """A metric of one's own."""
    return (p - y).abs().mean() * 2.0


def test_metric_forms_and_their_names():
    """A list of metrics is named by the metrics, keywords by themselves; names, classes, losses and functions are metrics."""
    workout = Workout(Dense(2), MSE(), metrics=["mae", MSE, MAE(), scaled_distance, pp.PseudoHuberLoss()], far=MAE())
    values = workout.evaluate((X, Y))
    assert list(values) == ["loss", "mae", "mse", "mae_2", "scaled_distance", "pseudo_huber_loss", "far"]
    p = workout.predict(X)
    distance = np.mean(np.abs(p - Y))
    wanted = {"mae": distance, "mse": np.mean((p - Y) ** 2), "mae_2": distance, "scaled_distance": 2 * distance, "far": distance}
    for name, value in wanted.items():
        assert values[name] == pytest.approx(value, rel=1e-5)


def test_metrics_that_share_a_name_are_all_kept():
    """Two accuracies, one of them by keyword, get names of their own and their own values."""
    workout = Workout(Dense(1), MSE(), metrics=[accuracy(), pp.Accuracy(threshold=-100.0)], accuracy=pp.Accuracy(threshold=100.0))
    values = workout.evaluate((X, np.ones((22, 1))))
    assert list(values) == ["loss", "accuracy", "accuracy_2", "accuracy_3"]
    assert (values["accuracy_2"], values["accuracy_3"]) == (1.0, 0.0)


@pytest.mark.parametrize("name", ["loss", "val_loss", "val_accuracy"])
def test_metric_names_that_are_kept_for_the_loss(name):
    """A metric may not take the name of the loss or of a validation value."""

    def metric(p, y):
        return MSE()(p, y)

    metric.__name__ = name
    with pytest.raises(pp.ArgumentError, match=f"'{name}'"):
        Workout(Dense(1), MSE(), metrics=[metric])


def test_metric_that_cannot_be_traced():
    """A metric of torch functions is called with the backend's own tensors and gives its value."""

    def largest(p, y):
        return float((p - y).detach().numpy().max())

    workout = Workout(Dense(2), MSE(), SGD(0.1), metrics=[largest], seed=1)
    p = workout.predict(X)
    assert workout.evaluate((X, Y), batch_size=None)["largest"] == pytest.approx(np.max(p - Y), rel=1e-5)
    workout.fit_((X, Y), batch_size=None)
    assert workout.history["largest"][1] == pytest.approx(np.max(p - Y), rel=1e-5)


def test_loss_that_cannot_be_traced_trains():
    """A loss of torch functions gives the same training as the library's."""

    def torch_loss(p, y):
        return p.sub(y).square().mean()

    own, stock = (Workout(Dense(2), loss, SGD(0.1), seed=1).fit_((X, Y), epochs=2) for loss in (torch_loss, MSE()))
    np.testing.assert_allclose(own.history("loss")[1], stock.history("loss")[1], rtol=1e-6)


# ---- callbacks -------------------------------------------------------------------------------------------------------


def test_callbacks_are_called_in_order_with_their_phases():
    """Each of a list of callbacks is called, in order: "train" after every step, then "valid" once per epoch."""
    calls = []

    def first(workout, phase):
        calls.append(("first", phase, workout.steps, workout.epochs, workout.history.last("loss", workout.steps)))

    def second(workout, phase):
        calls.append(("second", phase, workout.steps, workout.epochs, workout.history.last("loss", workout.steps)))

    workout = regression().fit_((X, Y), batch_size=8, epochs=2, callbacks=[first, second])
    losses = workout.history["loss"]
    wanted = []
    for epoch in (0, 1):
        events = [("train", step, epoch) for step in range(3 * epoch + 1, 3 * epoch + 4)] + [("valid", 3 * epoch + 3, epoch + 1)]
        wanted += [(name, *event, losses[event[1]]) for event in events for name in ("first", "second")]
    assert calls == wanted
    assert workout.history.epochs[-1]["steps"] == 6


def test_valid_phase_sees_the_validation_of_its_epoch():
    """In the phase "valid" val_loss of this epoch is recorded; it comes without validation data, too."""
    seen = []

    def callback(workout, phase):
        if phase == "valid":
            seen.append((workout.history.last("val_loss", workout.steps), len(workout.history.epochs)))

    workout = regression().fit_((X, Y), (X, Y), batch_size=8, epochs=2, callbacks=callback)
    workout.fit_((X, Y), batch_size=8, callbacks=callback)
    assert seen == [(workout.history["val_loss"][3], 1), (workout.history["val_loss"][6], 2), (None, 3)]


def test_training_is_the_same_with_callbacks():
    """A callback that only looks changes no number."""
    plain = noisy().fit_((X, LABELS), batch_size=8, epochs=2)
    watched = noisy().fit_((X, LABELS), batch_size=8, epochs=2, callbacks=[lambda w, phase: None])
    assert_same(copies(watched), copies(plain))
    assert watched.history["loss"] == plain.history["loss"]


def test_stop_in_a_step_ends_cleanly():
    """stop() after step 4 keeps four steps, their history and their updates; training can go on."""

    def callback(workout, phase):
        if workout.steps == 4:
            pp.stop(workout, "enough")

    batches = [(X[b], Y[b]) for b in BATCHES]
    stopped, plain = regression(Adam(0.01)), regression(Adam(0.01))
    assert stopped.fit_(batches, epochs=5, callbacks=callback) is stopped
    plain.fit_(batches).fit_(batches[:1])
    assert (stopped.steps, stopped.epochs) == (4, 1)
    assert_same(copies(stopped), copies(plain))
    assert list(stopped.history["loss"]) == [1, 2, 3, 4]
    stopped.fit_(batches)
    plain.fit_(batches)
    assert (stopped.steps, stopped.epochs) == (7, 2)
    assert_same(copies(stopped), copies(plain))


def test_stop_at_the_end_of_an_epoch_ends_cleanly():
    """stop() in the phase "valid" keeps the whole epoch and begins no other; callbacks after it see that epoch, too."""
    later = []
    callbacks = [lambda w, phase: pp.stop(w) if phase == "valid" else None, lambda w, phase: later.append(phase)]
    workout = regression().fit_((X, Y), (X, Y), batch_size=8, epochs=5, callbacks=callbacks)
    assert (workout.steps, workout.epochs, len(workout.history.epochs)) == (3, 1, 1)
    assert later == ["train"] * 3 + ["valid"]


def test_stop_outside_training_comes_out():
    """Where nothing is being trained, stop() is an exception with its reason."""
    with pytest.raises(Exception, match="enough") as caught:
        pp.stop(regression(), "enough")
    assert type(caught.value).__name__ == "StopTraining"


class OwnError(Exception):
    """What user code raises below."""


def raising(when):
    """A callback or convertor that raises at its `when`-th call."""
    calls = []

    def function(first, *rest):
        calls.append(first)
        if len(calls) == when:
            raise OwnError(f"call {when}")
        return first

    return function


def distance_raising(when):
    """A loss or metric in torch's own words that raises at its `when`-th call with numbers."""
    calls = []

    def distance(p, y):
        value = p.sub(y).square().mean()
        calls.append(value)
        if len(calls) == when:
            raise OwnError(f"call {when}")
        return value

    return distance


def failing_data():
    """A generator that fails after two minibatches."""
    yield X[:8], Y[:8]
    yield X[8:16], Y[8:16]
    raise OwnError("call 3")


FAILURES = {
    "callback in a step": lambda w: w.fit_((X, Y), batch_size=8, callbacks=raising(2)),
    "callback at the end": lambda w: w.fit_((X, Y), batch_size=8, callbacks=[lambda *_: None, raising(4)]),
    "convertor": lambda w: w.fit_((X, Y), batch_size=8, convertor=raising(2)),
    "data": lambda w: w.fit_(failing_data()),
    "data of a function": lambda w: w.fit_(failing_data),
    "validation data": lambda w: w.fit_((X, Y), failing_data, batch_size=8),
}


@pytest.mark.parametrize("where", FAILURES)
def test_error_of_the_user_comes_out_as_itself_and_undoes_the_epoch(where):
    """An exception in user code is not wrapped; the running epoch is undone and training goes on as if it had not been."""
    workout, control = regression(Adam(0.01)), regression(Adam(0.01))
    for w in (workout, control):
        w.fit_((X, Y), batch_size=8)
    before = everything(workout)
    with pytest.raises(OwnError, match="call"):
        FAILURES[where](workout)
    assert_same(everything(workout), before)
    for w in (workout, control):
        w.fit_((X, Y), batch_size=8)
    assert_same(copies(workout), copies(control))


@pytest.mark.parametrize("where", FAILURES)
def test_error_in_the_first_epoch_of_all_leaves_a_fresh_workout(where):
    """Also a model that the failed epoch built is back at its drawn weights."""
    workout, control = regression(Adam(0.01)), regression(Adam(0.01))
    with pytest.raises(OwnError, match="call"):
        FAILURES[where](workout)
    assert (workout.steps, workout.epochs, len(workout.history), workout.history.epochs) == (0, 0, 0, [])
    for w in (workout, control):
        w.fit_((X, Y), batch_size=8)
    assert_same(copies(workout), copies(control))
    assert workout.history["loss"] == control.history["loss"]


@pytest.mark.parametrize("where", FAILURES)
def test_error_in_the_first_epoch_keeps_weights_that_came_from_elsewhere(where):
    """A model that was set, loaded or trained before keeps its weights when the first epoch of a new workout fails."""
    workout, control = regression(Adam(0.01)), regression(Adam(0.01))
    for w in (workout, control):
        w.model(X)
        pp.weights_(w.model, [np.full(p.shape, 0.25) for p in pp.weights(w.model)])
    with pytest.raises(OwnError, match="call"):
        FAILURES[where](workout)
    for found in pp.weights(workout.model):
        np.testing.assert_array_equal(found, np.full(found.shape, 0.25, "float32"))
    for w in (workout, control):
        w.fit_((X, Y), batch_size=8)
    assert_same(copies(workout), copies(control))


def test_error_in_the_first_epoch_keeps_the_weights_of_a_functions_layers():
    """The same holds for layers that a plain function calls, where the model cannot be asked for its members."""
    layer = Dense(2)
    layer(X)
    layer.parameters.kernel.set_(np.full((4, 2), 0.25))
    workout = Workout(lambda x: layer(x), MSE(), Adam(0.01))
    with pytest.raises(OwnError):
        workout.fit_((X, Y), batch_size=8, callbacks=raising(2))
    np.testing.assert_array_equal(layer.parameters.kernel.value, np.full((4, 2), 0.25, "float32"))


def test_error_in_the_second_epoch_keeps_the_first():
    """Only the running epoch is undone; those before it stay."""
    workout, control = regression(Adam(0.01)), regression(Adam(0.01))
    with pytest.raises(OwnError):
        workout.fit_((X, Y), batch_size=8, epochs=3, callbacks=raising(6))
    control.fit_((X, Y), batch_size=8)
    assert (workout.steps, workout.epochs) == (3, 1)
    assert_same(copies(workout), copies(control))
    assert workout.history["loss"] == control.history["loss"]


@pytest.mark.parametrize("role", ["loss", "metric"])
def test_error_in_a_loss_or_metric_comes_out_as_itself(role):
    """A loss or metric that fails at the third minibatch undoes the epoch and shows its own exception."""
    bad = distance_raising(3)
    model = Sequential(Dense(5, relu), Dense(2))
    workout = Workout(model, bad, Adam(0.01), seed=1) if role == "loss" else Workout(model, MSE(), Adam(0.01), seed=1, metrics=[bad])
    workout.predict(X)
    before = copies(workout)
    with pytest.raises(OwnError, match="call 3"):
        workout.fit_((X, Y), batch_size=8)
    assert_same(copies(workout), before)
    assert (workout.steps, workout.epochs, len(workout.history)) == (0, 0, 0)


def test_undoing_an_epoch_covers_batch_norm_and_dropout():
    """Running statistics and the random numbers of dropout are put back with the weights."""
    workout, control = noisy(), noisy()
    for w in (workout, control):
        w.fit_((X, LABELS), batch_size=8)
    with pytest.raises(OwnError):
        workout.fit_((X, LABELS), batch_size=8, callbacks=raising(3))
    for w in (workout, control):
        w.fit_((X, LABELS), batch_size=8)
    assert_same(copies(workout), copies(control))


# ---- NaN ---------------------------------------------------------------------------------------------------------------


def test_on_nan_ignore_goes_on():
    """With on_nan="ignore" a loss that is not finite is recorded and training goes through all steps."""
    bad = X.copy()
    bad[9] = np.nan
    workout = regression()
    with pytest.raises(NonFiniteLoss, match="step 2"):
        workout.fit_((bad, Y), batch_size=8, shuffle=False)
    workout.fit_((bad, Y), batch_size=8, shuffle=False, on_nan="ignore")
    assert workout.steps == 3
    assert np.isfinite(workout.history("loss")[1]).tolist() == [True, False, False]


# ---- what people see -----------------------------------------------------------------------------------------------------


def test_repr_shows_what_and_how_far():
    """repr gives model, loss, optimiser, counters and backend."""
    workout = regression(backend="numpy")
    text = repr(workout)
    assert text == "Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), SGD(lr=0.1); 0 steps, 0 epochs, on numpy)"
    trained = repr(regression().fit_((X, Y), batch_size=8))
    assert "3 steps, 1 epochs" in trained
    assert repr(workout.history) == "History(0 epochs; )"


def test_progress_bar_shows_loss_metrics_and_rate(capsys):
    """verbose=True shows a bar per epoch with loss, metric and rate; nothing is printed unless asked without a terminal."""
    workout = noisy(metrics=[accuracy()])
    workout.fit_((X, LABELS), batch_size=8)
    assert capsys.readouterr() == ("", "")
    workout.fit_((X, LABELS), (X, LABELS), batch_size=8, epochs=2, verbose=True)
    out, shown = capsys.readouterr()
    assert out == ""
    for word in ("epoch 1/2", "epoch 2/2", "3/3", "loss=", "accuracy=", "val_loss=", "batch/s"):
        assert word in shown
    final = f"val_loss={workout.history.epochs[-1]['val_loss']:.4g}"
    assert final in shown


def test_progress_bar_without_a_known_length(capsys):
    """Minibatches of a generator are counted up; the second epoch knows how many there are."""
    regression().fit_(((X[b], Y[b]) for b in BATCHES), epochs=2, verbose=True)
    shown = capsys.readouterr().err
    assert "3batch" in shown
    assert "3/3" in shown


def test_progress_bar_is_for_people(monkeypatch):
    """Unless asked, the bar is shown on a terminal only, and not in CI."""
    primary, secondary = os.openpty()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert not wanted(None)
    with os.fdopen(secondary, "w") as terminal, os.fdopen(primary):
        monkeypatch.setattr(sys, "stderr", terminal)
        assert wanted(None)
        assert not wanted(False)
        monkeypatch.setenv("CI", "true")
        assert not wanted(None)
        assert wanted(True)


def test_verbose_changes_no_number():
    """The bar only looks."""
    quiet, shown = noisy().fit_((X, LABELS), batch_size=8), noisy().fit_((X, LABELS), batch_size=8, verbose=True)
    assert_same(copies(quiet), copies(shown))
    assert quiet.history["loss"] == shown.history["loss"]
