"""Ten steps of every optimiser on torch, against NumPy loops from the published formulas and against torch.optim."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from running import numbers

import pyphoton as pp

pytestmark = pytest.mark.usefixtures("float64")
X, Y = numbers(6, 3, seed=1), numbers(6, 2, seed=2)
W, B = numbers(3, 2, seed=3), numbers(2, seed=4)


def gradients(w, b):
    """The gradients of mean((x w + b - y)^2), by calculus."""
    error = 2 * (X @ w + b - Y) / Y.size
    return [X.T @ error, error.sum(0)]


def trained(optimiser, steps=10):
    """Kernel and bias after steps of a workout from W and B."""
    layer = pp.Dense(2)
    workout = pp.Workout(layer, pp.MSE(), optimiser, backend="torch")
    workout.network.forward_plan((X,), False)
    layer.parameters.kernel.set_(W)
    layer.parameters.bias.set_(B)
    for _ in range(steps):
        workout.step_(X, Y)
    return [np.array(layer.parameters.kernel.value), np.array(layer.parameters.bias.value)]


def loop(update, slots, clip=0.0):
    """Ten steps of `update(p, g, *slots, t)`, which returns p and the slots, from W and B."""
    values = [W.copy(), B.copy()]
    kept = [[np.zeros_like(v) for _ in range(slots)] for v in values]
    for t in range(1, 11):
        for i, g in enumerate(gradients(*values)):
            norm = np.linalg.norm(g)
            g = g * clip / norm if clip and norm > clip else g
            values[i], *kept[i] = update(values[i], g, *kept[i], t)
    return values


def sgd(p, g, t):
    """Plain descent."""
    return (p - 0.1 * g,)


def momentum(p, g, v, t):
    """Polyak 1964."""
    v = 0.8 * v - 0.1 * g
    return p + v, v


def nesterov(p, g, v, t):
    """Sutskever et al. 2013: the gradient is taken where momentum leads; in the variable that is looked at from there."""
    new = 0.8 * v - 0.1 * g
    return p - 0.8 * v + new + 0.8 * new, new


def adagrad(p, g, s, t):
    """Duchi et al. 2011."""
    s = s + g**2
    return p - 0.1 * g / np.sqrt(s + 0.01), s


def rmsprop(p, g, s, t):
    """Tieleman and Hinton 2012."""
    s = 0.8 * s + 0.2 * g**2
    return p - 0.1 * g / np.sqrt(s + 0.01), s


def adadelta(p, g, d, s, t):
    """Zeiler 2012, algorithm 1."""
    s = 0.8 * s + 0.2 * g**2
    change = -np.sqrt(d + 0.01) / np.sqrt(s + 0.01) * g
    d = 0.8 * d + 0.2 * change**2
    return p + 0.7 * change, d, s


def adam(p, g, m, v, t):
    """Kingma and Ba 2014, algorithm 1."""
    m = 0.8 * m + 0.2 * g
    v = 0.9 * v + 0.1 * g**2
    return p - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 0.01), m, v


def adamw(p, g, m, v, t):
    """Loshchilov and Hutter 2017, algorithm 2, with the rate on the decay as in torch."""
    new, m, v = adam(p, g, m, v, t)
    return new - 0.1 * 0.3 * p, m, v


def adamax(p, g, m, u, t):
    """Kingma and Ba 2014, algorithm 2, with epsilon against division by zero."""
    m = 0.8 * m + 0.2 * g
    u = np.maximum(0.9 * u, np.abs(g))
    return p - 0.1 / (1 - 0.8**t) * m / (u + 0.01), m, u


BETAS = {"beta1": 0.8, "beta2": 0.9, "eps": 0.01}
FORMULAS = {
    "sgd": (pp.SGD, {}, sgd, 0),
    "momentum": (pp.Momentum, {"gamma": 0.8}, momentum, 1),
    "nesterov": (pp.Nesterov, {"gamma": 0.8}, nesterov, 1),
    "adagrad": (pp.Adagrad, {"eps": 0.01}, adagrad, 1),
    "rmsprop": (pp.Rmsprop, {"rho": 0.8, "eps": 0.01}, rmsprop, 1),
    "adadelta": (pp.Adadelta, {"rho": 0.8, "eps": 0.01}, adadelta, 2),
    "adam": (pp.Adam, BETAS, adam, 2),
    "adamw": (pp.AdamW, {**BETAS, "weight_decay": 0.3}, adamw, 2),
    "adamax": (pp.Adamax, BETAS, adamax, 2),
}


def close(got, want, tolerance=1e-10):
    """Kernels and biases are equal, and have moved."""
    for g, w, start in zip(got, want, (W, B), strict=True):
        np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance)
        assert np.abs(g - start).max() > 1e-3


def test_every_optimiser_is_here():
    """No optimiser is without a formula."""
    from pyphoton.optimisers import NAMES

    assert set(FORMULAS) == set(NAMES)


@pytest.mark.parametrize("name", FORMULAS)
def test_published_formula(name):
    """Ten steps are those of the published formula."""
    make, arguments, update, slots = FORMULAS[name]
    lr = 0.7 if name == "adadelta" else 0.1
    close(trained(make(lr, **arguments)), loop(update, slots))


@pytest.mark.parametrize("name", FORMULAS)
def test_clipped_gradient(name):
    """gclip scales the gradient of each parameter down to that Euclidean norm, and only when it is longer."""
    make, arguments, update, slots = FORMULAS[name]
    lr = 0.7 if name == "adadelta" else 0.1
    norms = [np.linalg.norm(g) for g in gradients(W, B)]
    assert min(norms) < 2.0 < max(norms)
    close(trained(make(lr, gclip=2.0, **arguments)), loop(update, slots, clip=2.0))
    close(trained(make(lr, gclip=1e9, **arguments)), loop(update, slots))


TORCH = {
    "sgd": (pp.SGD(0.1), torch.optim.SGD, {"lr": 0.1}),
    "momentum": (pp.Momentum(0.1, 0.8), torch.optim.SGD, {"lr": 0.1, "momentum": 0.8}),
    "nesterov": (pp.Nesterov(0.1, 0.8), torch.optim.SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    "adagrad-without-eps": (pp.Adagrad(0.1, eps=0), torch.optim.Adagrad, {"lr": 0.1, "eps": 0.0}),
    "rmsprop-without-eps": (pp.Rmsprop(0.1, 0.8, eps=0), torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.8, "eps": 0.0}),
    "adadelta": (pp.Adadelta(0.7, 0.8, eps=0.01), torch.optim.Adadelta, {"lr": 0.7, "rho": 0.8, "eps": 0.01}),
    "adam": (pp.Adam(0.1, 0.8, 0.9, eps=0.01), torch.optim.Adam, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.01}),
    "adam-as-it-is": (pp.Adam(), torch.optim.Adam, {}),
    "adamw": (
        pp.AdamW(0.1, 0.8, 0.9, eps=0.01, weight_decay=0.3), torch.optim.AdamW,
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.3},
    ),
    "adamw-as-it-is": (pp.AdamW(), torch.optim.AdamW, {"weight_decay": 0.01}),
    "adamax-without-eps": (pp.Adamax(0.1, 0.8, 0.9, eps=0), torch.optim.Adamax, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.0}),
    "sgd-decay": (pp.SGD(0.1, weight_decay=0.3), torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.3}),
    "momentum-decay": (pp.Momentum(0.1, 0.8, weight_decay=0.3), torch.optim.SGD, {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3}),
    "adam-decay": (pp.Adam(0.1, weight_decay=0.3), torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.3}),
    "adamax-as-it-is": (pp.Adamax(), torch.optim.Adamax, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_torch_optim(name):
    """Where torch.optim has the formula, ten steps are torch's; epsilon stands elsewhere in three of them."""
    ours, make, arguments = TORCH[name]
    weights = [torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)]
    optimiser = make(weights, **arguments)
    for _ in range(10):
        optimiser.zero_grad()
        ((torch.from_numpy(X) @ weights[0] + weights[1] - torch.from_numpy(Y)) ** 2).mean().backward()
        optimiser.step()
    close(trained(ours), [w.detach().numpy() for w in weights], 1e-7)


