"""Layers whose computation is Julia code, on Julia and through torch: values, gradients, training, files of a user's, and what is refused."""

from typing import Any

import numpy as np
import pytest
from processes import output

import pyphoton as pp
from pyphoton import MSE, SGD, Adam, ArgumentError, Dense, Julia, JuliaError, Sequential, ShapeError, Workout
from pyphoton.flux import net, unroll

pytestmark = pytest.mark.usefixtures("julia")
RNG = np.random.default_rng(3)
X = RNG.standard_normal((6, 4)).astype("float32")
Y = RNG.standard_normal((6, 2)).astype("float32")
ENGINES = ["julia", "torch"]


@pytest.fixture(params=ENGINES)
def engine(request):
    """Each engine that runs Julia code, as the one that models run on."""
    pp.set_context(backend=request.param)
    return request.param


def ours(name, file_text, folder, **options):
    """A layer of a file of the user's."""
    file = folder / "mine.jl"
    file.write_text(file_text)
    return Julia(name, file=file, **options)


# ---- values --------------------------------------------------------------------------------------------------------------------

FORMULAS = {
    "x -> x .^ 2": lambda x: x**2,
    "x -> 0.5 .* x": lambda x: 0.5 * x,
    "x -> x": lambda x: x,
    "function (x)\n    y = x .+ 1\n    return y ./ 2\nend": lambda x: (x + 1) / 2,
    "x -> sum(x; dims=1)": lambda x: x.sum(1, keepdims=True),
    "x -> [x; 2x]": lambda x: np.concatenate([x, 2 * x], 1),
    "x -> transpose(copy(transpose(x)))": lambda x: x,
    "x -> view(x, 2:3, :)": lambda x: x[:, 1:3],
    "x -> reshape(x, 2, 2, :)": lambda x: x.reshape(-1, 2, 2),
    "x -> x .> 0": lambda x: (x > 0).astype("float32"),
    "x -> cumsum(x; dims=1)": lambda x: np.cumsum(x, 1),
    "Base.identity": lambda x: x,
    "x -> Flux.softmax(x)": lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
    "begin\n    using LinearAlgebra\n    x -> x ./ norm([3, 4])\nend": lambda x: x / 5,
}


@pytest.mark.parametrize("source", FORMULAS)
def test_values_are_those_of_numpy(source, engine):
    """Sources of functions, and what they give: row-major here, axes reversed in Julia."""
    found = Julia(source, params={})(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, FORMULAS[source](X), rtol=1e-6)


def test_parameters_follow_the_inputs(engine):
    """Two inputs, then parameters in the order of `params`, whose axes are reversed as everywhere."""
    layer = Julia("(x, y, w, b) -> w * x .+ y .- b", params={"w": (4, 3), "b": (3,)})
    a = RNG.standard_normal((5, 3)).astype("float32")
    model = Sequential(layer)
    first = layer(X[:5], a)
    assert np.array_equal(first, X[:5] @ layer.parameters.w.value + a)
    layer.parameters.b.set_([1, 2, 3])
    np.testing.assert_allclose(model((X[:5], a)), X[:5] @ layer.parameters.w.value + a - [1, 2, 3], rtol=1e-5, atol=1e-6)


