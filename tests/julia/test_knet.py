"""The engine Knet, in processes of its own: one Julia process has one engine. It is experimental, and needs a Julia project of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from processes import output, python

from pyphoton.backends.julia import locate
from pyphoton.conformance.cases import CASES

PROJECT = os.environ.get("PYPHOTON_KNET_PROJECT", "")
XFAILS = Path(__file__).parents[1] / "xfails" / "knet.txt"
KNET = {"PYPHOTON_JULIA_PROJECT": PROJECT, "PYTHON_JULIACALL_PROJECT": None, "PYPHOTON_ENGINE": None}
needs_knet = pytest.mark.skipif(not PROJECT, reason="PYPHOTON_KNET_PROJECT names no Julia project with Knet and PythonCall")
TABLE = """
import json, sys
from pyphoton.backends import get_backend
from pyphoton.conformance import CASES, check_backend
get_backend("julia", engine="knet")
report = check_backend("julia", CASES.values(), sessions=SESSIONS)
print(json.dumps({"failed": [f"{r.case} {r.check} {r.error} {r.note}" for r in report.failures], "refused": sorted({r.case for r in report.refused}), "rows": len(report.rows)}))
"""


def refused():
    """The cases that Knet refuses, of tests/xfails/knet.txt."""
    lines = [line.split("#", 1) for line in XFAILS.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(len(line) == 2 and line[1].strip() for line in lines), "every line has a reason"
    return sorted(line[0].strip() for line in lines)


def test_every_refusal_is_a_case():
    """Each line of the file names a case of the table, once."""
    assert set(refused()) <= set(CASES)
    assert len(set(refused())) == len(refused())


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_knet
def test_the_conformance_table():
    """Every case and session: what is not refused, as the file says, is right; and nothing else is refused."""
    code = TABLE.replace("SESSIONS", "__import__('pyphoton.conformance.check', fromlist=['x']).PROMISES")
    found = json.loads(output(code, timeout=580, **KNET).splitlines()[-1])
    assert found["failed"] == []
    assert found["refused"] == refused()
    assert found["rows"] > 3000


@needs_knet
def test_a_model_on_knet():
    """knet(model) trains the original's parameters to what torch makes of them; the backend says that it is Knet; Flux is refused there."""
    code = """
from pyphoton import CrossEntropyLoss, Conv2D, Flatten, MaxPool2D, SGD, Unsupported
from pyphoton.backends import get_backend
from pyphoton.flux import flux, knet
import pyphoton as pp
pp.set_context(dtype="float64")
X = np.random.default_rng(0).normal(size=(40, 1, 8, 8))
Y = (X.sum((1, 2, 3)) > 0).astype("int64")
def trained(convert, **where):
    model = Sequential(Conv2D(4, 3), relu, MaxPool2D(2), Flatten(), Dense(8, relu), Dense(2))
    pp.seed_(3)
    workout = Workout(convert(model), CrossEntropyLoss(use_softmax=True), SGD(0.05), seed=1, **where)
    workout.fit_((X, Y), epochs=3, batch_size=16)
    return workout.predict(X)
on_knet = trained(knet)
assert np.abs(on_knet - trained(lambda m: m, backend="torch")).max() < 1e-9
assert "Knet 1.4" in get_backend("julia").describe()
for ask in (lambda: get_backend("julia", engine="flux"), lambda: flux(Sequential(Dense(2)))):
    try:
        ask()
    except Unsupported as error:
        assert "PYPHOTON_ENGINE=flux" in str(error)
    else:
        raise AssertionError("two engines in one process")
print("done")
"""
    assert output(code, **KNET).endswith("done\n")


@needs_knet
def test_doctor_knows_the_engine():
    """`pyphoton doctor --engine knet`: the engine, that it is experimental, its version and AutoGrad's, the project, and that it works."""
    done = python("import sys\nfrom pyphoton.__main__ import main\nsys.exit(main(['doctor', '--json', '--backend', 'julia', '--engine', 'knet']))", **KNET)
    found = {f["name"]: f for f in json.loads(done.stdout)["findings"] if f["group"] == "julia"}
    assert done.returncode == 0, done.stdout
    assert "knet" in found["PYPHOTON_ENGINE"]["detail"] and "experimental" in found["PYPHOTON_ENGINE"]["detail"]
    assert found["Knet"]["detail"].startswith("1.4.") and found["AutoGrad"]["detail"].startswith("1.2.") and found["parity"]["state"] == "ok"
    assert found["PYPHOTON_JULIA_PROJECT"]["detail"] == PROJECT


