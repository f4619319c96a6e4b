"""What does not go together (Julia, Knet, Flux, PythonCall, juliacall), said in one sentence before Julia starts. Nothing is started."""

from __future__ import annotations

import json
import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from pyphoton.backends.julia import engines, kept, locate, projects, sources

GOOD = {"AutoGrad": "1.2.5", "CUDA": "3.13.1", "Knet": "1.4.10", "NNlib": "0.8.21"}
CALL = metadata.version("juliacall") if find_spec("juliacall") else ""
needs_juliacall = pytest.mark.skipif(not CALL, reason="juliacall is not installed")
needs_juliapkg = pytest.mark.skipif(not find_spec("juliapkg"), reason="juliapkg is not installed")


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    """What is wrong with a project of these packages, for an engine, on a program that says it is this Julia."""
    for name in (locate.JULIA, locate.PROJECT, *locate.JULIACALL.values(), engines.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engines, "_asked", "")

    def found(packages, *, engine="knet", julia="1.10.8", by=locate.PROJECT):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "Project.toml").write_text("")
        (folder / "Manifest.toml").write_text(manifest(packages))
        program = folder / "julia"
        program.write_text(f"#!/bin/sh\necho julia version {julia}\n")
        program.chmod(0o755)
        monkeypatch.setenv(engines.VARIABLE, engine)
        monkeypatch.setenv(locate.JULIA, str(program))
        monkeypatch.setenv(by, str(folder))
        return locate.wrong()

    return found


def manifest(packages):
    """A manifest as Julia's Pkg writes it."""
    entries = [f'[[deps.{n}]]\ndeps = ["Libdl"]\ngit-tree-sha1 = "0"\nuuid = "1"\nversion = "{v}"\n\n    [deps.{n}.extensions]\n    {n}Ext = "Test"\n' for n, v in packages.items()]
    return 'julia_version = "1.10.8"\nmanifest_format = "2.0"\n\n[[deps.Libdl]]\nuuid = "8"\n\n' + "\n".join(entries)


def test_what_goes_together(wrong):
    """Knet with the versions that it needs, Flux with its own, and a project that has nothing to say."""
    assert wrong({**GOOD, "PythonCall": CALL}) == ""
    assert wrong({"Flux": "0.16.5", "NNlib": "0.9.30", "CUDA": "5.4.0"}, engine="flux") == ""
    assert wrong({"Flux": "0.16.5"}, engine="flux", julia="1.12.0") == ""
    assert wrong({}) == ""


@pytest.mark.parametrize(
    ("packages", "options", "words"),
    [
        ({"Flux": "0.16.5"}, {}, ["has Flux 0.16.5 and no Knet", "install --engine knet makes one", "after PYPHOTON_JULIA_PROJECT was unset", "PYPHOTON_ENGINE=flux"]),
        ({"Flux": "0.16.5"}, {"by": "PYTHON_JULIACALL_PROJECT"}, ["has Flux 0.16.5 and no Knet", "after PYTHON_JULIACALL_PROJECT was unset"]),
        (GOOD, {"engine": "flux"}, ["has Knet 1.4.10 and no Flux", "python -m pyphoton install makes one", "PYPHOTON_ENGINE=knet"]),
        ({**GOOD, "Flux": "0.16.5", "NNlib": "0.9.30", "CUDA": "5.4.0"}, {}, ["CUDA 5.4.0, expected 3.13", "NNlib 0.9.30, expected 0.8", "beside Flux 0.16.5", "install --engine knet"]),
        ({**GOOD, "Knet": "1.3.9"}, {}, ["Knet 1.3.9, expected 1.4.10", "install --engine knet"]),
        ({**GOOD, "Knet": "1.4.9"}, {}, ["Knet 1.4.9, expected 1.4.10"]),
        ({**GOOD, "CUDA": "4.0.1"}, {}, ["CUDA 4.0.1, expected 3.13"]),
        (GOOD, {"julia": "1.11.2"}, ["is Julia 1.11.2, and Knet needs 1.10.3 or a later 1.10", "juliaup add 1.10", "set PYPHOTON_JULIA"]),
        (GOOD, {"julia": "1.9.4"}, ["is Julia 1.9.4, and Knet needs 1.10.3", "juliaup add 1.10"]),
    ],
)  # fmt: skip
def test_what_does_not(wrong, packages, options, words):
    """Each mixture is named, with the versions and with the environment to make."""
    said = wrong(packages, **options)
    assert [word for word in words if word not in said] == [], said
    assert "\n" not in said


