"""Random models: the shapes in a plan are those of the numbers, and a plan survives being written and read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyphoton as pp
from pyphoton.backends.numpy.run import NumpyModule
from pyphoton.network import Network
from pyphoton.plan import Plan, plan

steady = settings(deadline=None, derandomize=True, database=None, max_examples=60)
small, name = st.integers(1, 3), st.sampled_from(["relu", "tanh", "elu", "softmax", "identity", "swish"])


def _any_rank():
    return st.one_of(
        st.builds(pp.Dense, small, name, use_bias=st.booleans(), flatten=st.booleans()),
        st.builds(pp.Activation, name),
        st.builds(pp.LayerNorm, scale=st.booleans()),
        st.builds(pp.BatchNorm, shift=st.booleans()),
        st.builds(pp.Softmax, st.sampled_from([1, -1])),
        st.just(pp.Flatten()),
        st.builds(pp.Dropout, st.sampled_from([0.0, 0.5])),
        st.just(lambda x: x * 2.0 + x),
        st.just(lambda x: x[:, ::-1]),
        st.builds(lambda n: pp.Residual(pp.Activation(n), combine="add"), name),
        st.builds(lambda n: pp.Concurrent(pp.Activation(n), pp.Activation("relu")), name),
    )


def _convolution(layer):
    return st.builds(
        layer, small, small, name, padding=st.sampled_from([0, 1, "same", "valid"]), strides=small, dilation=st.integers(1, 2), use_bias=st.booleans()
    )


def _pool(layer):
    return st.builds(layer, st.integers(2, 3), padding=st.sampled_from([0, 1, "same"]), strides=st.sampled_from([None, 1, 2]))


def _spatial(rank):
    conv, up = {1: (pp.Conv1D, pp.Conv1DTranspose), 2: (pp.Conv2D, pp.Conv2DTranspose)}[rank]
    return st.one_of(
        _any_rank(),
        _convolution(conv),
        st.builds(up, small, small, strides=small, use_bias=st.booleans()),
        _pool(pp.MaxPool),
        _pool(pp.AvgPool),
        st.builds(pp.AdaptiveAvgPool, small),
        st.builds(pp.AdaptiveMaxPool, small),
    )


def _steps():
    recurrent = st.one_of(*[
        st.builds(layer, small, st.integers(1, 2), bidirectional=st.booleans(), last_only=st.booleans()) for layer in (pp.RNN, pp.LSTM, pp.GRU)
    ])  # fmt: skip
    return st.one_of(_any_rank(), recurrent)


@st.composite
def models(draw):
    """A Sequential of up to five layers that fit, and an input for it."""
    shape, layers = draw(
        st.sampled_from([((3, 4), _any_rank()), ((2, 3, 5), _steps()), ((2, 3, 7), _spatial(1)), ((2, 2, 6, 5), _spatial(2)), ((2, 2, 2, 3, 4), _any_rank())])
    )
    chosen, x = [], np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
    for layer in draw(st.lists(layers, min_size=1, max_size=5)):
        try:
            pp.trace(pp.Sequential(*chosen, layer), pp.Tensor((None, *shape[1:])))
        except (pp.ShapeError, pp.ArgumentError):
            continue
        chosen.append(layer)
    return pp.Sequential(*chosen), x


@steady
@given(models())
def test_every_shape_in_a_plan_is_that_of_the_numbers(drawn):
    """For each step of a random model the shape in the plan is that of the array, the batch being the unknown length."""
    model, x = drawn
    network = Network(model, backend="numpy", seed=0)
    made = network.forward_plan((x,), False)
    numbers = [s.outputs[0] for s in made.steps]
    arrays = network.module.run(replace(made, outputs=tuple(numbers)), (x,))
    for step, array in zip(made.steps, arrays, strict=True):
        assert step.shapes[0][0] is None
        assert (len(x), *step.shapes[0][1:]) == array.shape, step
    assert all(p.shape == made.params[path].shape for path, p in network.parameters.items())


@steady
@given(models())
def test_plan_survives_json(drawn):
    """A random model's plan, written and read, writes the same text and gives the same numbers."""
    model, x = drawn
    network = Network(model, backend="numpy", seed=0)
    made = network.forward_plan((x,), False)
    again = Plan.from_json(made.to_json())
    assert again.to_json() == made.to_json()
    values = {path: p.value for path, p in network.parameters.items()}
    (got,), (want,) = (NumpyModule(values, 0).run(p, (x,)) for p in (again, made))
    np.testing.assert_array_equal(got, want)


@steady
@given(models())
def test_torch_agrees(drawn):
    """A random model gives the same numbers on torch."""
    model, x = drawn
    want = Network(model, backend="numpy", seed=0).run((x,), False)
    got = Network(model, backend="torch", seed=0).run((x,), False)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)  # float32, up to five layers deep


def test_plan_of_another_format_is_refused():
    """A plan of a later version is not guessed at."""
    text = plan(pp.trace(pp.Dense(2), pp.Tensor((None, 3)))).to_json()
    with pytest.raises(pp.FileError, match="format 1"):
        Plan.from_json(text.replace('"format": 1', '"format": 2'))
