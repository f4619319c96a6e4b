"""Steps that Julia leaves to Python: who may ask what meanwhile, what memory is whose, and what is left behind. A running Julia."""

from __future__ import annotations

import gc
import resource
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import output
from torch import nn

import pyphoton as pp
from pyphoton.interop.torch_opaque import SAMPLES, keep

pytestmark = pytest.mark.usefixtures("julia")

X = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")
Y = X[:, :2] * 2
STATM = Path("/proc/self/statm")


@pytest.fixture(autouse=True)
def on_julia():
    """All models of this file run in Julia."""
    pp.set_context(backend="julia")


def loss(p, y):
    """A loss that calls torch."""
    return nn.functional.mse_loss(p, y)


def test_an_epoch_is_one_crossing_from_python(asked):
    """However many steps call back."""
    w = pp.Workout(pp.Sequential(pp.Dense(3), keep(nn.Linear(3, 2), "", None, "float32")), loss, seed=1)
    w.predict(X)
    w.fit_((X, Y), epochs=3, batch_size=4, verbose=False)
    assert asked.count("epoch") == 3
    assert "step" not in asked


def test_parameters_of_a_module_are_one_memory():
    """torch's tensors, PyPhoton's arrays and what Julia trains: an update of the epoch is in the module at once."""
    module = nn.Linear(4, 2)
    layer = keep(module, "own", "own", "float32")
    address = module.weight.data_ptr()
    w = pp.Workout(layer, "mse", pp.SGD(0.5), seed=1)
    w.predict(X)
    before = module.weight.detach().clone()
    w.fit_((X, Y), verbose=False)
    assert module.weight.data_ptr() == address == layer.parameters["weight"].value.ctypes.data
    assert not torch.equal(module.weight, before)


def test_what_a_function_keeps_stays_as_it_was():
    """Tensors that a metric keeps are its own: later minibatches do not change them."""
    kept = []

    def metric(p, y):
        kept.append((p, p.clone(), y, y.clone()))
        return 0.0

    w = pp.Workout(pp.Dense(2), "mse", pp.SGD(0.1), metrics=[metric], seed=1)
    w.fit_((X, Y), epochs=3, batch_size=8, verbose=False)
    gc.collect()
    assert len(kept) == 12
    assert all(torch.equal(a, b) and torch.equal(c, d) for a, b, c, d in kept)


def test_a_function_may_run_another_model_in_julia():
    """A teacher that Julia runs, called from the loss of a model that Julia trains: by whole data and by minibatches."""
    teacher = pp.Sequential(pp.Dense(8, "relu"), pp.Dropout(0.5), pp.Dense(2))
    wanted = teacher(X)

    def distil(p, y):
        return (p - torch.from_numpy(teacher(y.numpy()))).square().mean()

    direct, called = pp.Workout(pp.Dense(2), "mse", pp.SGD(0.1), seed=1), pp.Workout(pp.Dense(2), distil, pp.SGD(0.1), seed=1)
    direct.fit_((X, wanted), epochs=2, batch_size=8, verbose=False)
    called.fit_((X, X), epochs=2, batch_size=8, verbose=False)
    np.testing.assert_allclose(called.history("loss")[1], direct.history("loss")[1], rtol=1e-5)
    called.fit_([(X[:8], X[:8])], verbose=False)


def test_a_function_may_predict_with_the_model_that_is_trained():
    """Another plan of the same parameters runs inside of the loss; training mode and dropout are as before afterwards."""
    losses = []
    for nested in (False, True):
        holder = []

        class Asking(nn.Module):
            """Looks at what the model predicts, in the midst of it."""

            def forward(self, x, holder=holder):
                """x, after a prediction of the whole model."""
                for w in holder:
                    w.predict(np.ones((3, 4), "float32"))
                return x * 1

        model = pp.Sequential(pp.Dense(8, "relu"), pp.Dropout(0.5), pp.Dense(2))
        asking = Asking()
        w = pp.Workout(model, lambda p, y, asking=asking: asking(p - y).square().mean(), pp.SGD(0.1), seed=1)
        w.predict(X)
        if nested:
            holder.append(w)
        w.fit_((X, Y), epochs=2, batch_size=8, verbose=False)
        losses.append(w.history("loss")[1])
    np.testing.assert_array_equal(*losses)


