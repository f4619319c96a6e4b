"""Models on another engine: what runs where, what is shared, and torch's own module over the same memory."""

import copy
import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch

import pyphoton as pp
import pyphoton.flux
from benchmarks.convert import measure
from pyphoton.backends.numpy.run import NumpyModule
from pyphoton.flux import Converted, is_cyclic, mxnet, tf, torch_

X = np.random.default_rng(3).normal(size=(6, 4)).astype("float32")
T = torch.from_numpy(X)


def built(*layers):
    """A model that has met X."""
    model = pp.Sequential(*layers)
    model(X)
    return model


def mlp():
    return built(pp.Dense(5, pp.tanh), pp.Dense(3))


def by_hand(model, x):
    """What `mlp` computes, in NumPy."""
    p = model.parameters
    return np.tanh(x @ p["0.kernel"].value + p["0.bias"].value) @ p["1.kernel"].value + p["1.bias"].value


def test_a_converted_model_is_new_and_computes_the_same():
    """It is another object with the same values, whatever the default engine is."""
    model = mlp()
    with_default = model(X)
    made = torch_(model)
    assert isinstance(made, Converted)
    assert made is not model
    np.testing.assert_allclose(made(X), by_hand(model, X), atol=1e-5)
    np.testing.assert_allclose(made(X), with_default, atol=1e-5)


def test_the_default_engine_does_not_run_for_a_converted_model(monkeypatch):
    """With NumPy as the default, nothing of NumPy's engine is called when the converted model is called or trained."""
    calls, run = [], NumpyModule.run
    monkeypatch.setattr(NumpyModule, "run", lambda self, *a, **k: calls.append(1) or run(self, *a, **k))
    pp.set_context(backend="numpy")
    model = pp.Sequential(pp.Dense(3))
    made = torch_(model)
    made(X)
    workout = pp.Workout(made, "mse", pp.SGD(0.1))
    pp.fit_(workout, (X, X[:, :3]), epochs=1, verbose=False)
    pp.predict(workout, X)
    assert calls == []
    assert workout.network.backend.describe().startswith("torch")
    model(X)
    assert calls == [1]


def test_training_the_converted_model_changes_the_original():
    """One step of gradient descent on the converted model is the hand-made update of the original's parameters."""
    model = built(pp.Dense(2))
    kernel, bias = (p.value.copy() for p in model.parameters.values())
    untouched = copy.deepcopy(model(X))
    y = X[:, :2] * 3
    pp.Workout(torch_(model), "mse", pp.SGD(0.1)).step_(X, y)
    slope = 2 * (X @ kernel + bias - y) / y.size
    np.testing.assert_allclose(model[0].parameters.kernel.value, kernel - 0.1 * X.T @ slope, atol=1e-6)
    np.testing.assert_allclose(model[0].parameters.bias.value, bias - 0.1 * slope.sum(0), atol=1e-6)
    assert np.abs(model(X) - untouched).max() > 0.01


def test_two_conversions_and_the_original_are_one_set_of_weights():
    """What one of them learns, the others know; a conversion of a conversion is one of the original."""
    model = mlp()
    first, second = torch_(model), torch_(torch_(model))
    assert second.model is model
    pp.Workout(first, "mse", pp.SGD(0.5)).step_(X, X[:, :3])
    np.testing.assert_array_equal(first(X), second(X))
    np.testing.assert_allclose(model(X), first(X), atol=1e-6)


def test_a_model_that_is_built_after_its_conversion_is_built_for_both():
    """The first call of the converted model makes the original's parameters."""
    model = pp.Sequential(pp.Dense(3))
    made = torch_(model)
    assert not model.built
    y = made(X)
    assert made.built and model.built
    np.testing.assert_allclose(y, X @ model[0].parameters.kernel.value, atol=1e-6)


def test_a_layer_that_stands_twice_keeps_one_set_of_parameters():
    """Two parameters, not four, in the converted model and in its module; its gradient adds up."""
    a = pp.Dense(4)
    model = built(a, a)
    made = torch_(model)
    made(X)
    assert len(made.parameters) == 2
    module = made.native
    assert [tuple(p.shape) for p in module.parameters()] == [(4, 4), (4,)]
    module(T).sum().backward()
    kernel = dict(module.named_parameters())["0.kernel"]
    w = torch.tensor(a.parameters.kernel.value.copy(), requires_grad=True)
    (T @ w @ w).sum().backward()
    np.testing.assert_allclose(kernel.grad, w.grad, rtol=1e-4)


def test_paths_are_those_of_the_original():
    """Parameters, summaries and frozen parameters of a converted model have the names that they have in the original."""
    model = mlp()
    made = torch_(model)
    assert list(made.parameters) == ["0.kernel", "0.bias", "1.kernel", "1.bias"]
    workout = pp.Workout(made, "mse", pp.SGD(0.5))
    workout.freeze_(model.layers[0])
    before = model.layers[0].parameters.kernel.value.copy()
    workout.step_(X, X[:, :3])
    np.testing.assert_array_equal(model.layers[0].parameters.kernel.value, before)
    assert "1 " in str(pp.summary(workout))


