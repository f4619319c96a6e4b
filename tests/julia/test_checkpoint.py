"""A saved workout on other engines: Julia in another process, the other backend, and real Flux."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import (
    LSTM,
    Adam,
    BatchNorm,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    MaxPool,
    Sequential,
    Workout,
    accuracy,
    load_workout,
    relu,
    save_workout,
)
from pyphoton.flux import recurrent, unroll
from pyphoton.keras.layer import Stock

ROOT = Path(pp.__file__).parents[1]
RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(40, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, 40)

pytestmark = pytest.mark.usefixtures("julia")


class Limited(Stock):
    """A dense layer of two units with an L2 penalty, whose columns have length 1."""

    def __init__(self, **common):
        super().__init__(regularizers=["l2"], constraints=["unit_norm"], **common)

    def core(self):
        """What it is to the engines."""
        return Dense(2)


def made(backend, dropout=0.0, model=None):
    """A workout on a backend."""
    model = model or Sequential(Dense(8, relu), BatchNorm(), Dropout(dropout), Dense(3))
    return Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.01), metrics=[accuracy()], seed=6, backend=backend)


def trained(workout, epochs, x=X, y=LABELS):
    """After some epochs."""
    return workout.fit_((x, y), (x[:9], y[:9]), epochs=epochs, batch_size=7)


RESUME = """
import sys
import numpy as np
import pyphoton as pp
data = np.load("data.npz")
workout = pp.load_workout("w.pp", backend=sys.argv[1])
workout.fit_((data["x"], data["y"]), (data["x"][:9], data["y"][:9]), epochs=3, batch_size=7)
pp.save_workout(workout, "after.pp")
"""


@pytest.mark.parametrize(("first", "second"), [("julia", "julia"), ("julia", "torch"), ("torch", "julia")])
def test_another_process_goes_on(first, second, tmp_path):
    """Half of the epochs here, half in a new process: no difference on the same backend, with dropout; 1e-4 across."""
    dropout = 0.3 if first == second else 0.0
    whole = trained(made(first, dropout), 6)
    save_workout(trained(made(first, dropout), 3), tmp_path / "w.pp")
    np.savez(tmp_path / "data.npz", x=X, y=LABELS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", RESUME, second], cwd=tmp_path, env=environment, check=True, timeout=280)
    back = load_workout(tmp_path / "after.pp", backend=second)
    rtol = 0 if first == second else 1e-4
    assert (back.steps, back.epochs) == (whole.steps, whole.epochs) == (36, 6)
    for path, parameter in whole.network.parameters.items():
        np.testing.assert_allclose(back.network.parameters[path].value, parameter.value, rtol=rtol, atol=rtol / 10, err_msg=path)
    assert list(back.history) == list(whole.history)
    for name in whole.history:
        np.testing.assert_allclose(back.history(name), whole.history(name), rtol=rtol)


ALONE = """
x, y, p = Array{Float32}(undef, 4, 40), Array{Int64}(undef, 40), Array{Float32}(undef, 3, 40)
foreach(((a, f),) -> read!(f, a), (x => "x.bin", y => "y.bin", p => "p.bin"))
w = load_workout("w.pp")
println(maximum(abs.(predict(w, x) .- p)))
println(w.session.steps)
println(only(fit!(w, x, y; epochs=1, batch=40, shuffle=false)))
save_workout(w, "after.pp")
write("after.bin", predict(w, x))
"""


def test_julia_alone_predicts_trains_and_writes_back(julia_alone, tmp_path):
    """A julia process: the same predictions, one epoch that is the one which Python computes, and a file that Python goes on from."""
    workout = trained(made("julia"), 2)
    save_workout(workout, tmp_path / "w.pp")
    for name, array in (("x", X), ("y", LABELS.astype("int64")), ("p", workout.predict(X))):
        array.tofile(tmp_path / f"{name}.bin")
    difference, steps, loss = map(float, julia_alone(ALONE))
    assert difference <= 1e-6
    assert steps == workout.steps == 12
    workout.fit_((X, LABELS), epochs=1, batch_size=40, shuffle=False)
    assert loss == pytest.approx(workout.history.last("loss"), rel=1e-6)
    back = load_workout(tmp_path / "after.pp", backend="julia")
    assert (back.steps, back.epochs) == (13, 3)
    for path, parameter in workout.network.parameters.items():
        np.testing.assert_allclose(back.network.parameters[path].value, parameter.value, rtol=1e-6, atol=1e-7, err_msg=path)
    np.testing.assert_allclose(back.predict(X), np.fromfile(tmp_path / "after.bin", "float32").reshape(40, 3), rtol=1e-5, atol=1e-6)
    assert back.history.epochs[-1]["loss"] == pytest.approx(loss)
    assert back.history.epochs[-1]["steps"] == 13
    before = {path: p.value.copy() for path, p in back.network.parameters.items()}
    trained(back, 1)
    assert all((p.value != before[path]).any() for path, p in back.network.parameters.items())


SCANS = """
x, y, p = Array{Float32}(undef, 3, 5, 40), Array{Int64}(undef, 40), Array{Float32}(undef, 3, 40)
foreach(((a, f),) -> read!(f, a), (x => "x.bin", y => "y.bin", p => "p.bin"))
w = load_workout("w.pp")
println(maximum(abs.(predict(w, x) .- p)))
println(only(fit!(w, x, y; epochs=1, batch=40, shuffle=false)))
"""


def test_julia_alone_runs_scans(julia_alone, tmp_path):
    """A net with states, unrolled, in a saved workout: predictions, and an epoch of training."""
    model = Sequential(unroll(recurrent.LSTM(3, 4), 5, stateful=False), lambda x: x[:, -1], Dense(3))
    x = RANDOM.normal(size=(40, 5, 3)).astype("float32")
    workout = trained(made("julia", model=model), 2, x)
    save_workout(workout, tmp_path / "w.pp", architecture=False)
    for name, array in (("x", x), ("y", LABELS.astype("int64")), ("p", workout.predict(x))):
        array.tofile(tmp_path / f"{name}.bin")
    difference, loss = julia_alone(SCANS)
    assert float(difference) <= 1e-6
    workout.fit_((x, LABELS), epochs=1, batch_size=40, shuffle=False)
    assert float(loss) == pytest.approx(workout.history.last("loss"), rel=1e-5)


HOSTILE = """
inputs = Dict("0" => (ones(Float32, 4, 3),), "1" => (ones(Float32, 6, 6, 1, 3),), "2" => (ones(Int64, 5, 3),))
targets = Dict("0" => ones(Int64, 3), "1" => ones(Float32, 3, 3), "2" => ones(Float32, 5, 3))
loaded, refused, later = 0, 0, 0
for name in sort!(filter(endswith(".pp"), readdir("files")))
    kind = first(split(name, ('-', '.')))
    w = try
        load_workout(joinpath("files", name))
    catch error
        error isa PyPhoton.PlanError && occursin(name, error.message) || rethrow()
        global refused += 1
        continue
    end
    global loaded += 1
    try
        predict(w, inputs[kind]...)
        fit!(w, inputs[kind]..., targets[kind])
    catch error
        occursin('-', name) || rethrow()
        global later += 1
    end
