"""`from_photon` on files that real Photon.jl 0.9 saved: its predictions, losses, and the steps of training that follow."""

import copy
import pickle

import numpy as np
import pytest
from photon_numbers import cases, file

from pyphoton import (
    GRU,
    LSTM,
    MSE,
    RNN,
    Accuracy,
    Adam,
    AvgPool,
    BinaryAccuracy,
    CrossEntropyLoss,
    FocalLoss,
    LNLoss,
    MaxPool,
    NonFiniteLoss,
    OneHotBinaryAccuracy,
    Unsupported,
    from_photon,
    load_workout,
    save_workout,
    seed_,
)  # fmt: skip
from pyphoton.pickled import session_state, workout_of, workout_state

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
RECURRENT = ("lstm", "rnn", "gru")
OTHERWISE = (*RECURRENT, "softmax")
EXACT = sorted(set(cases()) - set(OTHERWISE))
TRAINED = [name for name in EXACT if "losses" in cases()[name]]
LATER = {"batch_norm": "PyPhoton's running variance is unbiased, Knet's is not"}


def test_the_files_are_those_of_the_numbers():
    """Every kind of thing that the tests below look at is there."""
    assert len(EXACT) >= 25
    assert len(TRAINED) >= 20
    assert all(file(name).is_file() for name in cases())


@pytest.mark.parametrize("name", EXACT)
def test_predictions_are_photons(name):
    """A batch gives what Photon gave, in the file's own type of numbers; the counters are those of Photon."""
    case = cases()[name]
    workout = from_photon(file(name))
    found = workout.predict(case["x"])
    np.testing.assert_allclose(found, case["prediction"], **CLOSE)
    assert (workout.steps, workout.epochs) == (case["steps"], case["epochs"])
    assert found.dtype == ("float64" if name in ("float64", "binary") else "float32")


@pytest.mark.parametrize("name", EXACT)
def test_the_loss_is_photons(name):
    """The loss of a batch before any training here."""
    case = cases()[name]
    np.testing.assert_allclose(from_photon(file(name)).evaluate((case["x"], case["y"]))["loss"], case["loss"], **CLOSE)


@pytest.mark.parametrize("name", TRAINED)
def test_training_goes_on_where_photon_was(name):
    """Three steps more have the losses that Photon had, and end where Photon ended: the optimiser's state came along."""
    case = cases()[name]
    workout = from_photon(file(name))
    found = [workout.step_(case["x"], case["y"]) for _ in range(3)]
    np.testing.assert_allclose(found, case["losses"], **CLOSE)
    if name not in LATER:
        np.testing.assert_allclose(workout.predict(case["x"]), case["after"], rtol=1e-4, atol=2e-5)
    assert workout.steps == case["steps"] + 3


@pytest.mark.parametrize("name", ["adam", "containers"])
def test_the_state_is_needed(name):
    """With an optimiser that begins anew the losses of the third step are others: what the test above sees is the state."""
    case = cases()[name]
    workout = from_photon(file(name), opt=from_photon(file(name)).opt)
    found = [workout.step_(case["x"], case["y"]) for _ in range(3)]
    assert abs(found[2] - case["losses"][2]) > 1e-4


@pytest.mark.parametrize("name", ["adam", "binary"])
def test_history_comes_along(name):
    """Losses by step, and those of the validation at the ends of the epochs."""
    case = cases()[name]
    workout = from_photon(file(name))
    np.testing.assert_allclose(workout.history("loss")[1], case["history"], rtol=1e-6)
    assert workout.history("loss")[0].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(workout.history("val_loss")[1], case["validation"], rtol=1e-6)
    assert workout.history("val_loss")[0].tolist() == [3, 6]
    assert ("acc" in workout.history) == (name == "binary")
    workout.fit_((case["x"], case["y"]), epochs=1, verbose=False)
    assert (workout.steps, workout.epochs) == (7, 3)
    assert 7 in workout.history["loss"]


def test_the_parts_are_those_of_the_file():
    """Arguments of layers, losses, metrics and optimisers; frozen parameters; names that a user gave."""
    clipped = from_photon(file("sgd_clipped"))
    assert repr(clipped.model) == "Sequential(Dense(5, elu, name='first'), Dense(3, use_bias=False))"
    assert repr(clipped.opt) == "SGD(lr=0.2, gclip=0.1)"
    assert [n for n, p in clipped.model.parameters.items() if p.frozen] == ["first.kernel"]
    before = clipped.model.parameters["first.kernel"].value.copy()
    clipped.step_(cases()["sgd_clipped"]["x"], cases()["sgd_clipped"]["y"])
    np.testing.assert_array_equal(clipped.model.parameters["first.kernel"].value, before)
    assert repr(from_photon(file("conv")).model) == "Sequential(Conv2D(3, (2, 3), relu, padding=(0, 1), strides=(1, 2)), Dense(3))"
    assert repr(from_photon(file("rmsprop")).loss) == repr(LNLoss(3))
    assert repr(from_photon(file("focal")).loss) == repr(FocalLoss(3, 1.0))
    assert repr(from_photon(file("classes")).loss) == repr(CrossEntropyLoss(2))
    binary = from_photon(file("binary"))
    assert isinstance(binary.metrics["acc"], BinaryAccuracy)
    assert binary.metrics["acc"].threshold == 0.4
    assert list(binary.metrics) == ["acc", "mae"]
    assert isinstance(from_photon(file("nll")).metrics["acc"], Accuracy)


