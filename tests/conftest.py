"""Every test starts from the same context and the same stream of seeds; `--regen` writes golden files anew.

Tests that name no backend run on torch, or on the one of PYPHOTON_BACKEND: `PYPHOTON_BACKEND=julia pytest tests/unit`.
"""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("PYPHOTON_BACKEND", "torch")


from pyphoton import reset_context, seed_, set_context


def pytest_addoption(parser):
    parser.addoption("--regen", action="store_true", help="write the golden files anew instead of comparing with them")


@pytest.fixture(autouse=True)
def fresh_context():
    reset_context()
    seed_(0)
    yield
    reset_context()


@pytest.fixture
def float64():
    set_context(dtype="float64")
