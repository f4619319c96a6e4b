"""The Flux face's Chain and layers: samples and batches, sharing, slices, shapes that are checked before any number arrives."""

import builtins
import inspect
from itertools import pairwise

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import flux
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.flux import (
    Affine,
    AvgPool,
    Chain,
    Conv2D,
    Dense,
    Dropout,
    Input,
    MaxPool,
    Reshape,
    exp,
    first,
    flatten,
    hcat,
    initn,
    last,
    log,
    relu,
    softmax,
    tanh,
    vcat,
    σ,
)


def randn(*shape):
    """Normal numbers, the same in each run."""
    return np.random.default_rng(len(shape)).normal(size=shape)


def dense(layer, x):
    """x @ W + b with the layer's own numbers."""
    return x @ layer.parameters.kernel.value + layer.parameters.bias.value


@pytest.mark.parametrize("name", flux.__all__)
def test_public_names_exist_and_are_explained(name):
    """Every name of the face can be had, has a docstring and hides no builtin."""
    value = getattr(flux, name)
    assert len((inspect.getdoc(value if callable(value) else type(value)) or "").split()) >= 3
    assert not inspect.ismodule(value)
    assert name not in dir(builtins)


def test_unknown_names_are_attribute_errors():
    """A name that the face does not have is an AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'Affline'"):
        flux.Affline  # noqa: B018


# ---- the source text's first model --------------------------------------------------------------------------------


def mlp():
    """The first model of early Flux's README."""
    return Chain(
        Input(784),
        Dense(128), relu,
        Dense(64), relu,
        Dense(10), softmax)  # fmt: skip


def test_a_vector_in_is_a_vector_out():
    """m(randn(784)) is ten numbers that sum to 1, and those that the formula gives."""
    m = mlp()
    x = randn(784)
    y = m(x)
    assert y.shape == (10,)
    assert y.sum() == pytest.approx(1, abs=1e-6)
    hidden = np.maximum(dense(m[3], np.maximum(dense(m[1], x), 0)), 0)
    scores = np.exp(dense(m[5], hidden))
    np.testing.assert_allclose(y, scores / scores.sum(), rtol=1e-4)


