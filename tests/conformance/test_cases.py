"""Every case of the table and every promise of a session, on every backend; and the table and the report themselves."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from known import on_every_backend, why_not

import pyphoton.backends
from pyphoton import layers, losses, metrics, ops, optimisers
from pyphoton.backends import backends
from pyphoton.backends.numpy.layers import LAYERS
from pyphoton.conformance import check_backend
from pyphoton.conformance.cases import CASES, OPTIMISERS, Case, floats
from pyphoton.conformance.check import PROMISES
from pyphoton.conformance.problem import Problem, difference
from pyphoton.conformance.reference import derivatives
from pyphoton.description import Description
from pyphoton.keras.optimizers.nadam import Nadam


@pytest.mark.parametrize(("backend", "name"), on_every_backend(CASES))
def test_case(backend, name):
    """A backend gives the reference's outputs, gradients and steps for a case."""
    report = check_backend(backend, [CASES[name]])
    assert report.ok, f"\n{report}"
    assert len(report.rows) >= 3


@pytest.mark.parametrize(("backend", "name"), on_every_backend(PROMISES))
def test_session(backend, name):
    """A backend's sessions keep a promise."""
    report = check_backend(backend, sessions=[name])
    assert report.ok, f"\n{report}"


@pytest.mark.parametrize("backend", [name for name, b in backends().items() if not (b.missing() or why_not(b))])
def test_nothing_is_refused_that_is_claimed(backend):
    """A backend that can train refuses no check; one that cannot refuses just training and gradients."""
    cases = [c for n, c in CASES.items() if n in ("dense", "lstm", "op-sum", "loss-mse", "batch-norm")]
    refused = {r.check for r in check_backend(backend, cases).refused}
    assert refused == ({"gradient", "ten steps"} if backend == "numpy" else set())


# ---- the table ---------------------------------------------------------------------------------------------------------


def _traced():
    return {name: Problem(case, "float64").plan for name, case in CASES.items()}


def test_table_has_every_primitive_and_layer_kind():
    """No primitive and no layer kind is without a case."""
    used = {step.op for plan in _traced().values() for step in plan.steps}
    assert used >= set(ops.OPS) | set(LAYERS)


def test_table_has_every_fused_activation():
    """No activation that is fused into a layer's step is without a case."""
    from pyphoton.plan import FUSED

    fused = {step.activation for plan in _traced().values() for step in plan.steps}
    assert fused == FUSED | {"identity"}


def _kinds_in(value):
    """The classes of all descriptions inside a model."""
    found = {type(value)} if isinstance(value, Description) else set()
    for child in getattr(value, "children", dict)().values():
        found |= _kinds_in(child)
    return found


def test_table_has_every_public_class():
    """No public layer, loss, metric or optimiser is without a case."""
    wanted = {getattr(layers, n) for n in layers.__all__} - {layers.Layer, layers.Param, layers.add, layers.add_, layers.output_size}
    for module, base in ((losses, losses.Loss), (metrics, metrics.Metric)):
        wanted |= {c for c in vars(module).values() if isinstance(c, type) and issubclass(c, base) and c is not base}
    found = set().union(*(_kinds_in(case.build()) for case in CASES.values()))
    assert {c.__name__ for c in wanted - found} == {"AvgPool", "MaxPool"} - {c.__name__ for c in found}
    assert {type(o) for o in OPTIMISERS.values()} - {Nadam} == set(optimisers.NAMES.values())  # Nadam is the Keras face's


def test_random_parameters_are_not_zero():
    """The table is run with random biases and states: a bias that is left out would show."""
    for name in ("dense", "conv2d", "lstm", "batch-norm"):
        for path, value in Problem(CASES[name], "float64").parameters.items():
            assert np.abs(value).min() > 1e-4, path


# ---- the report --------------------------------------------------------------------------------------------------------

WRONG = '''
from pyphoton.backends.numpy import NumpyBackend
from pyphoton.backends.numpy.run import NumpyModule

class Module(NumpyModule):
    def run(self, plan, arrays, *, training=False):
        if any(step.op == "conv" for step in plan.steps):
            raise RuntimeError("the engine fell over")
        return tuple(o + 1e-3 * (plan.steps[-1].op == "lstm") for o in super().run(plan, arrays, training=training))

class Wrong(NumpyBackend):
    name = "third"
    priority = 1
    def module(self, parameters, *, roles, device, seed):
        return Module(parameters, seed)

BACKEND = Wrong()
'''


@pytest.fixture
def third(tmp_path, monkeypatch):
    """A backend in a folder of its own."""
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "__init__.py").write_text(WRONG)
    monkeypatch.setattr(pyphoton.backends, "__path__", [*pyphoton.backends.__path__, str(tmp_path)])
    yield "third"
    sys.modules.pop("pyphoton.backends.third", None)
    vars(pyphoton.backends).pop("third", None)


def test_third_backend_is_checked_as_it_is(third):
    """A new folder is a backend that the same check holds to the table, and what is wrong in it is found."""
    report = check_backend(third, [CASES[n] for n in ("dense", "conv2d", "lstm")])
    assert {r.case for r in report.failures} == {"conv2d", "lstm"}
    assert not report.ok
    assert any("the engine fell over" in r.note for r in report.failures)
    (error,) = [r.error for r in report.failures if r.check == "forward float64"]
    assert 0.001 <= error < 0.01


def test_report_is_a_table(third):
    """`str()` of a report names each case and check, and counts."""
    text = str(check_backend(third, [CASES["dense"], CASES["lstm"]]))
    lines = text.splitlines()
    assert lines[0].split() == ["case", "check", "error", "allowed"]
    assert any(line.startswith("dense") and "forward float64" in line and "ok" in line for line in lines)
    assert any(line.startswith("lstm") and "FAILED" in line for line in lines)
    assert "third: " in lines[-1] and "checks" in lines[-1] and "not supported" in lines[-1]


def test_unknown_backend_is_an_error():
    """A report is about a backend that exists."""
    from pyphoton.errors import UnknownName

    with pytest.raises(UnknownName, match="numpy"):
        check_backend("numpie", [])


def test_difference_is_relative_and_strict():
    """The error measure: relative to the largest number, infinite for other shapes and for NaN where there was none."""
    assert difference([2.0, 1.0], [2.0, 1.5]) == pytest.approx(0.25)
    assert difference([[1.0]], [1.0]) == float("inf")
    assert difference([np.nan], [1.0]) == float("inf")
    assert difference([np.nan], [np.nan]) == float("inf")
    assert difference([-np.inf], [np.inf]) == float("inf")
    assert difference([np.inf, 1.0], [np.inf, 1.0]) == 0.0


def test_numeric_derivatives_are_those_of_calculus():
    """Central differences give the derivative of x^3."""
    x = np.array([1.0, -2.0, 0.5])
    assert derivatives(lambda: float((x**3).sum()), x) == pytest.approx(3 * x**2, rel=1e-8)
    assert x.tolist() == [1.0, -2.0, 0.5]


def test_case_of_ones_own():
    """A case that is not in the table is checked like those in it."""
    case = Case("mine", lambda: layers.Sequential(layers.Dense(3), lambda x: x * x), (floats(2, 3),))
    report = check_backend("numpy", [case])
    assert report.ok and {r.case for r in report.rows} == {"mine"}
