"""A model that runs in Julia as a torch module: the same memory, torch's optimisers, files, loaders and hooks around it."""

import copy
import io
import os
import pickle

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.backends.julia.errors import JuliaError
from pyphoton.errors import DataError, NotBuilt, PhotonError, ShapeError, Unsupported

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.julia

CHAIN = """
Flux.Chain(Flux.Dense(3 => 4, tanh), Flux.BatchNorm(4), Flux.Dropout(0.5), Flux.Dense(4 => 2))
"""
PATHS = ["layers.0.weight", "layers.0.bias", "layers.1.β", "layers.1.γ", "layers.3.weight", "layers.3.bias"]


@pytest.fixture(scope="module")
def as_module(flux_module):
    """`as_module`, once Julia runs with Flux."""
    from pyphoton.interop import as_module

    return as_module


def numbers(*shape, seed=0):
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def in_torch(module, x, *, training):
    """The Chain in torch's own functions, on the module's tensors."""
    p = dict(module.named_parameters()) | dict(module.named_buffers())
    y = torch.tanh(x @ p["layers.0.weight"] + p["layers.0.bias"])
    y = torch.nn.functional.batch_norm(
        y, p["layers.1.μ"].clone(), p["layers.1.σ²"].clone(), p["layers.1.γ"], p["layers.1.β"], training=training
    )
    return y @ p["layers.3.weight"] + p["layers.3.bias"]


def test_names_shapes_and_memory(as_module, flux_module, jl):
    """Dotted paths, Julia's axes reversed, running numbers as buffers, all at Julia's own addresses."""
    chain = flux_module.seval(CHAIN)
    module = as_module(chain)
    assert [name for name, _ in module.named_parameters()] == PATHS
    assert [name for name, _ in module.named_buffers()] == ["layers.1.μ", "layers.1.σ²"]
    weight = flux_module.seval("m -> m.layers[1].weight")(chain)
    ours = module.get_parameter("layers.0.weight")
    assert tuple(ours.shape) == (3, 4) and ours.is_contiguous() and ours.data_ptr() == int(jl.address(weight))
    with torch.no_grad():
        ours[2, 1] = 7
    assert flux_module.seval("w -> w[2, 3]")(weight) == 7
    flux_module.seval("w -> (w[1, 1] = -3; nothing)")(weight)
    assert ours[0, 0].item() == -3