def test_a_batch_goes_the_same_way():
    """Each row of a batch gives what it gives alone, also before the model has met anything else; predict agrees."""
    m = mlp()
    x = randn(3, 784)
    y = m(x)
    assert y.shape == (3, 10)
    for row, alone in zip(y, x, strict=True):
        np.testing.assert_allclose(m(alone), row, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(pp.predict(m, x[0]), y[0], rtol=1e-4, atol=1e-7)


def test_functions_are_members():
    """Chain(exp, sum, log)([1, 2, 3]) is log(e + e^2 + e^3), for Python's and NumPy's functions, and per sample in a batch."""
    wanted = np.log(np.exp([1, 2, 3]).sum())
    for members in ((exp, sum, log), (np.exp, np.sum, np.log)):
        found = Chain(*members)([1, 2, 3])
        assert np.ndim(found) == 0
        assert found == pytest.approx(wanted, rel=1e-6)
        np.testing.assert_allclose(Chain(*members)([[1, 2, 3], [0, 0, 0]]), [wanted, np.log(3)], rtol=1e-6)
    assert [float(Chain(f)([1, 5, 3])) for f in (max, min, np.mean, np.prod)] == [5, 1, 3, 15]


def test_tuples_go_in_and_out():
    """F's own tests of tuples: x -> (x,), and x -> x[1] .* x[2]."""
    (out,) = Chain(lambda x: (x,))([1, 2, 3])
    assert list(out) == [1, 2, 3]
    assert list(Chain(lambda x: x[0] * x[1])(([1, 2, 3], [4, 5, 6]))) == [4, 10, 18]


def test_lists_of_numbers_are_taken():
    """A list is a vector, a list of lists a batch, whole numbers are positions where a layer reads them so."""
    d = Affine(3, 2)
    np.testing.assert_allclose(d([1, 2, 3]), dense(d, np.array([1, 2, 3])), rtol=1e-5)
    assert d([[1, 2, 3], [4, 5, 6]]).shape == (2, 2)
    m = Chain(Input(5), pp.Embedding(7, 3), flatten)
    np.testing.assert_array_equal(m([1, 2, 3, 4, 6]), m[1].parameters.table.value[[1, 2, 3, 4, 6]].ravel())


def test_affine_is_x_w_plus_b():
    """d(xs) = xs * W + b for a vector and a batch, with F's randn / 10 where init=initn asks for it."""
    d = Affine(10, 20, init=initn)
    x = randn(4, 10)
    y = d(x)
    kernel = d.parameters.kernel.value
    assert kernel.shape == (10, 20)
    assert 0.08 < kernel.std() < 0.12
    assert d.parameters.bias.value.any()
    np.testing.assert_allclose(y, dense(d, x), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(d(x[1]), y[1], rtol=1e-5, atol=1e-6)
    assert not Affine(10, 20).initb.value


# ---- sharing, indexing, slicing ----------------------------------------------------------------------------------------


def test_a_layer_that_stands_twice_has_its_parameters_once():
    """Chain(a, a) has two parameters and applies them twice."""
    a = Affine(5, 5)
    m = Chain(a, a)
    y = m(randn(5))
    assert sorted(m.parameters) == ["0.bias", "0.kernel"]
    np.testing.assert_allclose(y, dense(a, dense(a, randn(5))), rtol=1e-4, atol=1e-6)


def test_indices_slices_and_iteration():
    """Members come back as they were put in; a slice is a Chain on the same parameters."""
    m = mlp()
    x = randn(784)
    m(x)
    assert (first(m), last(m)) == (m[0], softmax)
    assert isinstance(m[0], Input)
    assert [type(part).__name__ for part in m[:-1]] == ["Input", "Dense", "function", "Dense", "function", "Dense"]
    assert Chain(exp, sum)[1] is sum
    scores = m[:-1]
    assert isinstance(scores, Chain)
    assert scores[1] is m[1]
    m[5].parameters.bias.set_(np.arange(10))
    e = np.exp(scores(x) - scores(x).max())
    np.testing.assert_allclose(m(x), e / e.sum(), rtol=1e-4)
    with pytest.raises(ArgumentError, match="at least one member"):
        first(Chain())


def test_a_slice_knows_what_the_chain_before_it_gives():
    """A slice of a Chain with an Input is called with what reaches its first member, and refuses another size."""
    m = Chain(Input(3, 8, 8), Conv2D((3, 3), in_=3, out=4), relu, flatten, Dense(5))
    rest = m[2:]
    assert rest(np.ones((4, 6, 6))).shape == (5,)
    assert rest(np.ones((2, 4, 6, 6))).shape == (2, 5)
    assert m[1:3](np.ones((3, 8, 8))).shape == (4, 6, 6)


def test_nested_chains_are_checked_and_named_by_where_they_stand():
    """An Input inside of an inner Chain starts the check of the outer one."""
    inner = Chain(Input(6), Dense(4), tanh)
    m = Chain(inner, Chain(Dense(3), σ))
    assert m(randn(6)).shape == (3,)
    assert sorted(m.parameters) == ["0.1.bias", "0.1.kernel", "1.0.bias", "1.0.kernel"]
    with pytest.raises(ShapeError, match=r"^1\.0 Dense\(5, 3\): "):
        Chain(inner, Chain(Dense(5, 3), σ))


def test_add_refuses_what_does_not_fit_and_changes_nothing():
    """add_ appends to a Chain with an Input, checked."""
    m = Chain(Input(6), Dense(4))
    with pytest.raises(ShapeError, match="2 Dense"):
        m.add_(Dense(5, 3))
    assert len(m) == 2
    assert m.add_(relu, Dense(4, 3))(randn(6)).shape == (3,)


@pytest.mark.parametrize("call", [lambda m, x: m(x), lambda m, x: pp.predict(m, x)], ids=["call", "predict"])
def test_a_sample_is_told_from_a_batch_by_what_the_model_says(call):
    """By Input, by Dense(in, out), by in_=; else by what it was built with; a vector is a sample where nothing is known."""
    assert call(Chain(Input(2, 3), flatten, Dense(4)), np.ones((2, 3))).shape == (4,)
    assert call(Chain(Affine(3, 4)), np.ones((2, 3))).shape == (2, 4)
    assert call(Chain(Affine(3, 4)), np.ones(3)).shape == (4,)
    assert call(Chain(Conv2D((2, 2), in_=2, out=5)), np.ones((2, 4, 4))).shape == (5, 3, 3)
    assert call(pp.Sequential(pp.Input(3), pp.Dense(4)), np.ones(3)).shape == (4,)
    built = Chain(pp.LSTM(3))
    assert built(np.ones((2, 5, 4))).shape == (2, 3)
    assert call(built, np.ones((5, 4))).shape == (3,)
    assert call(Chain(Dense(4)), np.ones(3)).shape == (4,)
    with pytest.raises(ShapeError):
        call(pp.Sequential(pp.Dense(4)), np.ones(3))


# ---- layers ------------------------------------------------------------------------------------------------------------


def test_a_convolutional_network_of_that_time():
    """LeNet as it was written: valid convolutions without bias, images without a channel axis, poolings with strides."""
    lenet = Chain(
        Chain(Input(28, 28), Conv2D((5, 5), out=20), tanh, MaxPool((2, 2), stride=(2, 2))),
        Chain(Input(20, 12, 12), Conv2D((5, 5), **{"in": 20}, out=50), tanh, MaxPool((2, 2), stride=(2, 2))),
        flatten, Dense(500), tanh, Dense(10), softmax,
    )  # fmt: skip
    x = randn(2, 28, 28)
    y = lenet(x)
    assert y.shape == (2, 10)
    np.testing.assert_allclose(lenet(x[0]), y[0], rtol=1e-4, atol=1e-6)
    assert {p: v.shape for p, v in lenet.parameters.items() if v.value.ndim == 4} == {
        "0.1.kernel": (20, 1, 5, 5), "1.1.kernel": (50, 20, 5, 5),
    }  # fmt: skip


def test_conv_computes_its_formula():
    """floor((n - k) / stride) + 1 outputs, each the sum over a window, against a hand loop."""
    c = Conv2D((2, 3), in_=2, out=4, stride=(2, 1))
    x = randn(2, 5, 6)
    y = c(x)
    k = c.parameters.kernel.value
    wanted = [[[(x[:, 2 * i : 2 * i + 2, j : j + 3] * k[o]).sum() for j in range(4)] for i in range(2)] for o in range(4)]
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError, match="2 channels"):
        Chain(Input(3, 5, 6), c)


def test_pools_step_by_one():
    """MaxPool and AvgPool have stride (1, 1) here: means and maxima of overlapping windows."""
    x = np.arange(16.0).reshape(1, 4, 4)
    assert Chain(Input(1, 4, 4), MaxPool((2, 2)))(x).tolist() == [[[5, 6, 7], [9, 10, 11], [13, 14, 15]]]
    assert Chain(Input(1, 4, 4), AvgPool((2, 2), stride=2))(x).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    with pytest.raises(ShapeError, match="MaxPool2D"):
        Chain(Input(10), MaxPool((2, 2)))


def test_reshape_takes_its_lengths_one_by_one():
    """Reshape(2, 3) of six numbers; another number of them is refused when the chain is built."""
    assert Chain(Input(6), Reshape(2, 3))(np.arange(6)).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ShapeError, match="Reshape"):
        Chain(Input(6), Reshape(2, 4))


