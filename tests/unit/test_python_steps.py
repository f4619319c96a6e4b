"""Functions of Python's inside of a plan: losses, metrics and torch modules that are not traced, on whichever engine runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pyphoton as pp
from pyphoton.flux import net, unroll
from pyphoton.interop.torch_opaque import TorchLayer, keep

X = np.random.default_rng(0).standard_normal((24, 5)).astype("float32")
Y = np.tanh(X[:, :2] - X[:, 2:4]).astype("float32")


def huber(p, y):
    """A loss that calls torch."""
    return nn.functional.smooth_l1_loss(p, y)


def middle(seed=3):
    """A module with everything that PyPhoton has to keep in step: weights, running averages, dropout."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 6), nn.Hardswish(), nn.BatchNorm1d(6), nn.Linear(6, 4))


def around(module, name="own"):
    """Dense, the module, Dense."""
    return pp.Sequential(pp.Dense(6, "tanh"), keep(module, name, name, "float32"), pp.Dense(2))


class Copied(nn.Module):
    """The same computation by torch alone, with PyPhoton's numbers."""

    def __init__(self, model, module):
        super().__init__()
        first, last = (model.parameters[f"{i}.kernel"].value for i in (0, 2))
        self.first, self.last = (nn.Linear(k.shape[0], k.shape[1]) for k in (first, last))
        with torch.no_grad():
            for layer, i in ((self.first, 0), (self.last, 2)):
                layer.weight.copy_(torch.from_numpy(model.parameters[f"{i}.kernel"].value.T.copy()))
                layer.bias.copy_(torch.from_numpy(model.parameters[f"{i}.bias"].value))
        self.module = middle()

    def forward(self, x):
        """The same three layers."""
        return self.last(self.module(torch.tanh(self.first(x))))


@pytest.mark.parametrize("opt", [pp.SGD(0.1), pp.Adam(0.01), pp.SGD(0.1, accumulate=2)], ids=["sgd", "adam", "accumulate"])
def test_a_module_in_the_middle_trains_as_torch_alone_trains_it(opt):
    """Loss by loss, weights and running averages: equal to torch's own loop over the same minibatches."""
    model = around(middle())
    model(X)
    twin = Copied(model, middle())
    w = pp.Workout(model, huber, opt, seed=1)
    w.fit_([(X[:12], Y[:12]), (X[12:], Y[12:])], epochs=3, verbose=False)
    twin.train()
    own = torch.optim.Adam(twin.parameters(), 0.01) if isinstance(opt, pp.Adam) else torch.optim.SGD(twin.parameters(), 0.1)
    losses = []
    for _ in range(3):
        own.zero_grad()
        for part in (slice(0, 12), slice(12, 24)):
            loss = huber(twin(torch.from_numpy(X[part])), torch.from_numpy(Y[part]))
            (loss / opt.accumulate).backward()
            losses.append(loss.item())
            if opt.accumulate == 1 or part.start:
                own.step()
                own.zero_grad()
    np.testing.assert_allclose(w.history("loss")[1], losses, rtol=2e-5)
    for name, value in twin.module.state_dict().items():
        if value.is_floating_point():
            np.testing.assert_allclose(model.parameters[f"own.{name}"].value, value.numpy(), rtol=2e-4, atol=2e-5, err_msg=name)
    np.testing.assert_allclose(model.parameters["0.kernel"].value.T, twin.first.weight.detach().numpy(), rtol=2e-4, atol=2e-5)


