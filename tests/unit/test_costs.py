"""Multiply-adds and activations: formulas by hand, published totals of well-known networks, and torch's own counter."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from pyphoton import (
    GRU,
    LSTM,
    RNN,
    AvgPool,
    BatchNorm,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    MaxPool,
    Sequential,
    SkipConnection,
    Tensor,
    concatenate,
    costs,
    relu,
    trace,
)
from pyphoton.conformance import CASES
from pyphoton.conformance.problem import Problem
from pyphoton.plan import VIEWS, plan


def spent(model, *shapes, dtype="float32"):
    """The costs of a model's steps for samples of these shapes. No parameter is made."""
    return costs.costs(plan(trace(model, *(Tensor((None, *s), dtype) for s in shapes))))


def macs(model, *shapes, dtype="float32"):
    """Multiply-adds in total."""
    return sum(c.multiply_adds for c in spent(model, *shapes, dtype=dtype))


def lstm_steps(features, hidden, steps, gates):
    """By the equations: gates blocks of (features + hidden) * hidden products at each step."""
    return steps * gates * hidden * (features + hidden)


BY_HAND = {
    "dense": (Dense(5), [(7,)], 35),
    "dense flattens": (Dense(5), [(3, 7)], 105),
    "dense on the last axis": (Dense(5, flatten=False), [(3, 7)], 3 * 35),
    "conv": (Conv2D(6, 3), [(4, 10, 12)], 6 * 8 * 10 * 4 * 9),
    "conv with strides and padding": (Conv2D(6, 3, strides=2, padding=1), [(4, 10, 12)], 6 * 5 * 6 * 4 * 9),
    "conv of groups": (Conv2D(6, 3, groups=2), [(4, 10, 12)], 6 * 8 * 10 * 2 * 9),
    "conv dilated": (Conv1D(6, 3, dilation=2), [(4, 10)], 6 * 6 * 4 * 3),
    "conv of volumes": (Conv3D(2, (1, 2, 3)), [(4, 5, 5, 5)], 2 * 5 * 4 * 3 * 4 * 6),
    "transposed conv": (Conv2DTranspose(6, 3, strides=2), [(4, 5, 7)], 4 * 5 * 7 * 6 * 9),
    "transposed conv of groups": (Conv2DTranspose(6, 3, groups=2), [(4, 5, 7)], 4 * 5 * 7 * 3 * 9),
    "rnn": (RNN(6), [(10, 3)], lstm_steps(3, 6, 10, 1)),
    "lstm": (LSTM(6), [(10, 3)], lstm_steps(3, 6, 10, 4)),
    "lstm of one feature": (LSTM(6), [(10,)], lstm_steps(1, 6, 10, 4)),
    "gru of two layers": (GRU(6, 2), [(10, 3)], lstm_steps(3, 6, 10, 3) + lstm_steps(6, 6, 10, 3)),
    "lstm both ways": (LSTM(6, bidirectional=True), [(10, 3)], 2 * lstm_steps(3, 6, 10, 4)),
    "two layers both ways": (LSTM(6, 2, bidirectional=True), [(10, 3)], 2 * lstm_steps(3, 6, 10, 4) + 2 * lstm_steps(12, 6, 10, 4)),
    "what is not counted": (Sequential(BatchNorm(), relu, MaxPool(), AvgPool(), Flatten(), lambda x: x * 2 + 1), [(3, 8, 8)], 0),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_multiply_adds_by_hand(case):
    """Each kind of step against a product written down from its definition."""
    model, shapes, expected = BY_HAND[case]
    assert macs(model, *shapes) == expected


def test_a_table_is_looked_up_without_products():
    """An embedding costs nothing, and writes its vectors."""
    (cost,) = spent(Embedding(100, 8), (5,), dtype="int64")
    assert (cost.multiply_adds, cost.numbers) == (0, 40)


def test_attention_is_two_matrix_products():
    """scores = q @ k^T takes T T F products and scores @ v as many; the projections are Dense layers on the last axis."""
    steps, features = 7, 5
    queries, keys, values = (Dense(features, flatten=False) for _ in range(3))

    def attention(x):
        scores = queries(x) @ keys(x).transpose(0, 2, 1)
        return scores @ values(x)

    assert macs(attention, (steps, features)) == 3 * steps * features**2 + 2 * steps**2 * features


def test_a_batch_that_takes_in_the_steps():
    """After a reshape to (batch * steps, features) a Dense works for every step: its length is found again."""
    found = spent(lambda x: Dense(3)(x.reshape(-1, 5)), (7, 5))
    assert [(c.multiply_adds, c.numbers) for c in found] == [(0, 0), (7 * 5 * 3, 7 * 3)]


def test_a_sample_that_is_picked_does_not_stop_the_count():
    """A model that needs more than one sample is counted with the lengths of its plan."""
    assert macs(lambda x: Dense(3)(x) - Dense(3)(x)[1], (5,)) == 30


def test_results_are_counted_once():
    """What a step writes counts; a reshape hands on the same numbers; an activation inside a layer's step is no result of its own."""
    found = spent(Sequential(Conv2D(4, 3, relu), Flatten(), Dense(2)), (1, 5, 5))
    assert [c.numbers for c in found] == [4 * 9, 0, 2]


def vgg16():
    """Simonyan and Zisserman 2014, configuration D."""
    layers = []
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [Conv2D(channels, 3, relu, padding=1) for _ in range(count)] + [MaxPool(2)]
    return Sequential(*layers, Dense(4096, relu), Dense(4096, relu), Dense(1000))


def alexnet():
    """Krizhevsky 2014 ("one weird trick"), as torchvision has it."""
    return Sequential(
        Conv2D(64, 11, relu, strides=4, padding=2), MaxPool(3, strides=2), Conv2D(192, 5, relu, padding=2), MaxPool(3, strides=2),
        Conv2D(384, 3, relu, padding=1), Conv2D(256, 3, relu, padding=1), Conv2D(256, 3, relu, padding=1), MaxPool(3, strides=2),
        Dense(4096, relu), Dense(4096, relu), Dense(1000),
    )  # fmt: skip


def resnet18():
    """He et al. 2015, with 1 x 1 convolutions where the size changes."""

    def block(channels, strides):
        inner = Sequential(
            Conv2D(channels, 3, strides=strides, padding=1, use_bias=False), BatchNorm(), relu,
            Conv2D(channels, 3, padding=1, use_bias=False), BatchNorm(),
        )  # fmt: skip
        if strides == 1:
            return SkipConnection(inner)
        short = Sequential(Conv2D(channels, 1, strides=strides, use_bias=False), BatchNorm())
        return lambda x: inner(x) + short(x)

    blocks = [block(64, 1), block(64, 1)]
    for channels in (128, 256, 512):
        blocks += [block(channels, 2), relu, block(channels, 1), relu]
    return Sequential(Conv2D(64, 7, strides=2, padding=3, use_bias=False), BatchNorm(), relu, MaxPool(3, strides=2, padding=1), *blocks, GlobalAvgPool(), Dense(1000))


@pytest.mark.parametrize(("model", "thousand_millions"), [(alexnet, 0.714), (vgg16, 15.470), (resnet18, 1.814)])
def test_published_totals(model, thousand_millions):
    """The multiply-adds for one image of 224 x 224 that torchvision states for its weights ("GFLOPS" there), to three decimals."""
    assert round(macs(model(), (3, 224, 224)) / 1e9, 3) == thousand_millions


def test_torch_counts_the_same():
    """torch's counter of floating-point operations sees two for each multiply-add."""
    torch = pytest.importorskip("torch", reason="torch's counter is the reference")
    from torch.utils.flop_counter import FlopCounterMode

    nn = torch.nn
    theirs = nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.ConvTranspose2d(8, 6, 4, stride=2), nn.Flatten(), nn.Linear(6 * 12 * 14, 5)
    )  # fmt: skip
    ours = Sequential(Conv2D(8, 3, relu, strides=2, padding=1, groups=2), Conv2DTranspose(6, 4, strides=2), Dense(5))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shape = theirs(torch.zeros(1, 4, 10, 12)).shape
    assert shape == (1, 5)
    assert counter.get_total_flops() == 2 * macs(ours, (4, 10, 12))


