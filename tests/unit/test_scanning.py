"""What moves out of a scan's body: plans with and without it give the same numbers, and the body is as small as it can be."""

import numpy as np
import pytest

from pyphoton.backends.numpy.run import NumpyModule
from pyphoton.conformance.net_cases import NETS
from pyphoton.conformance.problem import Problem
from pyphoton.flux import recurrent, unroll
from pyphoton.graph import trace
from pyphoton.plan import Plan, plan
from pyphoton.tensor import Tensor

LAYERS = {"LSTM": recurrent.LSTM, "GatedRecurrent": recurrent.GatedRecurrent, "Recurrent": recurrent.Recurrent}


def scan_of(model, *shape):
    """The scan's step in the plan of an unrolled model."""
    (step,) = [s for s in plan(trace(model, Tensor((None, *shape)))).steps if s.op == "scan"]
    return step


def values(made, problem):
    """The problem's parameters by the paths that they have in this plan."""
    return dict(zip(made.params, problem.parameters.values(), strict=True))


@pytest.mark.parametrize("case", [c for c in NETS if not c.random], ids=lambda c: c.name)
def test_values_stay(case):
    """In float64, as written and with everything moved that can be: the same up to the order of additions; in JSON and back, too."""
    problem = Problem(case, "float64")
    tensors = [Tensor((None, *n.shape[1:]), "float64") for n in case.inputs]
    graph = trace(problem.model, *tensors)
    written, moved = (plan(graph, "float64", spread=spread) for spread in (False, True))
    results = [NumpyModule(values(p, problem), 1).run(p, problem.arrays) for p in (written, moved, Plan.from_json(moved.to_json()))]
    for result in results[1:]:
        for got, want in zip(result, results[0], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13)
    assert Plan.from_json(moved.to_json()).to_json() == moved.to_json()


def test_lstm_has_one_product_in_its_body():
    """h [Uf Ui Uo Us] is what is left of eight products, and the gates' sigmoid is one; all parameters are outside."""
    scan = scan_of(unroll(recurrent.LSTM(16, 64), 20), 20, 16)
    ops = [s.op for s in scan.body.steps]
    assert {op: ops.count(op) for op in set(ops)} == {"matmul": 1, "add": 2, "sigmoid": 1, "tanh": 2, "mul": 3, "getitem": 5}
    assert (scan.attrs["sequences"], scan.attrs["held"]) == (1, 1)
    assert [v.shape for v in scan.body.inputs] == [(None, 256), (64, 256), (None, 64), (None, 64)]


def test_gated_recurrent_has_two():
    """h [Ur Uu], and (r h) Uh."""
    ops = [s.op for s in scan_of(unroll(recurrent.GatedRecurrent(16, 64), 20), 20, 16).body.steps]
    assert ops.count("matmul") == 2 and ops.count("sigmoid") == 1


def test_random_steps_stay_inside():
    """A new mask for each step, also where it falls on what depends on no state."""
    case = next(c for c in NETS if c.name == "scan-dropout")
    (scan,) = [s for s in Problem(case, "float32").plan.steps if s.op == "scan"]
    assert "dropout" in [s.op for s in scan.body.steps]


def test_numbers_of_values_are_in_order():
    """No number is left out: engines have a register for each."""
    for kind in LAYERS.values():
        made = plan(trace(unroll(kind(3, 4), 5), Tensor((None, 5, 3))))
        for p in (made, scan_of(unroll(kind(3, 4), 5), 5, 3).body):
            numbers = [v.id for v in p.inputs] + list(p.constants) + [o for s in p.steps for o in s.outputs]
            assert sorted(numbers) == list(range(len(numbers)))