def test_a_function_that_asks_for_itself_is_refused():
    """The plan whose step is being called cannot run a second time, nor can its model be trained from there; Julia goes on."""
    holder = []

    class Again(nn.Module):
        """Calls the model that it is in."""

        def forward(self, x):
            """x, if there is no model, or while the model is planned."""
            for act in holder if len(x) > SAMPLES else ():
                act()
            return x * 1

    model = pp.Sequential(pp.Dense(4), keep(Again(), "", None, "float32"), pp.Dense(2))
    w = pp.Workout(model, "mse", seed=1)
    w.predict(X)
    holder.append(lambda: w.predict(X))
    with pytest.raises(pp.Unsupported, match="the model whose step calls this function"):
        w.predict(X)
    holder[:] = [lambda: w.gradients((X, Y))]
    with pytest.raises(pp.Unsupported, match="another model"):
        w.fit_((X, Y), verbose=False)
    holder[:] = [lambda: w.fit_((X, Y), verbose=False)]
    with pytest.raises(pp.ArgumentError, match="one fit_"):
        w.fit_((X, Y), verbose=False)
    holder.clear()
    assert w.steps == 0
    assert w.fit_((X, Y), batch_size=None, verbose=False).steps == 1


def test_a_callback_may_predict_and_evaluate_meanwhile():
    """Between two steps nothing of Python's is being called: hooks ask what they like."""
    seen = []
    w = pp.Workout(pp.Dense(2), loss, pp.SGD(0.1), seed=1)
    w.fit_((X, Y), batch_size=8, callbacks=lambda w, phase: seen.append(w.evaluate((X, Y))["loss"]) if phase == "train" else None, verbose=False)
    assert len(seen) == 4
    assert seen[-1] < seen[0]


def test_another_thread_is_refused_from_within():
    """A function that starts a thread which asks Julia gets the error of every other thread, and no hang."""
    found = []

    def metric(p, y):
        def ask():
            try:
                pp.Dense(2)(X)
            except pp.Unsupported as error:
                found.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return float(p.numpy().max())

    pp.Workout(pp.Dense(2), "mse", metrics=[metric], seed=1).evaluate((X, Y))
    assert "thread" in found[0]


def test_ctrl_c_in_a_function_ends_the_epoch_as_ever():
    """KeyboardInterrupt of a function arrives, the epoch is undone, and Julia goes on."""

    def stop(p, y):
        raise KeyboardInterrupt

    w = pp.Workout(pp.Dense(2), stop, seed=1)
    with pytest.raises(KeyboardInterrupt):
        w.fit_((X, Y), verbose=False)
    w.loss = loss
    assert w.fit_((X, Y), batch_size=None, verbose=False).steps == 1


BAD = {
    "text": (lambda p, y: "0.5", pp.TraceError, "'0.5'"),
    "none": (lambda p, y: None if isinstance(p, torch.Tensor) else p.shape.x, pp.TraceError, "a tensor or a number, received None"),
    "number": (lambda p, y: p.sub(y).mean().item(), pp.TraceError, "gradient reaches the parameters"),
    "nan": (lambda p, y: p.sub(y).mean().item() * float("nan"), pp.TraceError, "gradient reaches the parameters"),
    "detached": (lambda p, y: p.sub(y).mean().detach(), pp.TraceError, "a tensor without gradient"),
    "vector": (lambda p, y: p.sub(y).square(), pp.ShapeError, r"one number for the batch.*\(32, 2\)"),
    "complex": (lambda p, y: torch.complex(p.sub(y), p).mean(), pp.TraceError, "a tensor or a number"),
}


@pytest.mark.parametrize("what", BAD)
def test_losses_that_are_none(what):
    """Each is refused by name, and the workout is as fresh as before."""
    function, kind, said = BAD[what]
    w = pp.Workout(pp.Dense(2), function if what == "none" else lambda p, y: function(p.sub(0), y), seed=1)
    with pytest.raises(kind, match=said):
        w.fit_((X, Y), verbose=False)
    assert (w.steps, len(w.history)) == (0, 0)