def test_several_inputs_and_constants():
    """Two inputs that are joined, and an array of the model's own as the right factor."""
    table = np.ones((9, 4), "float32")
    found = spent(lambda x, y: concatenate([x, y]) @ table, (4,), (5,))
    assert [c.multiply_adds for c in found] == [0, prod((9, 4))]


NOT_SAMPLES = {"op-matmul", "op-matmul-batch-left", "op-matmul-vector-right", "op-getitem-row"}
"""Cases that do not run with one sample: their first axis is contracted, or row 1 of it is picked."""


@pytest.mark.parametrize("name", sorted(set(CASES) - NOT_SAMPLES))
def test_lengths_are_those_of_a_run(name):
    """Every case of the conformance table, run by NumPy with one sample: each step writes as many numbers as were counted."""
    problem = Problem(CASES[name], "float64")
    seen = replace(problem.plan, outputs=tuple(s.outputs[0] for s in problem.plan.steps), single=False)
    results = problem.reference(seen, tuple(a[:1] for a in problem.arrays))
    for step, result, cost in zip(problem.plan.steps, results, costs.costs(problem.plan), strict=True):
        if step.body is None:
            assert cost.numbers == (0 if step.op in VIEWS or step.op == "parameter" else np.size(result)), step
        else:  # all steps of its body come on top
            assert cost.numbers >= np.size(result)
