"""The Julia package by itself, and the wheel that carries it."""

import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from processes import ROOT

from pyphoton.backends.julia import locate


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True, timeout=280, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (found,) = folder.glob("pyphoton-*.whl")
    return found


def test_wheel_carries_the_julia_package(wheel):
    """All of julia/src and julia/ext, its Project.toml, and juliapkg.json beside __init__.py."""
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {p.relative_to(ROOT).as_posix() for folder in ("src", "ext") for p in (ROOT / "julia" / folder).rglob("*.jl")}
    assert len(sources) > 30
    assert {f"pyphoton/{name}" for name in sources} <= names
    assert {"pyphoton/julia/Project.toml", "pyphoton/juliapkg.json", "pyphoton/__init__.py"} <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "pyphoton/julia/test/")) for name in names)


@pytest.mark.timeout(600)
def test_wheel_trains_on_julia_in_a_clean_environment(julia, wheel, tmp_path):
    """Installed from the wheel into a new virtual environment, away from the sources: it finds its Julia package and trains."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=120)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-deps", wheel], check=True, timeout=120)
    code = """
import numpy as np, pyphoton
from pyphoton.backends.julia import locate
print(pyphoton.__file__, locate.package())
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
workout = pyphoton.Workout(pyphoton.Dense(1), "mse", pyphoton.SGD(0.1), backend="julia", seed=0)
print(workout.fit_((X, X[:, :1]), epochs=20).history("loss")[1][-1] < 0.01)
"""
    needed = sysconfig.get_paths()["purelib"]  # numpy and the rest; an editable pyphoton is not found there
    done = subprocess.run([python, "-c", code], env={**os.environ, "PYTHONPATH": needed}, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *places, learned = done.stdout.split()
    assert all(str(environment) in place for place in places) and learned == "True"


def test_versions_are_one():
    """The Python package, the Julia package and the pin of juliacall say the same in all places."""
    text = (ROOT / "pyproject.toml").read_text()
    version = text.split('version = "')[1].split('"')[0]
    assert f'version = "{version}"' in (locate.package() / "Project.toml").read_text()
    pins = {line for part in text.split('"') for line in [part] if line.startswith("juliacall")}
    assert len(pins - {"juliacall.*"}) == 1
