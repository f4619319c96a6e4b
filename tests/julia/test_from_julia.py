"""Models that Python saves, in a julia process without Python: the same predictions, the same training, and back."""

import json
from typing import Any

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    BatchNorm,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    MaxPool,
    Sequential,
    Workout,
    keras,
    relu,
)
from pyphoton.flux import Chain, net, param, recurrent, unroll
from pyphoton.graph import add_loss
from pyphoton.saving.container import write

pytestmark = pytest.mark.usefixtures("julia")
RANDOM = np.random.default_rng(7)
LABELS = RANDOM.integers(0, 3, 20)


def numbers(*shape):
    """Float32 numbers around 0."""
    return RANDOM.normal(size=shape).astype("float32")


@net
class Leaky:
    """A state that forgets: h = tanh(x W + a h)."""

    W: Any
    a: Any
    h: Any

    def forward(self, x):
        """One step."""
        self.h = pp.tanh(x @ self.W + self.a * self.h)
        return self.h


class Halves(pp.Layer):
    """Two inputs, joined; the second one is added to the loss."""

    def __init__(self):
        self.left, self.right, self.top = Dense(4, relu), Dense(4, pp.tanh), Dense(2)

    def forward(self, a, b):
        """Of both."""
        seen = self.right(b)
        add_loss((seen * seen).mean() * 0.1)
        return self.top(pp.concatenate([self.left(a), seen]))


def keras_model():
    """Two inputs in Keras's way, with a penalty, a constraint and a layer that is not trained."""
    a, b = keras.Input(shape=(3,)), keras.Input(shape=(2,))
    still = keras.layers.Dense(4, activation="tanh")
    still.trainable = False
    x = keras.layers.concatenate([keras.layers.Dense(4, kernel_regularizer="l2", activation="relu")(a), still(b)])
    return keras.Model(inputs=[a, b], outputs=keras.layers.Dense(2, kernel_constraint="unit_norm")(x))


def quartic(p, y):
    """A loss of somebody's own."""
    return ((p - y) ** 4).mean()


def scanned():
    """A net with a state, step by step, and the last step."""
    return Sequential(unroll(Leaky(numbers(3, 4), 0.5, param(numbers(4))), 5, stateful=False), lambda y: y[:, -1], Dense(2))


UNDESCRIBED = ("chain", "equations", "two inputs")
"""Those with functions or classes of the user's own."""
CASES = {  # model, inputs, target, Julia's name of the loss (None: that of the saved workout), and Python's loss
    "labels": (lambda: Sequential(Dense(8, relu), BatchNorm(), Dense(3)), (numbers(20, 4),), LABELS, "logitcrossentropy", CrossEntropyLoss(use_softmax=True)),
    "softmax": (lambda: Sequential(Conv2D(2, 3, relu), MaxPool(), LayerNorm(), Dense(3), pp.softmax), (numbers(20, 1, 6, 6),), LABELS, "crossentropy", "crossentropy"),
    "lstm": (lambda: Sequential(pp.LSTM(4), Dense(2)), (numbers(20, 5, 3),), numbers(20, 2), "mse", "mse"),
    "gru": (lambda: Sequential(pp.GRU(3, num_layers=2, last_only=False)), (numbers(20, 4, 2),), numbers(20, 4, 3), "mae", "mae"),
    "chain": (lambda: Chain(unroll(recurrent.LSTM(3, 4), 5, stateful=False), Dense(2)), (numbers(20, 5, 3),), numbers(20, 2), "mse", "mse"),
    "equations": (scanned, (numbers(20, 5, 3),), numbers(20, 2), "pseudo_huber", "pseudo_huber"),
    "two inputs": (Halves, (numbers(20, 3), numbers(20, 2)), numbers(20, 2), "mse", "mse"),
    "words": (lambda: Sequential(Embedding(9, 4), Dense(1)), (RANDOM.integers(0, 9, (20, 3)),), numbers(20), "mse", "mse"),
    "dropout": (lambda: Sequential(Dense(16, relu), Dropout(0.5), Dense(2)), (numbers(20, 3),), numbers(20, 2), "mse", "mse"),
    "own loss": (lambda: Sequential(Dense(4, relu), Dense(2)), (numbers(20, 3),), numbers(20, 2), None, quartic),
    "keras": (keras_model, (numbers(20, 3), numbers(20, 2)), numbers(20, 2), "mse", "mse"),
}  # fmt: skip