def test_dropout_wraps_a_layer():
    """Dropout(layer) thins the layer's output while training, shares its parameters, and does nothing otherwise."""
    d = Affine(4, 1000, init=1)
    m = Dropout(d, 0.25)
    x = np.ones((1, 4))
    np.testing.assert_allclose(m(x), np.full((1, 1000), 5.0), rtol=1e-6)
    assert m.parameters["0.kernel"] is d.parameters.kernel
    trained = pp.Workout(m, "mse", "sgd").network.run((x,), False, training=True)
    assert set(np.round(trained.ravel(), 3)) == {0, np.float32(6.667)}
    assert 0.18 < (trained == 0).mean() < 0.32
    assert (Dropout().rate, Dropout(0.2).rate, Dropout(rate=0.3).rate) == (0.5, 0.2, 0.3)


def test_vcat_and_hcat_join_as_julia_sees_one_sample():
    """vcat joins features, hcat puts vectors side by side; arrays and traced tensors agree."""
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert vcat(a, b).tolist() == [1, 2, 3, 4]
    assert hcat(a, b).tolist() == [[1, 2], [3, 4]]
    assert Chain(lambda x: vcat(x, x * 2))(a).tolist() == [1, 2, 2, 4]
    assert Chain(lambda x: hcat(x, x * 2))(a).tolist() == [[1, 2], [2, 4]]
    x = randn(2, 3, 4)
    np.testing.assert_array_equal(hcat(x, x), np.concatenate([x, x], axis=1))
    np.testing.assert_array_equal(vcat(x, x), np.concatenate([x, x], axis=2))
    assert flatten(x).shape == (2, 12)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Dense(), lambda: Dense(1, 2, 3), lambda: Dense(0), lambda: Conv2D((5, 5), inn=3), lambda: Conv2D((5, 5), in_=3, **{"in": 3}),
        lambda: Chain(3), lambda: Chain(Input(3), pp.Dense), lambda: Dense(3, "rellu"), lambda: flux.infer(relu, ()),
    ],
)  # fmt: skip
def test_mistakes_are_refused(mistake):
    """Arguments that a layer cannot have are ArgumentErrors."""
    with pytest.raises(ArgumentError):
        mistake()


