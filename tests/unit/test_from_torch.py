"""torch's modules read as PyPhoton's layers: the same numbers, the same training, and what is refused."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import pyphoton as pp
from pyphoton.flux import from_torch, torch_


class Last(nn.Module):
    """A recurrent module's output without its state."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]


MODULES = {
    "linear": (lambda: nn.Linear(5, 4), (5,)),
    "linear-last-axis-no-bias": (lambda: nn.Linear(5, 4, bias=False), (3, 5)),
    "conv1d-same-even": (lambda: nn.Conv1d(2, 4, 4, padding="same"), (2, 7)),
    "conv2d": (lambda: nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), (2, 7, 6)),
    "conv3d-dilation": (lambda: nn.Conv3d(2, 3, 2, dilation=2, bias=False), (2, 4, 4, 4)),
    "transpose1d": (lambda: nn.ConvTranspose1d(2, 3, 3, padding=1), (2, 5)),
    "transpose2d": (lambda: nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 5, 4)),
    "transpose3d": (lambda: nn.ConvTranspose3d(2, 2, 2), (2, 3, 3, 3)),
    "max-pool1d": (lambda: nn.MaxPool1d(3, stride=1, padding=1), (2, 7)),
    "max-pool2d": (lambda: nn.MaxPool2d((2, 3), stride=2), (2, 7, 6)),
    "avg-pool2d-padding": (lambda: nn.AvgPool2d(3, stride=2, padding=1), (2, 7, 6)),
    "avg-pool1d-inside": (lambda: nn.AvgPool1d(3, stride=2, padding=1, count_include_pad=False), (2, 7)),
    "adaptive-avg": (lambda: nn.AdaptiveAvgPool2d((3, 2)), (2, 7, 5)),
    "adaptive-max": (lambda: nn.AdaptiveMaxPool1d(3), (2, 7)),
    "batch-norm": (lambda: nn.BatchNorm2d(3, eps=0.1, momentum=0.3), (3, 4, 5)),
    "batch-norm-plain": (lambda: nn.BatchNorm1d(4, affine=False), (4,)),
    "layer-norm-no-bias": (lambda: nn.LayerNorm(6, eps=0.1, bias=False), (3, 6)),
    "flatten": (nn.Flatten, (2, 3)),
    "rnn": (lambda: nn.RNN(3, 4, nonlinearity="relu", batch_first=True), (5, 3)),
    "lstm-both-ways-two": (lambda: nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), (5, 3)),
    "lstm-no-bias": (lambda: nn.LSTM(3, 4, bias=False, batch_first=True), (5, 3)),
    "lstm-dropout": (lambda: nn.LSTM(3, 4, 2, dropout=0.5, bidirectional=True, batch_first=True), (5, 3)),
    "relu": (nn.ReLU, (5,)), "elu": (lambda: nn.ELU(0.3), (5,)), "selu": (nn.SELU, (5,)), "sigmoid": (nn.Sigmoid, (5,)), "tanh": (nn.Tanh, (5,)),
    "gelu": (nn.GELU, (5,)), "silu": (nn.SiLU, (5,)), "leaky": (lambda: nn.LeakyReLU(0.3), (5,)), "softplus": (nn.Softplus, (5,)),
    "softsign": (nn.Softsign, (5,)), "softmax": (lambda: nn.Softmax(1), (3, 4)), "log-softmax": (lambda: nn.LogSoftmax(-1), (3, 4)),
    "dropout": (lambda: nn.Dropout(0.4), (5,)), "identity": (nn.Identity, (5,)),
}  # fmt: skip


def disturbed(module):
    """The module with random numbers everywhere, so that none can be mistaken for another."""
    random = torch.Generator().manual_seed(3)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=random) + 0.5 if name.endswith("running_var") else torch.randn(value.shape, generator=random) / 2)
    return module.eval()


def batch(shape, count=3):
    return np.random.default_rng(5).normal(size=(count, *shape)).astype("float32") * 2


def ran(module, x):
    with torch.no_grad():
        return module(torch.from_numpy(x)).numpy()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_read_exactly(name):
    """The layer computes what torch's module computes, and its parameters are copies."""
    make, shape = MODULES[name]
    module, x = disturbed(make()), batch(shape)
    wanted = ran(Last(module) if isinstance(module, nn.RNNBase) else module, x)
    model = from_torch(module)
    np.testing.assert_allclose(model(x), wanted, rtol=1e-5, atol=2e-6)
    for p in module.parameters():
        p.data.zero_()
    np.testing.assert_allclose(model(x), wanted, rtol=1e-5, atol=2e-6)


