"""Models on real Flux: `.native` is a Flux.Chain over the same memory, `from_flux` reads one; what runs where."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.flux import flux, from_flux, from_torch, torch_
from pyphoton.parameters import collect

pytestmark = pytest.mark.usefixtures("julia")


def batch(*shape, dtype="float32"):
    return np.random.default_rng(4).normal(size=shape).astype(dtype)


def disturbed(model, x):
    """The model, built, with random numbers in everything, variances positive."""
    model(x)
    random = np.random.default_rng(9)
    for path, p in collect(model).items():
        p.set_(random.normal(size=p.shape) / 2 if not path.endswith("variance") else random.uniform(0.5, 2, p.shape))
    return model


# ---- to Flux -------------------------------------------------------------------------------------------------------------------

a = pp.Dense(4, pp.tanh)
MODELS = {
    "dense": (pp.Sequential(pp.Input(4), a, pp.Dropout(0.5), a, pp.LayerNorm(pp.relu, epsilon=0.1), pp.Dense(3, use_bias=False), pp.softmax), (4,)),
    "images": (
        pp.Sequential(
            pp.Conv2D(4, (3, 2), pp.relu, padding=(1, 0), strides=(1, 2), dilation=(1, 2)), pp.BatchNorm(pp.swish, epsilon=0.1), pp.Conv2D(3, 2, padding="same"),
            pp.MaxPool(2, padding=1), pp.AvgPool((1, 2), strides=1), lambda x: x.flatten(), pp.Dense(5, pp.gelu), pp.Activation("softsign"),
        ), (2, 7, 9),
    ),
    "branches": (
        pp.Sequential(
            pp.Concurrent(pp.identity, pp.Conv2D(3, 1, pp.elu)), pp.Residual(pp.Conv2D(2, 1), pp.BatchNorm()), pp.Residual(pp.Conv2D(7, 3, padding=1), combine="add"),
            pp.SkipConnection(pp.Conv2D(7, 1)), pp.GlobalMaxPool(), pp.LogSoftmax(),
        ), (2, 4, 3),
    ),
    "bins": (pp.Sequential(pp.AdaptiveAvgPool((2, 1)), pp.AdaptiveMaxPool(1), pp.GlobalAvgPool()), (2, 4, 3)),
    "lstm": (pp.Sequential(pp.LSTM(4, 2, last_only=False), pp.GRU(3, pp.relu, dropout=0.5)), (5, 3)),
    "rnn": (pp.Sequential(pp.RNN(4, activation="relu"), pp.Dense(2, pp.log_softmax)), (5, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_flux_computes_the_same(call, name):
    """The Flux.Chain gives what the model gives; read back, where no bins depend on the input, it is the model again."""
    model, shape = MODELS[name]
    x = batch(3, *shape)
    made = flux(disturbed(model, x))
    wanted = made(x)
    np.testing.assert_allclose(call(made.native, x), wanted, rtol=1e-4, atol=1e-5)
    if name != "bins":
        np.testing.assert_allclose(from_flux(made.native)(x), wanted, rtol=1e-4, atol=1e-5)


def test_flux_holds_the_memory_of_the_original(flux_module, call, collect):
    """Flux's arrays have the addresses of PyPhoton's, and what Flux changes is changed in the original: two arrays, though the layer stands twice."""
    model, x = pp.Sequential(shared := pp.Dense(4), shared), batch(3, 4)
    native = flux(disturbed(model, x)).native
    addresses = flux_module.seval("m -> sort!([UInt(pointer(a)) for a in Flux.trainables(m)])")(native)
    assert sorted(map(int, addresses)) == sorted(p.value.ctypes.data for p in model.parameters.values())
    flux_module.seval("m -> foreach(a -> a .*= 2, Flux.trainables(m))")(native)
    np.testing.assert_allclose(model(x), call(native, x), rtol=1e-5)
    values = {n: p.value.copy() for n, p in model.parameters.items()}
    flux_module.seval("m -> foreach(a -> a .+= 1, Flux.trainables(m))")(native)
    assert all((p.value == values[n] + 1).all() for n, p in model.parameters.items())
    wanted = call(native, x)
    del model, shared
    collect()
    np.testing.assert_array_equal(call(native, x), wanted)


@pytest.mark.slow
def test_a_step_of_fluxs_optimiser_is_pyphotons(descend):
    """Zygote's gradients and Flux's Descent on `.native` change the original as a step of PyPhoton does."""
    branches = pp.Concurrent(pp.identity, pp.Dense(3, pp.elu))
    model, x = pp.Sequential(pp.RNN(4), branches, pp.Residual(pp.Dense(2)), pp.Activation("tanh")), batch(5, 6, 3)
    made = flux(disturbed(model, x))
    made(x)
    before = {n: p.value.copy() for n, p in model.parameters.items()}
    descend(made.native, x)
    trained = {n: p.value.copy() for n, p in model.parameters.items()}
    for n, p in model.parameters.items():
        p.set_(before[n])
    pp.Workout(made, lambda p, y: (p - y).square().sum() * 0.5, pp.SGD(0.1)).step_(x, np.zeros((5, 9), "float32"))
    for n, p in model.parameters.items():
        assert np.abs(trained[n] - before[n]).max() > 1e-3
        np.testing.assert_allclose(p.value, trained[n], atol=2e-5)


def test_an_embedding_counts_from_one_in_flux(flux_module):
    """Row 0 here is row 1 there."""
    model, x = pp.Sequential(pp.Embedding(5, 3)), np.array([[0, 4], [2, 2]])
    wanted = model(x)
    found = flux_module.seval("(m, x) -> m(x .+ 1)")(flux(model).native, pp.to_julia(x).julia)
    np.testing.assert_array_equal(pp.from_julia(found), wanted)


REFUSED = {
    "groups": (pp.Conv2D(2, 1, groups=2), (2, 3, 3), "0 Conv2D.*no groups"), "directions": (pp.LSTM(3, bidirectional=True), (4, 2), "one direction"),
    "bins": (pp.AdaptiveMaxPool(2), (2, 5), "divide"), "inside": (pp.AvgPool(2, padding=1, include_padding=False), (2, 4), "padding that counts"),
    "function": (lambda x: x * 2, (3,), "lambda"), "axis": (pp.Softmax(1), (2, 3), "Softmax"), "half": (pp.BatchNorm(shift=False), (3,), "scale and shift"), "reshape": (pp.Reshape(3, ), (3,), "Reshape"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_flux_has_no_layer_for_is_refused_by_name(name):
    """The error names place and layer, while the model itself runs in Julia."""
    layer, shape, said = REFUSED[name]
    made = flux(pp.Sequential(layer))
    made(batch(2, *shape))
    with pytest.raises(pp.Unsupported, match=said):
        made.native  # noqa: B018


# ---- from Flux -----------------------------------------------------------------------------------------------------------------

SOURCES = {
    "dense": ("Chain(Dense(4 => 5, tanh), softmax, LayerNorm(5, relu; eps=0.3f0), Dense(5 => 2; bias=false))", (3, 4)),
    "named": ("Chain(first=Dense(4 => 4, σ), rest=Chain(Dropout(0.5), Dense(4 => 2, leakyrelu)))", (3, 4)),
    "conv-flips": ("Chain(Conv((3, 2), 4 => 6, relu; stride=(1, 2), pad=(1, 0), dilation=(1, 2), groups=2), Flux.flatten)", (3, 4, 7, 8)),
    "crosscor": ("Chain(CrossCor((3, 2), 2 => 3; bias=false), MaxPool((2, 1); pad=(1, 0)), MeanPool((2, 2); stride=1))", (3, 2, 6, 6)),
    "transpose": ("Chain(ConvTranspose((3, 2), 2 => 4, elu; stride=2, pad=1, outpad=(1, 0), groups=2), GlobalMeanPool())", (3, 2, 5, 4)),
    "conv1d-conv3d": ("Chain(Conv((3,), 2 => 3, swish), AdaptiveMaxPool((1,)))", (3, 2, 6)),
    "norm": ("Chain(BatchNorm(2, relu; eps=0.2f0), BatchNorm(2; affine=false), GlobalMaxPool())", (3, 2, 4, 5)),
    "recurrent": ("Chain(LSTM(3 => 4), GRU(4 => 2), Recurrence(Flux.RNNCell(2 => 3, relu; bias=false)), RNN(3 => 2))", (3, 5, 3)),
    "branches": ("Chain(Parallel(vcat, Dense(4 => 3), Base.BroadcastFunction(selu)), SkipConnection(Dense(7 => 7, gelu_erf), +))", (3, 4)),
    "double": ("Flux.f64(Chain(Dense(4 => 3, softplus)))", (3, 4)),
}  # fmt: skip
SCRAMBLE = """
m -> (Flux.testmode!(m); for (i, a) in enumerate(Flux.fmap(identity, m) |> Flux.Optimisers.trainables)
    a .= sin.(i .+ (1:length(a)) .* 0.7) |> v -> reshape(v, size(a)) end; m)
