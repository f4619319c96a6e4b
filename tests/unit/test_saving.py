"""Saving: a model comes back with its structure and weights, nothing in a file is executed, and bad files are refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import pyphoton as pp
from pyphoton import (
    GRU,
    LSTM,
    MSE,
    Adam,
    BatchNorm,
    Concurrent,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Embedding,
    FileError,
    Flatten,
    Input,
    LayerNorm,
    MaxPool,
    NotBuilt,
    Residual,
    Sequential,
    SkipConnection,
    Workout,
    load,
    relu,
    save,
    tanh,
)

RANDOM = np.random.default_rng(61)
X = RANDOM.normal(size=(6, 4)).astype("float32")


def shared():
    """A layer in two places."""
    layer = Dense(4, tanh)
    return Sequential(layer, Dense(4), layer)


MODELS = {
    "one layer": (lambda: Dense(3, relu), X),
    "dense": (lambda: Sequential(Dense(5, relu), Dropout(0.5), BatchNorm(), LayerNorm(), Dense(3)), X),
    "names": (lambda: Sequential(Sequential(Dense(3), name="encoder"), Dense(2, name="head"), name="net"), X),
    "images": (
        lambda: Sequential(Conv2D(3, 3, relu, padding="same", initw="he_normal"), MaxPool(), pp.AdaptiveAvgPool((2, 1)), Flatten(), Dense(2)),
        RANDOM.normal(size=(2, 1, 6, 6)).astype("float32"),
    ),
    "sequences": (
        lambda: Sequential(LSTM(3, num_layers=2, bidirectional=True, last_only=False), GRU(2, relu), pp.Softmax()),
        RANDOM.normal(size=(2, 5, 3)).astype("float32"),
    ),
    "whole numbers": (lambda: Sequential(Embedding(9, 3), Flatten(), Dense(2)), RANDOM.integers(0, 9, (3, 4))),
    "branches": (lambda: Sequential(Concurrent(Dense(2), Dense(3)), Residual(Dense(2)), Residual(Dense(7), combine="add"), SkipConnection(Dense(7))), X),
    "shared layer": (shared, X),
    "stock functions": (lambda: Sequential(Dense(3), relu, pp.softmax), X),
    "input": (lambda: Sequential(Input(4), Dense(3)), X),
    "no parameters": (lambda: Sequential(Flatten(), relu), X),
    "initialisers": (lambda: Sequential(Dense(4, initw=pp.Orthogonal(), initb=pp.Gaussian(std=0.1)), Dense(2, initw="lecun_normal")), X),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name, tmp_path):
    """The loaded model prints the same, has the same parameters by the same names, and predicts the same to the last bit."""
    make, x = MODELS[name]
    model = make()
    workout = Workout(model, lambda p, y: p.mean(), Adam(0.05), seed=2)
    workout.fit_((x, np.zeros(len(x))), epochs=2)
    path = save(workout, tmp_path / "model.safetensors")
    assert path == tmp_path / "model.safetensors"
    back = load(path)
    assert repr(back) == repr(model)
    assert list(back.parameters) == list(model.parameters) if model.built else not back.built
    for found, wanted in zip(pp.weights(back), pp.weights(model), strict=True) if model.built else ():
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(back(x), model(x))
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_shared_layer_is_shared_again(tmp_path):
    """Two places of one layer come back as one layer: training it moves both."""
    model = shared()
    model(X)
    back = load(save(model, tmp_path / "m"))
    assert back[0] is back[2]
    assert len(pp.weights(back)) == len(pp.weights(model)) == 4


def test_a_loaded_model_trains_on(tmp_path):
    """The loaded model is a model like any other: it trains, from the weights that were saved, and can be saved again."""
    workout = Workout(Sequential(Dense(5, relu), Dense(3)), CrossEntropyLoss(use_softmax=True), Adam(0.01), seed=1)
    labels = RANDOM.integers(0, 3, 6)
    workout.fit_((X, labels), epochs=3)
    back = load(save(workout, tmp_path / "m"))
    again = Workout(back, CrossEntropyLoss(use_softmax=True), Adam(0.01))
    assert again.evaluate((X, labels))["loss"] == pytest.approx(workout.evaluate((X, labels))["loss"], rel=1e-6)
    before = again.predict(X)
    again.fit_((X, labels), epochs=3)
    assert again.evaluate((X, labels))["loss"] < workout.evaluate((X, labels))["loss"]
    save(back, tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m")(X), again.predict(X))
    assert np.abs(before - again.predict(X)).max() > 1e-4


def test_float64_comes_back_in_a_float32_context(tmp_path):
    """The dtype is the file's, whatever the context is when it is read."""
    pp.set_context(dtype="float64")
    try:
        model = Sequential(Dense(3))
        p = model(X.astype("float64"))
    finally:
        pp.reset_context()
    save(model, tmp_path / "m")
    back = load(tmp_path / "m")
    assert {w.dtype for w in pp.weights(back)} == {np.dtype("float64")}
    np.testing.assert_array_equal(back(X.astype("float64")), p)