# ---- a Chain is a model like any other ---------------------------------------------------------------------------------


def test_a_chain_trains_saves_and_comes_back(tmp_path):
    """fit_, summary, save and load of a Chain with functions and F's layers; the answer is the same after loading."""
    m = Chain(Input(4, 4), Conv2D((2, 2), out=3), relu, MaxPool((2, 2)), flatten, Dense(6), tanh, Dense(2), sum)
    x, y = randn(20, 4, 4), randn(20)
    before = m(x).copy()
    workout = pp.Workout(m, "mse", pp.Adam(0.01))
    pp.fit_(workout, (x, y), epochs=3)
    assert not np.allclose(m(x), before)
    assert "Conv2D" in str(pp.summary(workout))
    again = pp.load(pp.save(workout, tmp_path / "chain"))
    assert isinstance(again, Chain)
    assert repr(again) == repr(m)
    np.testing.assert_array_equal(again(x), m(x))
    assert again(x[0]) == pytest.approx(m(x)[0], rel=1e-5)


def test_an_input_is_enough_for_a_summary():
    """A Chain with an Input needs no data to be summarised: 4 x 3 weights and 3 biases."""
    assert pp.summary(Chain(Input(4), Dropout(Dense(3)), relu)).total == 15
    with pytest.raises(pp.NotBuilt):
        pp.summary(Chain(Input(None, 4), pp.LSTM(3)))


def test_another_process_loads_a_chain(tmp_path):
    """Loading needs no import of the face first."""
    import subprocess
    import sys

    m = Chain(Input(3), Dense(2), vcat, flatten)
    wanted = m(np.ones(3))
    path = pp.save(m, tmp_path / "chain")
    code = "import sys, numpy as np, pyphoton as pp; print(pp.load(sys.argv[1])(np.ones(3)).tolist())"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == str(wanted.tolist())


def test_regression_and_classification_of_the_old_tests():
    """F's own: ten weights found by linear regression correlate above .99 with the truth; a logistic one, too."""
    truth, x = randn(10), randn(200, 10)
    for m, y in ((Chain(Affine(10, 1)), x @ truth), (Chain(Affine(10, 1), σ), 1 / (1 + np.exp(-(x @ truth))))):
        pp.fit_(pp.Workout(m, "mse", pp.Adam(0.05)), (x, y[:, None]), epochs=30, batch_size=10)
        assert np.corrcoef(m[0].parameters.kernel.value[:, 0], truth)[0, 1] > 0.99


def test_a_thousand_layers_are_traced_and_planned_in_half_a_second():
    """The figure that was promised, the better of two."""
    from benchmarks.chain import seconds

    assert min(seconds(1000)["trace and plan"] for _ in range(2)) < 0.5


def test_time_of_a_long_chain_grows_with_its_length():
    """The time to trace and plan grows in proportion to the layers, not to their square: 8 times as many take at most 24 times as long."""
    from benchmarks.chain import seconds

    short, long = (min(seconds(n)["trace and plan"] for _ in range(3)) for n in (50, 400))
    assert long < 24 * short


def test_an_untraceable_function_waits_for_the_call():
    """What cannot be followed when a Chain is built is no error before it is called."""
    m = Chain(Input(3), lambda x: 1 if x > 0 else x)
    with pytest.raises(pp.TraceError):
        m(np.ones(3))


def test_an_input_of_open_length_cannot_feed_a_dense_layer():
    """Dense(out) whose inputs cannot be counted names itself when the chain is built; an LSTM may read any number of steps."""
    with pytest.raises(ShapeError, match=r"1 Dense.*known length of the feature axis"):
        Chain(Input(None), Dense(3))
    assert [Chain(Input(None, 4), pp.LSTM(3), Dense(2))(np.ones((n, 4))).shape for n in (2, 5)] == [(2,), (2,)]


def test_steps_of_a_chain_are_paired():
    """Each step of `shapes` takes what the one before it gave."""
    steps = [s for s in flux.shapes(mlp(), randn(784)).steps if s.depth == 1]
    assert [s.outputs[0] for s in steps] == [(784,), (128,), (128,), (64,), (64,), (10,), (10,)]
    assert all(a.outputs == b.inputs for a, b in pairwise(steps))
