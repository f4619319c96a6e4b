"""Julia functions in torch's graph in processes of their own: forks, the end of Python, and memory over many passes."""

import os
from pathlib import Path

import pytest
from processes import output

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = [pytest.mark.julia, pytest.mark.usefixtures("julia")]

BEGIN = """
import torch
from pyphoton import Unsupported
from pyphoton.interop import as_module, torch_function
f = torch_function("x -> x .^ 2")
module = as_module("using Flux; Chain(Dense(3 => 2))")
x = torch.ones(2, 3, requires_grad=True)
def refused(run):
    try:
        run()
    except Unsupported as error:
        return str(error)
"""
FORKED = """
import os
from pathlib import Path
y = f(x).sum() + module(x).sum()
child = os.fork()
if child == 0:
    said = [refused(lambda: f(x)), refused(lambda: module(x)), refused(y.backward)]
    os._exit(0 if all(s and "a forked one" in s for s in said) else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
y.backward()
print((x.grad - module(x).sum(1).detach()[:, None] * 0).shape == (2, 3))
"""
ENDED = """
import atexit
said = []
def late():
    print([refused(lambda: f(x)), refused(lambda: module(x)), refused(y.backward)])
atexit.register(late)
"""
GROWN = """
from benchmarks.torch_function import grown
print(grown(1500))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_refused_and_the_parent_goes_on():
    """Forward and backward in the child are errors, it ends with 0, and the parent's graph is as it was."""
    assert output(BEGIN + FORKED).split() == ["0", "True"]


def test_after_julia_has_ended():
    """What runs at the very end of Python, after Julia has ended, is told so, and the process ends with 0."""
    found = output(ENDED + BEGIN + "y = f(x).sum() + module(x).sum()")
    assert found.count("shut down at the end of Python") == 3


def test_passes_keep_nothing():
    """Memory over many passes on new tensors, garbage collections among them, stays what it was."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("resident memory is read from /proc")
    assert float(output(GROWN).split()[-1]) < 20
