"""Plans in saved models: what PyPhoton.jl runs and trains without Python."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import MSE, Dense, Sequential, Workout, keras, load, relu, save
from pyphoton.graph import add_loss
from pyphoton.plan import Plan
from pyphoton.saving.container import opened, write

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))

import make_losses

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(8, 3)).astype("float32"), RANDOM.normal(size=(8, 2)).astype("float32")


def about(path, kind="model"):
    """What a file says."""
    with opened(path, kind) as file:
        return file.about


def run(path, name, *arrays, kind="model"):
    """The outputs of a plan of a file on the arrays of the file, by the reference engine."""
    with opened(path, kind) as file:
        module = pp.get_backend("numpy").module(file.read(), roles={}, device="cpu", seed=0)
        return module.run(Plan.from_json(json.dumps(file.about["plans"][name])), arrays)


class Sparse(pp.Layer):
    """Adds the mean of its squares to the loss, and a plain number."""

    def __init__(self):
        self.inner = Dense(2)

    def forward(self, x):
        """As it is."""
        y = self.inner(x)
        add_loss((y * y).mean())
        add_loss(0.25)
        return y


def test_the_forward_plan_predicts(tmp_path):
    """It gives the model's predictions on NumPy, for any number of samples; without loss or penalties there is nothing else."""
    model = Sequential(Dense(4, relu), Dense(2))
    expected = model(X)
    path = save(model, tmp_path / "m")
    plans = about(path)["plans"]
    assert plans["training"] is None and plans["limits"] == {} and "added" not in plans
    np.testing.assert_allclose(run(path, "forward", X)[0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run(path, "forward", X[:3])[0], expected[:3], rtol=1e-5, atol=1e-6)


def test_a_workout_s_own_loss_is_there(tmp_path):
    """The plan of training gives the loss for the numbers that were saved, and no metrics."""
    workout = Workout(Dense(2), lambda p, y: ((p - y) ** 4).mean(), metrics=["mae"], seed=1)
    workout.fit_((X, Y), verbose=False)
    (loss,) = run(save(workout, tmp_path / "m"), "training", X, Y)
    assert float(loss) == pytest.approx(float(((workout.predict(X) - Y) ** 4).mean()), rel=1e-5)


def test_what_layers_add_is_there_for_another_loss(tmp_path):
    """The plan `added`: the outputs, then tensors and numbers that layers add, and penalties, in one sum."""
    model = Sparse()
    predicted = model(X)
    outputs, total = run(save(model, tmp_path / "m", architecture=False), "added", X)
    np.testing.assert_allclose(outputs, predicted, rtol=1e-5, atol=1e-6)
    assert float(total) == pytest.approx(float((predicted**2).mean()) + 0.25, rel=1e-5)
    x = keras.Input(shape=(3,))
    penalised = keras.Model(inputs=x, outputs=keras.layers.Dense(2, kernel_regularizer="l2", kernel_constraint="unit_norm", name="top")(x))
    penalised.save(tmp_path / "k")
    assert list(about(tmp_path / "k", "keras")["plans"]["limits"]) == ["top.kernel"]
    kernel = penalised.get_weights()[0]
    assert float(run(tmp_path / "k", "added", X, kind="keras")[1]) == pytest.approx(0.01 * float((kernel**2).sum()), rel=1e-5)


def test_frozen_parameters_stay_frozen(tmp_path):
    """They are named in the file, and frozen again when it is loaded; other names are refused."""
    model = Sequential(Dense(4, name="base"), Dense(2))
    model(X)
    pp.Workout(model, MSE()).freeze_(model[0])
    path = save(model, tmp_path / "m")
    assert about(path)["frozen"] == ["base.bias", "base.kernel"]
    back = load(path)
    before = back[0].parameters.kernel.value.copy()
    Workout(back, MSE(), pp.SGD(0.1)).fit_((X, Y), verbose=False)
    np.testing.assert_array_equal(back[0].parameters.kernel.value, before)
    with opened(path, "model") as file:
        write(tmp_path / "bad", "model", file.about | {"format": "pyphoton-model-1", "frozen": ["nowhere"]}, file.read())
    with pytest.raises(pp.FileError, match="frozen"):
        load(tmp_path / "bad")


def test_a_model_of_one_s_own_is_filled(tmp_path):
    """architecture=False leaves the description out; `load` then fills a model of the same names and shapes, and asks for it."""
    model = Sparse()
    expected = model(X)
    path = save(model, tmp_path / "m", architecture=False)
    np.testing.assert_array_equal(load(path, model=Sparse())(X), expected)
    with pytest.raises(pp.ArgumentError, match=r"model=.*holds no architecture"):
        load(path)
    with pytest.raises(pp.FileError, match="weights"):
        load(path, model=Dense(2))


def test_older_files_are_read(tmp_path):
    """A file without plans and without names of what is frozen."""
    model = Sequential(Dense(2))
    expected = model(X)
    with opened(save(model, tmp_path / "m"), "model") as file:
        older: dict[str, Any] = {key: value for key, value in file.about.items() if key not in ("plans", "frozen", "format")}
        write(tmp_path / "old", "model", older, file.read())
    np.testing.assert_array_equal(load(tmp_path / "old")(X), expected)


def test_files_stay_small(tmp_path):
    """Plans of a network with a hundred layers take some hundred bytes for each."""
    model = Sequential(*(Dense(2) for _ in range(100)))
    model(X)
    assert len(json.dumps(about(save(model, tmp_path / "m"))["plans"])) < 100_000


def test_the_losses_of_julia_are_pythons():
    """julia/src/losses.json is what make_losses.py writes now; as data, for its lines are written anew by it."""
    assert json.loads(make_losses.PATH.read_text("utf-8")) == json.loads(make_losses.written())
    assert len(make_losses.PATH.read_bytes()) < 20_000


def test_a_file_of_this_format_is_read_for_ever():
    """The golden file, whichever version reads it: its predictions, and how it learns on."""
    folder = Path(__file__).parents[1] / "golden" / "saved"
    told = json.loads((folder / "model.json").read_text("utf-8"))
    x, y = np.array(told["x"], "float32"), np.array(told["y"], "float32")
    model = load(folder / "model.safetensors")
    workout = Workout(model, lambda p, y: ((p - y) ** 2 + 1).log().mean(), pp.SGD(0.1))
    np.testing.assert_allclose(workout.predict(x), told["predicted"], rtol=1e-5, atol=1e-6)
    workout.fit_((x, y), epochs=2, batch_size=4, shuffle=False, verbose=False)
    np.testing.assert_allclose([row["loss"] for row in workout.history.epochs], told["losses"], rtol=1e-5)
