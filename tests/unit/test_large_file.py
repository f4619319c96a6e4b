"""Training over a file takes a bounded part of it into memory: benchmarks.large_file, which takes 4 GiB, in its small form."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the resident size where Linux tells it")
@pytest.mark.parametrize("form", ["hdf5", "memmap"])
def test_an_epoch_over_a_file_takes_little_memory(form):
    """An epoch over 256 MiB grows the process by much less than the file, read in shuffled order."""
    command = [sys.executable, "-m", "benchmarks.large_file", "--gib", "0.25", "--forms", form]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    grown = float(re.search(r"grew by (-?\d+) MiB", done.stdout)[1])
    assert grown < 128, done.stdout