end
println(loaded, " ", refused, " ", later)
"""


def test_julia_refuses_mutated_files_and_does_not_crash(julia_alone, tmp_path):
    """300 damaged and hostile files: load_workout gives a workout or a PlanError with the file's name; using what was loaded may fail, not crash."""
    (tmp_path / "files").mkdir()
    command = [sys.executable, "-m", "benchmarks.mutations", "--files", "300", "--seed", "2", "--keep", str(tmp_path / "files")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=120)
    loaded, refused, later = map(int, julia_alone(HOSTILE))
    assert loaded + refused == 303
    assert refused > 100
    assert 3 <= loaded - later


FLUX = """
Base.find_package("Flux") === nothing && (println("none"); exit())
using Flux
images, words = Array{Float32}(undef, 6, 6, 2, 5), Array{Float32}(undef, 3, 4, 5)
foreach(((a, f),) -> read!(f, a), (images => "images.bin", words => "words.bin"))
last_step(y) = y[:, end, :]
conv = Chain(Conv((3, 3), 2 => 4, relu), BatchNorm(4; eps=1f-5), MaxPool((2, 2)), Flux.flatten, Dense(16 => 3))
lstm = Chain(LSTM(3 => 4), LSTM(4 => 4), last_step, Dense(4 => 3, tanh))
for (name, chain, x) in (("conv", conv, images), ("lstm", lstm, words))
    w = load_workout("$name.pp")
    Flux.loadmodel!(chain, flux_state(w, Flux.state(chain)))
    Flux.testmode!(chain)
    println(maximum(abs.(chain(x) .- predict(w, x))))
    for p in Flux.trainables(chain)
        p .= p .* 0.5f0
    end
    load_flux_state!(w, Flux.state(chain))
    println(maximum(abs.(chain(x) .- predict(w, x))))
    println(maximum(abs.(predict(w, x))))
end
"""