def test_a_gru_is_read_where_it_is_the_same():
    """With a zero hidden bias of the last gate it is exact; otherwise it is refused by name."""
    module = disturbed(nn.GRU(3, 4, batch_first=True))
    with pytest.raises(pp.Unsupported, match=r"bias_hh_l0.*reset gate"):
        from_torch(nn.Sequential(OrderedDict(words=module)))
    module.bias_hh_l0.data[8:] = 0
    x = batch((5, 3))
    np.testing.assert_allclose(from_torch(module)(x), ran(Last(module), x), rtol=1e-5, atol=2e-6)


def test_an_embedding_is_read():
    """Rows are those of the table."""
    module = nn.Embedding(7, 3)
    x = np.array([[0, 6], [3, 3]])
    np.testing.assert_array_equal(from_torch(module)(x), module.weight.detach().numpy()[x])


def net():
    torch.manual_seed(1)
    inner = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(OrderedDict(features=inner, flat=nn.Flatten(), head=nn.Linear(36, 3)))


def test_a_nested_sequential_keeps_torchs_paths():
    """Members stand one to one, named ones with their names."""
    model = from_torch(net())
    assert list(model.parameters)[:4] == ["features.0.kernel", "features.0.bias", "features.1.scale", "features.1.shift"]
    assert list(model.parameters)[-2:] == ["head.kernel", "head.bias"]
    x = batch((1, 8, 8))
    np.testing.assert_allclose(model(x), ran(net().eval(), x), atol=1e-5)
    assert set(pp.to_state_dict(model)) == set(net().state_dict())


def test_training_goes_on_as_in_torch():
    """Three steps of SGD give torch's losses, weights and running statistics."""
    module, x, y = net(), batch((1, 8, 8), 6), batch((3,), 6)
    model = from_torch(module)
    module.train()
    optimiser = torch.optim.SGD(module.parameters(), 0.05)
    workout = pp.Workout(model, "mse", pp.SGD(0.05))
    for _ in range(3):
        loss = ((module(torch.from_numpy(x)) - torch.from_numpy(y)) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert workout.step_(x, y) == pytest.approx(loss.item(), rel=1e-4)
    state = pp.to_state_dict(model)
    for name, wanted in module.state_dict().items():
        if wanted.is_floating_point():
            np.testing.assert_allclose(state[name], wanted, rtol=1e-3, atol=1e-5)


def test_shared_modules_stay_shared_and_frozen_ones_frozen():
    """One module that stands twice is one layer; requires_grad=False is frozen; missing biases stay zero while training."""
    a = nn.Linear(4, 4)
    a.bias.requires_grad = False
    model = from_torch(nn.Sequential(a, nn.Tanh(), a))
    assert model[0] is model[2]
    assert [p.frozen for p in model.parameters.values()] == [False, True]
    lstm = from_torch(nn.LSTM(3, 4, bias=False, batch_first=True))
    before = lstm.parameters.kernel_0.value.copy()
    pp.Workout(lstm, "mse", pp.SGD(0.5)).step_(batch((5, 3)), batch((5, 4)))
    assert not lstm.parameters.bias_0.value.any()
    assert np.abs(lstm.parameters.kernel_0.value - before).max() > 1e-4


def test_float64_stays_float64():
    """A module in double precision becomes a model in double precision."""
    module = nn.Linear(3, 2).double()
    x = np.random.default_rng(1).normal(size=(4, 3))
    y = from_torch(module)(x)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, ran(module, x), rtol=1e-12)


