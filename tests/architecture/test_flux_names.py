"""What `pyphoton.flux` gives and costs: names that exist, are explained, and hide no module; no engine loaded."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pyphoton
from pyphoton import flux

ROOT = Path(pyphoton.__file__).parents[1]


@pytest.mark.parametrize("name", flux.__all__)
def test_names_of_the_face_exist_and_are_explained(name):
    """Every name can be had and has a docstring."""
    value = getattr(flux, name)
    assert not inspect.ismodule(value)
    assert len((inspect.getdoc(value) or "").split()) >= 3


def test_names_of_the_face_are_sorted_and_hide_no_module():
    """Sorted without regard to case, each name once; no file of the package is named like one of them."""
    names = [name for group in flux._NAMES.values() for name in group]
    assert list(flux.__all__) == sorted(names, key=str.lower)
    assert len(set(names)) == len(names)
    assert list(flux._NAMES) == sorted(flux._NAMES)
    assert {path.stem for path in Path(flux.__file__).parent.glob("*.py")} & set(names) == set()
    with pytest.raises(AttributeError, match=r"'pyphoton\.flux' has no attribute 'Chane'"):
        flux.Chane  # noqa: B018


def test_importing_the_face_loads_no_engine():
    """Neither torch nor Julia nor NumPy; and a star import gives exactly its names."""
    code = (
        "import sys, pyphoton.flux; print([m for m in ('torch', 'juliacall', 'numpy') if m in sys.modules])\n"
        "before = set(globals()) | {'before'}\n"
        "from pyphoton.flux import *\n"
        "print(set(globals()) - before == set(pyphoton.flux.__all__), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["[]", "True False"]