def test_a_converted_model_is_traced_as_the_original():
    """Its graph has the original's steps, under the original's paths, for a model of layers, one layer and a function."""
    tensor = pp.Tensor((None, 4), "float32")
    for model in (mlp(), pp.Dense(3, name="only"), pp.Dense(3), lambda x: x.abs()):
        expected, found = pp.trace(model, tensor), pp.trace(torch_(model), tensor)
        assert [(n.op, n.path.removesuffix("lambda_1")) for n in found.nodes] == [(n.op, n.path) for n in expected.nodes]
    layer = pp.Dense(3)
    layer(X)
    assert list(torch_(layer).parameters) == list(layer.parameters)
    pp.freeze_(torch_(layer))
    assert all(p.frozen for p in layer.parameters.values())


def test_a_converted_model_is_whole():
    """Inside of another model, and on another engine than its own, it is refused with the way out."""
    made = torch_(mlp())
    with pytest.raises(pp.ArgumentError, match="whole model"):
        pp.Sequential(made, pp.Dense(2))(X)
    with pytest.raises(pp.ArgumentError, match="backend='torch'"):
        pp.Workout(made, "mse", backend="numpy")


def test_layers_that_do_not_fit_are_refused():
    """At conversion where the shape of the input is known, at the first call where it is not."""
    wrong = [pp.Dense(4, 20), pp.Dense(21, 15)]
    with pytest.raises(pp.ShapeError, match="expected 21 features"):
        torch_(pp.Sequential(pp.Input(4), *wrong))
    made = torch_(pp.Sequential(*wrong))
    with pytest.raises(pp.ShapeError, match="expected 21 features"):
        made(X)


def test_engines_that_are_not_there_say_the_way_out():
    """MXNet is dead: an ImportError that names what to use."""
    with pytest.raises(ImportError, match="torch_"):
        mxnet(mlp())


class Cyclic(pp.Layer):
    """A model that says that it reads its own last run."""

    cyclic = True

    def forward(self, x):
        return x


class Unrolled(pp.Layer):
    """Acyclic, though what is inside is not."""

    cyclic = False

    def __init__(self):
        self.inside = Cyclic()

    def forward(self, x):
        return self.inside(x)


@pytest.mark.parametrize("convert", [torch_, tf])
def test_a_cycle_has_to_be_unrolled_first(convert):
    """A model that is cyclic, or has one inside, is refused; what unrolls one is not."""
    for model in (Cyclic(), pp.Sequential(pp.Dense(3), Cyclic())):
        with pytest.raises(pp.Unsupported, match=r"^This model has a cycle; try unrolling it first\.$"):
            convert(model)
    assert not is_cyclic(Unrolled())
    np.testing.assert_array_equal(torch_(Unrolled())(X), X)


# ---- the torch module --------------------------------------------------------------------------------------------------------


def test_the_module_lies_over_the_memory_of_the_original():
    """Every parameter and buffer has the address of PyPhoton's array, and its path as name."""
    model = built(pp.Dense(5), pp.BatchNorm(), pp.Dense(2))
    made = torch_(model)
    made(X)
    arrays = {**dict(made.native.named_parameters()), **dict(made.native.named_buffers())}
    assert set(arrays) == set(model.parameters)
    assert {n: t.data_ptr() for n, t in arrays.items()} == {n: p.value.ctypes.data for n, p in model.parameters.items()}
    assert set(dict(made.native.named_buffers())) == {"1.mean", "1.variance"}
    assert made.native is made.native


def test_a_step_of_torchs_optimiser_changes_the_original():
    """torch.optim.SGD on `.native` is the hand-made update of PyPhoton's arrays."""
    model = built(pp.Dense(2, use_bias=False))
    module = torch_(model).native
    kernel = model[0].parameters.kernel.value.copy()
    optimiser = torch.optim.SGD(module.parameters(), 0.1)
    (module(T) ** 2).sum().backward()
    optimiser.step()
    np.testing.assert_allclose(model[0].parameters.kernel.value, kernel - 0.2 * X.T @ (X @ kernel), atol=1e-5)
    np.testing.assert_allclose(model(X), X @ model[0].parameters.kernel.value, atol=1e-5)


def test_a_state_dict_goes_in_and_out():
    """load_state_dict writes into PyPhoton's arrays."""
    model = mlp()
    module = torch_(model).native
    state = {name: torch.full_like(t, 0.5) for name, t in module.state_dict().items()}
    module.load_state_dict(state)
    assert all((p.value == 0.5).all() for p in model.parameters.values())
    np.testing.assert_allclose(model(X), by_hand(model, X), atol=1e-5)


def test_gradients_flow_to_the_inputs_of_the_module():
    """The gradient by the input is that of the formula."""
    model = mlp()
    x = T.clone().requires_grad_()
    torch_(model).native(x).sum().backward()
    p = model.parameters
    inner = np.tanh(X @ p["0.kernel"].value + p["0.bias"].value)
    expected = ((1 - inner**2) * p["1.kernel"].value.sum(1)) @ p["0.kernel"].value.T
    np.testing.assert_allclose(x.grad, expected, atol=1e-5)