def test_flux_loads_the_weights_and_gives_them_back(julia_alone, tmp_path):
    """Flux.loadmodel! takes what flux_state gives: Conv, BatchNorm with running averages, LSTM of two layers, Dense; and the way back."""
    images, words = RANDOM.normal(size=(5, 2, 6, 6)).astype("float32"), RANDOM.normal(size=(5, 4, 3)).astype("float32")
    images.tofile(tmp_path / "images.bin")
    words.tofile(tmp_path / "words.bin")
    models = {
        "conv": (Sequential(Conv2D(4, 3, relu), BatchNorm(), MaxPool(), Dense(3)), images),
        "lstm": (Sequential(LSTM(4, num_layers=2), Dense(3, pp.tanh)), words),
    }
    for name, (model, x) in models.items():
        save_workout(trained(made("julia", model=model), 3, x, LABELS[:5]), tmp_path / f"{name}.pp")
    printed = julia_alone(FLUX)
    if printed == ["none"]:
        pytest.skip("this Julia has no Flux in its environment")
    printed = list(map(float, printed))
    assert len(printed) == 6
    for there, back, size in (printed[:3], printed[3:]):
        assert there <= 1e-5
        assert back <= 1e-5
        assert size > 0.01


LIMITED = """
w = load_workout("w.pp")
println(only(fit!(w, ones(Float32, 2, 4), zeros(Float32, 2, 4); epochs=1, batch=2, shuffle=false)))
write("kernel.bin", weights(w, "top.kernel"))
"""


def test_penalties_and_constraints_act_in_julia_alone(julia_alone, tmp_path):
    """A workout whose layer has a penalty and a constraint, saved on torch: an epoch of Julia alone is that of Python."""
    layer = Limited(name="top")
    workout = Workout(layer, "mse", pp.SGD(0.1), seed=2)
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")
    workout.fit_((x, y), epochs=1, batch_size=2, verbose=False)
    save_workout(workout, tmp_path / "w.pp", architecture=False)
    (loss,) = julia_alone(LIMITED)
    workout.fit_((x, y), epochs=1, batch_size=2, shuffle=False, verbose=False)
    assert float(loss) == pytest.approx(workout.history.epochs[-1]["loss"], rel=1e-5)
    kernel = np.fromfile(tmp_path / "kernel.bin", "float32").reshape(2, 2)
    np.testing.assert_allclose(kernel, layer.parameters.kernel.value, rtol=1e-5)
    assert np.linalg.norm(kernel, axis=0) == pytest.approx([1, 1], rel=1e-5)
