"""torch_layer(module).julia in a real Flux.Chain: rows 17 and 20 of what a bridge has to do. A running Julia with Flux."""

from __future__ import annotations

import gc
import re
import runpy
from copy import deepcopy

import numpy as np
import pytest
import torch
from processes import ROOT
from torch import nn

import pyphoton as pp
from pyphoton.errors import PhotonError, TraceError, Unsupported
from pyphoton.flux import flux
from pyphoton.interop import torch_layer

FUNCTIONS = """
(;
    chain = (layers...) -> Flux.Chain(layers...),
    dense = (w, b) -> Flux.Dense(w, b),
    call = (m, x) -> m(x),
    slopes = (m, x) -> Flux.gradient((m, x) -> sum(sin, m(x)), m, x),
    loss = (m, x) -> sum(sin, m(x)),
    param = (g, layer, name) -> getproperty(g[1].layers[layer].params, Symbol(name)),
    field = (g, layer, name) -> getproperty(g[1].layers[layer], Symbol(name)),
    input = g -> g[2],
    address = a -> Int(UInt(pointer(a))),
    own = (m, name) -> getproperty(m.params, Symbol(name)),
    update = (m, x, rate) -> (Flux.update!(Flux.setup(Flux.Descent(rate), m), m, Flux.gradient(m -> sum(abs2, m(x)), m)[1]); nothing),
    train = (m, x, y, n) -> (opt = Flux.setup(Flux.Adam(0.05f0), m); for _ in 1:n; Flux.train!((m, x, y) -> Flux.mse(m(x), y), m, [(x, y)], opt); end; Flux.mse(m(x), y)),
    trainable = m -> join(sort!(collect(String.(keys(Flux.trainable(m).params)))), " "),
    count = m -> sum(length, Flux.trainables(m)),
    states = m -> Flux.state(m),
    fmapped = m -> Flux.f64(m),
    copied = m -> Flux.fmap(copy, m),
    deep = m -> deepcopy(m),
    test = m -> (Flux.testmode!(m); m),
    train_mode = m -> (Flux.trainmode!(m); m),
    auto = m -> (Flux.testmode!(m, :auto); m),
    twice = (m, x) -> (b = Flux.Zygote.pullback(m, x)[2]; dy = ones(Float32, 3, size(x, 2)); (b(dy)[1], b(dy)[1])),
    second = (m, x) -> Flux.Zygote.gradient(x -> sum(Flux.Zygote.gradient(x -> sum(abs2, m(x)), x)[1]), x),
    view = (m, x) -> m(view(x, :, 1:2)),
    transposed = (m, x) -> (g = Flux.gradient(x -> sum(sin, m(x)), permutedims(x)'); (m(permutedims(x)'), g[1])),
    ints = (m, x) -> Flux.gradient((m, x) -> sum(sin, m(x)), m, x),
    nothing_ = x -> x === nothing,
    many = (m, x, n) -> (s = 0.0; for i in 1:n; g = Flux.gradient((m, x) -> sum(sin, m(x)), m, x); s += sum(g[2]); i % 100 == 0 && GC.gc(); end; s),
    same = (a, b) -> a === b,
)
"""


@pytest.fixture(scope="module")
def f(flux_module):
    """Julia functions around Flux."""
    return flux_module.seval(FUNCTIONS)


def numbers(*shape, dtype="float32", seed=0):
    """Numbers around 0."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def there(x):
    """An array for Julia."""
    return pp.to_julia(np.ascontiguousarray(x)).julia


def back(value):
    """An array of Julia's as NumPy's own."""
    return np.array(pp.from_julia(value))


def made(dtype="float32"):
    """A module with parameters of its own."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.Hardswish(), nn.Linear(5, 3)).to(getattr(torch, dtype))