@needs_knet
def test_what_needs_flux_is_refused():
    """On Knet there is no Zygote and no Flux.Chain: each says so in one error, with another process and with what works here."""
    code = """
import torch
from pyphoton import Julia, SGD, Unsupported, from_julia, to_julia
from pyphoton.flux import from_flux, knet
from pyphoton.interop import as_module, torch_function, torch_layer
X, Y = X[:4], X[:4, :2]
model = knet(Sequential(Dense(2)))
model(X)
with_code = Sequential(Dense(2), Julia("x -> x .^ 2", params={}, infer=(None, 2)))
layer = torch_layer(torch.nn.Linear(2, 2))
def chain():
    from pyphoton.backends.julia.runtime import start
    return from_flux(start().julia.seval("sin"))
asked = {
    ".native": lambda: model.native,
    "Julia": lambda: knet(Sequential(Julia("x -> x .^ 2")))(X),
    "1 Julia": lambda: Workout(with_code, MSE(), SGD(0.1), backend="julia").fit_((X, Y), verbose=False),
    "Julia on torch": lambda: Workout(with_code, MSE(), SGD(0.1), backend="torch").fit_((X, Y), verbose=False),
    "torch_function": lambda: torch_function("x -> x .^ 2"),
    "as_module": lambda: as_module("x -> x .^ 2"),
    "torch_layer": lambda: layer.julia,
    "from_flux": chain,
}
for name, ask in asked.items():
    try:
        ask()
    except Unsupported as error:
        print(name, "|", error)
Workout(Sequential(Dense(2), layer), MSE(), SGD(0.1), backend="julia").fit_((X, Y), verbose=False)
assert from_julia(to_julia(X).julia).shape == X.shape
print("done")
"""
    said = output(code, **KNET | {"PYPHOTON_ENGINE": "knet"}).splitlines()
    assert said[-1] == "done" and len(said) == 9, said
    assert all("PYPHOTON_ENGINE=flux" in line and "'knet'" in line for line in said[:-1])
    assert "torch_(model).native" in said[0] and "a Layer with forward" in said[1] and "runs on every engine" in said[6]


def test_a_project_without_knet(julia):
    """Knet in a project that has Flux: one error that says which project to make."""
    code = "from pyphoton.backends import get_backend\ntry:\n    get_backend('julia', engine='knet')\nexcept ImportError as error:\n    print(error)"
    said = output(code, PYPHOTON_JULIA=locate.place().executable, PYPHOTON_JULIA_PROJECT=locate.place().project, PYPHOTON_ENGINE=None)
    assert "no Knet" in said and "python -m pyphoton install --engine knet" in said and "PYPHOTON_JULIA_PROJECT" in said


def test_a_julia_script_that_has_flux(julia, hosted, tmp_path):
    """Where Julia is the host and has loaded Flux, Knet is refused with what to do; Flux's engine then runs in the same process."""
    script = tmp_path / "script.jl"
    script.write_text("""
using PythonCall, Flux
backends = pyimport("pyphoton.backends")
try
    backends.get_backend("julia", engine="knet")
catch error
    println(sprint(showerror, error))
end
println(backends.get_backend("julia", engine="flux").describe())
""")
    said = hosted(str(script))
    assert "Flux is loaded in this Julia process" in said and "python -m pyphoton install --engine knet" in said
    assert "Flux 0.16" in said.splitlines()[-1]


def test_the_running_engine_is_not_changed(julia):
    """Where Julia runs with Flux, Knet is refused with the way out."""
    from pyphoton.backends import get_backend
    from pyphoton.errors import Unsupported

    with pytest.raises(Unsupported, match="PYPHOTON_ENGINE=knet"):
        get_backend("julia", engine="knet")
    assert get_backend("julia", engine="flux").describe() == get_backend("julia").describe()


@pytest.mark.gpu
@needs_knet
def test_arrays_on_cuda():
    """A KnetArray and a CuArray of CUDA.jl 3 in torch: one address, written by both; the other way is refused with the way out."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    code = """
import torch
from juliacall import Main as jl
from pyphoton.backends import get_backend
from pyphoton.backends.julia.exchange import from_julia, to_julia
get_backend("julia", engine="knet")
for kind in ("Knet.KnetArray", "CUDA.CuArray"):
    a = jl.seval("import Knet, CUDA; " + kind + "(reshape(Float32.(1:6), 2, 3))")
    t = torch.from_dlpack(from_julia(a))
    assert t.shape == (3, 2) and t.cpu().flatten().tolist() == [1, 2, 3, 4, 5, 6]
    t.fill_(2)
    torch.cuda.synchronize()
    assert jl.seval("a -> Float64(sum(Array(a)))")(a) == 12
try:
    to_julia(torch.ones(2, device="cuda"))
except Exception as error:
    assert "x.cpu()" in str(error)
else:
    raise AssertionError("a tensor's memory in CUDA.jl 3")
print("done")
"""
    assert output(code, **KNET).endswith("done\n")
