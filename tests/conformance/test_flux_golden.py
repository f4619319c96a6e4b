"""Every backend against numbers that real Flux computed, also on machines that have no Julia.

tests/golden/flux/make.jl made them; it says where Flux means something else, and which arguments make both the same.
"""

from __future__ import annotations

import numpy as np
import pytest
from flux_cases import FILES, LOSSES, OPTIMISERS, image
from flux_golden import FOLDER, golden, gradients, named, network, set_parameters, values
from known import on_every_backend
from running import close

import pyphoton as pp
from pyphoton import losses, optimisers
from pyphoton.backends.numpy.layers import LAYERS
from pyphoton.data.forms import Batch
from pyphoton.network import Network

TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
"""The errors allowed, of outputs, gradients and ten steps alike; the files have eleven digits."""
EPSILONS = 1e-5
"""For the focal loss: Flux adds epsilon (1e-7) to the prediction everywhere, PyPhoton inside the logarithms only."""

BUILD = {name: build for cases in FILES.values() for name, build in cases.items()}
FLUX = {name: case for file in FILES for name, case in golden(file).items()}
WITH_STATE = [name for name, case in FLUX.items() if case["state"]]
WITH_GRADIENTS = [name for name, case in FLUX.items() if "gradients" in case]
LOSSES_OF_ONE_NUMBER = [name for name in LOSSES if "gradient" in golden("losses")[name]]


def on_training_backends(names):
    """(backend, name) for every backend that has gradients: the reference only predicts."""
    return [p for p in on_every_backend(names) if p.values[0] != "numpy"]


def computed_in(case):
    """Compute in the number type in which Flux computed the case; the error allowed in it."""
    floats = [case[key] for key in ("input", "output") if key in case and case[key].dtype.kind == "f"]
    (dtype,) = {str(array.dtype) for array in floats}
    pp.set_context(dtype=dtype)
    return TOLERANCE[dtype]


def all_close(got, want, tolerance):
    """The same names, and for each the same shape, number type and numbers."""
    assert set(got) == set(want)
    for name, array in want.items():
        assert got[name].dtype == array.dtype
        close(got[name], array, tolerance)


# ---- layers and models -----------------------------------------------------------------------------------------------


def test_every_case_of_flux_is_built_here():
    """No golden case is left over, none is missing, and every file is read."""
    assert {file: set(cases) for file, cases in FILES.items()} == {file: set(golden(file)) for file in FILES}
    assert (set(LOSSES), set(OPTIMISERS)) == (set(golden("losses")), set(golden("optimisers")))
    assert {f.stem for f in FOLDER.glob("*.json")} == {*FILES, "losses", "optimisers"}


def test_every_kind_that_flux_has_is_here():
    """No layer with a step of its own, no optimiser and no loss that Flux has is without its numbers."""
    plans = [
        Network(BUILD[name](), backend="numpy").forward_plan((case["input"],), False) for name, case in FLUX.items()
    ]
    assert {step.op for plan in plans for step in plan.steps} >= set(LAYERS) - {"noise"}  # Flux has no such layer
    assert {type(o) for o in OPTIMISERS.values()} == set(optimisers.NAMES.values())
    stock = {c for c in vars(losses).values() if isinstance(c, type) and issubclass(c, losses.Loss)} - {losses.Loss}
    assert {c.__name__ for c in stock - {type(loss) for loss in LOSSES.values()}} == {"LNLoss", "LossSum", "PseudoHuberLoss"}


def test_numbers_are_not_trivial():
    """No output and no gradient is zero throughout."""
    for case in FLUX.values():
        assert all(np.abs(array).max() > 1e-3 for array in (case["output"], *case.get("gradients", {}).values()))


@pytest.mark.parametrize(("backend", "name"), on_every_backend(BUILD))
def test_output(backend, name):
    """A layer gives Flux's output from Flux's parameters."""
    case = FLUX[name]
    tolerance = computed_in(case)
    output = network(BUILD[name](), case, backend).run((case["input"],), False)
    all_close({"output": output}, {"output": case["output"]}, tolerance)


@pytest.mark.parametrize(("backend", "name"), on_every_backend(WITH_STATE))
def test_output_while_training(backend, name):
    """While training a layer gives Flux's output, and moves its state as Flux does."""
    case = FLUX[name]
    tolerance = computed_in(case)
    found = network(BUILD[name](), case, backend)
    output = found.run((case["input"],), False, training=True)
    all_close({"output": output}, {"output": case["training output"]}, tolerance)
    all_close(values(found, case["state"]), case["moved state"], tolerance)


@pytest.mark.parametrize(("backend", "name"), on_training_backends(WITH_GRADIENTS))
def test_gradient(backend, name):
    """Gradients of a weighted sum of squares of the output, by parameters and by input, are Zygote's."""
    case = FLUX[name]
    tolerance = computed_in(case)
    by_parameter, by_input = gradients(network(BUILD[name](), case, backend), case)
    all_close({name: np.asarray(g) for name, g in by_parameter.items()}, case["gradients"], tolerance)
    if "input gradient" in case:
        all_close({"x": np.asarray(by_input)}, {"x": case["input gradient"]}, tolerance)


# ---- losses ----------------------------------------------------------------------------------------------------------


def tolerance_of_loss(name):
    """The error allowed for a loss, in float64."""
    return EPSILONS if "focal" in name else TOLERANCE["float64"]


@pytest.mark.parametrize(("backend", "name"), on_every_backend(LOSSES))
def test_loss(backend, name, float64):
    """A loss is Flux's number."""
    case = golden("losses")[name]
    got = Network(lambda p, y: LOSSES[name](p, y), backend=backend).run((case["prediction"], case["target"]), True)
    close(got, case["value"], tolerance_of_loss(name))


@pytest.mark.parametrize(("backend", "name"), on_training_backends(LOSSES_OF_ONE_NUMBER))
def test_gradient_of_loss(backend, name, float64):
    """The gradient of a loss by the prediction is Zygote's."""
    case = golden("losses")[name]
    found = Network(pp.Sequential(), backend=backend)
    p, y = case["prediction"], case["target"]
    made = found.training_plan(Batch((p,), (y,), False, False), LOSSES[name], {})
    _, _, by_input = found.module.session(pp.SGD(), found.frozen()).gradient(made, found.converted(made, (p, y)))
    close(np.asarray(by_input[0]), case["gradient"], tolerance_of_loss(name))


# ---- optimisers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "name"), on_training_backends(OPTIMISERS))
def test_ten_steps(backend, name):
    """Ten steps of an optimiser are those of Optimisers.jl: losses, and parameters and state at the end."""
    case = golden("optimisers")[name]
    tolerance = computed_in(case)
    model = image() if "image" in name else pp.Sequential(pp.Dense(3, pp.tanh), pp.Dense(2))
    workout = pp.Workout(model, pp.MSE(), OPTIMISERS[name], backend=backend)
    workout.network.forward_plan((case["input"],), False)
    set_parameters(workout.network, case)
    measured = [workout.step_(case["input"], case["target"]) for _ in range(10)]
    close(np.array(measured), case["losses"], tolerance)
    all_close(values(workout.network, named(workout.network)), {**case["trained"], **case["moved state"]}, tolerance)
    assert measured[-1] < measured[0]