def surrounded(f, module, dtype="float32"):
    """Dense, the module, Dense in Flux; and the arrays of both Dense, as Python shows them."""
    arrays = [numbers(2, 4, dtype=dtype, seed=1), numbers(4, dtype=dtype, seed=2), numbers(3, 2, dtype=dtype, seed=3), numbers(2, dtype=dtype, seed=4)]
    layer = torch_layer(module)
    chain = f.chain(f.dense(there(arrays[0]), there(arrays[1])), layer.julia, f.dense(there(arrays[2]), there(arrays[3])))
    return chain, layer, arrays


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_a_flux_chain_are_torchs(f, dtype):
    """Dense -> module -> Dense: output and all gradients equal torch's for the same weights."""
    module = made(dtype)
    chain, _, (w1, b1, w2, b2) = surrounded(f, module, dtype)
    x = numbers(6, 2, dtype=dtype, seed=5)
    own = [torch.from_numpy(a.copy()).requires_grad_() for a in (x, w1, b1, w2, b2)]
    tx, tw1, tb1, tw2, tb2 = own
    y = module(tx @ tw1 + tb1) @ tw2 + tb2
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(back(f.call(chain, there(x))), y.detach().numpy(), **tolerance)
    y.sin().sum().backward()
    g = f.slopes(chain, there(x))
    np.testing.assert_allclose(back(f.input(g)), tx.grad.numpy(), **tolerance)
    np.testing.assert_allclose(back(f.field(g, 1, "weight")), tw1.grad.numpy(), **tolerance)
    np.testing.assert_allclose(back(f.field(g, 3, "bias")), tb2.grad.numpy(), **tolerance)
    for name, p in module.named_parameters():
        np.testing.assert_allclose(back(f.param(g, 2, name)), p.grad.numpy(), **tolerance)


def test_gradients_against_central_differences(f):
    """In float64, by parameters of torch and of Flux, through Zygote."""
    module = made("float64")
    chain, layer, arrays = surrounded(f, module, "float64")
    x = numbers(3, 2, dtype="float64", seed=6)
    g = f.slopes(chain, there(x))
    named = {name: (p.value, back(f.param(g, 2, name))) for name, p in layer.parameters.items()}
    named["first"] = arrays[0], back(f.field(g, 1, "weight"))
    named["input"] = x, back(f.input(g))
    for name, (values, slope) in named.items():
        for at in [(0,) * values.ndim, tuple(n - 1 for n in values.shape)]:
            kept, found = values[at], []
            for step in (1e-6, -1e-6):
                values[at] = kept + step
                found.append(f.loss(chain, there(x)))
            values[at] = kept
            assert slope[at] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-6, abs=1e-8), name


def test_parameters_are_one_memory_on_all_sides(f):
    """Addresses are equal; an update of Optimisers.jl is in the module at once, and torch's in Julia."""
    module = made()
    layer = torch_layer(module)
    for name, p in module.named_parameters():
        assert f.address(f.own(layer.julia, name)) == p.data_ptr() == layer.parameters[name].value.ctypes.data
    x = numbers(5, 4)
    expected = deepcopy(module)
    expected(torch.from_numpy(x)).square().sum().backward()
    torch.optim.SGD(expected.parameters(), 0.01).step()
    f.update(layer.julia, there(x), np.float32(0.01))
    for (name, p), wanted in zip(module.named_parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), wanted.detach().numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
    with torch.no_grad():
        module[2].bias.fill_(7)
    assert back(f.own(layer.julia, "2.bias")).tolist() == [7, 7, 7]
    assert f.same(layer.julia, layer.julia)


