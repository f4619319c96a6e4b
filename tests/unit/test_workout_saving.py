"""A saved workout goes on as if it had never ended: weights, optimiser, counters, history, seeds and random numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import pyphoton as pp
from pyphoton import (
    LSTM,
    MSE,
    Adam,
    BatchNorm,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Embedding,
    MaxPool,
    Sequential,
    Workout,
    accuracy,
    load_workout,
    relu,
    save_workout,
)

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(40, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, 40)
ROOT = Path(pp.__file__).parents[1]


def classifier(opt=None, seed=5):
    """A workout with everything that has a state of its own."""
    model = Sequential(Dense(6, relu), BatchNorm(), Dropout(0.3), Dense(3))
    return Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.01) if opt is None else opt, metrics=[accuracy()], seed=seed)


def trained(workout, epochs, x=X, y=LABELS):
    """After some epochs, shuffled, the last minibatch smaller, with validation."""
    return workout.fit_((x, y), (x[:9], y[:9]), epochs=epochs, batch_size=7)


def same(a, b):
    """Assert that two workouts are equal to the last bit, but for how long their epochs took."""
    assert list(a.network.parameters) == list(b.network.parameters)
    for path, parameter in a.network.parameters.items():
        np.testing.assert_array_equal(parameter.value, b.network.parameters[path].value, err_msg=path)
    assert (a.steps, a.epochs, a.network.seed, repr(a.opt)) == (b.steps, b.epochs, b.network.seed, repr(b.opt))
    assert list(a.history) == list(b.history)
    for name in a.history:
        assert list(a.history[name]) == list(b.history[name])
        np.testing.assert_array_equal(list(a.history[name].values()), list(b.history[name].values()))
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in w.history.epochs] for w in (a, b)]
    assert rows[0] == rows[1]
    assert [{k: type(v) for k, v in row.items()} for row in a.history.epochs] == [{k: type(v) for k, v in row.items()} for row in b.history.epochs]


OPTIMISERS = [
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "adamax",
    Adam(0.01, schedule=pp.WarmUp(4, pp.CosineDecay(20, per="step")), accumulate=2, clip_norm=0.5, weight_decay=0.1),
    pp.SGD(0.1, schedule=pp.ReduceOnPlateau(0.5, patience=0), clip_value=0.01),
]  # fmt: skip


@pytest.mark.parametrize("opt", OPTIMISERS, ids=str)
def test_a_loaded_workout_goes_on_as_if_it_had_never_ended(opt, tmp_path):
    """Three epochs, saved, loaded, three more: equal to six, with Dropout, BatchNorm and shuffling, for every optimiser and its slots."""
    whole = trained(classifier(opt), 6)
    path = save_workout(trained(classifier(opt), 3), tmp_path / "w.pp")
    back = load_workout(path)
    assert (back.steps, back.epochs) == (18, 3)
    same(trained(back, 3), whole)


MODELS = {
    "images": (lambda: Sequential(Conv2D(2, 3, relu), BatchNorm(), MaxPool(), Dense(3)), RANDOM.normal(size=(20, 1, 6, 6)), LABELS[:20]),
    "words": (lambda: Sequential(Embedding(9, 3), LSTM(4, num_layers=2, dropout=0.2), Dense(3)), RANDOM.integers(0, 9, (20, 5)), LABELS[:20]),
}


@pytest.mark.parametrize("name", MODELS)
def test_other_models_go_on_too(name, tmp_path):
    """Images with running averages; words with dropout between the layers of an LSTM."""
    make, x, y = MODELS[name]
    workouts = [Workout(make(), CrossEntropyLoss(use_softmax=True), "adam", seed=1) for _ in range(2)]
    whole = trained(workouts[0], 4, x, y)
    back = load_workout(save_workout(trained(workouts[1], 2, x, y), tmp_path / "w"))
    same(trained(back, 2, x, y), whole)


RESUME = """
import sys
import numpy as np
import pyphoton as pp
data = np.load("data.npz")
name, epochs, after = sys.argv[1:]
workout = pp.load_workout(name)
workout.fit_((data["x"], data["y"]), (data["x"][:9], data["y"][:9]), epochs=int(epochs), batch_size=7)
pp.save_workout(workout, after)
"""


def test_a_new_process_goes_on(tmp_path):
    """Six epochs in one process; and three in a second, saved, and three in a third: no difference at all.

    Each in a process of its own: what other tests have loaded into this one may change the last bit of a sum.
    """
    save_workout(trained(classifier(Adam(0.01, schedule=pp.CosineDecay(7))), 1), tmp_path / "w.pp")
    np.savez(tmp_path / "data.npz", x=X, y=LABELS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name, epochs, after in (("w.pp", 6, "whole.pp"), ("w.pp", 3, "half.pp"), ("half.pp", 3, "after.pp")):
        subprocess.run([sys.executable, "-c", RESUME, name, str(epochs), after], cwd=tmp_path, env=environment, check=True, timeout=250)
    assert load_workout(tmp_path / "after.pp").epochs == 7
    same(load_workout(tmp_path / "after.pp"), load_workout(tmp_path / "whole.pp"))


def test_saving_changes_nothing(tmp_path):
    """A run that saves in its callbacks, in the middle of epochs too, gives what one that does not save gives."""
    whole = trained(classifier(), 2)
    watched = classifier()
    watched.fit_((X, LABELS), (X[:9], LABELS[:9]), epochs=2, batch_size=7, callbacks=lambda w, phase: save_workout(w, tmp_path / phase))
    same(watched, whole)
    same(load_workout(tmp_path / "valid"), whole)
    middle = load_workout(tmp_path / "train")
    assert (middle.steps, middle.epochs) == (12, 1)


def test_history_comes_back_exactly(tmp_path):
    """Steps, float64 values, NaN and infinities, names with slashes; 100 000 steps are arrays and not text."""
    workout = trained(classifier(), 1)
    workout.history.record_many(1, ("long", "a/b"), np.column_stack([np.random.default_rng(0).random(100_000), np.full(100_000, np.nan)]))
    workout.history.record(7, {"odd": float("-inf"), "tiny": 5e-324})
    path = save_workout(workout, tmp_path / "w")
    back = load_workout(path)
    for name in workout.history:
        np.testing.assert_array_equal(back.history(name), workout.history(name))
    assert back.history.epochs == workout.history.epochs
    assert back.history["odd"] == {7: float("-inf")}
    with safe_open(str(path), framework="numpy") as file:
        assert len(file.metadata()["pyphoton"]) < 50_000
        assert file.get_tensor("history/steps/long/values").dtype == "float64"


def test_frozen_parameters_stay_frozen(tmp_path):
    """What was frozen is frozen after loading, the rest is not, and unfreezing works."""
    workout = classifier()
    trained(workout, 1)
    workout.freeze_(workout.model[0])
    back = load_workout(save_workout(workout, tmp_path / "w"))
    before = back.model[0].parameters.kernel.value.copy()
    trained(back, 1)
    np.testing.assert_array_equal(back.model[0].parameters.kernel.value, before)
    assert [p.frozen for p in back.model[3].parameters.values()] == [False, False]
    back.unfreeze_()
    trained(back, 1)
    assert (back.model[0].parameters.kernel.value != before).any()


def test_float64_and_the_stream_of_seeds(tmp_path):
    """The dtype is the file's; loading takes no number of the stream of seeds, so that what is built next does not change."""
    pp.set_context(dtype="float64")
    whole = trained(classifier("adam"), 2)
    path = save_workout(trained(classifier("adam"), 1), tmp_path / "w")
    pp.reset_context()
    seed = pp.get_context().seed
    back = load_workout(path)
    assert pp.get_context().seed == seed
    same(trained(back, 1), whole)
    assert {p.value.dtype for p in back.network.parameters.values()} == {np.dtype("float64")}