def test_train_and_eval_switch_dropout_and_batch_norm():
    """In training the running mean moves by the momentum and dropout drops; in eval neither happens."""
    model = built(pp.BatchNorm(momentum=0.25), pp.Dropout(0.5))
    module = torch_(model).native
    mean = model.parameters["0.mean"].value
    module.eval()
    np.testing.assert_array_equal(module(T).detach(), module(T).detach())
    np.testing.assert_array_equal(mean, np.zeros(4))
    module.train()
    y = module(T)
    np.testing.assert_allclose(mean, 0.25 * X.mean(0), atol=1e-6)
    assert 0 < int((y == 0).sum()) < y.numel()


def test_the_module_knows_frozen_parameters_and_other_types():
    """Frozen parameters need no gradient; float64 input is cast; `.double()` computes in float64 and leaves the original."""
    model = mlp()
    pp.freeze_(model.layers[0])
    module = torch_(model).native
    assert [n for n, p in module.named_parameters() if p.requires_grad] == ["1.kernel", "1.bias"]
    assert module(T.double()).dtype == torch.float32
    moved = copy.deepcopy(module).double()
    assert moved(T).dtype == torch.float64
    np.testing.assert_allclose(moved(T).detach(), by_hand(model, X), atol=1e-5)
    next(moved.parameters()).data.zero_()
    assert np.abs(model.parameters["0.kernel"].value).max() > 0.1


def test_the_module_takes_two_inputs_and_tells_wrong_ones():
    """Inputs come one after the other or as a tuple; an array that is no tensor is a DataError, a wrong shape a ShapeError."""

    class Both(pp.Layer):
        def __init__(self):
            self.left, self.right = pp.Dense(2), pp.Dense(2)

        def forward(self, a, b):
            return self.left(a) * self.right(b)

    made = torch_(Both())
    expected = made((X, X[:, :3]))
    np.testing.assert_allclose(made.native(T, T[:, :3]).detach(), expected, atol=1e-6)
    np.testing.assert_allclose(made.native((T, T[:, :3])).detach(), expected, atol=1e-6)
    with pytest.raises(pp.DataError, match="torch tensor"):
        made.native(X, T)
    with pytest.raises(pp.ShapeError):
        made.native(T, T)


def test_the_module_is_part_of_other_modules_and_learns_with_them():
    """In an nn.Sequential beside torch's own layers it is trained by one optimiser."""
    model = mlp()
    whole = torch.nn.Sequential(torch_(model).native, torch.nn.Linear(3, 1))
    assert "0.1.kernel" in whole.state_dict()
    before = model.parameters["1.kernel"].value.copy()
    optimiser = torch.optim.Adam(whole.parameters(), 0.05)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = ((whole(T)[:, 0] - T[:, 0]) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert np.abs(model.parameters["1.kernel"].value - before).max() > 0.05


def test_the_module_grows_with_the_model():
    """A layer that is appended later is in the module from the next call on, over the same memory."""
    model = built(pp.Dense(3))
    module = torch_(model).native
    assert module(T).shape == (6, 3)
    model.add_(pp.Dense(2))
    assert module(T).shape == (6, 2)
    assert dict(module.named_parameters())["1.kernel"].data_ptr() == model[1].parameters.kernel.value.ctypes.data


def test_a_model_without_data_has_no_module_yet():
    """`.native` needs the shape of the input."""
    with pytest.raises(pp.NotBuilt, match="met no data"):
        torch_(pp.Sequential(pp.Dense(3))).native  # noqa: B018


def test_conversions_and_modules_are_let_go_of():
    """Neither the converted model nor its module keeps itself alive; the module alone keeps the model."""
    model = mlp()
    made = torch_(model)
    module = made.native
    gone = [weakref.ref(made), weakref.ref(model), weakref.ref(module)]
    wanted = by_hand(model, X)
    del made, model
    gc.collect()
    assert gone[0]() is None
    np.testing.assert_allclose(module(T).detach(), wanted, atol=1e-5)
    del module
    gc.collect()
    assert [g() for g in gone] == [None, None, None]


@pytest.mark.parametrize("name", pyphoton.flux.__all__)
def test_names_of_the_face_exist_and_are_explained(name):
    """Every name of pyphoton.flux can be had, and has a docstring of its own."""
    assert len((getattr(pyphoton.flux, name).__doc__ or "").split()) >= 3
    assert name in dir(pyphoton.flux)


def test_importing_the_face_loads_no_engine():
    """`import pyphoton.flux` loads neither torch nor NumPy nor Keras; an unknown name is an AttributeError."""
    code = "import sys, pyphoton.flux; print([m for m in ('torch', 'numpy', 'keras', 'juliacall') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
    assert not hasattr(pyphoton.flux, "torsh")


def test_a_conversion_copies_nothing():
    """The small form of benchmarks.convert: 16 MB of parameters, converted five times, with all addresses the same."""
    found = measure(4.0, ("torch_",))
    assert found["torch_"]["same"]
    assert found["torch_"]["grown"] is None or found["torch_"]["grown"] < 8
    assert found["torch_"]["conversion"] < 0.05
