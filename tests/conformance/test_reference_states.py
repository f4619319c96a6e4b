"""The NumPy reference against torch: recurrent layers and normalisation, with copied weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from running import close, network, numbers, output, tensors

import pyphoton as pp

pytestmark = pytest.mark.usefixtures("float64")
RECURRENT = {
    "rnn-tanh": (pp.RNN, torch.nn.RNN, {}, {}),
    "rnn-relu": (pp.RNN, torch.nn.RNN, {"activation": "relu"}, {"nonlinearity": "relu"}),
    "lstm": (pp.LSTM, torch.nn.LSTM, {}, {}),
    "gru": (pp.GRU, torch.nn.GRU, {}, {}),
}


def _torch_recurrent(made, p, layers, both):
    """Copy our parameters into torch's module; its second bias is zero."""
    with torch.no_grad():
        for n in range(layers):
            for end, ours in (("", ""), ("_reverse", "_reverse"))[: 1 + both]:
                getattr(made, f"weight_ih_l{n}{end}").copy_(p[f"kernel_{n}{ours}"].T)
                getattr(made, f"weight_hh_l{n}{end}").copy_(p[f"recurrent_{n}{ours}"].T)
                getattr(made, f"bias_ih_l{n}{end}").copy_(p[f"bias_{n}{ours}"])
                getattr(made, f"bias_hh_l{n}{end}").zero_()
    return made


@pytest.mark.parametrize("both", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent(kind, layers, both):
    """Recurrent layers are torch's: the whole sequence, and the last step of each direction."""
    ours, theirs, arguments, named = RECURRENT[kind]
    x = numbers(3, 5, 2)
    found = network(ours(4, layers, bidirectional=both, last_only=False, **arguments), x)
    made = theirs(2, 4, layers, batch_first=True, bidirectional=both, dtype=torch.float64, **named)
    _torch_recurrent(made, tensors(found), layers, both)
    sequence, state = made(torch.from_numpy(x))
    close(output(found, x), sequence)

    last = network(ours(4, layers, bidirectional=both, **arguments), x)
    assert {k: v.shape for k, v in tensors(last).items()} == {k: v.shape for k, v in tensors(found).items()}
    h = state[0] if kind == "lstm" else state
    close(output(last, x), torch.cat([h[-2], h[-1]], 1) if both else h[-1])


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_of_one_feature(kind):
    """(batch, steps) is (batch, steps, 1)."""
    ours, _, arguments, _ = RECURRENT[kind]
    x = numbers(3, 5)
    found = network(ours(4, **arguments), x)
    close(output(found, x), output(network(ours(4, **arguments), x[..., None]), x[..., None]), 0)
    assert tensors(found)["kernel_0"].shape[0] == 1


def test_lstm_by_hand():
    """One LSTM step of one unit, worked out with the equations of the docstring."""
    x = np.array([[[0.5], [-1.0]]])
    found = network(pp.LSTM(1), x)
    p = {k: v.numpy() for k, v in tensors(found).items()}
    h = c = 0.0
    for t in range(2):
        i, f, g, o = x[0, t, 0] * p["kernel_0"][0] + h * p["recurrent_0"][0] + p["bias_0"]
        i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    close(output(found, x), [[h]])


BATCH = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}


@pytest.mark.parametrize("affine", [True, False], ids=["scaled", "plain"])
@pytest.mark.parametrize("rank", BATCH)
def test_batch_norm(rank, affine):
    """BatchNorm is torch's: three training batches, the running state after each, and then evaluation."""
    shape = (6, 3, 2, 4, 2)[:rank]
    x = numbers(*shape)
    found = network(pp.BatchNorm(momentum=0.3, epsilon=0.1, scale=affine, shift=affine), x)
    p = tensors(found)
    made = BATCH[rank](3, eps=0.1, momentum=0.3, affine=affine, dtype=torch.float64)
    with torch.no_grad():
        made.running_mean.copy_(p["mean"])
        made.running_var.copy_(p["variance"])
        if affine:
            made.weight.copy_(p["scale"])
            made.bias.copy_(p["shift"])
    for step in range(3):
        x = numbers(*shape, seed=step) + step
        close(output(found, x, training=True), made(torch.from_numpy(x)))
        close(tensors(found)["mean"].numpy(), made.running_mean)
        close(tensors(found)["variance"].numpy(), made.running_var)
    made.eval()
    close(output(found, x), made(torch.from_numpy(x)))