def test_forward_and_backward_are_torchs(as_module, flux_module):
    """Numbers and gradients by parameter and input agree with torch's own functions, in evaluation mode."""
    module, x = as_module(flux_module.seval(CHAIN)).eval(), numbers(5, 3).requires_grad_()
    wanted = [x, *module.parameters()]
    ours, theirs = module(x), in_torch(module, x, training=False)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours.square().sum(), wanted), torch.autograd.grad(theirs.square().sum(), wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_train_and_eval_switch_julias_mode(as_module, flux_module):
    """In training mode batch statistics count and running ones move, in evaluation mode neither, and Julia's layers know."""
    chain = flux_module.seval("Flux.Chain(Flux.BatchNorm(3), Flux.Dropout(0.5))")
    module, x = as_module(chain), numbers(64, 3) * 2 + 1
    active = flux_module.seval("m -> [m.layers[1].active, m.layers[2].active]")
    mean = module.get_buffer("layers.0.μ").clone()
    y = module(x)
    assert list(active(chain)) == [True, True] and 0.3 < (y == 0).float().mean().item() < 0.7
    torch.testing.assert_close(module.get_buffer("layers.0.μ"), 0.9 * mean + 0.1 * x.mean(0))
    module.eval()
    before = module.get_buffer("layers.0.μ").clone()
    torch.testing.assert_close(module(x), module(x))
    assert list(active(chain)) == [False, False] and torch.equal(module.get_buffer("layers.0.μ"), before)


def test_an_optimiser_of_torch_trains_julias_model(as_module, flux_module):
    """A step of SGD changes Julia's arrays by rate times gradient, and losses fall; an update in Julia is seen by torch."""
    chain = flux_module.seval("Flux.Chain(Flux.Dense(3 => 8, tanh), Flux.Dense(8 => 1))")
    module = as_module(chain)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    x = numbers(32, 3)
    y = x.sum(1, keepdim=True)
    before = [p.detach().clone() for p in module.parameters()]
    losses = []
    for step in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(module(x), y)
        loss.backward()
        optimiser.step()
        if step == 0:
            for p, b in zip(module.parameters(), before, strict=True):
                torch.testing.assert_close(p.detach(), b - 0.1 * p.grad)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    apply = flux_module.seval("(m, x) -> m(x)")
    in_julia = np.array(pp.from_julia(apply(chain, pp.to_julia(x).julia)))
    np.testing.assert_allclose(in_julia, module(x).detach().numpy(), rtol=1e-6)
    flux_module.seval("m -> (m.layers[2].bias .= 5f0; nothing)")(chain)
    assert module.get_parameter("layers.1.bias").item() == 5


def test_state_dict_goes_out_and_in(as_module, flux_module):
    """torch.save and load_state_dict restore what Julia computes, in place."""
    module, x = as_module(flux_module.seval(CHAIN)).eval(), numbers(4, 3)
    expected, file = module(x).detach(), io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    assert not torch.equal(module(x), expected)
    module.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(module(x).detach(), expected)


def test_inside_a_sequential_with_a_loader(as_module, flux_module):
    """Between torch's layers, fed by a DataLoader whose workers are forked; gradients reach the layers before and after."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), as_module(flux_module.seval(CHAIN)), torch.nn.Linear(2, 1))
    x = numbers(64, 4)
    data = torch.utils.data.TensorDataset(x, x[:, :1] * 2)
    workers = {"num_workers": 2, "multiprocessing_context": "fork"} if hasattr(os, "fork") else {}
    loader = torch.utils.data.DataLoader(data, batch_size=16, **workers)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    first = None
    for _ in range(8):
        for a, b in loader:
            loss = torch.nn.functional.mse_loss(model(a), b)
            optimiser.zero_grad()
            loss.backward()
            assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model[0].parameters())
            optimiser.step()
            first = loss.item() if first is None else first
    assert loss.item() < first


def test_frozen_parameters_and_no_gradient(as_module, flux_module):
    """requires_grad_(False) is heeded one by one and as a whole; the input's gradient flows on."""
    module, x = as_module(flux_module.seval("Flux.Chain(Flux.Dense(3 => 2), Flux.Dense(2 => 1))")), numbers(4, 3).requires_grad_()
    module.get_parameter("layers.0.weight").requires_grad_(False)
    module(x).sum().backward()
    assert [p.grad is None for p in module.parameters()] == [True, False, False, False] and x.grad.abs().sum() > 0
    module.requires_grad_(False)
    assert module(x.detach()).requires_grad is False and module(x).requires_grad


def test_a_copy_has_parameters_of_its_own(as_module, flux_module):
    """A deep copy computes the same, trains apart, and double() goes on in float64; pickle says what to do instead."""
    module, x = as_module(flux_module.seval(CHAIN)).eval(), numbers(4, 3)
    other = copy.deepcopy(module)
    torch.testing.assert_close(other(x), module(x))
    with torch.no_grad():
        other.get_parameter("layers.3.bias").add_(1)
    torch.testing.assert_close(other(x), module(x) + 1)
    wide = copy.deepcopy(module).double()
    assert wide(x.double()).dtype == torch.float64
    torch.testing.assert_close(wide(x.double()).float(), module(x))
    assert wide.julia is not None and module.get_parameter("layers.0.weight").dtype == torch.float32
    with pytest.raises(Unsupported, match="state_dict"):
        pickle.dumps(module)


def test_tied_parameters_are_one(as_module, flux_module):
    """An array that stands twice is one parameter, with the sum of both gradients; so is a layer that stands twice."""
    tied = flux_module.seval("let d = Flux.Dense(3 => 3); Flux.Chain(d, d, Flux.Dense(d.weight', false)) end")
    module, x = as_module(tied), numbers(4, 3)
    assert [name for name, _ in module.named_parameters()] == ["layers.0.weight", "layers.0.bias"]
    w, b = (p.detach().clone().requires_grad_() for p in module.parameters())
    module(x).sum().backward()
    (((x @ w + b) @ w + b) @ w.T).sum().backward()
    torch.testing.assert_close(module.get_parameter("layers.0.weight").grad, w.grad)
    torch.testing.assert_close(module.get_parameter("layers.0.bias").grad, b.grad)


def test_errors_of_a_flux_model(as_module, flux_module):
    """Julia's error for a wrong size, DataError for what is no tensor, LayoutError for parameters that are no dense arrays."""
    module = as_module(flux_module.seval("Flux.Dense(3 => 2)"))
    with pytest.raises(JuliaError, match="DimensionMismatch"):
        module(numbers(4, 5))
    with pytest.raises(DataError, match="input 0"):
        module(np.ones((4, 3), "float32"))
    with pytest.raises(PhotonError, match="at weight of the model"):
        as_module(flux_module.seval("Flux.Dense(view(rand(Float32, 4, 4), 1:2, 1:3))"))


# ---- models of PyPhoton -----------------------------------------------------------------------------------------------------------


def built(*layers, shape=(3,)):
    """A model of PyPhoton that has met data."""
    model = pp.Sequential(*layers)
    model(np.zeros((2, *shape), "float32"))
    return model


def test_a_model_of_pyphoton_runs_in_julia(as_module):
    """Its numbers are those of the model itself, its gradients those of torch's own functions; parameters are the model's memory."""
    model = built(pp.Dense(4, pp.tanh), pp.BatchNorm(), pp.Dropout(0.5), pp.Dense(2))
    module, x = as_module(model).eval(), numbers(5, 3).requires_grad_()
    assert [n for n, _ in module.named_parameters()] == ["0.kernel", "0.bias", "1.scale", "1.shift", "3.kernel", "3.bias"]
    p = dict(module.named_parameters()) | dict(module.named_buffers())
    y = torch.tanh(x @ p["0.kernel"] + p["0.bias"])
    y = torch.nn.functional.batch_norm(y, p["1.mean"].clone(), p["1.variance"].clone(), p["1.scale"], p["1.shift"])
    theirs, ours = y @ p["3.kernel"] + p["3.bias"], module(x)
    torch.testing.assert_close(ours, theirs)
    np.testing.assert_allclose(model(x.detach().numpy()), ours.detach().numpy(), rtol=1e-5)
    wanted = [x, *module.parameters()]
    for a, b in zip(torch.autograd.grad(ours.square().sum(), wanted), torch.autograd.grad(theirs.square().sum(), wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        p["3.bias"].fill_(4)
    assert model.parameters["3.bias"].value.tolist() == [4, 4]


def test_several_runs_before_one_backward(as_module):
    """Each run keeps its own memory: two calls, then one backward, twice over, as torch computes it."""
    module = as_module(built(pp.Dense(4, pp.tanh), pp.Dense(2)))
    w, b, v, c = (p.detach().clone().requires_grad_() for p in module.parameters())
    x, z = numbers(5, 3), numbers(7, 3, seed=1)
    loss = module(x).square().sum() + module(z).pow(3).sum() + module(module(x) @ torch.ones(2, 3)).sum()

    def own(t):
        return torch.tanh(t @ w + b) @ v + c

    theirs = own(x).square().sum() + own(z).pow(3).sum() + own(own(x) @ torch.ones(2, 3)).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    theirs.backward()
    for p, q in zip(module.parameters(), (w, b, v, c), strict=True):
        torch.testing.assert_close(p.grad, 2 * q.grad, rtol=1e-4, atol=1e-5)


def test_training_by_torch_is_the_workouts(as_module):
    """Ten steps of SGD by torch give the parameters that ten of the Workout's own give."""
    x, y = numbers(32, 3), numbers(32, 2, seed=1)
    workouts = [pp.Workout(pp.Sequential(pp.Dense(4, pp.tanh), pp.Dense(2)), pp.MSE(), pp.SGD(0.1), backend="julia", seed=3) for _ in range(2)]
    for workout in workouts:
        workout.fit_((x.numpy(), y.numpy()), batch_size=32, verbose=False)
    module = as_module(workouts[0])
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(10):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(module(x), y).backward()
        optimiser.step()
    workouts[1].fit_((x.numpy(), y.numpy()), epochs=10, batch_size=32, shuffle=False, verbose=False)
    ours, theirs = (w.network.parameters for w in workouts)
    for name in ours:
        np.testing.assert_allclose(ours[name].value, theirs[name].value, rtol=1e-4, atol=1e-6)


def test_a_copy_of_a_model_of_pyphoton(as_module):
    """A deep copy trains apart; another type is refused with the way out, and so is a model that has met nothing."""
    module, x = as_module(built(pp.Dense(2))), numbers(4, 3)
    other = copy.deepcopy(module)
    with torch.no_grad():
        other.get_parameter("0.bias").add_(1)
    torch.testing.assert_close(other(x), module(x) + 1)
    with pytest.raises(Unsupported, match="float64"):
        other.double()(x)
    with pytest.raises(NotBuilt):
        as_module(pp.Sequential(pp.Dense(2)))
    with pytest.raises(ShapeError):
        module(numbers(4, 5))


def test_second_derivatives_of_a_model_of_pyphoton(as_module):
    """They are refused by name."""
    module, x = as_module(built(pp.Dense(2, pp.tanh))), numbers(4, 3).requires_grad_()
    (dx,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    with pytest.raises(Unsupported, match="second derivative"):
        dx.sum().backward()


def test_a_torch_module_inside_of_a_model_that_runs_in_julia(as_module, flux_module):
    """torch around Julia around torch: gradients of all parameters and of the input are torch's own."""
    from pyphoton.interop import torch_layer

    inner = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh())
    model = pp.Sequential(pp.Dense(4), torch_layer(inner), pp.Dense(2))
    x = numbers(5, 3).requires_grad_()
    model(x.detach().numpy())
    module = as_module(model)
    (module(x) ** 2).sum().backward()
    p = {name: t.detach().clone().requires_grad_() for name, t in module.named_parameters()}
    z = x.detach().clone().requires_grad_()
    h = torch.tanh((z @ p["0.kernel"] + p["0.bias"]) @ p["1.0.weight"].T + p["1.0.bias"])
    ((h @ p["2.kernel"] + p["2.bias"]) ** 2).sum().backward()
    for name, t in module.named_parameters():
        torch.testing.assert_close(t.grad, p[name].grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(x.grad, z.grad, rtol=1e-4, atol=1e-5)