def test_pools_are_read_by_what_they_compute():
    """Photon's MaxPool takes means and its AvgPool the largest number: it calls Knet's pooling with the modes exchanged."""
    means, largest = from_photon(file("max_pool")).model.layers[0], from_photon(file("avg_pool")).model.layers[0]
    assert isinstance(means, AvgPool)
    assert isinstance(largest, MaxPool)
    assert (means.pool_size, means.strides, means.padding) == (3, 2, 1)
    assert (largest.pool_size, largest.strides, largest.padding) == ((2, 3), (1, 2), (0, 1))


def test_a_layer_that_stands_twice_is_one_layer():
    """What shares its parameters in Julia shares them here."""
    first, second, _ = from_photon(file("shared")).model.layers
    assert first is second


@pytest.mark.parametrize("name", OTHERWISE)
def test_layers_that_mix_samples_are_refused(name):
    """Softmax over the minibatch, and recurrence from sample to sample: the error says so, and how to read them otherwise."""
    with pytest.raises(Unsupported, match=r"workout.model.layers\[\d\] \w+: .*per_sample=True"):
        from_photon(file(name))


def test_softmax_of_one_sample_is_photons():
    """For one sample at a time, as Photon's predict has it, both agree; for a batch only per sample do numbers sum to 1."""
    case = cases()["softmax"]
    workout = from_photon(file("softmax"), per_sample=True)
    found = workout.predict(case["x"])
    np.testing.assert_allclose(found, case["one by one"], **CLOSE)
    assert abs(float(np.sum(case["prediction"])) - 1) < 1e-5


@pytest.mark.parametrize(("name", "cls"), [("lstm", LSTM), ("rnn", RNN), ("gru", GRU)])
def test_recurrent_layers_by_steps(name, cls):
    """With per_sample=True the weights are in a layer that goes from step to step: Knet's own numbers, its axes in Knet's order."""
    case = cases()[name]
    workout = from_photon(file(name), per_sample=True)
    np.testing.assert_allclose(workout.predict(case["x"]), case["by steps"], **CLOSE)
    assert type(workout.model.layers[0]) is cls
    assert np.abs(case["by steps"] - case["prediction"]).max() > 1e-2


@pytest.mark.parametrize(("name", "cls"), [("lstm", LSTM), ("rnn", RNN)])
def test_photon_goes_from_sample_to_sample(name, cls):
    """What is refused is what is said: with steps and samples exchanged the layer gives what Photon's layer gave."""
    case = cases()[name]
    layer = from_photon(file(name), per_sample=True).model.layers[0]
    options = {} if cls is LSTM else {"activation": layer.activation}
    longer = cls(layer.hidden, layer.num_layers, last_only=False, **options)
    exchanged = np.ascontiguousarray(np.swapaxes(case["x"], 0, 1))
    longer(exchanged)
    for key, parameter in layer.parameters.items():
        longer.parameters[key].set_(parameter.value)
    found = np.swapaxes(longer(exchanged), 0, 1)
    np.testing.assert_allclose(found[:, -1] if layer.last_only else found, case["first"], **CLOSE)


def test_recurrent_layers_can_be_trained_on():
    """The optimiser begins anew there; its kind and rate are the file's."""
    case = cases()["lstm"]
    workout = from_photon(file("lstm"), per_sample=True)
    assert repr(workout.opt) == repr(Adam(0.001))
    first = workout.step_(case["x"], case["y"])
    assert workout.step_(case["x"], case["y"]) < first


def test_a_copy_and_a_saved_file_go_on_as_well(tmp_path):
    """What the optimiser goes on from outlives pickling, and save_workout, before any step was taken here."""
    case = cases()["conv"]
    workout = from_photon(file("conv"))
    pickled = workout_of(pickle.loads(pickle.dumps(workout_state(workout, session_state(workout)))))
    workout.predict(case["x"])
    for other in (pickled, load_workout(save_workout(workout, tmp_path / "conv.pp"))):
        found = [other.step_(case["x"], case["y"]) for _ in range(3)]
        np.testing.assert_allclose(found, case["losses"], **CLOSE)


def test_another_optimiser_begins_anew():
    """`workout.opt = ...` before the first step leaves the file's state behind."""
    case = cases()["adam"]
    seed_(1)
    workout, other = from_photon(file("adam")), from_photon(file("adam"), opt=Adam(0.5))
    workout.opt = Adam(0.5)
    for made in (workout, other):
        made.step_(case["x"], case["y"])
    np.testing.assert_array_equal(workout.predict(case["x"]), other.predict(case["x"]))


def test_a_step_that_fails_leaves_the_state():
    """After a first step whose loss is not finite, training goes on from the file as if nothing had been."""
    case = cases()["adam"]
    workout = from_photon(file("adam"))
    with pytest.raises(NonFiniteLoss):
        workout.step_(case["x"] * np.nan, case["y"])
    found = [workout.step_(case["x"], case["y"]) for _ in range(3)]
    np.testing.assert_allclose(found, case["losses"], **CLOSE)


def test_models_are_layers_like_all_others():
    """The model can be copied, and called by itself, with numbers of the file's type."""
    for name, made in (("adam", copy.deepcopy), ("float64", lambda model: model)):
        case = cases()[name]
        found = made(from_photon(file(name)).model)(case["x"])
        np.testing.assert_allclose(found, case["prediction"], **CLOSE)
        assert found.dtype == case["x"].dtype


def test_parts_of_the_users_own_are_given():
    """loss= and metrics= take the places of functions that the file only names; other metrics of the file stay."""
    workout = from_photon(file("own_metric"), metrics={"good": MSE()}, loss=MSE())
    assert set(workout.metrics) == {"good", "acc"}
    assert isinstance(workout.metrics["acc"], OneHotBinaryAccuracy)
    given = MSE()
    assert from_photon(file("own_loss"), loss=given).loss is given
    assert from_photon(file("softmax_loss"), loss=CrossEntropyLoss(use_softmax=True)).loss.use_softmax
