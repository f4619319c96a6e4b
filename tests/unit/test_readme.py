"""README.md is true: its Python runs, from top to bottom, and prints what it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WITHOUT_JULIA = re.sub(r"<!-- needs julia -->\n```python\n.*?```", "", README, flags=re.S)  # tests/julia/test_commands.py runs the others
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", WITHOUT_JULIA, re.S)


@pytest.mark.slow
def test_the_examples_run_and_print_what_they_say(tmp_path, monkeypatch, capsys):
    """All blocks in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert len(BLOCKS) >= 10
    for code, output in BLOCKS:
        capsys.readouterr()
        exec(compile(code, "README.md", "exec"), names)
        if output:
            assert capsys.readouterr().out == output
    for name in ("learning-curves.png", "model.png", "digits.safetensors"):
        assert (tmp_path / name).stat().st_size > 1000


def test_one_example_shows_its_errors():
    """The comparison above compares something."""
    assert sum(bool(output) for _, output in BLOCKS) == 1


def test_photons_examples_are_there_as_they_were_written():
    """What the text that this library answers to writes, `!` aside."""
    plain = re.sub(r"\s", "", README)
    for example in (
        "mymodel=Sequential(Dense(64,relu),Dense(10))",
        "mymodel=Sequential(Conv2D(64,3,relu),Conv2D(64,3,relu),MaxPool(),Dense(10))",
        "mymodel=Sequential(LSTM(64,relu),Dense(64),Dense(10))",
        "workout=Workout(mymodel,MSE(),SGD())",
        "workout=Workout(mymodel,MSE(),SGD(),metrics=[accuracy()])",
        "fit_(workout,data)",
    ):
        assert example in plain


def test_everything_that_is_pointed_at_is_there():
    """Links and paths of the repository; files that are made are not meant."""
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    paths = [path for path in re.findall(r"`((?:pyphoton|tests|docs|benchmarks)/[\w/.]*)`", README)]
    assert len(links) + len(paths) > 10
    assert [path for path in (*links, *paths) if not (ROOT / path).exists()] == []


def test_commands_are_there():
    """The make targets that README tells to run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", README, re.M)
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)