"""


@pytest.mark.parametrize("name", SOURCES)
def test_a_flux_model_is_read_exactly(flux_module, call, name):
    """The PyPhoton model computes what Flux computes, to 1e-5 (1e-10 in double precision), with copies of its weights."""
    code, shape = SOURCES[name]
    native = flux_module.seval(SCRAMBLE)(flux_module.seval(code))
    x = batch(*shape, dtype="float64" if name == "double" else "float32")
    wanted = call(native, x)
    model = from_flux(native)
    flux_module.seval("m -> foreach(a -> a .= 0, Flux.trainables(m))")(native)
    found = model(x)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-10 if name == "double" else 1e-5, atol=1e-12 if name == "double" else 1e-5)


def test_sharing_names_and_missing_biases_are_kept(flux_module):
    """A layer that stands twice is one layer, named layers keep their names, a cell without a bias has a frozen one of zeros."""
    model = from_flux(flux_module.seval("let d = Dense(3 => 3); Chain(d, d) end"))
    assert model[0] is model[1]
    named = from_flux(flux_module.seval("Chain(enc=Dense(3 => 2), dec=Dense(2 => 3))"))
    assert list(named.parameters) == ["enc.kernel", "enc.bias", "dec.kernel", "dec.bias"]
    cell = from_flux(flux_module.seval("LSTM(3 => 2; bias=false)"))
    assert cell.parameters.bias_0.frozen
    assert not cell.parameters.bias_0.value.any()


UNKNOWN = {
    "closure": ("Chain(Dense(3 => 2), x -> 2x)", "layer 1.*function"), "layer": ("Chain(Chain(GroupNorm(4, 2)))", "layer 0.0.*GroupNorm"),
    "activation": ("Chain(Dense(3 => 2, gelu))", "gelu.* is not known"), "padding": ("Chain(Conv((2, 2), 1 => 1; pad=SamePad()))", "as much padding"),
    "state": ("LSTM(3 => 2; return_state=true)", "return_state"), "gru3": ("GRUv3(3 => 2)", "GRUv3"), "half": ("Flux.f16(Dense(3 => 2))", "Float16"),
    "axes": ("LayerNorm(3, 2)", "2 axes"), "tied": ("let w = rand(Float32, 3, 3); Chain(Dense(w), Dense(w)) end", "that of 0.kernel"),
    "sizes": ("AdaptiveMeanPool((2, 2))", "bins"), "sum": ("Parallel(+, Dense(3 => 2), Dense(3 => 2))", "connection"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_refused_by_name(flux_module, name):
    """The error says where in the model it is, and what."""
    code, said = UNKNOWN[name]
    with pytest.raises(pp.Unsupported, match=said):
        from_flux(flux_module.seval(code))


def test_only_models_of_julia_are_read():
    """A Python object is an ArgumentError."""
    with pytest.raises(pp.ArgumentError, match="as juliacall shows it"):
        from_flux(pp.Dense(3))


# ---- what runs where -----------------------------------------------------------------------------------------------------------


def test_no_julia_call_while_torch_runs(asked):
    """With Julia as the default, calling and training the converted model asks Julia for nothing; the original does."""
    pp.set_context(backend="julia")
    x, model = batch(6, 4), pp.Sequential(pp.Dense(3))
    model(x)
    made = torch_(model)
    asked.clear()
    y = made(x)
    workout = pp.Workout(made, "mse", pp.SGD(0.1))
    pp.fit_(workout, (x, x[:, :3]), epochs=2, verbose=False)
    assert made.native is not None
    assert asked == []
    assert np.abs(model(x) - y).max() > 1e-4
    assert asked.count("run") == 1
    np.testing.assert_allclose(model(x), made(x), atol=1e-6)


def test_no_torch_step_while_julia_runs(asked, monkeypatch):
    """With torch as the default, the converted model is called and trained in Julia alone."""
    from pyphoton.backends.torch.program import Program

    steps, run = [], Program.__call__
    monkeypatch.setattr(Program, "__call__", lambda self, x: steps.append(1) or run(self, x))
    pp.set_context(backend="torch")
    x, model = batch(6, 4), pp.Sequential(pp.Dense(3))
    made = flux(model)
    made(x)
    pp.fit_(pp.Workout(made, "mse", pp.SGD(0.1)), (x, x[:, :3]), epochs=1, verbose=False)
    assert steps == []
    assert {"run", "epoch"} <= set(asked)
    np.testing.assert_allclose(model(x), made(x), atol=1e-6)
    assert steps == [1]


def test_an_opaque_module_of_torch_runs_in_julia(asked):
    """A module that was kept on torch is called back by Julia, to predict and to train."""
    import torch

    model = from_torch(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Hardswish()), opaque=True)
    x = batch(2, 3)
    expected = model(x)
    np.testing.assert_allclose(flux(model)(x), expected, atol=1e-6)
    assert "run" in asked