def test_one_name_for_each_step(tmp_path, monkeypatch):
    """Without a path the file is called after the step; the Julian names are the same functions."""
    monkeypatch.chdir(tmp_path)
    path = save_workout(trained(classifier(), 1))
    assert path == Path("workout_6.pp")
    assert load_workout("workout_6.pp").steps == 6
    assert pp.saveWorkout is save_workout
    assert pp.loadWorkout is load_workout


def test_a_workout_that_only_predicted(tmp_path):
    """Before any step there are parameters and no state; training starts from them."""
    workout, other = classifier(), classifier()
    workout.predict(X)
    back = load_workout(save_workout(workout, tmp_path / "w"))
    assert back.steps == 0
    same(trained(back, 1), trained(other, 1))


def test_numpy_predicts_and_keeps_what_it_cannot_use(tmp_path):
    """A backend that cannot train predicts, and what it saves again still has the optimiser's state."""
    workout = trained(classifier(), 3)
    path = save_workout(workout, tmp_path / "w")
    expected = workout.predict(X)
    back = load_workout(path, backend="numpy")
    np.testing.assert_allclose(back.predict(X), expected, rtol=1e-5, atol=1e-6)
    same(trained(load_workout(save_workout(back, tmp_path / "again")), 3), trained(classifier(), 6))


def test_the_file_can_be_read_by_others(tmp_path):
    """safetensors' own library reads it: parameters by path, the state, and everything else as JSON."""
    workout = trained(classifier(), 1)
    with safe_open(str(save_workout(workout, tmp_path / "w")), framework="numpy") as file:
        about = json.loads(file.metadata()["pyphoton"])
        np.testing.assert_array_equal(file.get_tensor("parameters/0.kernel"), workout.model[0].parameters.kernel.value)
        assert file.get_tensor("state/step") == 6
        assert file.get_tensor("state/0.kernel/mean").shape == (4, 6)
    assert about["format"] == "pyphoton-workout-1"
    assert about["optimiser"]["class"] == "Adam"
    assert pp.Plan.from_json(json.dumps(about["plans"]["training"])).outputs
    assert about["plans"]["forward"]["inputs"][0]["shape"] == [None, 4]


