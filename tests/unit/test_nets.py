"""@net: equations as models. Texts are those of early Flux's README; numbers are those of the same formulas in NumPy."""

from typing import Any

import numpy as np
import pytest
from readme_nets import FullyConnected, Perceptron

import pyphoton as pp
from pyphoton import (
    MSE,
    SGD,
    ArgumentError,
    Dense,
    Dropout,
    PhotonError,
    Sequential,
    ShapeError,
    TraceError,
    Workout,
    concatenate,
    fit_,
    freeze_,
    gradients,
    relu,
    set_context,
    sigmoid,
    softmax,
    tanh,
)  # fmt: skip
from pyphoton.flux import net, randn, unroll, zeros

σ = sigmoid
RANDOM = np.random.default_rng(8)


def numbers(*shape):
    """Float32 numbers around 0."""
    return RANDOM.normal(size=shape).astype("float32")


def test_fully_connected_of_the_readme():
    """`foo = FullyConnected(10, 5); foo(randn(10))` gives five numbers, x*W + b; a batch row by row the same."""
    foo = FullyConnected(10, 5)
    x = randn(10)
    y = foo(x)
    assert y.shape == (5,)
    np.testing.assert_allclose(y, x @ np.asarray(foo.W) + np.asarray(foo.b), rtol=1e-5)
    rows = numbers(3, 10)
    np.testing.assert_allclose(foo(rows)[1], foo(rows[1]), rtol=1e-5)


def test_constructors_beside_the_fields():
    """Integers make random fields, two arrays are the fields themselves, and a third kind of arguments is refused."""
    W, b = numbers(4, 2), numbers(2)
    given = FullyConnected(W, b)
    np.testing.assert_array_equal(given.W, W)
    x = numbers(4)
    np.testing.assert_allclose(given(x), x @ W + b, rtol=1e-5)
    assert FullyConnected(4, 2).W.shape == (4, 2)
    with pytest.raises(ArgumentError, match=r"FullyConnected: expected W, b, received 3 values"):
        FullyConnected(W, b, b)


def test_constructor_of_one_number():
    """A constructor may give one field alone."""

    @net
    class Scale:
        factor: Any

        def forward(self, x):
            return x * self.factor

    @Scale.constructor
    def _(size: int):
        return np.full(size, 3.0)

    np.testing.assert_allclose(Scale(2)(numbers(1, 2) * 0 + 1), [[3, 3]])


def test_nets_in_nets_share_by_identity():
    """Perceptron(Dense(10, 5)) is σ(layer(x)); two perceptrons of one layer have one set of parameters."""
    layer = FullyConnected(3, 3)
    model = Sequential(Perceptron(layer), Perceptron(layer))
    x = numbers(4, 3)
    W, b = np.asarray(layer.W), np.asarray(layer.b)

    def once(v):
        return 1 / (1 + np.exp(-(v @ W + b)))

    np.testing.assert_allclose(model(x), once(once(x)), rtol=1e-5)
    assert sorted(model.parameters) == ["0.layer.W", "0.layer.b"]
    other = Sequential(Perceptron(FullyConnected(3, 3)), Perceptron(FullyConnected(3, 3)))
    other(x)
    assert len(other.parameters) == 4


def test_net_in_a_chain_learns():
    """In Sequential between other layers, a net's arrays get the gradient of the formula and one step of SGD."""
    first, last = FullyConnected(numbers(4, 3), numbers(3)), Dense(2, use_bias=False)
    workout = Workout(Sequential(first, last), MSE(), SGD(0.5))
    x, y = numbers(6, 4), numbers(6, 2)
    workout.model(x)  # builds it
    K = np.array(last.parameters.kernel.value)
    W, b = np.array(first.W), np.array(first.b)
    d = 2 * ((x @ W + b) @ K - y) / y.size @ K.T
    found = gradients(workout, (x, y))
    np.testing.assert_allclose(found["0.W"], x.T @ d, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["0.b"], d.sum(0), rtol=1e-3, atol=1e-5)
    fit_(workout, [(x, y)], epochs=1, verbose=False)
    np.testing.assert_allclose(first.W, W - 0.5 * x.T @ d, rtol=1e-3, atol=1e-5)


def test_matrix_times_column_is_the_old_readme():
    """`W*x + b` with W (out, in), as it was written before: for a vector and for each sample of a batch, on arrays and on engines."""

    @net
    class Older:
        W: Any
        b: Any

        def forward(self, x):
            return self.W @ x + self.b

    W, b, x = numbers(5, 3), numbers(5), numbers(2, 3)
    older = Older(W, b)
    np.testing.assert_allclose(older(x[0]), W @ x[0] + b, rtol=1e-5)
    np.testing.assert_allclose(older(x), x @ W.T + b, rtol=1e-5)
    np.testing.assert_allclose(Sequential(older)(x), x @ W.T + b, rtol=1e-5)


