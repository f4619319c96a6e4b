"""The border between Python and Knet, in processes of its own: memory, interrupts, errors, seeds, files. Each is held to torch or to a formula."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import ROOT, TRAIN, output
from test_knet import KNET, needs_knet

pytestmark = needs_knet
ON_KNET = KNET | {"PYPHOTON_ENGINE": "knet", "PYPHOTON_BACKEND": "julia"}
IMPORTS = """
import pyphoton as pp
from pyphoton import *
"""
IMAGES = (
    IMPORTS
    + """
R = np.random.default_rng(0)
I, L = R.normal(size=(48, 1, 8, 8)), R.integers(0, 3, 48)
def network(rate=0.0):
    return Sequential(Conv2D(4, 3), BatchNorm(), relu, MaxPool2D(2), Flatten(), Dense(8, tanh), Dropout(rate), Dense(3))
def fitted(backend="julia", model=None, rate=0.0, epochs=3):
    pp.seed_(3)
    workout = Workout(model or network(rate), CrossEntropyLoss(use_softmax=True), Adam(0.01), seed=1, backend=backend)
    return workout.fit_((I, L), epochs=epochs, batch_size=16, verbose=False)
def losses(workout):
    return np.array(workout.history("loss")[1])
"""
)


def test_memory_is_python_s():
    """An edit in place of a weight's array is what Knet computes with, and what Knet trains is in the array that a user holds."""
    code = """
from pyphoton import SGD
layer = Dense(2)
model = Sequential(layer)
workout = Workout(model, MSE(), SGD(0.1), backend="julia", seed=1)
first = workout.predict(X)
kernel, bias = (layer.parameters[name].value for name in ("kernel", "bias"))
np.testing.assert_allclose(first, X @ kernel + bias, rtol=1e-5, atol=1e-6)
kernel[:] = np.arange(8).reshape(4, 2) / 8
bias[0] += 3
np.testing.assert_allclose(workout.predict(X), X @ kernel + bias, rtol=1e-5, atol=1e-6)
W, b = kernel.astype("float64"), bias.astype("float64")
workout.fit_((X, X[:, :2]), epochs=1, batch_size=64, shuffle=False)
D = 2 * (X @ W + b - X[:, :2]) / (64 * 2)
assert layer.parameters["kernel"].value is kernel and np.abs(kernel - W).max() > 1e-2
np.testing.assert_allclose(kernel, W - 0.1 * X.T @ D, rtol=1e-4, atol=1e-5)
np.testing.assert_allclose(bias, b - 0.1 * D.sum(0), rtol=1e-4, atol=1e-5)
kernel *= 0
np.testing.assert_allclose(workout.predict(X), np.tile(bias, (64, 1)), rtol=1e-6)
print("done")
"""
    assert output(code, **ON_KNET).endswith("done\n")


def test_layers_that_stand_twice_and_layers_that_are_frozen():
    """What a shared layer's two places ask for is added; a frozen layer stays as it is, and is trained again afterwards; all as on torch."""
    code = IMPORTS + """
def trained(backend):
    pp.seed_(3)
    twice, first = Dense(4, tanh), Dense(4, tanh)
    model = Sequential(first, twice, twice, Dense(2))
    workout = Workout(model, MSE(), SGD(0.2), seed=1, backend=backend)
    workout.step_(X, X[:, :2])
    found = []
    for frozen in (True, False):
        (pp.freeze_ if frozen else pp.unfreeze_)(first)
        before = first.parameters["kernel"].value.copy()
        workout.fit_((X, X[:, :2]), epochs=2, batch_size=16, verbose=False)
        found += [p.value.copy() for p in model.parameters.values()]
        assert (np.abs(first.parameters["kernel"].value - before).max() == 0) == frozen
    return found
a, b = trained("julia"), trained("torch")
assert len(a) == len(b) == 12
for x, y in zip(a, b):
    np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)
print("done")
"""
    assert output(code, **ON_KNET).endswith("done\n")


