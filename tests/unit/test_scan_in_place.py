"""torch's scans as one function: the same numbers and gradients as step by step, memory that nobody else overwrites."""

from typing import Any

import numpy as np
import pytest

from pyphoton.conformance.net_cases import NETS
from pyphoton.conformance.problem import Problem
from pyphoton.flux import flip, net, prev, recurrent, unroll
from pyphoton.graph import trace
from pyphoton.plan import plan
from pyphoton.tensor import Tensor, apply

torch = pytest.importorskip("torch", reason="torch is not installed")
from pyphoton.backends.torch.lower import Mode  # noqa: E402
from pyphoton.backends.torch.program import Program  # noqa: E402
from pyphoton.backends.torch.scan import in_place, step_by_step  # noqa: E402
from pyphoton.backends.torch.scan_body import body_of  # noqa: E402
from pyphoton.backends.torch.scan_in_place import InPlace  # noqa: E402
from pyphoton.backends.torch.scan_inputs import in_order_of_steps  # noqa: E402

STEPS, WIDTH = 4, 3
Z = np.zeros


@net
class EveryOperation:
    """Each operation that has a rule, on states, so that nothing moves out; with rows and numbers beside them."""

    W: Any
    b: Any
    h: Any
    g: Any

    def forward(self, x):
        """Two states."""
        a = self.h @ self.W + x
        p = apply("exp", -apply("square", a)) + apply("sin", self.g) * apply("cos", a)
        q = apply("log", 2.0 + apply("sqrt", apply("square", self.g) + 1.0)) - apply("abs", a)
        r = apply("maximum", p, q) / (1.5 + apply("sigmoid", apply("minimum", a, self.b)))
        self.h = apply("tanh", r + apply("relu", q) * 0.3)
        self.g = apply("softplus", p - self.b) * self.b
        return self.h * self.g + 2.0


@net
class Columns:
    """Columns that overlap, that nobody reads, and that are joined again."""

    U: Any
    V: Any
    h: Any

    def forward(self, x):
        """One state."""
        wide = apply("tanh", self.h @ self.U + apply("concat", x, x, axis=1)[:, :5])
        low, high = wide[:, :3] * wide[:, 1:4], wide[:, 2:4]
        self.h = apply("concat", high, low * x, axis=1)[:, 1:4] @ self.V + x * apply("square", self.h)
        return apply("concat", self.h, high, axis=1)


@net
class Crossed:
    """States that change places, two that become the same, and one that is the input before."""

    W: Any
    a: Any
    b: Any
    c: Any
    d: Any
    e: Any

    def forward(self, x):
        """Five states; the result is one of them."""
        old = self.a
        new = apply("tanh", self.b @ self.W + x * self.e - self.c * self.d)
        self.a, self.b, self.c, self.d, self.e = self.b, old + new, new, new, x
        return old


@net
class Lagged:
    """A state three steps ago."""

    A: Any
    h: Any

    def forward(self, x):
        """One state, and its past."""
        self.h = apply("tanh", x @ self.A + prev(self.h, 1) * 0.5 - prev(self.h, 3))
        return self.h


def crossed():
    """Five starts that differ once they are drawn."""
    return Crossed(Z((3, 3)), *(Z(3) for _ in range(5)))


MODELS = {
    "every": lambda: EveryOperation(Z((3, 3)), Z(3), Z(3), Z(3)),
    "columns": lambda: Columns(Z((3, 5)), Z((3, 3)), Z(3)),
    "crossed": crossed,
    "lagged": lambda: Lagged(Z((3, 3)), Z(3)),
    "flipped": lambda: flip(crossed()),
    "lstm": lambda: recurrent.LSTM(3, 5),
    "gru": lambda: recurrent.GatedRecurrent(3, 5),
    "rnn": lambda: recurrent.Recurrent(3, 5),
}


def scan_of(model, steps=STEPS, dtype="float64", **options):
    """The scan's step in the plan of an unrolled model."""
    shape = (steps, WIDTH) if options.get("seq", True) else (WIDTH,)
    made = plan(trace(unroll(model, steps, stateful=False, **options), Tensor((None, *shape), dtype)), dtype)
    (step,) = [s for s in made.steps if s.op == "scan"]
    return step


def both(step):
    """The scan as one function, and step by step."""
    body = Program(step.body, {}, Mode(torch.device("cpu"), 1), torch.device("cpu"), whole=True)
    return in_place(step, InPlace(body_of(step))), step_by_step(step, body)