def test_anonymous_nets_and_tuples():
    """`net(lambda x: ...)`, several arguments, tuples in and out."""
    assert net(lambda a, b: a * b)([1, 2, 3], [4, 5, 6]).tolist() == [4, 10, 18]
    assert net(lambda x: x[0] * x[1])(([1, 2, 3], [4, 5, 6])).tolist() == [4, 10, 18]
    (same,) = net(lambda x: (x,))(np.array([1.0, 2.0]))
    assert same.tolist() == [1, 2]
    x = numbers(3, 4)
    model = Sequential(net(lambda x: x * x), net(lambda x: x + 1))
    np.testing.assert_allclose(model(x), x * x + 1, rtol=1e-5)

    @net
    def swapped(a, b):
        return b, a

    first, second = Sequential(swapped)((x, x + 1))
    np.testing.assert_allclose(first, x + 1)
    np.testing.assert_allclose(second, x)


def test_anonymous_net_with_a_layer_learns():
    """A layer that the function takes from outside is part of the net."""
    dense = Dense(2)
    model = net(lambda x: tanh(dense(x)))
    x, y = numbers(8, 3), numbers(8, 2)
    workout = Workout(model, MSE(), SGD(0.5))
    before = workout.evaluate((x, y))["loss"]
    fit_(workout, (x, y), epochs=5, verbose=False)
    assert workout.evaluate((x, y))["loss"] < before
    assert dense.built and [p.split(".")[-1] for p in workout.network.parameters] == ["kernel", "bias"]


def test_two_inputs_and_outputs():
    """A net of two arguments in a workout: ((X1, X2), (Y1, Y2))."""

    @net
    class Both:
        A: Any
        B: Any

        def forward(self, u, v):
            return u @ self.A + v, v @ self.B

    model = Both(numbers(3, 2), numbers(2, 1))
    u, v = numbers(5, 3), numbers(5, 2)
    one, two = model(u, v)
    np.testing.assert_allclose(one, u @ np.asarray(model.A) + v, rtol=1e-5)
    workout = Workout(model, lambda p, y: MSE()(p[0], y[0]) + MSE()(p[1], y[1]), SGD(0.1))
    before = workout.evaluate(((u, v), (v, two)))["loss"]
    fit_(workout, [((u, v), (v, two))], epochs=3, verbose=False)
    assert workout.evaluate(((u, v), (v, two)))["loss"] < before


def test_frozen_field_stays():
    """freeze_ of a net keeps its arrays."""
    model = Sequential(FullyConnected(3, 2), Dense(1))
    x, y = numbers(4, 3), numbers(4, 1)
    model(x)
    freeze_(model[0])
    before = np.array(model[0].W), np.array(model[1].parameters.kernel.value)
    fit_(Workout(model, MSE(), SGD(0.5)), (x, y), epochs=2, verbose=False)
    np.testing.assert_array_equal(model[0].W, before[0])
    assert not np.allclose(model[1].parameters.kernel.value, before[1])


def test_frozen_before_it_is_built():
    """freeze_ of a net that has met no data holds for its arrays, too."""
    model = Sequential(FullyConnected(3, 2), Dense(1))
    freeze_(model[0])
    before = np.array(model[0].W)
    fit_(Workout(model, MSE(), SGD(0.5)), (numbers(4, 3), numbers(4, 1)), epochs=2, verbose=False)
    np.testing.assert_array_equal(model[0].W, before)


def test_same_net_on_two_engines(monkeypatch):
    """NumPy and the training engine see one set of numbers."""
    model = Sequential(FullyConnected(3, 2))
    x = numbers(4, 3)
    trained = Workout(model, MSE(), SGD(0.5))
    other = Workout(model, MSE(), SGD(0.5), backend="numpy")
    fit_(trained, (x, numbers(4, 2)), epochs=1, verbose=False)
    np.testing.assert_allclose(other.predict(x), trained.predict(x), rtol=1e-5)
    np.testing.assert_allclose(other.predict(x), model[0](x), rtol=1e-5)


def test_numbers_and_functions_as_fields():
    """A field may be a number or a function; neither is a parameter."""

    @net
    class Scaled:
        factor: Any
        f: Any
        b: Any

        def forward(self, x):
            return self.f(x * self.factor) + self.b

    model = Scaled(2.0, relu, np.zeros(3))
    x = numbers(2, 3)
    np.testing.assert_allclose(model(x), np.maximum(2 * x, 0), rtol=1e-5)
    assert list(Sequential(model)(x).shape) == [2, 3] and list(model.parameters) == ["b"]


def test_float64(float64):
    """Nets made before or after set_context have the model's dtype."""
    model = FullyConnected(3, 2)
    assert model(numbers(4, 3)).dtype == np.float64
    assert Sequential(model)(numbers(4, 3)).dtype == np.float64


def test_context_that_changes_after_the_net_was_made():
    """Fields get their dtype when they are first used, not when the net is made."""
    model = FullyConnected(np.full((1, 1), 1 / 3), np.zeros(1))
    set_context(dtype="float64")
    assert model(np.ones((1, 1)))[0, 0] == 1 / 3


def test_softmax_on_top():
    """A row of ten numbers that sum to 1, from a net behind other layers."""
    model = Sequential(Dense(8, relu), FullyConnected(8, 10), softmax)
    np.testing.assert_allclose(model(numbers(3, 20)).sum(1), 1, rtol=1e-5)