@needs_juliacall
@pytest.mark.parametrize(("engine", "packages"), [("knet", GOOD), ("flux", {"Flux": "0.16.5"})])
def test_pythoncall_and_juliacall_are_of_one_version(wrong, engine, packages):
    """The two halves of the bridge: another PythonCall is refused for any engine, with the command that mends it."""
    said = wrong({**packages, "PythonCall": "0.9.28"}, engine=engine)
    assert "has PythonCall 0.9.28" in said and f"juliacall is {CALL}" in said and f'Pkg.add(name="PythonCall", version="{CALL}")' in said


def test_versions_are_read_as_julia_writes_them(tmp_path):
    """The manifest's own versions, packages without one left out; minor versions have to agree, and later patches do."""
    (tmp_path / "Manifest.toml").write_text(manifest({"CUDA": "3.13.1", "Zlib_jll": "1.2.13+1"}))
    assert projects.packages(str(tmp_path)) == {"CUDA": "3.13.1", "Zlib_jll": "1.2.13+1"}
    assert projects.packages(str(tmp_path / "nowhere")) == {}
    fits = {("1.4.10", "1.4.10"), ("1.4.11", "1.4.10"), ("1.4.0", "1.4"), ("0.8.21+1", "0.8")}
    unfit = {("1.4.9", "1.4.10"), ("1.5.0", "1.4.10"), ("2.4.10", "1.4"), ("0.9.0", "0.8"), ("1.10.2", "1.10.3")}
    assert [projects.fits(*pair) for pair in fits] == [True] * 4
    assert [projects.fits(*pair) for pair in unfit] == [False] * 5


def test_the_project_says_what_it_needs():
    """Every package of Knet's project that has a limit is one of its packages, and Knet and Julia have one."""
    file = sources.project_file("knet")
    needed, text = projects.needed(file), file.read_text("utf-8")
    assert {"Knet", "CUDA", "NNlib", "AutoGrad", "julia"} == set(needed)
    assert all(f"\n{name} = \"" in text.partition("[compat]")[0] for name in needed if name != "julia")
    assert file.with_name("make.jl").is_file()


def test_the_extras_have_one_juliacall():
    """A Python environment has one juliacall, so the extras for Flux and Knet name the same, exactly; what is installed here is that one."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    extras = dict(re.findall(r'^(julia|knet) = \["juliacall==([\d.]+)"]', text, re.M))
    assert set(extras) == {"julia", "knet"} and extras["julia"] == extras["knet"]
    assert CALL in ("", extras["knet"])


@needs_juliacall
@needs_juliapkg
def test_a_kept_project_is_found_while_it_is_what_it_would_be(tmp_path, monkeypatch):
    """With the stamp of today's sources it is complete, for its own Julia only; with another one, a damaged one, or no program, it is not."""
    monkeypatch.setattr(kept, "folder", lambda engine: tmp_path)
    julia = tmp_path / "julia"
    julia.write_text("")
    julia.chmod(0o755)
    stamp = {"executable": str(julia), "source": kept.source("knet")}
    assert f'PythonCall = "={CALL}"' in stamp["source"] and not kept.complete("knet")
    for written, complete in ((json.dumps(stamp), True), (json.dumps({**stamp, "source": "older"}), False), ("{ damaged", False), ("[]", False)):
        Path(tmp_path, kept.STAMP).write_text(written)
        assert kept.complete("knet") is complete
    Path(tmp_path, kept.STAMP).write_text(json.dumps(stamp))
    assert kept.complete("knet", str(julia)) and not kept.complete("knet", "/other/julia")
    julia.unlink()
    assert not kept.complete("knet")