class Odd(nn.Module):
    """A module that nobody knows."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.inner(x)) * 2


class Louder(nn.Linear):
    """A subclass that computes something else."""

    def forward(self, x):
        return 2 * super().forward(x)


def hooked():
    module = nn.Linear(4, 4)
    module.register_forward_hook(lambda m, x, y: y * 2)
    return module


def tied():
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    b.weight = a.weight
    return nn.Sequential(a, b)


REFUSED = {
    "unknown": (Odd, "Odd"), "subclass": (lambda: Louder(4, 4), "Louder"), "hooks": (hooked, "hooks"), "tied": (tied, "that of 0.weight"),
    "half": (lambda: nn.Linear(4, 4).half(), "float16"),
    "padding-mode": (lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), "padding_mode='zeros', received 'reflect'"),
    "ceil": (lambda: nn.MaxPool2d(2, ceil_mode=True), "ceil_mode=False"), "indices": (lambda: nn.MaxPool1d(2, return_indices=True), "return_indices"),
    "pool-dilation": (lambda: nn.MaxPool2d(2, dilation=2), "dilation=1"), "divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), "divisor_override"),
    "adaptive-none": (lambda: nn.AdaptiveAvgPool2d((None, 2)), "a length for each axis"),
    "momentum": (lambda: nn.BatchNorm1d(4, momentum=None), "momentum as a number"),
    "no-running": (lambda: nn.BatchNorm1d(4, track_running_stats=False), "track_running_stats=True"),
    "two-axes": (lambda: nn.LayerNorm((2, 3)), "one axis"), "steps-first": (lambda: nn.LSTM(3, 4), "batch_first=True"),
    "projection": (lambda: nn.LSTM(3, 4, proj_size=2, batch_first=True), "proj_size=0"),
    "padding-row": (lambda: nn.Embedding(5, 3, padding_idx=0), "padding_idx=None"), "tanh-gelu": (lambda: nn.GELU("tanh"), "approximate='none'"),
    "flatten-part": (lambda: nn.Flatten(2), "start_dim=1"), "softmax-batch": (lambda: nn.Softmax(0), "another axis"),
    "steep": (lambda: nn.Softplus(beta=2), "beta=1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_equivalent_is_refused_by_name(name):
    """The error names the module and the option, and nothing is read."""
    make, said = REFUSED[name]
    with pytest.raises(pp.Unsupported, match=said):
        from_torch(nn.Sequential(make()) if name != "tied" else make())


def test_only_modules_are_read():
    """Something else is an ArgumentError."""
    with pytest.raises(pp.ArgumentError, match=r"torch\.nn\.Module"):
        from_torch(nn.Linear)


def test_an_opaque_module_runs_and_learns_on_torch():
    """With opaque=True the unknown module computes and trains as in torch, and its memory is shared with the model."""
    torch.manual_seed(2)
    reference = nn.Sequential(nn.Linear(3, 4), Odd(), nn.Linear(4, 2))
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(3, 4), Odd(), nn.Linear(4, 2))
    model = from_torch(module, opaque=True)
    x, y = batch((3,), 6), batch((2,), 6)
    np.testing.assert_allclose(model(x), ran(reference.eval(), x), atol=1e-6)
    reference.train()
    ((reference(torch.from_numpy(x)) - torch.from_numpy(y)) ** 2).mean().backward()
    torch.optim.SGD(reference.parameters(), 0.1).step()
    pp.Workout(model, "mse", pp.SGD(0.1)).step_(x, y)
    for path, name in (("1.inner.weight", "1.inner.weight"), ("1.norm.running_mean", "1.norm.running_mean"), ("2.kernel", "2.weight")):
        wanted = reference.state_dict()[name].numpy()
        np.testing.assert_allclose(model.parameters[path].value, wanted.T if path == "2.kernel" else wanted, atol=1e-6)
    np.testing.assert_array_equal(module[1].inner.weight.detach().numpy(), model.parameters["1.inner.weight"].value)


def test_an_opaque_module_tells_its_shape():
    """Sizes are found by asking the module; an input that it does not take is a ShapeError with the layer's place."""
    model = from_torch(nn.Sequential(nn.Hardswish(), nn.Conv2d(2, 3, 3), nn.PixelShuffle(1)), opaque=True)
    assert model(batch((2, 6, 5))).shape == (3, 3, 4, 3)
    with pytest.raises(pp.ShapeError, match="1 TorchLayer"):
        from_torch(nn.Sequential(nn.Linear(3, 3), Odd()), opaque=True)(batch((3,)))


def test_an_opaque_module_runs_where_python_is_called():
    """torch_ runs the model whatever the default is, and NumPy predicts with it."""
    model = from_torch(nn.Sequential(nn.Hardswish()), opaque=True)
    x = batch((5,))
    np.testing.assert_allclose(torch_(model)(x), ran(nn.Hardswish(), x), atol=1e-6)
    np.testing.assert_allclose(pp.Workout(model, "mse", backend="numpy").predict(x), ran(nn.Hardswish(), x), atol=1e-6)
