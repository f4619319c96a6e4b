"""Julia as the host of the process: a script that imports PyPhoton through PythonCall, and shares its arrays with it."""

import re

import pytest
from processes import ROOT

from pyphoton import load

pytestmark = pytest.mark.usefixtures("julia")
CHECKED = """
using PythonCall
pp, np, torch = pyimport("pyphoton"), pyimport("numpy"), pyimport("torch")
julia(x) = pyconvert(Any, pp.to_julia(x).julia)
address(a::Array) = UInt(pointer(a))
address(a::Py) = pyconvert(UInt, pyhasattr(a, "data_ptr") ? a.data_ptr() : a.ctypes.data)
ok(name, good) = println(name, " ", good)
said(f) = try f(); "nothing" catch error sprint(showerror, error) end

# Julia's memory in Python
x = Float32[100i + j for i in 1:4, j in 1:6]
a = pp.from_julia(x)
ok("shape", pyeq(Bool, a.shape, pytuple((6, 4))) && address(a) == address(x))
x[2, 3] = -1
ok("julia-writes", pyconvert(Float64, a[2, 1]) == -1)
a[5, 3] = -2
ok("python-writes", x[4, 6] == -2)
t = torch.from_dlpack(a)
t[0, 0] = -3
ok("torch-over-julia", address(t) == address(x) && x[1, 1] == -3)

# Python's memory in Julia
b, u = np.arange(6.0).reshape(2, 3), torch.arange(6).reshape(2, 3)
jb, ju = julia(b), julia(u)
jb[3, 2], ju[1, 2] = 50, 30
ok("numpy-under-julia", address(jb) == address(b) && jb isa Matrix{Float64} && pyconvert(Float64, b[1, 2]) == 50)
ok("torch-under-julia", address(ju) == address(u) && ju isa Matrix{Int64} && pyconvert(Int, u[1, 0].item()) == 30)

# each keeps the other's memory alive
left = pp.from_julia(fill(7.0, 1000))
kept = julia(np.full(1000, 8.0))
foreach(_ -> (GC.gc(); pyimport("gc").collect(); fill(1.0, 1000)), 1:5)
ok("alive", all(kept .== 8) && pyconvert(Float64, left.sum()) == 7000)

# training: this Julia is the engine that is found first, and a Julia function is called back after each epoch
steps = Int[]
model = pp.Sequential(pp.Dense(8, pp.tanh), pp.Dense(2))
workout = pp.Workout(model, "mse", pp.SGD(0.1), seed=1)
y = Float32[sin(x[i, j] / 100) for i in 1:2, j in 1:6]
watch(w, phase) = (pyconvert(String, phase) == "train" && push!(steps, pyconvert(Int, w.steps)); nothing)
workout.fit_((a, pp.from_julia(y)), epochs=2, batch_size=4, shuffle=false, callbacks=pylist([pyfunc(watch)]))
ok("engine", pyconvert(String, workout.network.backend.name) == "julia" && steps == 1:4)

# a file's model in Julia alone, and Python's parameters under Julia's arrays
pp.save(workout, "m.safetensors")
using PyPhoton
m = load_model("m.safetensors")
ok("predictions", maximum(abs.(m(x) .- julia(workout.predict(a)))) <= 1e-6)
kernel = julia(model[1].parameters.kernel.value)
kernel .= 0
ok("parameters", all(iszero, julia(workout.predict(a)) .- julia(model[1].parameters.bias.value)))

# errors come as errors, and everything works afterwards
ok("error", occursin("ShapeError", said(() -> workout.predict(np.ones((3, 9), dtype="float32")))))
ok("julia-error", occursin("the callback's own", said(() -> workout.fit_((a, pp.from_julia(y)), callbacks=pylist([pyfunc((w, p) -> error("the callback's own"))])))))
ok("afterwards", size(julia(workout.predict(a))) == (2, 6))
"""
NAMES = "shape julia-writes python-writes torch-over-julia numpy-under-julia torch-under-julia alive engine predictions parameters error julia-error afterwards"

OTHER_VERSION = """
using PythonCall
pushfirst!(LOAD_PATH, joinpath(pwd(), "other"))
try pyimport("pyphoton").get_backend("julia") catch error println(sprint(showerror, error)) end
"""


def test_a_julia_script_and_python_share_their_arrays(hosted, tmp_path):
    """Addresses, writes on both sides, lifetimes, torch, training on the running Julia with a callback in Julia, errors."""
    (tmp_path / "script.jl").write_text(CHECKED)
    lines = hosted(tmp_path / "script.jl").splitlines()
    assert lines == [f"{name} true" for name in NAMES.split()]


def test_another_version_of_the_julia_package_is_refused(hosted, tmp_path):
    """A project of the host with another PyPhoton.jl: said with both versions and its place, and not used."""
    (tmp_path / "other" / "src").mkdir(parents=True)
    (tmp_path / "other" / "Project.toml").write_text('name = "PyPhoton"\nuuid = "11111111-2222-3333-4444-555555555555"\nversion = "9.8.7"\n')
    (tmp_path / "other" / "src" / "PyPhoton.jl").write_text("module PyPhoton\nend\n")
    (tmp_path / "script.jl").write_text(OTHER_VERSION)
    said = hosted(tmp_path / "script.jl")
    assert re.search(r"BackendMissing.*PyPhoton\.jl 9\.8\.7 of .*other.*the Python package is \d", said, re.S)
    assert "both of one version" in said


def test_the_example_runs(hosted):
    """examples/interop/06_from_julia.jl: what it prints is what it should have reached."""
    pytest.importorskip("sklearn", reason="the example's data come with it")
    pytest.importorskip("torch", reason="the example shares an array with it")
    found = dict(line.split(": ") for line in hosted(ROOT / "examples" / "interop" / "06_from_julia.jl").splitlines() if ": " in line)
    assert float(found["largest pixel in Python"]) == 1
    assert int(found["epochs"]) == 8
    assert float(found["largest difference"]) <= 1e-5
    assert float(found["accuracy"]) > 0.9
    assert float(found["largest score in torch"]) == 1000


def test_the_page_about_it_is_true(julia_alone, hosted, tmp_path, monkeypatch):
    """docs/guides/from-julia.md: its Julia code without Python, on the file that its Python code saves, then that with Julia as the host."""
    alone, host = (ROOT / "docs" / "guides" / "from-julia.md").read_text("utf-8").split("## A Julia script that uses Python")
    monkeypatch.chdir(tmp_path)
    code = {part: "".join(re.findall(r"^```julia\n(.*?)^```", part, re.S | re.M)) for part in (alone, host)}
    printed = {part: "".join(re.findall(r"^```text\n(.*?)^```", part, re.S | re.M)) for part in (alone, host)}
    exec(compile("".join(re.findall(r"^```python\n(.*?)^```", alone, re.S | re.M)), "from-julia.md", "exec"), {})
    assert julia_alone(code[alone]) == printed[alone].split()
    assert load(tmp_path / "learned.safetensors").layers[0].parameters.kernel.shape == (4, 16)
    (tmp_path / "script.jl").write_text(code[host])
    assert hosted(tmp_path / "script.jl") == printed[host]