# ---- parts of the user's own ---------------------------------------------------------------------------------------------------


def my_loss(p, y):
    """A loss of one's own."""
    return (p - y).abs().mean()


def largest(p, y):
    """A metric of one's own."""
    return (p - y).abs().max()


Y = RANDOM.normal(size=(40, 2)).astype("float32")


def test_functions_of_ones_own_are_asked_for(tmp_path):
    """A loss and a metric of one's own are named in the file; loading says which are missing, and goes on with them."""

    def own():
        return Workout(Sequential(Dense(2)), my_loss, Adam(0.02), metrics=[largest, "mae"], seed=2)

    path = save_workout(trained(own(), 2, X, Y), tmp_path / "w")
    with pytest.raises(pp.ArgumentError, match=r"loss=.*my_loss"):
        load_workout(path)
    with pytest.raises(pp.ArgumentError, match=r"metrics=.*largest"):
        load_workout(path, loss=my_loss)
    with pytest.raises(pp.UnknownName, match=r"larges"):
        load_workout(path, loss=my_loss, metrics={"larges": largest})
    for metrics in ([largest], {"largest": largest}):
        back = load_workout(path, loss=my_loss, metrics=metrics)
        assert list(back.metrics) == ["largest", "mae"]
        same(trained(back, 2, X, Y), trained(own(), 4, X, Y))


def test_an_optimiser_of_ones_own_is_asked_for(tmp_path):
    """An optimiser that the library does not know is given again as opt=."""

    class SGD(pp.SGD):
        """One with the name of the library's, which it is not."""

    opt = SGD(0.1)
    workout = Workout(Dense(2), MSE(), opt)
    trained(workout, 1, X, Y)
    path = save_workout(workout, tmp_path / "w")
    with pytest.raises(pp.ArgumentError, match=r"opt=.*SGD"):
        load_workout(path)
    assert load_workout(path, opt=opt).opt is opt


def test_models_with_functions_need_the_model_again(tmp_path):
    """A model with a function of one's own is refused with the way out: saved without its description, it fills one that the caller builds."""

    def make():
        return Sequential(Dense(5), lambda x: x * 2.0, Dense(2))

    workout = trained(Workout(make(), MSE(), Adam(0.02), seed=4), 2, X, Y)
    with pytest.raises(pp.ArgumentError, match=r"lambda.*architecture=False.*model="):
        save_workout(workout, tmp_path / "w")
    assert list(tmp_path.iterdir()) == []
    path = save_workout(workout, tmp_path / "w", architecture=False)
    with pytest.raises(pp.ArgumentError, match="model="):
        load_workout(path)
    same(trained(load_workout(path, model=make()), 2, X, Y), trained(Workout(make(), MSE(), Adam(0.02), seed=4), 4, X, Y))
    with pytest.raises(pp.FileError, match=r"0\.kernel"):
        load_workout(path, model=Sequential(Dense(6), lambda x: x * 2.0, Dense(2)))
    built = make()
    built(np.zeros((1, 9), "float32"))
    before = [w.copy() for w in pp.weights(built)]
    with pytest.raises(pp.FileError):
        load_workout(path, model=built)
    for now, then in zip(pp.weights(built), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_what_cannot_be_saved(tmp_path):
    """A model that has met no data, something that is no workout, and a loss with layers of its own."""
    with pytest.raises(pp.NotBuilt, match="met no data"):
        save_workout(classifier(), tmp_path / "w")
    with pytest.raises(pp.ArgumentError, match=r"Workout.*save\(model"):
        save_workout(Dense(3), tmp_path / "w")
    inside = Dense(1)
    workout = trained(Workout(Dense(2), lambda p, y: inside(p).mean() + (p - y).abs().mean()), 1, X, Y)
    with pytest.raises(pp.ArgumentError, match="part of the model"):
        save_workout(workout, tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_mixed_precision_comes_back(tmp_path):
    """A workout in bfloat16 goes on in it, unless another precision is asked for."""
    workouts = [Workout(Sequential(Dense(6, relu), Dense(3)), CrossEntropyLoss(use_softmax=True), "adam", seed=2, backend="torch", precision="bfloat16") for _ in range(2)]
    whole = trained(workouts[0], 4)
    path = save_workout(trained(workouts[1], 2), tmp_path / "w.pp")
    same(trained(load_workout(path, backend="torch"), 2), whole)
    assert load_workout(path, backend="torch", precision=None).network.precision is None
    with pytest.raises(pp.Unsupported, match="precision"):
        load_workout(path, backend="numpy")
