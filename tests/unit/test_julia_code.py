"""Julia layers without a Julia: how they are described, shaped, saved and refused. What they compute is in tests/julia/test_julia_layers.py."""

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import ArgumentError, FileError, Julia, Param, ShapeError, Tensor, keras, trace
from pyphoton.description import from_config, to_config
from pyphoton.julia_code import Code, _trusted
from pyphoton.layers.julia import trust
from pyphoton.plan import Plan, plan

ROOT = Path(pp.__file__).parents[1]
GATE = "(x, w, b) -> w .* x .+ b"


def same(*shapes):
    """The output's shape is the first input's."""
    return shapes[0]


@pytest.fixture(autouse=True)
def trust_as_it_was():
    """What a test trusts is forgotten after it."""
    before = set(_trusted)
    yield
    _trusted.clear()
    _trusted.update(before)


def test_the_step_says_everything():
    """One step: code, parameters in the function's order, the input that shows the number of samples; the plan is JSON and comes back."""
    layer = Julia(GATE, params={"w": (4,), "b": 4}, infer=same, name="gate")
    made = plan(trace(layer, Tensor((None, 4))))
    (step,) = made.steps
    assert (step.op, step.path, step.shapes) == ("julia", "gate", ((None, 4),))
    assert step.attrs == {"source": GATE, "file": None, "text": None, "params": ["w", "b"], "arrays": [], "batch": 0}
    assert step.params == {"w": "gate.w", "b": "gate.b"}
    assert {path: p.shape for path, p in made.params.items()} == {"gate.w": (4,), "gate.b": (4,)}
    assert Plan.from_json(made.to_json()).to_json() == made.to_json()


def test_forms_of_parameters():
    """A shape, a number, (shape, initialiser), a function of the inputs' shapes, a Param: and what they begin with."""
    params = {
        "a": (3, 5), "b": 3, "c": ((2,), "ones"), "d": (lambda x, y: (y[-1], 2), 0.5), "e": lambda x, y: x[1:], "f": Param((2,), pp.ones, "state"),
    }  # fmt: skip
    layer = Julia("f", params=params, infer=lambda x, y: x)
    found = layer.params((None, 7), (None, 4))
    assert {k: p.shape for k, p in found.items()} == {"a": (3, 5), "b": (3,), "c": (2,), "d": (4, 2), "e": (7,), "f": (2,)}
    assert found["a"].init is pp.xavier
    assert found["a"].fans == (3, 5)
    assert [repr(found[k].init) for k in "bcdef"] == ["Constant()", "Constant(value=1.0)", "Constant(value=0.5)", "Constant()", "Constant(value=1.0)"]
    assert [found[k].role for k in "ef"] == ["weight", "state"]


def test_a_matrix_begins_as_the_kernel_of_dense_does():
    """Same seed, path and shape: the same first numbers."""
    layer = Julia("(x, kernel) -> kernel * x", params={"kernel": lambda x: (x[-1], 3)}, infer=(None, 3), name="same")
    dense = pp.Dense(3, use_bias=False, name="same")
    for model in (layer, dense):
        workout = pp.Workout(model, pp.MSE(), pp.SGD(), seed=5)
        workout.network.build((Tensor((None, 4)),), False)
    assert np.array_equal(layer.parameters.kernel.value, dense.parameters.kernel.value)
    assert np.ptp(layer.parameters.kernel.value) > 0


def test_shapes_that_are_said():
    """infer= is a shape with the batch first, or a function of all inputs' shapes; several inputs come apart or as a tuple."""
    fixed = Julia("f", params={}, infer=(None, 3, 2))
    assert trace(fixed, Tensor((None, 5))).outputs[0].shape == (None, 3, 2)
    both = Julia("f", params={}, infer=lambda x, y: (None, x[1] + y[1]))
    a, b = Tensor((None, 5)), Tensor((None, 2))
    assert trace(lambda x, y: both(x, y), a, b).outputs[0].shape == (None, 7)
    assert trace(both, (a, b)).outputs[0].shape == (None, 7)


@pytest.mark.parametrize("infer", [(3,), lambda x: 3, lambda x: (None, "3"), lambda x: None, (None, -1), ()])
def test_shapes_that_are_none(infer):
    """An answer that does not begin with the batch, or is no shape, is refused by name."""
    with pytest.raises(ArgumentError, match=r"infer=.*expected a shape that begins with None, the batch"):
        trace(Julia("f", params={}, infer=infer), Tensor((None, 4)))