RUN = """
for name in PyPhoton.parse_json(read("names.json", String))
    text, d = PyPhoton.read_safetensors("$name.data")
    about = PyPhoton.parse_json(text)
    xs, loss = [d["x$i"] for i in 0:about["inputs"]-1], about["loss"]
    m = load_model("$name.model")
    before = maximum(abs.(m(xs...) .- d["before"]))
    w = Workout(m; loss, optimiser="sgd", lr=0.1)
    losses = maximum(abs.(fit!(w, xs..., d["y"]; epochs=2, batch=8, shuffle=false) .- d["losses"]))
    arrays = maximum(maximum(abs.(a .- d["after/$path"])) for (path, a) in weights(m))
    moved = maximum(abs.(m(xs...) .- d["before"]))
    println(join((before, losses, arrays, moved), " "))
    about["described"] && write("$(save_model(w, "$name.back")).bin", m(xs...))
end
"""


def saved(name, folder):
    """The model of a case in a file, what it predicts, and how Python trains it: two epochs of SGD, in order. Gives the workout."""
    make, xs, y, julias, loss = CASES[name]
    model, x = make(), xs if len(xs) > 1 else xs[0]
    workout = Workout(model, loss, pp.SGD(0.1), seed=3, backend="torch")
    if julias is None:
        workout.fit_((x, y), batch_size=8)
    before = workout.predict(x)
    if name == "keras":
        model.save(folder / "keras.model")
    else:
        pp.save(workout, folder / f"{name}.model", architecture=name not in UNDESCRIBED)
    workout.fit_((x, y), epochs=2, batch_size=8, shuffle=False)
    losses = np.array([row["loss"] for row in workout.history.epochs[-2:]])
    arrays = {f"x{i}": np.ascontiguousarray(a) for i, a in enumerate(xs)} | {"y": y, "before": before, "losses": losses}
    write(folder / f"{name}.data", "data", {"loss": julias, "inputs": len(xs), "described": name not in UNDESCRIBED}, arrays | {f"after/{path}": p.value for path, p in workout.network.parameters.items()})
    return x, workout


def test_predictions_and_training_are_pythons(julia_alone, tmp_path):
    """Eleven models in one julia process; files that describe the model go back to Python with what Julia has learnt."""
    given = {name: saved(name, tmp_path) for name in CASES}
    (tmp_path / "names.json").write_text(json.dumps(list(CASES)))
    lines = np.array(julia_alone(RUN), float).reshape(-1, 4)
    assert len(lines) == len(CASES)
    for name, (before, losses, arrays, moved) in zip(CASES, lines, strict=True):
        assert before <= 1e-6, name
        assert moved > 1e-3, name
        if name == "dropout":
            assert 1e-4 < losses < 1  # masks of another generator
            continue
        assert losses <= 1e-5, name
        assert arrays <= 1e-5, name
    for name in set(CASES) - set(UNDESCRIBED):
        back = (keras.models.load_model if name == "keras" else pp.load)(tmp_path / f"{name}.back")
        found = Workout(back, "mse", backend="torch").predict(given[name][0])
        np.testing.assert_allclose(found.ravel(), np.fromfile(tmp_path / f"{name}.back.bin", "float32"), rtol=1e-5, atol=1e-6, err_msg=name)


REFUSED = """
said(f) = try f(); "nothing" catch error sprint(showerror, error) end
println(replace(said(() -> load_model("old.model")), " " => "_"))
println(replace(said(() -> load_model("opaque.model")), " " => "_"))
w = load_workout("w.pp")
println(maximum(abs.(load_model("w.pp")([1.0f0 2.0f0]) .- predict(w, [1.0f0 2.0f0]))))
save_model(w, "of_workout.model")
"""


def test_files_that_julia_cannot_use_and_workouts(julia_alone, tmp_path):
    """An older file, and one whose layer calls Python, say what to do; a workout's file gives its model, too."""
    model = Dense(2, name="top")
    workout = Workout(model, "mse", seed=0)
    workout.fit_((np.ones((4, 1), "float32"), np.ones((4, 2), "float32")), verbose=False)
    pp.save_workout(workout, tmp_path / "w.pp")
    older = {"model": {"class": "Dense", "args": {"units": 2}}, "dtype": "float32", "input_shapes": [[1]], "input_tuple": False, "input_whole": [False]}
    write(tmp_path / "old.model", "model", older, {"dense.kernel": np.ones((1, 2), "float32"), "dense.bias": np.zeros(2, "float32")})
    write(tmp_path / "opaque.model", "model", older | {"plans": {"forward": None, "training": None, "limits": {}}}, {})
    old, opaque, difference = julia_alone(REFUSED)
    assert old.startswith("PlanError:_old.model:_it_holds_no_plans") and "load_it_in_Python_and_save_it_again" in old
    assert "only_Python_can_open_it" in opaque
    assert float(difference) == 0
    np.testing.assert_array_equal(pp.load(tmp_path / "of_workout.model").parameters.kernel.value, model.parameters.kernel.value)
    assert pp.load(tmp_path / "old.model")(np.ones((1, 1), "float32")).tolist() == [[1, 1]]