def test_another_process_reads_it(tmp_path):
    """A new process, without torch in it, reads the file and predicts the same; loading imports nothing from the file."""
    model = Sequential(Dense(5, relu), BatchNorm(), Dense(3))
    Workout(model, MSE(), seed=1).fit_((X, X[:, :3]))
    save(model, tmp_path / "m")
    np.save(tmp_path / "x.npy", X)
    script = (
        "import sys, numpy as np, pyphoton as pp\n"
        "p = pp.Workout(pp.load('m'), 'mse', backend='numpy').predict(np.load('x.npy'))\n"
        "np.save('p.npy', p)\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(pp.__file__).parents[1]), "PYPHOTON_BACKEND": "numpy"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), model(X), rtol=1e-5, atol=1e-6)


def test_the_file_is_safetensors_with_json(tmp_path):
    """Any program can read the arrays by their paths, and the architecture as JSON."""
    model = Sequential(Dense(3, name="first"))
    model(X)
    with safe_open(str(save(model, tmp_path / "m")), framework="numpy") as file:
        about = json.loads(file.metadata()["pyphoton"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    assert set(arrays) == {"first.kernel", "first.bias"}
    np.testing.assert_array_equal(arrays["first.kernel"], model[0].parameters.kernel.value)
    assert about["format"] == "pyphoton-model-1"
    assert about["model"]["class"] == "Sequential"


def test_saving_replaces_a_file_whole_and_keeps_its_permissions(tmp_path):
    """A second save replaces the first; a new file is as readable as any other file that the user makes."""
    model = Dense(3)
    model(X)
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    path = save(model, str(tmp_path / "m"))
    assert path.stat().st_mode == ordinary.stat().st_mode
    model.parameters.bias.set_(np.ones(3))
    save(model, path)
    assert load(path).parameters.bias.value.tolist() == [1, 1, 1]


def test_a_failed_save_keeps_the_former_file(tmp_path, monkeypatch):
    """When writing fails the former file is still there, and no half of a new one."""
    model = Dense(3)
    model(X)
    path = save(model, tmp_path / "m")
    before = path.read_bytes()
    bad = Sequential(Dense(3), lambda x: x + 1)
    bad(X)
    with pytest.raises(pp.ArgumentError, match=r"library.*architecture=False"):
        save(bad, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


def test_what_cannot_be_saved(tmp_path):
    """A model without data, a model with functions or classes of one's own, and a folder that is not there are refused."""

    class Mine(pp.Layer):
        """A layer of one's own."""

        def forward(self, x):
            return x + 1.0

    with pytest.raises(NotBuilt, match="met no data"):
        save(Dense(3), tmp_path / "m")
    with pytest.raises(NotBuilt, match="met no data"):
        save(Workout(Dense(3), MSE()), tmp_path / "m")
    for model in (Sequential(Dense(3), lambda x: x), Sequential(Mine(), Dense(3)), Sequential(Dense(3, lambda x: x * 2))):
        model(X)
        with pytest.raises(pp.ArgumentError, match="library"):
            save(model, tmp_path / "m")
    model = Dense(3)
    model(X)
    with pytest.raises(FileError, match="nowhere"):
        save(model, tmp_path / "nowhere" / "m")
    assert list(tmp_path.iterdir()) == []


def written(tmp_path, about, arrays=None):
    """A file with this header."""
    path = tmp_path / "m"
    save_file({"kernel": np.ones(3, "float32")} if arrays is None else arrays, path, metadata={"pyphoton": json.dumps(about)})
    return path


def header(tmp_path):
    """The header and arrays of a good file."""
    model = Sequential(Dense(3))
    model(X)
    with safe_open(str(save(model, tmp_path / "good")), framework="numpy") as file:
        return json.loads(file.metadata()["pyphoton"]), {name: file.get_tensor(name) for name in file.keys()}


def test_files_that_are_no_models(tmp_path):
    """A missing file, a folder, other bytes, a cut-off file and someone else's safetensors are refused by name."""
    model = Dense(3)
    model(X)
    good = save(model, tmp_path / "good").read_bytes()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut").write_bytes(good[: len(good) // 2])
    (tmp_path / "short").write_bytes(good[:-4])
    save_file({"a": np.ones(2, "float32")}, tmp_path / "foreign")
    for name in ("missing", ".", "text", "empty", "cut", "short", "foreign"):
        with pytest.raises(FileError) as caught:
            load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


DAMAGE = {
    "another format": (lambda a: a.update(format="pyphoton-model-9"), "newer"),
    "no format": (lambda a: a.pop("format"), "format"),
    "unknown class": (lambda a: a["model"].update({"class": "Denze"}), "Denze"),
    "no model": (lambda a: a.pop("model"), "model"),
    "model a list": (lambda a: a.update(model=[1, 2]), ""),
    "model a number": (lambda a: a.update(model=3), ""),
    "bad argument": (lambda a: a["model"]["args"]["layers"][0]["args"].update(units=-3), "units"),
    "unknown argument": (lambda a: a["model"]["args"]["layers"][0]["args"].update(unit=3), "unit"),
    "missing argument": (lambda a: a["model"]["args"]["layers"][0]["args"].pop("units"), "units"),
    "unknown function": (lambda a: a["model"]["args"]["layers"][0]["args"].update(activation={"function": "os.system"}), "os.system"),
    "another shape": (lambda a: a.update(input_shapes=[[9]]), "kernel"),
    "shape a word": (lambda a: a.update(input_shapes="abc"), ""),
    "unknown dtype": (lambda a: a.update(dtype="float23"), ""),
    "no shapes": (lambda a: a.pop("input_shapes"), "input_shapes"),
    "more inputs": (lambda a: a.update(input_shapes=[[4], [4]]), ""),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_headers(what, tmp_path):
    """A header that does not describe a model of this version is a FileError that names the file and what is wrong."""
    about, arrays = header(tmp_path)
    DAMAGE[what][0](about)
    with pytest.raises(FileError) as caught:
        load(written(tmp_path, about, arrays))
    assert str(tmp_path / "m") in str(caught.value)
    assert DAMAGE[what][1] in str(caught.value)


@pytest.mark.parametrize("what", ["missing", "more", "transposed", "text"])
def test_arrays_that_do_not_fit(what, tmp_path):
    """Arrays by other names or of other shapes than the model's are refused."""
    about, arrays = header(tmp_path)
    if what == "missing":
        del arrays["0.bias"]
    elif what == "more":
        arrays["1.kernel"] = np.ones(2, "float32")
    elif what == "transposed":
        arrays["0.kernel"] = np.ascontiguousarray(arrays["0.kernel"].T)
    else:
        about, arrays = "text", {"0.kernel": arrays["0.kernel"]}
    with pytest.raises(FileError, match=str(tmp_path / "m")):
        load(written(tmp_path, about, arrays))


def test_nothing_in_a_file_is_executed(tmp_path):
    """A header that names other classes or modules gives an error and imports nothing."""
    about, arrays = header(tmp_path)
    modules = set(sys.modules)
    for name in ("subprocess.Popen", "pyphoton.demo", "__import__", "Workout", "Description"):
        about["model"] = {"class": name, "args": {}}
        with pytest.raises(FileError):
            load(written(tmp_path, about, arrays))
        about["model"] = {"function": name}
        with pytest.raises(FileError):
            load(written(tmp_path, about, arrays))
    assert {m for m in set(sys.modules) - modules if m.startswith("pyphoton")} == set()
