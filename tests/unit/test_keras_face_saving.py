"""Models of the Keras face in files: architecture and numbers apart, or in one file; what survives, and what is refused."""

import json

import numpy as np
import pytest

from pyphoton import Dense as CoreDense
from pyphoton import FileError, KeraFlowError, relu
from pyphoton.keras import (
    Dense,
    Input,
    Layer,
    Model,
    Sequential,
    layers,
    load_model,
    model_from_json,
    model_from_yaml,
    models,
    serialize,
    unserialize,
)

X = [np.random.default_rng(1).normal(size=(3, 4)).astype("float32") for _ in range(2)]


def branched():
    """Two inputs, two outputs; a shared layer, a nested model, one of pyphoton's own layers, an operator, rules, a frozen layer."""
    a, b = Input(4, name="a"), Input(4)
    shared = Dense(3, activation="relu", regularizers={"W": "l1"}, constraints=[None, "nonneg"], initial_weights=np.full((4, 3), 0.5))
    inside = Input(3)
    nested = Model(inside, CoreDense(2, relu)(inside), name="nested")
    first = nested(shared(a)) + nested(shared(b)) * 2.0
    return Model([a, b], [first, Dense(2, trainable=False, name="frozen")(shared(b))])


def same(ours, others):
    """Outputs are equal to the last bit."""
    for one, other in zip(ours, others, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_everything_survives_two_files(tmp_path, kind):
    """Predictions, names, sharing, regularizers, constraints and trainable."""
    if kind == "yaml":
        pytest.importorskip("yaml", reason="PyYAML is not installed")
    model = branched()
    options = {"indent": 2} if kind == "json" else {"default_flow_style": True, "sort_keys": True}
    model.save_to_file(tmp_path / f"arch.{kind}", tmp_path / "weight.pkl", **options)
    made = Model.load_from_file(tmp_path / f"arch.{kind}", tmp_path / "weight.pkl")
    same(model(X), made(X))
    assert made.output_names == model.output_names
    assert made.input_names == model.input_names
    assert len(made.weights) == len(model.weights) == 6
    shared = made.layers[2]
    assert (shared.name, shared.regularizers, shared.constraints) == (model.layers[2].name, {"W": "l1"}, [None, "nonneg"])
    assert not made.get_layer("frozen").trainable
    assert all(p.frozen for p in made.get_layer("frozen").weights)


def test_one_file(tmp_path):
    """model.save, load_model; the same file again."""
    model = branched()
    wanted = model(X)
    for _ in range(2):
        model.save(tmp_path / "m.keras")
    same(wanted, load_model(tmp_path / "m.keras")(X))


def test_text_and_clones():
    """to_json and to_yaml describe without numbers; a clone has numbers of its own."""
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    model = branched()
    for made in (model_from_json(model.to_json()), model_from_yaml(model.to_yaml()), models.clone_model(model), unserialize(serialize(model))):
        assert [a.shape for a in made(X)] == [a.shape for a in model(X)]
        assert serialize(made) == serialize(model)
    assert not np.array_equal(model.get_layer("frozen").get_weights()[0], made.get_layer("frozen").get_weights()[0])


def test_weights_alone(tmp_path):
    """save_weights and load_weights; those of another model change nothing."""
    model, other = Sequential([Input(4), Dense(3)]), Sequential([Input(4), Dense(3)])
    model.save_weights(tmp_path / "w")
    other.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(model(X[0]), other(X[0]))
    wrong = Sequential([Input(4), Dense(2)])
    before = wrong(X[0])
    with pytest.raises(FileError, match="kernel"):
        wrong.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(before, wrong(X[0]))


def test_what_is_refused(tmp_path):
    """Another extension, a file that is there, a lambda; a model without parameters has no file of weights."""
    model = Sequential([Input(4), Dense(3)])
    with pytest.raises(KeraFlowError, match=r"ends in \.json or \.yaml"):
        model.save_to_file(tmp_path / "arch.txt")
    model.save_to_file(tmp_path / "arch.json", tmp_path / "w")
    before = (tmp_path / "w").read_bytes()
    with pytest.raises(KeraFlowError, match="overwrite=True"):
        model.save_to_file(tmp_path / "new.json", tmp_path / "w")
    assert not (tmp_path / "new.json").exists()
    assert (tmp_path / "w").read_bytes() == before
    with pytest.raises(KeraFlowError, match="functions that have a name"):
        Sequential([Input(4), layers.Lambda(lambda x: x * 2)]).save_to_file(tmp_path / "lambda.json")
    with pytest.warns(UserWarning, match="no parameters"):
        Sequential([Input(4), layers.Activation("tanh")]).save_to_file(tmp_path / "none.json", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def half(x):
    """A function of the user's own."""
    return x / 2


class Scale(Layer):
    """A layer of the user's own, with a weight and a layer inside."""

    def __init__(self, start, inner, **common):
        """`start`: the first scale. `inner`: a layer."""
        super().__init__(**common)
        self.start, self.inner = start, inner

    def build(self, input_shape):
        """One scale for each feature."""
        self.scale = self.add_weight((input_shape[-1],), name="scale", initializer=self.start)

    def call(self, x):
        """Scaled, then through the layer."""
        return self.inner(x * self.scale)


def test_layers_and_functions_of_ones_own(tmp_path):
    """They are named in the file, and made of what custom_objects= gives; never looked up."""
    model = Sequential([Input(4), Scale(3.0, Dense(2), name="mine"), layers.Activation(half)])
    model.save_to_file(tmp_path / "a.json", tmp_path / "w")
    with pytest.raises(FileError, match="custom_objects"):
        Model.load_from_file(tmp_path / "a.json")
    made = Model.load_from_file(tmp_path / "a.json", tmp_path / "w", custom_objects={"Scale": Scale, "half": half})
    np.testing.assert_array_equal(model(X[0]), made(X[0]))


def test_keraflows_form_of_the_text():
    """class_name, module_name, params; path names tensors."""
    x = Input(4, name="x")
    config = json.loads(Model(x, Dense(2, name="d")(x)).to_json())
    assert set(config) >= {"class_name", "module_name", "params"}
    assert config["params"]["path"] == [{"inputs": [{"tensor": "x"}], "layer": 1, "outputs": ["d"]}]
    assert config["params"]["layers"][1]["params"]["units"] == 2


BOMB = {"class_name": "Dense", "module_name": "pyphoton.keras", "params": {"units": 2}, "id": 0}
BAD = {
    "unknown class": {"class_name": "Popen", "module_name": "subprocess", "params": {"args": "true"}},
    "no layer": {"class_name": "eval_", "module_name": "pyphoton.keras", "params": {}},
    "function": {"class_name": "Activation", "module_name": "pyphoton.keras", "params": {"activation": {"function": "system", "module_name": "os"}}},
    "argument": {"class_name": "Dense", "module_name": "pyphoton.keras", "params": {"units": "many"}},
    "no params": {"class_name": "Dense", "module_name": "pyphoton.keras"},
    "reference": {"same": 3},
    "a number": 3,
    "path": {"class_name": "Model", "module_name": "pyphoton.keras", "params": {"layers": [], "path": [{"layer": 0, "inputs": [], "outputs": []}], "inputs": [], "outputs": []}},
    "operation": {"class_name": "Model", "module_name": "pyphoton.keras", "params": {
        "layers": [serialize(Input(3, name="t").layer)], "path": [{"operation": "system", "attrs": {}, "inputs": [{"tensor": "t"}], "outputs": ["y"]}],
        "inputs": ["t"], "outputs": ["y"]}},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_foreign_texts_are_file_errors(name):
    """Whatever a text says, it is a model or a FileError, and nothing is looked up that is not the library's."""
    with pytest.raises(FileError):
        model_from_json(json.dumps(BAD[name]))


def test_texts_that_would_not_end_are_file_errors(tmp_path):
    """Too deep, too many layers by reference, aliases of YAML, no JSON at all."""
    config = dict(BOMB)
    for number in range(60):
        config = {"class_name": "Sequential", "module_name": "pyphoton.keras", "params": {"layers": [config, {"same": number}]}, "id": number + 1}
    for text in (json.dumps(config), "[" * 100_000, '{"a":' * 500 + "1" + "}" * 500, "{", "\x00"):
        with pytest.raises(FileError):
            model_from_json(text)
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    for text in ("a: &a [1, 1]\nb: [*a, *a]", "[" * 50_000, "!!python/object/apply:os.system ['true']", "- " * 3000):
        with pytest.raises(FileError):
            model_from_yaml(text)
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "a.json", tmp_path / "none.json", tmp_path):
        with pytest.raises((FileError, KeraFlowError)):
            Model.load_from_file(path)


def test_a_chain_of_two_hundred_layers(tmp_path):
    """Functional chains are flat in a file, however long."""
    x = y = Input(3)
    for _ in range(200):
        y = Dense(3)(y)
    model = Model(x, y)
    model.save(tmp_path / "m")
    data = np.ones((1, 3), "float32")
    np.testing.assert_array_equal(model(data), load_model(tmp_path / "m")(data))