def test_batch_norm_starts_as_torch_does():
    """A new BatchNorm has mean 0, variance 1, scale 1 and shift 0."""
    found = pp.BatchNorm()
    found(numbers(4, 3))
    values = {name: p.value.tolist() for name, p in found.parameters.items()}
    assert values == {"scale": [1.0] * 3, "shift": [0.0] * 3, "mean": [0.0] * 3, "variance": [1.0] * 3}


def test_batch_norm_of_one_number_per_channel():
    """One number per channel is its own mean: the output is the shift, and the running state stays (torch refuses)."""
    x = numbers(1, 3)
    found = network(pp.BatchNorm(), x)
    before = tensors(found)
    close(output(found, x, training=True), before["shift"][None])
    assert all(torch.equal(before[k], v) for k, v in tensors(found).items())


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5), (2, 2, 3, 5)], ids=str)
def test_layer_norm(shape):
    """LayerNorm is torch's over the last axis."""
    x = numbers(*shape)
    found = network(pp.LayerNorm(epsilon=0.1), x)
    p = tensors(found)
    made = torch.nn.LayerNorm(5, eps=0.1, dtype=torch.float64)
    with torch.no_grad():
        made.weight.copy_(p["scale"])
        made.bias.copy_(p["shift"])
    close(output(found, x), made(torch.from_numpy(x)))


@pytest.mark.parametrize(("scale", "shift"), [(True, False), (False, True), (False, False)])
def test_layer_norm_without_scale_or_shift(scale, shift):
    """Without scale and shift LayerNorm only normalises; with one of them it does just that."""
    x = numbers(3, 4)
    found = network(pp.LayerNorm(scale=scale, shift=shift), x)
    p = {k: v.numpy() for k, v in tensors(found).items()}
    assert set(p) == {n for n, on in (("scale", scale), ("shift", shift)) if on}
    plain = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    close(output(found, x), plain * p.get("scale", 1.0) + p.get("shift", 0.0))


ACTIVATIONS = {
    "identity": lambda x: x, "relu": torch.relu, "elu": torch.nn.functional.elu, "selu": torch.selu, "sigmoid": torch.sigmoid,
    "sigm": torch.sigmoid, "tanh": torch.tanh, "softplus": lambda x: torch.log1p(torch.exp(x)), "gelu": torch.nn.functional.gelu,
    "swish": torch.nn.functional.silu, "silu": torch.nn.functional.silu, "leaky_relu": torch.nn.functional.leaky_relu,
    "softsign": torch.nn.functional.softsign, "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "softmax": lambda x: torch.softmax(x, -1), "log_softmax": lambda x: torch.log_softmax(x, -1),
}  # fmt: skip


def test_every_activation_is_compared():
    """No activation is without a reference."""
    from pyphoton import activations

    assert set(activations.NAMES.values()) == {activations.NAMES[name] for name in ACTIVATIONS}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    """An activation called on an array, and as a layer, is torch's function of the same name."""
    from pyphoton import activations

    x = numbers(4, 6, low=-4, high=4)
    want = ACTIVATIONS[name](torch.from_numpy(x))
    close(activations.NAMES[name](x), want)
    close(output(network(pp.Activation(name), x), x), want)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gelu", "swish", "tanh", "relu", "elu", "selu"])
def test_activation_of_whole_numbers(name):
    """A whole number is a number: an activation of 1 is that of 1.0."""
    from pyphoton import activations

    function = activations.NAMES[name]
    assert float(function(1)) == pytest.approx(float(function(1.0)), rel=1e-12)
    assert function(np.array([-2, 3])) == pytest.approx(function(np.array([-2.0, 3.0])), rel=1e-12)
