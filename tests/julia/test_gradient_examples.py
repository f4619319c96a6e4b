"""The guide and the examples of Julia in torch run on a real Julia, and print what they say."""

import doctest
import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.julia
ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```py\n(.*?)^```(?:\n+```text\n(.*?)^```)?", re.S | re.M)
RUNS = {
    "01_flux_model_in_torch.py": ({"EPOCHS": 6}, {"accuracy": (0.7, 1), "moved in Julia": (0.01, 10)}),
    "02_julia_function_with_rrule.py": ({}, {"difference": (0, 0)}),
}
"""How a script is run, and what the figures that it prints must reach, from below and from above."""


@pytest.mark.parametrize("name", RUNS)
def test_a_script_reaches_its_figures(name, julia, monkeypatch, capsys):
    """Run as a main program, in this process."""
    pytest.importorskip("sklearn", reason="an example's data come with it")
    settings, figures = RUNS[name]
    for key, value in settings.items():
        monkeypatch.setenv(key, str(value))
    runpy.run_path(str(ROOT / "examples" / "interop" / name), run_name="__main__")
    printed = capsys.readouterr().out
    for figure, (least, most) in figures.items():
        value = float(re.findall(rf"^{figure}: (\S+)$", printed, re.M)[-1])
        assert least <= value <= most, printed


def test_the_guide_runs(julia, capsys):
    """All its blocks in one namespace, as a reader would type them."""
    names: dict[str, object] = {}
    blocks = BLOCK.findall((ROOT / "docs" / "guides" / "julia-in-torch.md").read_text("utf-8"))
    assert len(blocks) >= 5
    for code, output in blocks:
        capsys.readouterr()
        exec(compile(code, "julia-in-torch.md", "exec"), names)
        printed = capsys.readouterr().out
        assert not output or doctest.OutputChecker().check_output(output, printed, doctest.NORMALIZE_WHITESPACE), printed