def test_saved_weights_come_back(tmp_path):
    """save_workout without the architecture; load_workout fills a net of the same kind."""
    x, y = numbers(6, 3), numbers(6, 2)
    workout = fit_(Workout(Sequential(FullyConnected(3, 2)), MSE(), SGD(0.1)), (x, y), epochs=1, verbose=False)
    pp.save_workout(workout, tmp_path / "net.pp", architecture=False)
    again = pp.load_workout(tmp_path / "net.pp", model=Sequential(FullyConnected(3, 2)))
    np.testing.assert_array_equal(again.predict(x), workout.predict(x))
    with pytest.raises(PhotonError, match="architecture=False"):
        pp.save_workout(workout, tmp_path / "no.pp")


# ---- what cannot be followed ---------------------------------------------------------------------------------------------


def test_condition_on_numbers_is_told_with_its_line():
    """A Python if on a tensor: the error names the function and shows the line."""

    @net
    class Broken:
        b: Any

        def forward(self, x):
            y = x + self.b
            if y.sum() > 0:
                return y
            return -y

    model = Broken(np.zeros(2))
    assert model(np.ones(2)).tolist() == [1, 1]  # on arrays it just computes
    with pytest.raises(TraceError, match=r"if y\.sum\(\) > 0"):
        Sequential(model)(numbers(3, 2))


def test_foreign_function_is_told_with_its_line():
    """A NumPy function that no engine has."""

    @net
    class Broken:
        b: Any

        def forward(self, x):
            return np.fft.fft(x + self.b)

    with pytest.raises(TraceError, match=r"np\.fft\.fft"):
        Sequential(Broken(np.zeros(2)))(numbers(3, 2))


def test_shape_error_names_the_net():
    """Matrices that do not fit: the net, and both shapes."""
    with pytest.raises(ShapeError, match=r"FullyConnected.*\(batch, 4\).*\(3, 2\)"):
        Sequential(FullyConnected(3, 2))(numbers(5, 4))


def test_undeclared_fields_and_side_effects():
    """An attribute that is no field is refused inside of a step, and a field that is no state cannot be assigned from outside the trace."""

    @net
    class Counts:
        h: Any

        def forward(self, x):
            self.calls = 1
            self.h = x + self.h

    with pytest.raises(TraceError, match=r"Counts\.calls.*Declare it"):
        unroll(Counts(np.zeros(2)), 2)(numbers(1, 2, 2))


def test_what_is_no_net():
    """A class without a function, with defaults, or no class at all."""
    with pytest.raises(ArgumentError, match=r"forward"):
        net(type("Empty", (), {"__annotations__": {"b": Any}}))
    with pytest.raises(ArgumentError, match=r"without defaults"):
        net(type("Late", (), {"__annotations__": {"b": Any}, "b": 3, "forward": lambda self, x: x}))
    with pytest.raises(ArgumentError, match="a class or a function"):
        net(3)


def test_function_without_a_result():
    """Neither a return nor a state."""

    @net
    class Silent:
        b: Any

        def forward(self, x):
            x + self.b

    with pytest.raises(TraceError, match="returns something or assigns a state"):
        Silent(np.zeros(2))(np.zeros(2))


def test_gradients_are_differences(float64):
    """Every field's gradient against central differences in float64, through functions, concatenation and slices."""

    @net
    class Mixed:
        A: Any
        B: Any
        c: Any
        layer: Any

        def forward(self, x):
            u = tanh(x @ self.A + self.c)
            return concatenate([self.layer(u) * σ(u @ self.B), u[:, :1]], axis=-1)

    model = Mixed(RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(4, 2)), RANDOM.normal(size=4), Dense(2))
    workout = Workout(model, MSE(), SGD(0.1))
    batch = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(5, 3))
    check_gradients(workout, batch)


def check_gradients(workout, batch, tolerance=1e-5):
    """All gradients of a workout's loss against central differences."""
    workout.evaluate(batch)
    for parameter, gradient in gradients(workout, batch):
        flat = parameter.value.reshape(-1)
        for i in range(flat.size):
            old, ends = flat[i], []
            for step in (1e-5, -1e-5):
                flat[i] = old + step
                ends.append(workout.evaluate(batch)["loss"])
            flat[i] = old
            assert gradient.reshape(-1)[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=tolerance, abs=1e-9), parameter.path


def test_dropout_in_a_net():
    """Off when the model is called, on in training: predictions repeat."""
    model = Sequential(Perceptron(Sequential(Dense(4), Dropout(0.9))))
    x = numbers(50, 3)
    np.testing.assert_array_equal(model(x), model(x))
    assert (model(x) == 0.5).mean() < 0.1


def test_zeros_and_randn():
    """The stream of seeds gives other numbers each time, and the same again from its start."""
    one, two = randn(3), randn(3)
    assert not np.allclose(one, two)
    pp.seed_(0)
    np.testing.assert_array_equal(randn(3), one)
    assert zeros(2, 3).shape == (2, 3)