def test_errors_name_the_step_and_what_was_wrong():
    """Arrays of a wrong size, past all checks of Python: the layer, Julia's type and both sizes, for each kind; Knet goes on afterwards."""
    code = """
from pyphoton import JuliaError
from pyphoton.conformance.cases import CASES
from pyphoton.conformance.problem import Problem
def said(case, x):
    problem = Problem(CASES[case], "float64")
    module = problem.module("julia", "cpu")
    try:
        module.run(problem.plan, (x,))
    except JuliaError as error:
        good = module.run(problem.plan, problem.arrays)
        assert all(np.isfinite(y).all() for y in good)
        return "|".join((error.path, error.__cause__.julia_type, error.message.replace("\\n", " ")))
for case, shape in (("dense", (2, 9)), ("conv2d", (2, 9, 6, 6)), ("conv2d-transpose", (2, 9, 4, 4)), ("batch-norm", (4, 9)), ("layer-norm", (2, 9)),
                    ("lstm", (2, 4, 9)), ("gru", (2, 4, 9)), ("rnn", (2, 4, 9))):
    print(case, said(case, np.ones(shape)), sep="|")
print("embedding", said("embedding", np.array([[0, 1, 2, 99]])), sep="|")
"""
    found = {line.split("|")[0]: line.split("|")[1:] for line in output(code, **ON_KNET).splitlines()}
    assert len(found) == 9
    for case, (layer, kind, message) in found.items():
        assert case.startswith(layer.split("_")[0]), case
        assert (kind, "9" in message) == ("DomainError" if case == "embedding" else "DimensionMismatch", True), (case, kind, message)
    assert "DomainError with 99: expected 0 to 5" in found["embedding"][2]
    assert "received 9" in found["lstm"][2]


def test_what_a_newcomer_does_wrong_is_said_in_python_s_terms():
    """Labels, ids, NaN in the data, a rate that is too large and another shape: PyPhoton's errors, and the model is what it was before."""
    code = IMAGES + """
workout = fitted(epochs=1)
before = [p.value.copy() for p in workout.model.parameters.values()]
def said(kind, part, fit):
    try:
        fit()
    except kind as error:
        assert part in str(error), error
    else:
        raise AssertionError(part)
bad = I.copy()
bad[7, 0, 0, 0] = np.nan
said(pp.DataError, "from 0 to 2, received 3", lambda: workout.fit_((I, L + 1)))
said(pp.NonFiniteLoss, "in the data", lambda: workout.fit_((bad, L), batch_size=16))
said(pp.ShapeError, "received (batch, 2, 8, 8)", lambda: workout.fit_((np.tile(I, (1, 2, 1, 1)), L)))
assert all((a == p.value).all() for a, p in zip(before, workout.model.parameters.values()))
hot = Workout(Sequential(Dense(4, relu), Dense(2)), MSE(), SGD(1e30), seed=1, backend="julia")
said(pp.NonFiniteLoss, "first from", lambda: hot.fit_((X, X[:, :2]), epochs=20, batch_size=8))
assert len(losses(fitted(model=workout.model, epochs=1))) == 3
print("done")
"""
    assert output(code, **ON_KNET).endswith("done\n")


