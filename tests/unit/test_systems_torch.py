"""Systems against training loops that are written in torch: the same weights, the same minibatches, the same numbers."""

import numpy as np
import pytest

from pyphoton import MSE, AdamW, CosineDecay, Dense, Sequential, set_context, tanh
from pyphoton.systems import GANSystem, MLSystem, Optimizer, setup

torch = pytest.importorskip("torch", reason="the loops to compare with are written in it")
RANDOM = np.random.default_rng(23)
X = RANDOM.normal(size=(40, 5))
Y = RANDOM.normal(size=(40, 2))
Z = RANDOM.normal(size=(40, 3))


def twin(model):
    """Sequential(Dense(.., tanh), Dense(..)) as a torch model with the same weights, in float64."""
    layers = []
    for k, part in enumerate(model):
        kernel, bias = (torch.tensor(part.parameters[name].value) for name in ("kernel", "bias"))
        made = torch.nn.Linear(*kernel.shape, dtype=torch.float64)
        made.weight.data, made.bias.data = kernel.T.contiguous(), bias
        layers += [made, torch.nn.Tanh()] if k == 0 else [made]
    return torch.nn.Sequential(*layers)


def assert_alike(model, other):
    """The weights of both."""
    linear = [layer for layer in other if isinstance(layer, torch.nn.Linear)]
    for part, layer in zip(model, linear, strict=True):
        np.testing.assert_allclose(part.parameters.kernel.value, layer.weight.detach().numpy().T, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(part.parameters.bias.value, layer.bias.detach().numpy(), rtol=1e-8, atol=1e-10)


def net(inner, outer):
    """Two layers."""
    return Sequential(Dense(inner, tanh), Dense(outer))


def test_two_models_with_schedules(float64):
    """AdamW and SGD with momentum on two models of one loss, a cosine on the first, four epochs of five minibatches."""
    from pyphoton import Momentum

    class Both(MLSystem):
        def __init__(self):
            self.one, self.two = net(6, 2), net(4, 2)

        def training_step(self, batch):
            x, y = batch
            return MSE()(self.one(x) + self.two(x), y)

        def configure_optimizer(self):
            a, b = Optimizer(AdamW(0.02, weight_decay=0.1), self.one), Optimizer(Momentum(0.05, 0.9), self.two)
            return [a, b], [CosineDecay(4)]

    system = Both()
    trainer = setup(system, (X, Y))
    one, two = twin(system.one), twin(system.two)
    trainer.fit(4, batch_size=8, shuffle=False)
    a = torch.optim.AdamW(one.parameters(), 0.02, weight_decay=0.1)
    b = torch.optim.SGD(two.parameters(), 0.05, momentum=0.9)
    schedule, losses = torch.optim.lr_scheduler.CosineAnnealingLR(a, 4), []
    for _ in range(4):
        for i in range(0, 40, 8):
            x, y = torch.tensor(X[i : i + 8]), torch.tensor(Y[i : i + 8])
            value = (one(x) + two(x) - y).square().mean()
            a.zero_grad()
            b.zero_grad()
            value.backward()
            a.step()
            b.step()
            losses.append(value.item())
        schedule.step()
    assert_alike(system.one, one)
    assert_alike(system.two, two)
    np.testing.assert_allclose(trainer.history("loss")[1], losses, rtol=1e-8)


def test_a_gan(float64):
    """GANSystem against the loop of every tutorial: D on real and detached fakes, then G through the new D."""
    system = GANSystem(net(6, 5), net(6, 1), latent=3, lr=0.01)
    trainer = setup(system, (X, Z))
    g, d = twin(system.generator), twin(system.discriminator)
    trainer.fit(3, batch_size=8, shuffle=False)
    bce = torch.nn.BCEWithLogitsLoss()
    of_g, of_d = (torch.optim.Adam(m.parameters(), 0.01, betas=(0.5, 0.999)) for m in (g, d))
    ones, zeros, losses = torch.ones(8, 1, dtype=torch.float64), torch.zeros(8, 1, dtype=torch.float64), []
    for _ in range(3):
        for i in range(0, 40, 8):
            x, z = torch.tensor(X[i : i + 8]), torch.tensor(Z[i : i + 8])
            fake = g(z)
            of_d.zero_grad()
            d_loss = bce(d(x), ones) + bce(d(fake.detach()), zeros)
            d_loss.backward()
            of_d.step()
            of_g.zero_grad()
            g_loss = bce(d(fake), ones)
            g_loss.backward()
            of_g.step()
            losses.append((d_loss.item(), g_loss.item()))
    assert_alike(system.generator, g)
    assert_alike(system.discriminator, d)
    found = [trainer.history(f"{name}_loss")[1] for name in ("discriminator", "generator")]
    np.testing.assert_allclose(np.stack(found, 1), losses, rtol=1e-8)


def test_the_context_decides_the_dtype():
    """float64 models take float64 data; the loops above are exact because of that."""
    set_context(dtype="float64")
    system = GANSystem(net(4, 5), net(4, 1), latent=3)
    setup(system, (X, Z)).fit(1)
    assert {str(p.value.dtype) for p in system.parameters.values()} == {"float64"}
