"""Starting and ending: import orders, threads, forks, worker processes, interrupts, exit codes, no network, nothing written."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from processes import ROOT, TRAIN, output, python

from pyphoton.backends.julia import locate

pytestmark = pytest.mark.usefixtures("julia")
LOSS = "print(repr(float(train().history('loss')[1][-1])))"


def test_nothing_starts_before_it_is_needed():
    """The import, a model and a summary of layers start no Julia; a workout on it does, and says so in one line on stderr."""
    done = python("import sys, pyphoton; Sequential(Dense(2)); print('juliacall' in sys.modules); train(); print('juliacall' in sys.modules)")
    assert done.stdout.split()[0] == "False" and done.stdout.split()[-1] == "True"
    assert [line for line in done.stderr.splitlines() if "starting" in line] == ["pyphoton: starting Julia ..."]


@pytest.mark.parametrize("first", ["torch", "juliacall", "pyphoton"])
def test_import_orders(first):
    """torch or Julia first: both work afterwards, with the same loss."""
    imports = {
        "torch": "import torch; a = train('torch'); b = train()",
        "juliacall": "from juliacall import Main; import torch; a = train(); b = train('torch')",
        "pyphoton": "a = train(); import torch; b = train('torch')",
    }
    given = {"PYTHON_JULIACALL_EXE": locate.place().executable, "PYTHON_JULIACALL_PROJECT": locate.place().project}
    code = f"{imports[first]}; torch.ones(300, 300) @ torch.ones(300, 300); print(a.history('loss')[1][-1] / b.history('loss')[1][-1])"
    found = output(code, **given)
    assert float(found.split()[-1]) == pytest.approx(1.0, rel=1e-4)


def test_another_thread_gets_an_error_and_not_a_hang():
    """Julia belongs to the thread that first used it: another one is told so at once, and the first one goes on."""
    code = """
import threading
from pyphoton import Unsupported
workout, said = train(), []
def other():
    try:
        workout.fit_((X, X[:, :2]))
    except Unsupported as error:
        said.append(str(error))
thread = threading.Thread(target=other)
thread.start(); thread.join(60)
workout.fit_((X, X[:, :2]))
print(said)
"""
    assert "the thread that first used it" in output(code, timeout=200)


def test_whichever_thread_is_first_owns_julia():
    """A worker thread alone may train."""
    code = "import threading; t = threading.Thread(target=lambda: print(train().steps)); t.start(); t.join()"
    assert output(code).split()[-1] == "16"


def test_objects_may_die_in_another_thread():
    """Workouts that are collected elsewhere are closed by the owner, at its next call."""
    code = """
import gc, threading
from pyphoton.backends.julia.runtime import start
workouts = [train() for _ in range(3)]
thread = threading.Thread(target=lambda: (workouts.clear(), gc.collect()))
thread.start(); thread.join()
train()
gc.collect(); start().ask("supports")
print(start().julia.seval("length(PyPhoton.OPEN)"))
"""
    assert int(output(code).split()[-1]) <= 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_child_gets_an_error_and_the_parent_goes_on():
    """A forked child is told what to do instead of dying by a signal, and ends with 0."""
    code = """
import os
from pyphoton import Unsupported
workout = train()
child = os.fork()
if child == 0:
    try:
        workout.predict(X)
        os._exit(3)
    except Unsupported as error:
        os._exit(0 if "spawn" in str(error) else 4)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), workout.fit_((X, X[:, :2])).steps)