def inputs_of(step, batch=2, seed=0):
    """Random sequences, held values and states, all with gradients."""
    random = np.random.default_rng(seed)
    result = []
    for k, value in enumerate(step.body.inputs):
        shape = [batch if n is None else n for n in value.shape]
        if k < step.attrs["sequences"]:
            shape.insert(1, step.attrs["steps"])
        numbers = random.normal(size=shape).astype(value.dtype) * 0.7
        result.append(torch.from_numpy(numbers).requires_grad_())
    return result


def gradients(function, inputs, seed=1):
    """The output, the last states, and the gradients of a weighted sum of the output."""
    output, last = function(*inputs)
    weights = torch.from_numpy(np.random.default_rng(seed).normal(size=output.shape)).to(output.dtype)
    found = torch.autograd.grad((output * weights).sum(), [x for x in inputs if x.requires_grad], allow_unused=True)
    return output.detach(), [s.detach() for s in last], found


def assert_same(got, want, tolerance):
    """Outputs, states and gradients; no gradient and one of zeros are the same."""
    torch.testing.assert_close(got[0], want[0], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(got[1], want[1], rtol=tolerance, atol=tolerance)
    for g, w in zip(got[2], want[2], strict=True):
        if g is None or w is None:
            assert not any(torch.any(t) for t in (g, w) if t is not None)
        else:
            torch.testing.assert_close(g, w, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("batch", "steps"), [(2, 4), (1, 4), (3, 1), (2, 2)])
def test_same_as_step_by_step(name, batch, steps):
    """Outputs, last states, and gradients for sequences, held values and starts; twice, because memory is used again."""
    step = scan_of(MODELS[name](), steps)
    ours, loop = both(step)
    for seed in (0, 7):
        inputs = inputs_of(step, batch, seed)
        assert_same(gradients(ours, inputs), gradients(loop, inputs), 1e-10)


@pytest.mark.parametrize("case", [c for c in NETS if "scan" in c.name], ids=lambda c: c.name)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_same_for_all_cases(case, dtype, tolerance):
    """Every scan of the table of nets whose body has rules."""
    for step in Problem(case, dtype).plan.steps:
        if step.op == "scan" and body_of(step) is not None:
            ours, loop = both(step)
            inputs = inputs_of(step)
            assert_same(gradients(ours, inputs), gradients(loop, inputs), tolerance)


def test_which_bodies_have_rules():
    """So that none of those falls back unseen; dropout, other shapes, layers and scans inside do."""
    plans = {c.name: Problem(c, "float32").plan for c in NETS if "scan" in c.name}
    found = {name: {body_of(s) is not None for s in p.steps if s.op == "scan"} for name, p in plans.items()}
    assert {name for name, f in found.items() if f == {False}} == {
        "scan-uneven", "scan-without-states", "scan-of-words", "scan-of-images", "scan-in-scan", "scan-dropout", "scan-attention",
        "scan-held-first", "scan-two-outputs",
    }  # fmt: skip
    assert all(body_of(scan_of(make())) is not None for make in MODELS.values())


@pytest.mark.parametrize("name", MODELS)
def test_central_differences(name):
    """torch's own check of every gradient in float64."""
    step = scan_of(MODELS[name](), 3)
    ours, _ = both(step)
    assert torch.autograd.gradcheck(lambda *x: ours(*x)[0], inputs_of(step), atol=1e-5, rtol=1e-5)


def test_one_input_for_all_steps():
    """A value of the batch that is held: its gradient is that of all steps."""
    step = scan_of(EveryOperation(Z((3, 3)), Z(3), Z(3), Z(3)), seq=False)
    assert step.attrs["sequences"] == 0
    ours, loop = both(step)
    inputs = inputs_of(step)
    assert_same(gradients(ours, inputs), gradients(loop, inputs), 1e-10)


@pytest.mark.parametrize("name", ["lstm", "gru", "every"])
def test_parts_without_gradient(name):
    """Frozen or not, in all combinations of the inputs."""
    step = scan_of(MODELS[name](), 3)
    ours, loop = both(step)
    for without in range(2 ** len(step.body.inputs) - 1):
        inputs = inputs_of(step)
        for k, x in enumerate(inputs):
            x.requires_grad_(not without >> k & 1)
        got, want = gradients(ours, inputs), gradients(loop, inputs)
        assert len(got[2]) == sum(x.requires_grad for x in inputs)
        assert_same(got, want, 1e-10)


def test_two_passes_before_one_back():
    """Each has memory of its own; outputs and gradients that were handed out stay as they are."""
    step = scan_of(MODELS["lstm"]())
    ours, loop = both(step)
    first, second = inputs_of(step, seed=1), inputs_of(step, seed=2)
    a, b = ours(*first), ours(*second)
    kept = a[0].detach().clone()
    grads = torch.autograd.grad(a[0].square().sum(), first)
    copies = [g.clone() for g in grads]
    torch.autograd.grad(b[0].square().sum(), second)
    del b
    for seed in (3, 4):
        gradients(ours, inputs_of(step, seed=seed))
    torch.testing.assert_close(a[0].detach(), kept, rtol=0, atol=0)
    torch.testing.assert_close(list(grads), copies, rtol=0, atol=0)
    torch.testing.assert_close(list(grads), list(torch.autograd.grad(loop(*first)[0].square().sum(), first)), rtol=1e-10, atol=1e-10)


def test_back_twice():
    """A graph that is retained gives the same gradient again; a second derivative is refused."""
    step = scan_of(MODELS["gru"]())
    ours, _ = both(step)
    inputs = inputs_of(step)
    loss = ours(*inputs)[0].square().sum()
    one, two = (torch.autograd.grad(loss, inputs, retain_graph=True) for _ in range(2))
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    slope = torch.autograd.grad(loss, inputs, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_without_gradients():
    """Under no_grad and inference_mode: the same outputs and states."""
    step = scan_of(MODELS["lstm"]())
    ours, loop = both(step)
    inputs = inputs_of(step)
    want = loop(*inputs)
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            got = ours(*inputs)
            torch.testing.assert_close(got[0].clone(), want[0].detach(), rtol=1e-10, atol=1e-10)
            torch.testing.assert_close([s.clone() for s in got[1]], [s.detach() for s in want[1]], rtol=1e-10, atol=1e-10)


def test_memory_is_used_again():
    """Ten minibatches of one size need memory once."""
    step = scan_of(MODELS["lstm"]())
    function = InPlace(body_of(step))
    for seed in range(10):
        gradients(function, inputs_of(step, seed=seed))
    ((memory,),) = function.free.values()
    gradients(function, inputs_of(step, seed=11))
    assert next(iter(function.free.values())) == [memory]


def test_memory_is_not_hoarded():
    """Batches of ever other sizes leave memory for a few of them."""
    step = scan_of(MODELS["rnn"]())
    function = InPlace(body_of(step))
    for batch in range(1, 12):
        gradients(function, inputs_of(step, batch))
    assert len(function.free) == 4


def test_other_types_go_step_by_step():
    """Under autocast, and for arrays of another type than the plan's."""
    step = scan_of(MODELS["lstm"](), dtype="float32")
    function, inputs = InPlace(body_of(step)), inputs_of(step)
    assert function.fits(inputs)
    assert not function.fits([x.double() for x in inputs])
    with torch.autocast("cpu", torch.bfloat16):
        assert not function.fits(inputs)


def test_products_before_a_scan():
    """x W + b in one call, each step together in memory; what others read, too, stays as it is."""
    made = plan(trace(unroll(recurrent.LSTM(3, 5), 4), Tensor((None, 4, 3))))
    lowered = [(None, s.inputs, s.outputs[0], s) for s in made.steps]
    changed = [code for code in in_order_of_steps(made, lowered) if code[0] is not None]
    assert len(lowered) - len(in_order_of_steps(made, lowered)) == 1
    ((function, inputs, _, step),) = changed
    assert step.op == "add" and len(inputs) == 3
    x, kernel, bias = torch.randn(2, 4, 3), torch.randn(3, 5), torch.randn(5)
    got = function(x, kernel, bias)
    torch.testing.assert_close(got, x @ kernel + bias)
    assert got.shape == (2, 4, 5) and got[:, 0].is_contiguous()
    both_read = plan(trace(net(lambda x: apply("concat", x @ kernel.numpy(), x @ kernel.numpy() + 1.0, axis=2)), Tensor((None, 4, 3))))
    lowered = [(None, s.inputs, s.outputs[0], s) for s in both_read.steps]
    assert in_order_of_steps(both_read, lowered) == lowered
