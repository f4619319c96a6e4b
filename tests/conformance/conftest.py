"""What all conformance tests share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    """The arrays here are tiny: threads cost more than they bring."""
    torch = pytest.importorskip("torch", reason="the independent references are torch's own functions")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
