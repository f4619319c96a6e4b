"""What `make bench` does with engines that are other processes, and with those that cannot run here. Nothing is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import julia, run
from benchmarks.cases import CASES
from benchmarks.engines import ENGINES
from benchmarks.engines.pipe import Pipe
from benchmarks.report import render
from benchmarks.targets import TARGETS, Measured, first_figures, rows
from benchmarks.timing import seconds_of_epoch
from pyphoton.backends.julia import kept

PROGRAM = """
import sys
print("ready", flush=True)
losses = iter([2.0, 1.5])
for line in sys.stdin:
    print(f"0.25 {next(losses)}" if line == "epoch\\n" else "collected", flush=True)
"""


@pytest.fixture
def knet_missing(monkeypatch, tmp_path):
    """No Knet project is named or kept, and nothing of another test is remembered."""
    for name in (julia.KNET_PROJECT, "PYPHOTON_JULIA_PROJECT", "PYTHON_JULIACALL_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kept, "folder", lambda engine: tmp_path)
    julia.versions.cache_clear()
    yield
    julia.versions.cache_clear()


def test_a_program_is_told_epoch_by_epoch():
    """One line to it, one line back: its own seconds count, not those of the pipe."""
    pipe = Pipe("program", [sys.executable, "-c", PROGRAM])
    with pipe.process:
        training = pipe.training()
        assert training.process == pipe.process.pid
        assert [seconds_of_epoch(training), training.loss(), training.epoch(), training.loss()] == [0.25, 2.0, 0.25, 1.5]
    assert pipe.process.returncode == 0


READY = "import sys; print('ready', flush=True)"


@pytest.mark.parametrize("program", ["import sys; sys.exit(3)", f"{READY}; sys.exit(3)", f"{READY}; sys.stdin.readline(); sys.exit(3)"])
def test_a_program_that_ends_says_so(program):
    """Which program it was and its exit code, whether it ends before it is ready, before it is told to train, or then."""
    with pytest.raises(RuntimeError, match="program: the process ended with code 3"):
        ask(program)


def ask(program):
    """Start a program, and ask it for two epochs."""
    pipe = Pipe("program", [sys.executable, "-c", program])
    time.sleep(0.2)  # so that one of them has ended before it is told
    pipe.ask("epoch")


def test_an_engine_in_a_process_of_its_own():
    """`python -m benchmarks.told` trains what the engine trains in the process of the others, and collects."""
    lines = "epoch\ncollect\nepoch\nepoch\n"
    command = [sys.executable, "-m", "benchmarks.told", "pyphoton", "tiny"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], input=lines, capture_output=True, text=True, timeout=120, check=True)
    ready, first, collected, *later = done.stdout.splitlines()
    assert (ready, collected, len(later)) == ("ready", "collected", 2)
    (seconds, loss), (_, last) = [tuple(map(float, line.split())) for line in (first, later[-1])]
    assert seconds > 0 and last < loss


def test_the_environment_of_knet(monkeypatch, tmp_path):
    """The process on Knet gets the project that is named for Knet, the named Julia, and none of juliacall's variables."""
    for name, value in {julia.KNET_PROJECT: str(tmp_path), "PYPHOTON_JULIA": sys.executable, "PYPHOTON_JULIA_PROJECT": "flux", "PYTHON_JULIACALL_PROJECT": "flux"}.items():
        monkeypatch.setenv(name, value)
    found = julia.knet_environment()
    assert {k: found.get(k) for k in ("PYPHOTON_JULIA_PROJECT", "PYPHOTON_ENGINE", "PYPHOTON_JULIA")} == {
        "PYPHOTON_JULIA_PROJECT": str(tmp_path), "PYPHOTON_ENGINE": "knet", "PYPHOTON_JULIA": sys.executable,
    }  # fmt: skip
    assert not {"PYTHON_JULIACALL_PROJECT", "PYTHON_JULIACALL_EXE"} & set(found)
    assert julia.command("Knet", "loop.jl")[:2] == [sys.executable, f"--project={tmp_path}"]


def test_without_a_knet_project(knet_missing, capsys):
    """Knet is left out, with what to set on the terminal and a sentence in the file; what does not need it stays."""
    engines, left_out = run._sorted_out(["torch", "knet", "pyphoton-knet"])
    assert (engines, left_out) == (["torch"], ["knet", "pyphoton-knet"])
    said = capsys.readouterr().err
    assert "knet: left out. PYPHOTON_KNET_PROJECT names no Julia project" in said and "pyphoton-knet: left out." in said
    note = run._not_measured([*left_out, "flux"])
    assert note == "Not measured, because Julia was not ready on this machine: flux. Not measured, because there was no Julia project with Knet on this machine: knet, pyphoton-knet."
    assert run._not_measured([]) == ""


def test_targets_of_knet():
    """The tiny model's epoch against torch's, and the first epoch of two models."""
    measured = Measured({"torch": [1.0, 2.0, 1.0], "knet": [0.1, 0.1, 0.1], "pyphoton-knet": [0.1, 0.5, 0.15]}, {}, {})
    found = {(row.target.engine, row.target.reference): row for row in rows("tiny", measured)}
    assert found["pyphoton-knet", "torch"].ratio == pytest.approx(0.15) and found["pyphoton-knet", "torch"].reached is True
    assert found["pyphoton-knet", "knet"].limit is None and ("knet", "torch") in found
    assert {row.limit for row in rows("conv", measured)} == {None}
    runs = [{"first": 1.9, "later": 0.4}]
    figures = first_figures({(case, engine): runs for case in CASES for engine in ("pyphoton-knet", "pyphoton-julia", "knet")})
    assert {(f.case, f.limit) for f in figures if f.of == "pyphoton-knet"} == {("mlp", 1.0), ("tiny", 1.0), ("conv", None), ("lstm", None)}
    assert {f.limit for f in figures if f.of == "pyphoton-julia"} == {0.5} and {f.limit for f in figures if f.of == "knet"} == {None}
    assert [f.reached for f in figures if (f.case, f.of) == ("mlp", "pyphoton-knet")] == [False]


def test_the_report_has_every_engine_that_was_measured():
    """A row for each pair that is compared, and a column for each engine; an engine whose memory is not measured has a dash."""
    seconds = {name: [1.0] for name in ENGINES}
    measured = Measured(seconds, {name: [1.0, 0.5] for name in ENGINES}, {"torch": 300.0})
    text = render({"tiny": measured}, None, [], machine="one", notes=["a note"])
    assert all(f"| {t.engine} / {t.reference} |" in text for t in TARGETS if t.quantity == "epoch")
    assert f"| case | figure | {' | '.join(ENGINES)} |" in text
    assert f"|  | peak memory, MiB | {' | '.join('300' if name == 'torch' else '-' for name in ENGINES)} |" in text