"""
    assert output(code).split() == ["0", "18"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_of_a_data_loader(method, tmp_path):
    """torch's DataLoader with worker processes feeds training in Julia, forked after Julia started or spawned."""
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    file = tmp_path / "script.py"
    code = """
if __name__ == "__main__":
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    workout = train()
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(X[:, :2].copy()))
    loader = DataLoader(data, batch_size=16, num_workers=2, multiprocessing_context=METHOD)
    print(workout.fit_(loader, epochs=2).steps)
"""
    file.write_text(f"METHOD = {method!r}\n{TRAIN}{code}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, file], env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["24"]), done.stderr[-2000:]


def test_interrupt_from_outside_stops_within_a_minibatch():
    """SIGINT while the epoch runs inside Julia: fit_ ends at once, keeps what was done, and goes on when it is asked to."""
    code = """
import numpy as np, sys, time
big = np.random.default_rng(0).normal(size=(400_000, 64)).astype("float32")
workout = train()
workout = Workout(Sequential(Dense(256, relu), Dense(1)), MSE(), Adam(1e-4), backend="julia", seed=1)
workout.fit_((big[:64], big[:64, :1]))
print("ready", flush=True)
began = time.perf_counter()
workout.fit_((big, big[:, :1]), epochs=50, batch_size=64)
print(workout.interrupted, workout.steps, len(workout.history("loss")[1]) == workout.steps)
steps = workout.steps
workout.fit_((big[:128], big[:128, :1]), batch_size=64)
print(workout.steps - steps, workout.interrupted)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", TRAIN + code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == "ready"
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        sent = time.perf_counter()
        said = process.stdout.readline() + process.stdout.readline()
        waited = time.perf_counter() - sent
        rest = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert "interrupted after step" in said
    interrupted, steps, recorded = rest[0].split() if rest[0].startswith("True") else said.splitlines()[-1].split()
    assert (interrupted, recorded) == ("True", "True") and 1 < int(steps) < 50 * 6250
    assert rest[-1].split() == ["2", "False"]
    assert waited < 2.0


def test_signal_handler_that_raises_ends_the_epoch():
    """PyErr_CheckSignals in Julia's loop: what a handler raises is raised by the epoch, within a minibatch."""
    code = """
import signal
from pyphoton.backends.base import Whole
from pyphoton.conformance.cases import CASES
from pyphoton.conformance.problem import Problem
from pyphoton.optimisers import SGD
class Alarm(Exception): pass
def handler(number, frame): raise Alarm("time is up")
signal.signal(signal.SIGALRM, handler)
problem = Problem(CASES["dense"], "float64")
plan, arrays = problem.regression()
arrays = tuple(np.tile(a, (1_000_000,) + (1,) * (a.ndim - 1)) for a in arrays)
session = problem.module("julia", "cpu").session(SGD(0.0), frozenset())
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    session.epoch(Whole(plan, arrays, len(arrays[0]), None, 2), train=True)
except Alarm as error:
    print("raised", error)
print(len(session.epoch(Whole(plan, tuple(a[:4] for a in arrays), 4, None, 2), train=True).values))
"""
    assert output(code).split("\n")[:2] == ["raised time is up", "2"]


def test_exit_code_is_0_under_stress():
    """Processes that end with live workouts, Julia arrays and NumPy views, after collections on both sides, end with 0."""
    code = """
import gc, random
from pyphoton import from_julia, to_julia
from pyphoton.backends.julia.runtime import start
kept = [train() for _ in range(2)]
julia = start().julia
for i in range(60):
    kept.append(to_julia(np.ones((i, 3))))
    kept.append(from_julia(julia.seval("rand(3, 4)")))
    random.shuffle(kept)
    del kept[: len(kept) // 3]
    if i % 10 == 0:
        gc.collect(); julia.seval("GC.gc()")
print("end")
"""
    for _ in range(5):
        assert output(code).split()[-1] == "end"


def test_offline_and_without_writing(tmp_path):
    """With a given Julia and project: no network is used, juliapkg is not imported, and nothing is written beside the sources."""
    copy = tmp_path / "site"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pyphoton", copy / "pyphoton", ignore=ignore)
    if not (copy / "pyphoton" / "julia").is_dir():
        shutil.copytree(ROOT / "julia", copy / "julia")
    before = {p: p.stat().st_mtime_ns for p in copy.rglob("*")}
    for p in copy.rglob("*"):
        p.chmod(0o555 if p.is_dir() else 0o444)
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "JULIA_PKG_SERVER": "", "JULIA_PKG_OFFLINE": "true"}
    code = "import sys; print(train().steps, 'juliapkg' in sys.modules)"
    found = output(code, "-B", PYTHONPATH=str(copy), cwd=tmp_path, **nowhere)
    for p in copy.rglob("*"):
        p.chmod(0o755 if p.is_dir() else 0o644)
    assert found.split() == ["16", str("PYPHOTON_JULIA_PROJECT" not in os.environ and "PYTHON_JULIACALL_PROJECT" not in os.environ)]
    assert {p: p.stat().st_mtime_ns for p in copy.rglob("*")} == before


def test_julia_prints_nothing():
    """Progress and results are Python's: Julia writes nothing to stdout, the bar goes where it belongs."""
    done = python("workout = train(verbose=False); workout.predict(X)")
    assert (done.returncode, done.stdout) == (0, "")


def test_saved_on_julia_loaded_without_it(tmp_path):
    """A model trained on Julia is a file that opens on torch and on NumPy, in a process without Julia, with the same predictions."""
    output("import pyphoton, sys; w = train(); pyphoton.save(w, sys.argv[1] + '/model'); np.save(sys.argv[1] + '/y.npy', w.predict(X))".replace("sys.argv[1]", repr(str(tmp_path))))
    for backend in ("torch", "numpy"):
        code = f"""
import pyphoton, sys
w = pyphoton.load({str(tmp_path)!r} + "/model")
found = pyphoton.Workout(w.model if hasattr(w, "model") else w, MSE(), backend="{backend}").predict(X)
print(np.abs(found - np.load({str(tmp_path)!r} + "/y.npy")).max(), "juliacall" in sys.modules)
"""
        error, loaded = output(code, PYPHOTON_BACKEND=backend).split()
        assert float(error) < 1e-5 and loaded == "False"


def test_two_processes_get_the_same_numbers():
    """The same seed gives the same loss to the last bit in another process."""
    first = output(LOSS).split()[-1]
    assert output(LOSS).split()[-1] == first
