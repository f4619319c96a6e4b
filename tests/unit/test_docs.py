"""The documentation is true: it builds strictly, every snippet runs, and every name that it writes exists."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyphoton

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n+```text\n(.*?)^```)?", re.S | re.M)
DIFFERENCES = doctest.OutputChecker()
SAVED = {"guides/from-photon.md": {"workout_6.dat": ROOT / "tests/golden/photon/conv.dat"}}
"""Files that a page begins with, because another library wrote them."""
NAMES = {page.relative_to(ROOT / "docs").as_posix(): BLOCK.findall(page.read_text("utf-8")) for page in PAGES}


def test_it_builds_strictly(tmp_path):
    """mkdocs build --strict: no page that nothing leads to, no broken link, every public name with its docstring."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert found.returncode == 0, found.stdout + found.stderr
    reference = (tmp_path / "site" / "reference" / "index.html").read_text("utf-8")
    assert [name for name in pyphoton.__all__ if f">{name}<" not in reference and f".{name}" not in reference] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning's own, in torch's newest version
@pytest.mark.parametrize("page", [name for name, blocks in NAMES.items() if blocks])
def test_snippets_run(page, tmp_path, monkeypatch, capsys):
    """All blocks of a page in one namespace, as a reader would type them; they print what the page says they print.

    "..." on a page stands for what differs from engine to engine, as in a doctest.
    """
    monkeypatch.chdir(tmp_path)
    for name, source in SAVED.get(page, {}).items():
        (tmp_path / name).write_bytes(source.read_bytes())
    names: dict[str, object] = {}
    for code, output in NAMES[page]:
        capsys.readouterr()
        exec(compile(code, page, "exec"), names)
        printed = capsys.readouterr().out
        assert not output or DIFFERENCES.check_output(output, printed, doctest.ELLIPSIS), printed


def test_there_are_snippets():
    """The test above has something to run."""
    assert sum(len(blocks) for blocks in NAMES.values()) >= 20


@pytest.mark.parametrize("page", ["coming-from-keras.md", "coming-from-torch.md", "coming-from-flux.md"])
def test_what_a_reader_is_sent_to_exists(page):
    """In the tables, calls on the right-hand side are of this library."""
    rows = re.findall(r"^\|.*\|$", (ROOT / "docs" / page).read_text("utf-8"), re.M)
    calls = {name for row in rows for name in re.findall(r"(?<![\w.])(\w+)\(", row.replace("\\|", "").split("|")[2])}
    assert len(calls) > 10
    assert sorted(calls - set(pyphoton.__all__) - {"model", "for"}) == []


def test_one_page_names_everything():
    """Every public name stands on the page of all of PyPhoton."""
    text = (ROOT / "docs" / "everything.md").read_text("utf-8")
    assert [name for name in pyphoton.__all__ if not re.search(rf"(?<!\w){name}(?!\w)", text)] == []
