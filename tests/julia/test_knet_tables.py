"""The tables of tests that hold every engine to the same numbers, on Knet: in processes of their own, as one Julia process has one engine.

tests/conformance/known.py and tests/julia/test_parity.py name backends, and what computes inside Julia is that of the process.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from processes import ROOT
from test_knet import KNET, needs_knet

TABLES = {"conformance/test_knet_golden.py": 240, "conformance/test_flux_golden.py": 390, "julia/test_parity.py": 500}
"""file => the fewest tests that have to pass."""


def on_knet(*command):
    """A finished process of this Python, in which Julia computes with Knet."""
    variables = {**os.environ, **KNET, "PYPHOTON_ENGINE": "knet", "PYPHOTON_BACKEND": "julia", "PYTHONPATH": str(ROOT)}
    environment = {key: value for key, value in variables.items() if value is not None}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1100, check=False)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@needs_knet
@pytest.mark.parametrize("file", TABLES)
def test_table(file):
    """Every test of the file that runs inside Julia passes on Knet: none fails, none is skipped, none is expected to fail."""
    done = on_knet("-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", "-k", "julia", f"tests/{file}")
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", last)[1]) >= TABLES[file]
    assert not re.search(r"skipped|xfailed|failed", last)


@pytest.mark.slow
@needs_knet
def test_what_is_measured_learns():
    """Knet by hand and PyPhoton on Knet train the tiny model of `make bench`, epoch by epoch in turn; their losses fall."""
    done = on_knet("-m", "benchmarks.timing", "tiny", "knet,pyphoton-knet", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: len(seconds) for name, seconds in found["seconds"].items()} == {"knet": 2, "pyphoton-knet": 2}
    assert all(last < first < 1.2 for first, last in found["losses"].values())