@pytest.mark.parametrize(
    ("source", "options", "text"),
    [
        ("", {}, "the source of a Julia function"), (3, {}, "the source of a Julia function"), ("f", {"file": "no such file.jl"}, "a file that can be read"),
        ("f", {"file": 3}, "the path of a Julia file"), ("f", {"params": (3,)}, "a dictionary: names"), ("f", {"params": {"a b": 3}}, "identifiers"),
        ("f", {"params": {"w": "3"}}, "w: expected a shape"), ("f", {"params": {"w": (0, 2)}}, "w: expected a shape"),
        ("f", {"params": {"w": ((2,), "onez")}}, "'onez'"), ("f", {"infer": 3}, "the shape of the output"), ("f", {"param": {}}, "Did you mean 'params'"),
        ("f", {"name": 3}, "name: text"),
    ],
)  # fmt: skip
def test_arguments_that_are_refused(source, options, text):
    """Each argument says what it wants."""
    with pytest.raises(ArgumentError, match=text):
        Julia(source, **options)


def test_a_file_that_is_no_text(tmp_path):
    """Bytes that are no UTF-8 are refused with the file's name."""
    (tmp_path / "gate.jl").write_bytes(b"f(x) = '\xff'")
    with pytest.raises(ArgumentError, match=r"UTF-8.*gate\.jl"):
        Julia("f", file=tmp_path / "gate.jl")


def test_constants_are_no_inputs():
    """Every input is a tensor."""
    layer = Julia("f", params={}, infer=same)
    with pytest.raises(ShapeError, match="expected one tensor"):
        trace(lambda x: layer(x, 3.0), Tensor((None, 4)))


def test_the_text_of_a_file_is_part_of_the_layer(tmp_path):
    """A file is read when the layer is made: what it becomes later does not matter."""
    file = tmp_path / "gates.jl"
    file.write_text("gate(x) = x .^ 3\n")
    layer = Julia("gate", file=file, params={}, infer=same)
    file.write_text("gate(x) = x .^ 4\n")
    attrs = layer.attrs((None, 2))
    assert (attrs["file"], attrs["text"]) == ("gates.jl", "gate(x) = x .^ 3\n")
    assert repr(layer) == "Julia('gate', params={}, infer=..., file='gates.jl')"


# ---- files and trust -----------------------------------------------------------------------------------------------------------


def built(**options):
    """A model with a Julia layer that has its parameters, without a Julia."""
    model = pp.Sequential(pp.Dense(3), Julia(GATE, params={"w": lambda x: x[1:], "b": (3,)}, infer=same), pp.Dense(2))
    pp.Workout(model, pp.MSE(), pp.SGD(), **options).network.forward_plan((np.zeros((1, 4), "float32"),), False)
    return model


def test_a_saved_model_comes_back_without_a_julia(tmp_path):
    """Weights, shapes that followed from functions, and the plan; a file holds the code."""
    model = built()
    model[1].parameters.w.set_([1.0, 2.0, 3.0])
    path = pp.save(model, tmp_path / "m.pp")
    _trusted.clear()
    back = pp.load(path)
    assert back[1].source == GATE
    assert back[1].parameters.w.value.tolist() == [1, 2, 3]
    assert [p.shape for p in back.parameters.values()] == [(4, 3), (3,), (3,), (3,), (3, 2), (2,)]
    assert trace(back, Tensor((None, 4))).outputs[0].shape == (None, 2)
    assert not Code(GATE).trusted
    again = pp.load(pp.save(back, tmp_path / "n.pp"), safe_mode=False)
    assert again[1].parameters.w.value.tolist() == [1, 2, 3]
    assert Code(GATE).trusted


def test_a_loaded_model_does_not_run_unseen(tmp_path, monkeypatch):
    """Not trusted: the error shows the code and the way; nothing is sent to Julia, none is started."""
    path = pp.save(built(), tmp_path / "m.pp")
    _trusted.clear()
    back = pp.load(path)
    with pytest.raises(FileError, match=r"(?s)1 Julia: expected Julia code that you trust.*w \.\* x \.\+ b.*safe_mode=False"):
        back(np.ones((2, 4), "float32"))
    with pytest.raises(FileError, match="code that you trust"):
        pp.fit_(pp.Workout(back, pp.MSE(), pp.SGD()), (np.ones((2, 4), "float32"), np.ones((2, 2), "float32")))


def test_inputs_of_other_shapes_ask_for_trust_first(tmp_path):
    """What a file does not say would have to be asked of Julia."""
    layer = Julia("x -> x", infer=same)
    config = json.loads(json.dumps(to_config(layer)))
    _trusted.clear()
    back = from_config(config)
    with pytest.raises(FileError, match="code that you trust"):
        trace(back, Tensor((None, 4)))


def test_shapes_that_follow_from_a_function_are_those_of_the_file():
    """A Python function is in no file: other inputs than those that it was saved with are refused."""
    layer = Julia(GATE, params={"w": lambda x: x[1:], "b": (1,)}, infer=(None, 4))
    trace(layer, Tensor((None, 4)))
    back = from_config(json.loads(json.dumps(to_config(layer))))
    assert {k: p.shape for k, p in back.params((None, 4)).items()} == {"w": (4,), "b": (1,)}
    with pytest.raises(ArgumentError, match="that it was saved with"):
        back.params((None, 5))