def test_clipped_together_as_torch_does():
    """clip_norm is torch's clip_grad_norm_ over all parameters, clip_value its clip_grad_value_."""
    for options, clip in (
        ({"clip_norm": 0.5}, lambda w: torch.nn.utils.clip_grad_norm_(w, 0.5)),
        ({"clip_value": 0.2}, lambda w: torch.nn.utils.clip_grad_value_(w, 0.2)),
    ):
        weights = [torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)]
        optimiser = torch.optim.SGD(weights, lr=0.1)
        for _ in range(10):
            optimiser.zero_grad()
            ((torch.from_numpy(X) @ weights[0] + weights[1] - torch.from_numpy(Y)) ** 2).mean().backward()
            clip(weights)
            optimiser.step()
        close(trained(pp.SGD(0.1, **options)), [w.detach().numpy() for w in weights], 1e-5)


def test_defaults():
    """The defaults are those that the documentation names."""
    common = {"gclip": 0.0, "clip_value": 0.0, "clip_norm": 0.0, "weight_decay": 0.0, "accumulate": 1, "schedule": None}
    made = {name: make() for name, (make, *_) in FORMULAS.items()}
    assert all({k: getattr(o, k) for k in common} == common for name, o in made.items() if name != "adamw")
    found = {n: {k: v for k, v in o.arguments().items() if k not in common or (k == "weight_decay" and v)} for n, o in made.items()}
    adam = {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_hat": False}
    assert found == {
        "sgd": {"lr": 0.01},
        "momentum": {"lr": 0.05, "gamma": 0.95},
        "nesterov": {"lr": 0.05, "gamma": 0.95},
        "adagrad": {"lr": 0.05, "eps": 1e-6},
        "rmsprop": {"lr": 0.01, "rho": 0.9, "eps": 1e-6},
        "adadelta": {"lr": 1.0, "rho": 0.9, "eps": 1e-6},
        "adam": adam,
        "adamw": {**adam, "weight_decay": 0.01},
        "adamax": {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    }


class Halved(pp.Adam):
    """A user's own variation of a stock optimiser."""

    def update(self, p, g, slots, k):
        """Half a step of plain descent."""
        return p - g * (0.5 * k["lr"]), slots


class Doubled(pp.SGD):
    """A user's own variation of a stock optimiser."""

    def update(self, p, g, slots, k):
        """A double step of plain descent."""
        return p - g * (2 * k["lr"]), slots


def test_subclass_is_not_taken_for_its_base():
    """An optimiser that changes the formula of Adam or SGD trains with its own."""
    close(trained(Halved(0.2)), loop(sgd, 0))
    close(trained(Doubled(0.05)), loop(sgd, 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pp.SGD(-0.1), "lr"),
        (lambda: pp.SGD("fast"), "lr"),
        (lambda: pp.Adam(beta1=1.0), "below 1"),
        (lambda: pp.Momentum(gamma=1), "below 1"),
        (lambda: pp.SGD(momentum=0.9), "momentum"),
        (lambda: pp.SGD(accumulate=0), "accumulate"),
        (lambda: pp.SGD(accumulate=1.5), "accumulate"),
        (lambda: pp.SGD(clip_norm=-1), "clip_norm"),
        (lambda: pp.SGD(clip_value=float("nan")), "clip_value"),
        (lambda: pp.SGD(schedule=0.5), "schedule"),
        (lambda: pp.Workout(pp.Dense(1), "mse", "adm"), "'adam'"),
    ],
)
def test_refusals(make, message):
    """What an optimiser cannot be is refused in words."""
    with pytest.raises(pp.ArgumentError, match=message):
        make()


def test_gradient_of_zero_is_left_alone_by_clipping():
    """A parameter whose gradient is exactly zero stays finite under gclip."""
    layer = pp.Dense(1, use_bias=False)
    workout = pp.Workout(layer, pp.MSE(), pp.SGD(0.1, gclip=1.0), backend="torch")
    workout.step_(np.zeros((2, 2)), np.ones((2, 1)))
    assert np.isfinite(layer.parameters.kernel.value).all()