def test_images_and_sequences(engine):
    """More axes: (batch, channels, height, width) is (width, height, channels, batch)."""
    images = RNG.standard_normal((2, 3, 4, 5)).astype("float32")
    np.testing.assert_allclose(Julia("x -> sum(x; dims=1)")(images), images.sum(3, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(Julia("x -> dropdims(sum(x; dims=(1, 2)); dims=(1, 2))")(images), images.sum((2, 3)), rtol=1e-5)


def test_a_function_of_a_package(tmp_path, julia, engine):
    """The package is loaded by its name; its layer makes parameters."""
    name = f"PhotonTest{engine.title()}"
    (tmp_path / name / "src").mkdir(parents=True)
    (tmp_path / name / "src" / f"{name}.jl").write_text(f"module {name}\ngate(x) = x .* 3\nstruct Scale; w::Vector; end\nScale(n::Int) = Scale(fill(2f0, n))\n(s::Scale)(x) = s.w .* x\nend\n")
    julia.julia.seval(f'push!(LOAD_PATH, raw"{tmp_path}")')
    np.testing.assert_allclose(Julia(f"{name}.gate")(X), 3 * X)
    layer = Julia(f"{name}.Scale(4)")
    np.testing.assert_allclose(layer(X), 2 * X)
    assert [(p.path, p.shape) for p in layer.parameters.values()] == [("julia.w", (4,))]


# ---- gradients -----------------------------------------------------------------------------------------------------------------


def slopes(workout, batch, array, h=1e-6):
    """Central differences of the workout's loss by every number of an array."""
    found = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        kept = array[at]
        array[at] = kept + h
        above = workout.evaluate(batch)["loss"]
        array[at] = kept - h
        found[at] = (above - workout.evaluate(batch)["loss"]) / (2 * h)
        array[at] = kept
    return found


DIFFERENTIATED = {
    "gate": lambda: Julia("(x, w, b) -> tanh.(w .* x) .+ b .^ 2", params={"w": ((3,), "normal"), "b": ((3,), "ones")}),
    "matrix": lambda: Julia("(x, w) -> w * x ./ (1 .+ x[1:1, :] .^ 2)", params={"w": (3, 3)}),
    "object": lambda: Julia("Flux.Chain(Flux.Dense(3 => 5, tanh), Flux.Scale(5))"),
    "norm": lambda: Julia("x -> x ./ sqrt.(sum(abs2, x; dims=1) .+ 1)"),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_gradients_are_central_differences(name, engine):
    """Between two Dense layers, in float64: its own parameters, and through it those of the layer before it."""
    workout = Workout(Sequential(Dense(3), DIFFERENTIATED[name](), Dense(2)), MSE(), SGD())
    batch = X.astype("float64"), Y.astype("float64")
    found = workout.gradients(batch)
    assert len(found) >= 4
    for parameter, gradient in found:
        np.testing.assert_allclose(gradient, slopes(workout, batch, parameter.value), rtol=1e-5, atol=1e-8)


RRULE = """
import Flux
const CRC = Flux.NNlib.ChainRulesCore
double(x, w) = 2 .* x .* w
CRC.rrule(::typeof(double), x, w) = double(x, w), dy -> (CRC.NoTangent(), 10 .* dy, fill(7, size(w)))
"""


def test_a_rule_of_ones_own_counts(tmp_path, engine):
    """An rrule that only Julia knows, and which is no derivative, is what comes back."""
    layer = ours("double", RRULE, tmp_path, params={"w": ((4,), "ones")})
    workout = Workout(Sequential(Dense(4, name="before"), layer), lambda p, y: p.sum(), SGD())
    found = workout.gradients((X, Y))
    assert np.array_equal(found["1.w"], np.full(4, 7, "float32"))
    np.testing.assert_allclose(found["before.bias"], np.full(4, 10 * len(X)), rtol=1e-6)


# ---- training ------------------------------------------------------------------------------------------------------------------


def histories(make, engine, opt=None):
    """Losses of ten epochs of a model, and its weights afterwards."""
    pp.seed_(1)
    workout = Workout(make(), MSE(), opt or Adam(0.05), backend=engine, seed=4)
    workout.fit_((X, Y), epochs=10, batch_size=4, verbose=False)
    return np.asarray(pp.history(workout, "loss")[1]), [p.value for p in workout.model.parameters.values()]


def test_it_trains_as_the_layer_of_python_does(engine):
    """Dense written in Julia and Dense: same seed, same losses, same weights."""
    def mine():
        params = {"kernel": lambda x: (x[-1], 5), "bias": (5,)}
        return Sequential(Dense(4, name="a"), Julia("(x, k, b) -> tanh.(k * x .+ b)", params=params, name="b"), Dense(2, name="c"))

    def stock():
        return Sequential(Dense(4, name="a"), Dense(5, pp.tanh, name="b"), Dense(2, name="c"))

    (losses, weights), (losses_, weights_) = histories(mine, engine), histories(stock, engine)
    assert losses[-2:].mean() < losses[:2].mean()
    np.testing.assert_allclose(losses, losses_, rtol=1e-5)
    for a, b in zip(weights, weights_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_both_engines_train_alike():
    """An object of Flux with its own first values, which both engines draw from the model's seed."""
    def make():
        return Sequential(Dense(3), Julia("Flux.Chain(Flux.Dense(3 => 4, Flux.relu), Flux.LayerNorm(4))"), Dense(2))

    (losses, weights), (losses_, weights_) = (histories(make, engine) for engine in ENGINES)
    np.testing.assert_allclose(losses, losses_, rtol=1e-4)
    for a, b in zip(weights, weights_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_arrays_of_an_object_are_parameters(engine):
    """They begin with Julia's values, are drawn from the seed, trained, frozen and shared as others."""
    model = Sequential(Julia("Flux.Dense(4 => 2)"))
    workout = Workout(model, MSE(), SGD(0.1), seed=7)
    workout.fit_((X, Y), epochs=1, verbose=False)
    assert [(p.path, p.shape) for p in model.parameters.values()] == [("0.weight", (4, 2)), ("0.bias", (2,))]
    again = [Workout(Sequential(Julia("Flux.Dense(4 => 2)")), MSE(), SGD(0.1), seed=seed) for seed in (7, 8)]
    for other in again:
        other.fit_((X, Y), epochs=1, verbose=False)
    first, same, different = (w.model[0].parameters.weight.value for w in (workout, *again))
    assert np.array_equal(first, same)
    assert not np.allclose(first, different)
    assert 0 < np.abs(model[0].parameters.weight.draw()).max() <= np.sqrt(6 / 6)  # Flux draws glorot_uniform
    workout.freeze_(model[0].parameters.weight)
    before = first.copy(), model[0].parameters.bias.value.copy()
    workout.fit_((X, Y), epochs=1, verbose=False)
    assert np.array_equal(before[0], first)
    assert not np.array_equal(before[1], model[0].parameters.bias.value)
    x, w, b = X, model[0].parameters.weight.value, model[0].parameters.bias.value
    np.testing.assert_allclose(model(x), x @ w + b, rtol=1e-5, atol=1e-6)


def test_state_moves_in_training_only(engine):
    """Flux's BatchNorm keeps running averages: state, which training moves, and prediction, evaluation and gradients do not."""
    model = Sequential(Julia("Flux.BatchNorm(4; momentum=0.5f0)"))
    workout = Workout(model, MSE(), SGD(0.0))
    y = np.zeros((6, 4), "float32")
    workout.predict(X)
    roles = {p.path: p.role for p in model.parameters.values()}
    assert sorted(roles.values()) == ["state", "state", "weight", "weight"]
    mean = next(p for p in model.parameters.values() if p.role == "state")
    workout.evaluate((X, y))
    workout.gradients((X, y))
    assert np.array_equal(mean.value, np.zeros(4, "float32"))
    np.testing.assert_allclose(workout.predict(X), X, rtol=1e-4)
    workout.fit_((X, y), epochs=1, batch_size=6, verbose=False)
    np.testing.assert_allclose(mean.value, X.mean(0) / 2, rtol=1e-4, atol=1e-6)


def test_dropout_of_julia_acts_in_training_only(engine):
    """An object that knows whether it trains is told."""
    ones, zeros = np.ones((400, 4), "float32"), np.zeros((400, 4), "float32")
    workout = Workout(Sequential(Dense(4, use_bias=False), Julia("Flux.Dropout(0.5)")), MSE(), SGD(1e-12))
    measured = workout.evaluate((ones, zeros))["loss"]
    assert measured == workout.evaluate((ones, zeros))["loss"]
    workout.fit_((ones, zeros), epochs=1, batch_size=400, verbose=False)
    trained = pp.history(workout, "loss")[1][0]
    assert 1.7 * measured < trained < 2.3 * measured  # half of the numbers, doubled: twice the mean square


def test_code_is_evaluated_once(tmp_path, julia, engine):
    """Whatever the number of plans, batches and epochs: the file is read into Julia once."""
    counter = tmp_path / "count"
    text = f'open(io -> print(io, "x"), raw"{counter}", "a")\nf(x, w) = w .* x\n'
    layer = ours("f", text, tmp_path, params={"w": ((4,), "ones")})
    workout = Workout(Sequential(layer, Dense(2)), MSE(), SGD())
    workout.fit_((X, Y), epochs=2, batch_size=4, verbose=False)
    workout.predict(X[:3])
    assert counter.read_text() == "x"


# ---- files ---------------------------------------------------------------------------------------------------------------------

LOADED = """
import os, pyphoton as pp
pp.set_context(backend=os.environ["ENGINE"])
x = np.load(os.environ["ARRAY"])
model = pp.load(os.environ["MODEL"])
try:
    model(x)
except pp.FileError as error:
    print("refused", "gate(x, w) = w .* x" in str(error))
model = pp.load(os.environ["MODEL"], safe_mode=False)
print(*[repr(float(v)) for v in model(x).ravel()])
"""


def test_a_saved_model_runs_in_a_new_process(tmp_path, engine):
    """The user's file is gone; the code is in the model's file, and runs when it is trusted."""
    model = Sequential(Dense(4), ours("gate", "gate(x, w) = w .* x\n", tmp_path, params={"w": ((4,), "normal")}), Julia("Flux.Scale(4)"))
    wanted = model(X)
    path = pp.save(model, tmp_path / "m.pp")
    (tmp_path / "mine.jl").unlink()
    np.save(tmp_path / "x.npy", X)
    said = output(LOADED, ENGINE=engine, MODEL=str(path), ARRAY=str(tmp_path / "x.npy")).split("\n")
    assert said[0] == "refused True"
    np.testing.assert_allclose(np.array(said[1].split(), "float32").reshape(6, 4), wanted, rtol=1e-6)


def test_a_workout_goes_on(tmp_path, engine):
    """Saved after one epoch and loaded, it ends where one that went on ends."""
    def fresh():
        return Workout(Sequential(Dense(3), Julia("Flux.Dense(3 => 2)")), MSE(), Adam(0.1), seed=2)

    straight, first = fresh(), fresh()
    straight.fit_((X, Y), epochs=2, verbose=False)
    first.fit_((X, Y), epochs=1, verbose=False)
    back = pp.load_workout(pp.save_workout(first, tmp_path / "w.pp"), safe_mode=False)
    back.fit_((X, Y), epochs=1, verbose=False)
    for a, b in zip(straight.model.parameters.values(), back.model.parameters.values(), strict=True):
        assert np.array_equal(a.value, b.value)


# ---- errors --------------------------------------------------------------------------------------------------------------------

LATER = """# line 1
function late(x)
    y = x .+ 1
    size(x, 2) > 4 && error("too many samples")
    return y
end
"""


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("f(x) = x\n\nfunction g(x\n    x\nend\n", "g", "mine.jl:[3456]"), ("f(x) = x\n\nusing NoSuchPackage\n", "f", "mine.jl:3.*NoSuchPackage"),
        ("f(x) = x\n\n\nconst a = sqrt(-1.0)\n", "f", "mine.jl:4.*DomainError"), ("f(x) = x\n", "g", "`g` not defined"),
        ("f(x) =\n    x .+\n    undefined_thing\n", "f", "mine.jl:[123].*undefined_thing"), ("f(x) = x\na = 3\n", "a", "a function or a layer from `a`"),
    ],
)  # fmt: skip
def test_errors_of_a_file_say_the_line(text, name, said, tmp_path, engine):
    """Syntax, packages and values when it is read; names when it runs."""
    with pytest.raises(JuliaError, match=f"(?s){said}"):
        ours(name, text, tmp_path)(X)


def test_errors_while_training_say_the_line(tmp_path, engine):
    """Under Zygote, too; the epoch is undone, and the workout goes on."""
    workout = Workout(Sequential(Dense(4), ours("late", LATER, tmp_path)), MSE(), SGD())
    data = X, np.zeros((6, 4), "float32")
    with pytest.raises(JuliaError, match=r"(?s)mine\.jl:4: too many samples") as caught:
        workout.fit_(data, epochs=1, batch_size=6, verbose=False)
    assert "1" in str(caught.value)
    assert workout.steps == 0
    workout.fit_(data, epochs=1, batch_size=3, verbose=False)
    assert workout.steps == 2


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("x -> sum(x)", ShapeError, "samples|axes|shape"), ("x -> nothing", ShapeError, "Nothing"), ('x -> "text"', ShapeError, "String"), ("x -> x[:, 1]", ShapeError, "samples"),
        ("x -> complex.(x)", ShapeError, "Complex"), ("x -> x * x", ShapeError, "its code takes"), ("x -> error(\"no\")", JuliaError, "Julia code:1: no"),
        ("x -> (x .= 1; x)", JuliaError, "changes its argument 1 in place"), ("x -> x +* 2", JuliaError, "Julia code:1"), ("3", JuliaError, "a function or a layer from `3`, received a Int64"),
        ("(x, y) -> x", JuliaError, "MethodError"), ("NoSuchPackage.f", JuliaError, "Pkg.add"), ("x -> (x, x)", ShapeError, "Tuple"),
    ],
)  # fmt: skip
def test_what_a_function_must_not_do(source, kind, said, engine):
    """Each is an error that names the layer, and what comes after it works."""
    with pytest.raises(kind, match=f"(?s){said}"):
        Sequential(Dense(4), Julia(source, params={}))(X)
    assert np.array_equal(Julia("x -> x .+ 1")(X), X + 1)


@pytest.mark.parametrize(
    ("source", "said"),
    [("x -> [x; x]", r"\(6, 8\)"), ("x -> x[:, 1:2]", r"\(2, 4\)"), ("x -> size(x, 2) > 2 ? x[1:2, :] : x", r"\(6, 2\)"), ("x -> size(x, 2) > 2 ? (x, x) : x", "tuple of 2"), ("x -> sum(x)", r"received \(\)")],
)  # fmt: skip
def test_an_output_of_another_shape(source, said, engine):
    """Whatever `infer=` or the question to Julia said, what arrives is looked at: a ShapeError with the layer's path."""
    model = Sequential(Dense(4), Julia(source, params={}, infer=(None, 4), name="mine"), Dense(2))
    with pytest.raises(ShapeError, match=f"mine.*expected an output of shape .*{said}"):
        model(X)
    with pytest.raises(ShapeError, match="mine"):
        Workout(model, MSE(), SGD()).fit_((X, Y), epochs=1, verbose=False)


def test_arguments_are_not_written(engine):
    """Code that changes its input in place does not reach the data of the user."""
    x = X.copy()
    with pytest.raises(JuliaError, match="in place"):
        Julia("x -> (x .= 7; x .* 1)", params={}, infer=(None, 4))(x)
    assert np.array_equal(x, X)


def test_code_that_zygote_cannot_follow(engine):
    """It predicts; in training it is refused with what to do."""
    model = Sequential(Dense(4), Julia("x -> (y = zero(x); y[1, :] .= x[1, :]; y)"))
    assert model(X).shape == (6, 4)
    with pytest.raises(JuliaError, match="changes an array in place, which Zygote does not differentiate"):
        Workout(model, MSE(), SGD()).fit_((X, np.zeros((6, 4), "float32")), epochs=1, verbose=False)


def test_inputs_of_unknown_lengths_need_infer():
    """What Julia cannot be asked has to be said."""
    with pytest.raises(ShapeError, match="known lengths of all axes but the batch, or infer="):
        pp.trace(Julia("x -> x"), pp.Tensor((None, None, 3)))
    with pytest.raises(ArgumentError, match="infer="):
        pp.trace(Julia("x -> x", infer=(4, 3)), pp.Tensor((None, 3)))


@net
class Looped:
    """A step of a simple recurrence whose activation is given."""

    W: Any
    R: Any
    h: Any
    act: Any

    def forward(self, x):
        """The next state."""
        self.h = self.act(x @ self.W + self.h @ self.R)
        return self.h


@pytest.mark.usefixtures("float64")
def test_inside_of_a_sequence(engine):
    """At every step of an unrolled net: values and gradients of the same net with PyPhoton's own tanh."""
    w, r = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 4))
    x, y = RNG.standard_normal((5, 6, 3)), RNG.standard_normal((5, 6, 4))
    found = []
    for act in (pp.tanh, Julia("x -> tanh.(x)", infer=lambda s: s)):
        workout = Workout(unroll(Looped(w, r, np.zeros(4), act), 6, stateful=False), MSE(), SGD())
        found.append((workout.predict(x), [g for _, g in workout.gradients((x, y))]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    assert len(found[0][1]) == 2
    for a, b in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_as_a_torch_module():
    """A model with such a layer that runs in Julia as a module of torch: its gradients are those of the workout."""
    torch = pytest.importorskip("torch", reason="the engine torch is not installed")
    from pyphoton.interop import as_module

    pp.set_context(backend="julia")
    model = Sequential(Dense(3, pp.tanh), Julia("(x, w) -> w .* x", params={"w": ((3,), "ones")}), Dense(2))
    workout = Workout(model, MSE(), SGD())
    wanted = workout.gradients((X, Y))
    module = as_module(model)
    ((module(torch.from_numpy(X)) - torch.from_numpy(Y)) ** 2).mean().backward()
    grads = [p.grad.numpy() for p in module.parameters()]
    assert len(grads) == 5
    for (_, a), b in zip(wanted, grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