@pytest.mark.parametrize(
    "change",
    [
        {"source": 3}, {"text": "f(x) = x"}, {"params": 3}, {"params": [["w"]]}, {"params": [["w", [-1], None, "weight", None]]}, {"params": [["a b", [1], None, "weight", None]]},
        {"arrays": [["w", [1], "other"]]}, {"known": [[[[1]], [], "x"]]}, {"known": [[[["x"]], [], [1]]]}, {"more": 1}, {"known": 3},
        {"params": [["w", [1], 3, "weight", None]]}, {"infer": "x"},
    ],
)  # fmt: skip
def test_descriptions_that_are_none(change):
    """What a file says is checked before a layer is made of it."""
    config = to_config(Julia(GATE, params={"w": (3,), "b": (3,)}, infer=same))
    with pytest.raises(FileError):
        from_config({**config, "args": {**config["args"], **change}})


def test_copies_and_pickles(tmp_path):
    """A copy has numbers of its own; a pickle is as trusted as what was pickled."""
    model = built()
    twin = copy.deepcopy(model)
    twin[1].parameters.w.set_([7.0, 7.0, 7.0])
    assert model[1].parameters.w.value.tolist() == [0, 0, 0]
    layer = Julia("x -> x", params={}, infer=(None, 3))
    data = pickle.dumps(layer)
    _trusted.clear()
    back = pickle.loads(data)
    assert back.infer((None, 3)) == (None, 3)
    assert Code("x -> x").trusted
    _trusted.clear()
    assert not pickle.loads(pickle.dumps(back)).code.trusted
    trust(pp.Sequential(pp.Dense(2), back))
    assert Code("x -> x").trusted


def test_a_workout_is_saved_with_its_plans(tmp_path):
    """The plans in the file have the code, for Julia alone; load_workout asks for trust as load does."""
    workout = pp.Workout(built(), pp.MSE(), pp.SGD())
    path = pp.save_workout(workout, tmp_path / "w.pp")
    assert GATE in path.read_bytes().decode("latin-1")
    _trusted.clear()
    back = pp.load_workout(path)
    with pytest.raises(FileError, match="code that you trust"):
        pp.predict(back, np.ones((2, 4), "float32"))
    pp.load_workout(path, safe_mode=False)
    assert Code(GATE).trusted
    with pytest.raises(ArgumentError, match=r"safe_mode=.*True or False"):
        pp.load(pp.save(back.model, tmp_path / "m.pp"), safe_mode=None)


# ---- engines -------------------------------------------------------------------------------------------------------------------


def test_tables_count_its_parameters():
    """summary and plot_model know the layer."""
    text = str(pp.summary(built()))
    assert "julia" in text.lower()
    assert sum(p.value.size for p in built().parameters.values()) == 4 * 3 + 3 + 3 + 3 + 3 * 2 + 2


def test_numpy_refuses():
    """The reference computes without Julia: it names the engines that can."""
    with pytest.raises(pp.Unsupported, match=r"backend numpy knows, received julia. Use backend='julia' or 'torch'"):
        pp.Workout(Julia("x -> x", infer=same), pp.MSE(), pp.SGD(), backend="numpy").predict(np.ones((2, 3), "float32"))


WITHOUT = """
import numpy as np, pyphoton as pp
x = np.ones((2, 3), "float32")
for layer in (pp.Julia("x -> x"), pp.Julia("MyPkg.gate", infer=(None, 3)), pp.Julia("x -> x", infer=(None, 3))):
    try:
        layer(x)
    except pp.PhotonError as error:
        print(type(error).__name__, error)
"""


def test_without_a_julia():
    """Shapes and parameters can be said instead of asked for; computing needs Julia, and the way to it and around it is in the text."""
    environment = {**os.environ, "PYPHOTON_BACKEND": "torch", "PYPHOTON_JULIA": "no-such-julia", "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", WITHOUT], env=environment, capture_output=True, text=True, timeout=100, check=True).stdout.splitlines()
    assert [line.split(" ")[0] for line in said] == ["BackendMissing", "BackendMissing", "Unsupported"]
    assert all("infer=" in line and "params={}" in line for line in said[:2])
    assert "pip install '.[julia]'" in said[2]
    assert "write the layer in Python" in said[2]


def test_the_keras_face_saves_it_too(tmp_path):
    """A model of that face with a Julia layer inside: architecture and numbers come back, the code is not trusted unless it is said."""
    layer = Julia(GATE, params={"w": (3,), "b": (3,)}, infer=same)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), layer])
    path = tmp_path / "m.keras"
    model.save(path)
    wanted = [w.tolist() for w in model.get_weights()]
    _trusted.clear()
    back = keras.saving.load_model(path)
    assert [w.tolist() for w in back.get_weights()] == wanted
    assert not Code(GATE).trusted
    keras.saving.load_model(path, safe_mode=False)
    assert Code(GATE).trusted