def test_flux_trains_it(f):
    """Flux.setup and Flux.train! with Adam: the loss falls as with torch's Adam from the same start."""
    module = made()
    twin, x, y = deepcopy(module), numbers(16, 4), numbers(16, 3, seed=8)
    opt = torch.optim.Adam(twin.parameters(), 0.05)
    for _ in range(20):
        opt.zero_grad()
        nn.functional.mse_loss(twin(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        opt.step()
    expected = nn.functional.mse_loss(twin(torch.from_numpy(x)), torch.from_numpy(y)).item()
    assert f.train(f.chain(torch_layer(module).julia), there(x), there(y), 20) == pytest.approx(expected, rel=1e-2)


def test_frozen_parameters_and_buffers_are_no_parameters_of_flux(f):
    """What needs no gradient is not trained; running averages move in training mode, which is automatic in a gradient."""
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    module[0].bias.requires_grad_(False)
    layer = torch_layer(module)
    assert f.trainable(layer.julia) == "0.weight 1.bias 1.weight"
    assert f.count(f.chain(layer.julia)) == 12 + 3 + 3
    x = there(numbers(8, 4))
    np.testing.assert_array_equal(back(f.call(layer.julia, x)), back(f.call(layer.julia, x)))
    mean = module[1].running_mean.clone()
    f.slopes(f.test(layer.julia), x)
    assert torch.equal(module[1].running_mean, mean)
    assert (back(f.call(f.train_mode(layer.julia), x)) == 0).any()
    f.slopes(f.auto(layer.julia), x)
    assert not torch.equal(module[1].running_mean, mean)
    assert not (back(f.call(layer.julia, x)) == 0).any()


def test_arrays_that_do_not_lie_as_they_are(f):
    """Views and transposed arrays go in as the numbers that they show, and so do their gradients."""
    module = made()
    layer, x = torch_layer(module), numbers(3, 4)
    wanted = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(back(f.view(layer.julia, there(x))), wanted[:2], atol=1e-6)
    y, slope = f.transposed(layer.julia, there(x))
    np.testing.assert_allclose(back(y), wanted, atol=1e-6)
    tx = torch.from_numpy(x).requires_grad_()
    module(tx).sin().sum().backward()
    np.testing.assert_allclose(np.array(pp.from_julia(slope, copy=True)), tx.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_whole_numbers_have_no_gradient(f):
    """An embedding's positions: the table has a gradient, they have none."""
    module = nn.Embedding(5, 3)
    layer, x = torch_layer(module), np.array([1, 3, 3])
    g = f.ints(f.chain(layer.julia), there(x))
    assert f.nothing_(f.input(g))
    module(torch.from_numpy(x)).sin().sum().backward()
    np.testing.assert_allclose(back(f.param(g, 1, "weight")), module.weight.grad.numpy(), atol=1e-6)


def test_a_pullback_may_be_called_again(f):
    """And gives the same."""
    a, b = f.twice(torch_layer(made()).julia, there(numbers(2, 4)))
    np.testing.assert_array_equal(back(a), back(b))


def test_a_thousand_gradients_leave_nothing_behind(f, jl):
    """With Julia's collector at work meanwhile: resident memory grows by less than 20 MiB, and objects of torch's are gone."""
    from test_python_in_julia import STATM, resident

    if not STATM.exists():
        pytest.skip("this system does not say how much memory a process has")
    module = nn.Sequential(nn.Linear(256, 256), nn.Hardswish(), nn.Linear(256, 256))
    layer, x = torch_layer(module), there(numbers(64, 256))
    f.many(layer.julia, x, 1000)  # malloc has what it keeps
    before = resident()
    f.many(layer.julia, x, 1000)
    jl.gc()
    gc.collect()
    assert resident() - before < 20
    jl.gc()
    assert sum(type(o).__name__ == "_Tape" for o in gc.get_objects()) <= 1


class Failing(nn.Module):
    """Raises what it is given."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def forward(self, x):
        """Whatever act gives."""
        return self.act(x)


def test_errors_of_the_module_arrive_as_they_are(f):
    """The same exception object through Zygote and back, forward and in a gradient; Julia goes on."""
    error = LookupError("own")

    def fail(x):
        raise error

    layer = torch_layer(Failing(fail))
    for act in (f.call, f.slopes):
        with pytest.raises(LookupError) as caught:
            act(f.chain(layer.julia), there(numbers(2, 3)))
        assert caught.value is error
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        f.call(torch_layer(made()).julia, there(numbers(2, 3)))
    with pytest.raises(TraceError, match="one tensor from Failing"):
        f.call(torch_layer(Failing(lambda x: (x, x))).julia, there(numbers(2, 3)))


def test_what_cannot_be_is_refused(f):
    """Another device, another type, copies of the arrays, a second derivative, a module that was moved afterwards."""
    with pytest.raises(Unsupported, match=r"weight on meta.*cpu\(\)"):
        torch_layer(nn.Linear(2, 3, device="meta"))
    with pytest.raises(PhotonError, match="float32 or of float64"):
        torch_layer(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2).double()))
    with pytest.raises(PhotonError, match="float16"):
        torch_layer(nn.Linear(2, 3).half())
    with pytest.raises(pp.ArgumentError, match=r"torch\.nn\.Module"):
        torch_layer(nn.Linear)
    module = made()
    layer = torch_layer(module)
    chain = f.chain(layer.julia)
    for act in (f.fmapped, f.copied):
        with pytest.raises(Exception, match="torch's memory"):
            act(chain)
    with pytest.raises(Exception, match="first derivative"):
        f.second(chain, there(numbers(2, 4)))
    kept = layer.julia
    module.double()
    with pytest.raises(Unsupported, match="other memory"):
        f.call(kept, there(numbers(2, 4)))


def test_a_deep_copy_has_a_module_of_its_own(f):
    """In Julia and in Python: its numbers are equal, and change alone."""
    module = made()
    layer, x = torch_layer(module), there(numbers(4, 4))
    for copy in (f.deep(layer.julia), deepcopy(layer).julia):
        before = back(f.call(layer.julia, x))
        np.testing.assert_array_equal(back(f.call(copy, x)), before)
        f.update(copy, x, np.float32(0.1))
        assert np.abs(back(f.call(copy, x)) - before).max() > 1e-3
        np.testing.assert_array_equal(back(f.call(layer.julia, x)), before)


def test_in_a_model_of_pyphoton_on_every_engine(f):
    """The same layer in a Sequential trains alike on torch and in Julia, and flux(model).native has it inside."""
    x, y, losses = numbers(24, 4), numbers(24, 2, seed=9), []
    for backend in ("torch", "julia"):
        layer = torch_layer(made(), name="own")
        model = pp.Sequential(pp.Dense(4, "tanh"), layer, pp.Dense(2))
        w = pp.Workout(model, "mse", pp.Adam(0.01), backend=backend, seed=3)
        w.fit_((x, y), epochs=3, batch_size=8, verbose=False)
        losses.append(w.history("loss")[1])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    native = flux(model).native
    np.testing.assert_allclose(back(f.call(native, there(x))), w.predict(x), atol=1e-5)
    before = layer.parameters["0.weight"].value.copy()
    f.update(native, there(x), np.float32(0.01))
    assert not np.array_equal(before, layer.parameters["0.weight"].value)
    np.testing.assert_allclose(back(f.call(native, there(x))), w.predict(x), atol=1e-5)


def test_the_example_learns(julia, monkeypatch, capsys):
    """examples/interop/03_torch_layer_in_julia.py: both trainings end far below where they begin, and the memory is one."""
    monkeypatch.setenv("EPOCHS", "200")
    runpy.run_path(str(ROOT / "examples" / "interop" / "03_torch_layer_in_julia.py"), run_name="__main__")
    text = capsys.readouterr().out
    found = [(float(a), float(b)) for a, b in re.findall(r"loss: ([\d.]+) -> ([\d.]+)", text)]
    assert len(found) == 2
    assert all(b < 0.2 * a for a, b in found)
    (by_hand,) = re.findall(r"torch's module: ([\d.]+)", text)
    assert float(by_hand) == pytest.approx(found[0][1], rel=1e-3, abs=2e-5)
    assert "learnt from it, too: True" in text