def test_an_interrupt_stops_at_a_minibatch():
    """SIGINT while Knet trains: fit_ ends at once and keeps what was done; the model is whole, and goes on when it is asked to."""
    code = """
big = np.random.default_rng(0).normal(size=(100_000, 64)).astype("float32")
workout = Workout(Sequential(Dense(256, relu), Dense(1)), MSE(), Adam(1e-4), backend="julia", seed=1)
workout.fit_((big[:128], big[:128, :1]), batch_size=64)
print("ready", flush=True)
workout.fit_((big, big[:, :1]), epochs=500, batch_size=64, verbose=False)
steps = workout.steps
print("found", workout.interrupted, steps, len(workout.history("loss")[1]) == steps, np.isfinite(workout.predict(big[:8])).all())
workout.fit_((big[:128], big[:128, :1]), batch_size=64, verbose=False)
print("found", workout.steps - steps, workout.interrupted)
"""
    environment = {k: v for k, v in {**os.environ, "PYTHONPATH": str(ROOT), **ON_KNET}.items() if v is not None}
    with subprocess.Popen([sys.executable, "-c", TRAIN + code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert any(line.strip() == "ready" for line in process.stdout)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        sent = time.perf_counter()
        rest = process.stdout.read()
        waited = time.perf_counter() - sent
    (interrupted, steps, recorded, finite), again = (line.split()[1:] for line in rest.splitlines() if line.startswith("found"))
    assert process.returncode == 0 and "interrupted after step" in rest
    assert (interrupted, recorded, finite) == ("True", "True", "True") and 2 < int(steps) < 500 * 1563
    assert again == ["2", "False"] and waited < 10


def test_the_same_numbers_twice():
    """Seeds give the same losses to the last bit: twice in a process, in another process, with masks; another seed gives others."""
    code = IMAGES + """
first, again = losses(fitted(rate=0.4)), losses(fitted(rate=0.4))
assert (first == again).all() and (first != losses(fitted())).any()
print(first.tobytes().hex())
"""
    first = output(code, **ON_KNET)
    assert len(first) > 50 and output(code, **ON_KNET) == first


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trained_on_knet_read_on_torch(tmp_path, dtype):
    """Losses equal torch's; the file opens on torch in another process with the same predictions, and training goes on as it would have."""
    tolerance = 1e-4 if dtype == "float32" else 1e-9
    path = str(tmp_path / "w")
    code = IMAGES + f"""
pp.set_context(dtype={dtype!r})
w = fitted()
np.testing.assert_allclose(losses(w), losses(fitted("torch")), rtol={tolerance})
pp.save_workout(w, {path!r})
np.save({path + ".npy"!r}, w.predict(I))
w.fit_((I, L), epochs=1, batch_size=16, verbose=False)
np.save({path + ".after.npy"!r}, losses(w))
assert w.predict(I).dtype == {dtype!r}
"""
    output(code, **ON_KNET)
    read = IMAGES + f"""
import sys
w = pp.load_workout({path!r})
np.testing.assert_allclose(w.predict(I), np.load({path + ".npy"!r}), rtol={tolerance}, atol={tolerance})
w.fit_((I, L), epochs=1, batch_size=16, verbose=False)
np.testing.assert_allclose(losses(w), np.load({path + ".after.npy"!r}), rtol={10 * tolerance})
print("juliacall" in sys.modules)
"""
    assert output(read, PYPHOTON_BACKEND="torch", PYPHOTON_ENGINE=None).endswith("False\n")


@pytest.mark.slow
@pytest.mark.parametrize(("model", "shape", "batch", "steps"), [
    ("Sequential(Dense(16, relu), Dense(3))", (320, 10), 16, 20_000),
    ("Sequential(Dense(256, relu), Dense(3))", (2560, 784), 128, 2_000),
    ("Sequential(Conv2D(8, 3), BatchNorm(), relu, MaxPool2D(2), Flatten(), Dense(3))", (320, 1, 12, 12), 32, 1_000),
    ("Sequential(LSTM(8), Dropout(0.2), Dense(3))", (320, 12, 5), 32, 1_000),
], ids=["tiny", "mlp", "conv", "lstm"])  # fmt: skip
def test_memory_does_not_grow(model, shape, batch, steps):
    """Tapes and what they hold are let go of: after as many steps again the process has less than 20 MiB more, and Julia's heap less than 1 MiB."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not say in /proc how much memory a process has")
    code = IMPORTS + f"""
import gc, os
from pyphoton.backends.julia.runtime import start
def memory():
    gc.collect()
    live = start().julia.seval("GC.gc(); GC.gc(); Base.gc_live_bytes() / 2^20")
    return np.array([int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20, live])
R = np.random.default_rng(0)
X, Y = R.normal(size={shape}).astype("float32"), R.integers(0, 3, {shape[0]})
workout = Workout({model}, CrossEntropyLoss(use_softmax=True), Adam(1e-3), seed=1, backend="julia")
def fit():
    workout.fit_((X, Y), epochs={steps * batch // shape[0]}, batch_size={batch}, verbose=False)
    return memory()
fit()
before = fit()
print(*(fit() - before), workout.steps)
"""
    resident, live, done = output(code, timeout=290, **ON_KNET).split()
    assert float(resident) < 20 and float(live) < 1 and int(done) == 3 * steps