def test_a_module_whose_shape_depends_on_the_mode():
    """A result of another shape than the planned one is a ShapeError with the layer's path."""

    class Wider(nn.Module):
        """Gives more features while it trains."""

        def forward(self, x):
            """x, or x twice."""
            return torch.cat([x, x], 1) if self.training else x * 1

    w = pp.Workout(pp.Sequential(pp.Dense(4), keep(Wider(), "", None, "float32"), pp.Dense(2)), "mse", seed=1)
    with pytest.raises(pp.ShapeError, match=r"1 Wider.*\(batch, 4\).*\(32, 8\)"):
        w.fit_((X, Y), verbose=False)


def test_strided_and_double_results_are_read_right():
    """A result that is no row-major float32 is copied into one; whole numbers stay whole."""

    class Turned(nn.Module):
        """x transposed twice in memory, in double."""

        def forward(self, x):
            """The numbers of x."""
            return x.double().t().contiguous().t()

    model = pp.Sequential(keep(Turned(), "", None, "float32"))
    np.testing.assert_array_equal(model(X), X)
    w = pp.Workout(pp.Sequential(pp.Dense(4), keep(Turned(), "", None, "float32"), pp.Dense(2)), "mse", pp.SGD(0.1), seed=1)
    twin = pp.Workout(pp.Sequential(pp.Dense(4), lambda x: x * 1, pp.Dense(2)), "mse", pp.SGD(0.1), seed=1)
    for one in (w, twin):
        one.fit_((X, Y), epochs=2, verbose=False)
    np.testing.assert_allclose(w.history("loss")[1], twin.history("loss")[1], rtol=1e-5)


def test_a_plan_lets_go_of_what_its_functions_kept():
    """With the workout the function, its module and the tensors of its last call go away."""
    module = nn.Linear(4, 2)
    gone = weakref.ref(module)
    w = pp.Workout(keep(module, "", None, "float32"), loss, seed=1)
    w.fit_((X, Y), verbose=False)
    del w, module
    gc.collect()
    assert gone() is None


def resident():
    """Resident memory in MiB."""
    return int(STATM.read_text("ascii").split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.skipif(not STATM.exists(), reason="this system does not say how much memory a process has")
def test_many_calls_under_pressure_leak_nothing(jl):
    """1600 steps forward and back with both collectors at work: resident memory grows by less than 10 MiB."""
    x = np.random.default_rng(0).standard_normal((512, 64)).astype("float32")
    w = pp.Workout(pp.Sequential(pp.Dense(64), keep(nn.Sequential(nn.Linear(64, 64), nn.Hardswish()), "", None, "float32"), pp.Dense(64)), loss, seed=1)
    count = [0]

    def pressure(workout, phase):
        count[0] += 1
        if count[0] % 160 == 0:
            jl.gc()
            gc.collect()

    w.fit_((x, x), epochs=25, batch_size=32, callbacks=pressure, verbose=False)
    before = resident()
    w.fit_((x, x), epochs=100, batch_size=32, callbacks=pressure, verbose=False)
    assert resident() - before < 10


WITHOUT = """
import sys
sys.modules["torch"] = None
import numpy as np, pyphoton as pp
x = np.random.default_rng(0).standard_normal((16, 4)).astype("float32")
def worst(p, y):
    assert type(p) is np.ndarray
    return np.abs(p - y).max() if isinstance(p, np.ndarray) else p.none
w = pp.Workout(pp.Dense(2), "mse", metrics=[worst], seed=1)
p = w.predict(x)
w.fit_((x, x[:, :2]), batch_size=None, verbose=False)
print(abs(w.history["worst"][1] - np.abs(p - x[:, :2]).max()) < 1e-5)
w = pp.Workout(pp.Dense(2), lambda p, y: float(np.square(p - y).mean()) if type(p) is np.ndarray else p.none, seed=1)
print(w.evaluate((x, x[:, :2]))["loss"] > 0)
try:
    w.fit_((x, x[:, :2]), verbose=False)
except pp.Unsupported as error:
    print("Install it" in str(error))
print(pp.Workout(pp.Dense(2), "mse").fit_((x, x[:, :2]), batch_size=None, verbose=False).steps)
"""


def test_without_torch_functions_get_arrays():
    """Metrics and evaluation work with NumPy's arrays; the way back names torch."""
    assert output(WITHOUT, PYPHOTON_BACKEND="julia").split() == ["True", "True", "True", "1"]