def test_gradients_of_a_chain_with_a_module_are_torchs():
    """Of the layer before it and of the module's own parameters; and asking for them moves no running average."""
    model = around(middle())
    w = pp.Workout(model, huber, seed=1)
    w.predict(X)
    twin = Copied(model, middle()).train()
    huber(twin(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
    before = model.parameters["own.2.running_mean"].value.copy()
    found = w.gradients((X, Y))
    np.testing.assert_allclose(found["0.kernel"].T, twin.first.weight.grad.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["own.0.weight"], twin.module[0].weight.grad.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.parameters["own.2.running_mean"].value, before)


def test_gradients_through_a_module_against_central_differences(float64):
    """In float64, by every parameter before, in and behind the module."""
    torch.manual_seed(0)
    model = pp.Sequential(pp.Dense(3, "tanh"), keep(nn.Sequential(nn.Linear(3, 3), nn.Softsign()), "own", "own", "float64"), pp.Dense(2))
    w = pp.Workout(model, lambda p, y: torch.logsumexp((p - y).flatten(), 0), seed=1)
    x, y = X[:4].astype("float64"), Y[:4].astype("float64")
    w.predict(x)
    for parameter, slope in w.gradients((x, y)):
        value = parameter.value
        for place in [0, value.size - 1]:
            at = np.unravel_index(place, value.shape)
            kept, losses = value[at], []
            for step in (1e-6, -1e-6):
                value[at] = kept + step
                losses.append(w.evaluate((x, y))["loss"])
            value[at] = kept
            assert slope[at] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_frozen_parts_of_a_module_stay():
    """What torch had frozen, and what freeze_ names; the rest goes on."""
    module = middle()
    module[0].weight.requires_grad_(False)
    model = around(module)
    w = pp.Workout(model, huber, pp.SGD(0.1), seed=1)
    w.predict(X)
    pp.freeze_(model.parameters["own.3.bias"])
    before = {n: p.value.copy() for n, p in model.parameters.items()}
    w.fit_((X, Y), verbose=False)
    moved = {n for n, p in model.parameters.items() if not np.array_equal(p.value, before[n])}
    assert {"own.0.weight", "own.3.bias"} & moved == set()
    assert {"own.2.weight", "own.3.weight", "0.kernel", "own.2.running_mean"} <= moved
    pp.freeze_(model)
    for p in model.parameters.values():
        p.frozen = True
    before = {n: p.value.copy() for n, p in model.parameters.items() if p.role == "weight"}
    w.fit_((X, Y), verbose=False)
    assert all(np.array_equal(model.parameters[n].value, v) for n, v in before.items())


def test_dropout_of_a_module_drops_while_training_only():
    """predict is deterministic; in training half of the numbers are zero."""
    seen = []

    class Seen(nn.Module):
        """Keeps what dropout made."""

        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            """Ones through dropout."""
            y = self.drop(torch.ones_like(x))
            seen.append((self.training, (y == 0).float().mean().item()))
            return x * y

    model = pp.Sequential(pp.Dense(64), keep(Seen(), "", None, "float32"), pp.Dense(2))
    w = pp.Workout(model, "mse", seed=1)
    np.testing.assert_array_equal(w.predict(X), w.predict(X))
    w.fit_((X, Y), (X, Y), batch_size=None, verbose=False)
    assert [share for training, share in seen if not training] == [0.0] * sum(not t for t, _ in seen)
    (share,) = [share for training, share in seen if training]
    assert 0.4 < share < 0.6


def test_metrics_see_tensors_without_gradient():
    """A metric may leave torch for NumPy, and may give NumPy's numbers."""

    def worst(p, y):
        return np.abs(p.numpy() - y.numpy()).max()

    def share(p, y):
        return ((p > 0) == (y > 0)).float().mean()

    w = pp.Workout(pp.Dense(2), "mse", pp.SGD(0.1), metrics=[worst, share], seed=1)
    p = w.predict(X)
    w.fit_((X, Y), batch_size=None, verbose=False)
    assert w.history["worst"][1] == pytest.approx(np.abs(p - Y).max(), rel=1e-5)
    assert w.history["share"][1] == pytest.approx(((p > 0) == (Y > 0)).mean())


def test_a_loss_may_look_at_targets_with_numpy():
    """Only what depends on parameters requires a gradient."""

    def loss(p, y):
        scale = torch.from_numpy(1 + np.abs(y.numpy()))
        return ((p - y) ** 2 * scale).mean()

    w = pp.Workout(pp.Dense(2), loss, pp.SGD(0.0), seed=1)
    p = w.predict(X)
    assert w.step_(X, Y) == pytest.approx(((p - Y) ** 2 * (1 + np.abs(Y))).mean(), rel=1e-5)


def test_a_loss_of_several_outputs_and_targets():
    """The function gets tuples where the model and the data have them."""
    one, two = pp.Dense(2), pp.Dense(1)

    def loss(p, y):
        assert isinstance(p, tuple)
        assert isinstance(y, tuple)
        return (p[0] - y[0]).square().mean() + 3 * (p[1] - y[1]).abs().mean()

    w = pp.Workout(lambda x: (one(x), two(x)), loss, pp.SGD(0.0), seed=1)
    a, b = w.predict(X)
    expected = ((a - Y) ** 2).mean() + 3 * np.abs(b - Y[:, :1]).mean()
    assert w.step_(X, (Y, Y[:, :1])) == pytest.approx(expected, rel=1e-5)


def test_a_module_that_stands_twice_gets_both_gradients():
    """One set of weights, called twice in the model: the gradient is the sum, as torch's."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(5, 5), nn.Hardswish())
    layer = keep(module, "own", "own", "float32")
    w = pp.Workout(lambda x: layer(layer(x)), lambda p, y: p.square().mean(), seed=1)
    w.predict(X)
    twin = nn.Sequential(nn.Linear(5, 5), nn.Hardswish())
    twin.load_state_dict(module.state_dict())
    twin(twin(torch.from_numpy(X))).square().mean().backward()
    (slope,) = [g for p, g in w.gradients((X, Y)) if p.path.endswith("weight")]
    np.testing.assert_allclose(slope, twin[0].weight.grad.numpy(), rtol=1e-4, atol=1e-6)


class Own(Exception):
    """An exception of the user's."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_a_layer_raises_arrives_as_it_is(stream):
    """The same object, with the function's frame in its traceback and the layer's path as a note; nothing was changed."""
    raised, calls = [], []

    class Failing(nn.Module):
        """Fails at its third minibatch."""

        def forward(self, x):
            """x, or an error."""
            calls.append(len(x))
            if self.training and not raised and sum(c == 6 for c in calls) == 3:
                try:
                    raise KeyError("below")
                except KeyError as error:
                    raised.append(Own("third"))
                    raise raised[0] from error
            return x * 1

    model = pp.Sequential(pp.Dense(4), TorchLayer(Failing()), pp.Dense(2))
    w = pp.Workout(model, "mse", pp.Adam(0.1), seed=1)
    w.predict(X)
    before = {n: p.value.copy() for n, p in model.parameters.items()}
    data = [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 24, 6)] if stream else (X, Y)
    with pytest.raises(Own) as caught:
        w.fit_(data, batch_size=6, verbose=False)
    assert caught.value is raised[0]
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__context__ is caught.value.__cause__
    assert any(frame.name == "forward" and "test_python_steps" in str(frame.path) for frame in caught.traceback)
    assert any("1 Failing" in note for note in getattr(caught.value, "__notes__", ["1 Failing"]))
    assert all(np.array_equal(p.value, before[n]) for n, p in model.parameters.items())
    assert (w.steps, len(w.history)) == (0, 0)
    assert w.fit_((X, Y), batch_size=8, verbose=False).steps == 3


def test_what_the_way_back_raises_arrives_as_it_is():
    """An autograd function of the user's that fails in backward."""

    class Broken(torch.autograd.Function):
        """Fine forward."""

        @staticmethod
        def forward(ctx, x):
            """x."""
            return x.clone()

        @staticmethod
        def backward(ctx, dy):
            """Fails."""
            raise Own("backward")

    w = pp.Workout(pp.Dense(2), lambda p, y: (Broken.apply(p.sub(0)) - y).square().mean(), seed=1)
    with pytest.raises(Own, match="backward"):
        w.fit_((X, Y), verbose=False)
    assert w.steps == 0
    w.loss = pp.MSE()
    assert w.fit_((X, Y), batch_size=None, verbose=False).steps == 1


def test_nan_of_a_loss_is_named():
    """A loss of torch functions that becomes NaN ends the epoch as any other; `ignore` goes on."""
    w = pp.Workout(pp.Dense(2), lambda p, y: (p - 1000).sub(0).log().mean(), seed=1)
    with pytest.raises(pp.NonFiniteLoss, match="loss at step 1"):
        w.fit_((X, Y), verbose=False)
    assert w.steps == 0


@net
class Recurrence:
    """h = cell([x, h])."""

    cell: Any
    h: Any

    def forward(self, x):
        """The next state."""
        self.h = self.cell(pp.concatenate([x, self.h], axis=-1))
        return self.h


def test_a_step_of_a_sequence_calls_python():
    """In the body of a scan the function is called at each step, and gradients go back through all of them."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 2), nn.Tanhshrink())
    model = unroll(Recurrence(keep(module, "cell", "cell", "float32"), np.zeros(2, "float32")), 5)
    x = np.random.default_rng(1).standard_normal((3, 5, 2)).astype("float32")
    twin = nn.Sequential(nn.Linear(4, 2), nn.Tanhshrink())
    twin.load_state_dict(module.state_dict())
    h, ys = torch.zeros(3, 2), []
    for t in range(5):
        h = twin(torch.cat([torch.from_numpy(x[:, t]), h], 1))
        ys.append(h)
    y = torch.stack(ys, 1)
    np.testing.assert_allclose(model(x), y.detach().numpy(), atol=1e-6)
    y.square().mean().backward()
    w = pp.Workout(model, lambda p, y: (p**2).mean(), seed=1)
    found = {path.split(".", 1)[1]: g for path, g in w.gradients((x, x)).items() if "weight" in path}
    np.testing.assert_allclose(found["cell.0.weight"], twin[0].weight.grad.numpy(), rtol=1e-4, atol=1e-7)
