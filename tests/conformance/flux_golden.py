"""The numbers that real Flux computed, read from tests/golden/flux, and models that start from given parameters."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np

from pyphoton.data.forms import Batch
from pyphoton.graph import root_path
from pyphoton.network import Network
from pyphoton.optimisers import SGD

FOLDER = Path(__file__).parents[1] / "golden" / "flux"


@cache
def golden(file, folder=FOLDER):
    """The cases of a file by name, with arrays as NumPy arrays."""
    return json.loads((folder / f"{file}.json").read_text("utf-8"), object_hook=_array)["cases"]


_ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")


def _array(found):
    """An array that is written as {"float64[2,3]": [numbers]}; anything else as it is."""
    match = _ARRAY.fullmatch(next(iter(found), ""))
    if not match:
        return found
    (numbers,) = found.values()
    array = np.array(numbers, dtype=match[1]).reshape([int(n) for n in match[2].split(",")])
    array.flags.writeable = False  # all tests read the same one
    return array


def network(model, case, backend):
    """The model on a backend, built for the case's input, with the parameters and the state that Flux had."""
    found = Network(model, backend=backend)
    found.forward_plan((case["input"],), False)
    set_parameters(found, case)
    return found


def named(found):
    """A network's parameters and state by the names of the files: without the path of a model that is one layer."""
    root = f"{root_path(found.model)}."
    return {path.removeprefix(root): p for path, p in found.parameters.items()}


def set_parameters(found, case):
    """Set a network's parameters and state to Flux's, all of them."""
    values = {**case["parameters"], **case["state"]}
    assert set(named(found)) == set(values)
    for name, parameter in named(found).items():
        parameter.set_(values[name])


def energy(output, factors):
    """The sum of squares, times numbers in turn, whose gradients are in the files."""
    return (output * output * factors).sum()


def in_turn(output):
    """-1.5, -0.5, 0.5, 1.5, 2.5 in turn, as they lie in memory."""
    return (np.arange(output.size) % 5 - 1.5).reshape(output.shape)


def gradients(found, case):
    """Gradients of the energy by parameter name and by input (None for whole numbers). A case may have factors of its own."""
    arrays = case["input"], case["factors"] if "factors" in case else in_turn(case["output"])
    made = found.training_plan(Batch(arrays[:1], arrays[1:], False, False), energy, {})
    session = found.module.session(SGD(), found.frozen())
    _, by_path, by_input = session.gradient(made, found.converted(made, arrays))
    names = {p.path: name for name, p in named(found).items()}
    return {names[path]: gradient for path, gradient in by_path.items()}, by_input[0]


def values(found, names):
    """Some of a network's parameters, copied."""
    return {name: p.value.copy() for name, p in named(found).items() if name in names}
