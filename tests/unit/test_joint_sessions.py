"""Several sessions in one step: turns, one gradient for several, rates, what ends an epoch; against loops written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pyphoton import get_backend
from pyphoton.backends.base import Stream, Turn, Whole
from pyphoton.errors import ArgumentError, Unsupported
from pyphoton.flux.recurrent import Recurrent
from pyphoton.flux.unrolled import unroll
from pyphoton.graph import opaque, trace
from pyphoton.layers import Dense, Dropout, Sequential
from pyphoton.optimisers import SGD, Adam
from pyphoton.plan import plan
from pyphoton.tensor import Tensor, apply


def mse(p, y):
    """The mean square, as a tensor."""
    return apply("mean", apply("square", p - y))


class Two:
    """Two models, `a` from 3 to 4 and `b` from 4 to 2 features, in float64; plans of losses over both; 10 samples."""

    def __init__(self, a=None, b=None, shape=(3,)):
        self.a, self.b = a or Sequential(Dense(4, "tanh")), b or Sequential(Dense(2))
        random = np.random.default_rng(3)
        self.x, self.y = random.normal(size=(10, *shape)), random.normal(size=(10, 2))
        self.shape = shape
        self.first = self.plan(lambda x, y: (mse(self.a(x).sum(), 1.0), apply("mean", self.a(x))))
        self.second = self.plan(lambda x, y: mse(self.b(self.a(x)), y))
        params = self.second.params
        self.given = {path: random.normal(size=p.shape) for path, p in params.items()}
        self.module = get_backend().module(self.given, roles={path: p.role for path, p in params.items()}, device="cpu", seed=5)

    def plan(self, function):
        """A plan of x and y."""
        inputs = Tensor((None, *self.shape), "float64"), Tensor((None, 2), "float64")
        return plan(trace(function, *inputs, paths={"a": self.a, "b": self.b}), "float64")

    def session(self, which, optimiser, **more):
        """A session that trains the model of this letter alone, or those of these letters."""
        return self.module.session(optimiser, frozenset(p for p in self.given if p[0] not in which), **more)

    def values(self):
        """The parameters as they are now."""
        return {path: np.array(v) for path, v in self.module.read().items()}

    def stream(self, turns, sizes=(4, 4, 2)):
        """The samples one after the other."""
        ends = np.cumsum(sizes)
        return Stream([(turns, (self.x[e - n : e], self.y[e - n : e]), n) for n, e in zip(sizes, ends, strict=True)])

    def whole(self, turns, order=None, size=4):
        """All samples."""
        return Whole(turns, (self.x, self.y), 10, order, size)


def same(one, other, tolerance=1e-12):
    """Whether dictionaries of arrays are equal to a tolerance."""
    return one.keys() == other.keys() and all(np.allclose(one[k], other[k], rtol=tolerance, atol=tolerance) for k in one)


@pytest.mark.parametrize("form", ["whole", "shuffled", "stream"])
def test_two_models_with_two_optimisers_are_a_loop_in_torch(form):
    """Losses and weights after two epochs of two turns are those of torch's own optimisers in a loop written by hand."""
    torch = pytest.importorskip("torch", reason="the loop is torch's")
    two = Two()
    w = {path: torch.tensor(v, requires_grad=True) for path, v in two.values().items()}
    adam = torch.optim.Adam([w[p] for p in w if p[0] == "a"], lr=0.05)
    sgd = torch.optim.SGD([w[p] for p in w if p[0] == "b"], lr=0.1)
    order = np.random.default_rng(1).permutation(10) if form == "shuffled" else None
    turns = (Turn(two.first, (0,)), Turn(two.second, (1,)))
    joint = two.module.joint([two.session("a", Adam(0.05)), two.session("b", SGD(0.1))])
    got = [joint.epoch(two.stream(turns) if form == "stream" else two.whole(turns, order)) for _ in range(2)]
    kernels = [next(p for p in w if p[0] == letter and p.endswith("kernel")) for letter in "ab"]
    biases = [p.replace("kernel", "bias") for p in kernels]
    rows = np.arange(10) if order is None else order
    losses = []
    for part in (rows[:4], rows[4:8], rows[8:]) * 2:
        x, y = torch.tensor(two.x[part]), torch.tensor(two.y[part])
        h = torch.tanh(x @ w[kernels[0]] + w[biases[0]])
        loss = (h.sum() - 1) ** 2
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append([loss.item(), h.mean().item()])
        loss = ((torch.tanh(x @ w[kernels[0]] + w[biases[0]]) @ w[kernels[1]] + w[biases[1]] - y) ** 2).mean()
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses[-1].append(loss.item())
    np.testing.assert_allclose(np.concatenate([r.values for r in got]), losses, rtol=1e-6)
    assert [list(r.samples) for r in got] == [[4, 4, 2]] * 2
    assert same(two.values(), {path: v.detach().numpy() for path, v in w.items()}, 1e-6)


def test_a_turn_leaves_the_other_model_and_its_optimiser_alone():
    """As in a GAN: in a turn of one model nothing of the other moves, although the loss goes through it; after its own turn it has moved."""
    two = Two()
    one, other = two.session("a", Adam(0.1)), two.session("b", Adam(0.1))
    joint = two.module.joint([one, other])
    before = two.values()
    joint.epoch(two.whole((Turn(two.second, (1,)),)))
    after = two.values()
    assert all(np.array_equal(after[p], before[p]) == (p[0] == "a") for p in before)
    assert (int(one.state()["step"]), int(other.state()["step"])) == (0, 3)
    assert {n[0] for n in one.state() if "/" in n} == set() and {n[0] for n in other.state() if "/" in n} == {"b"}
    joint.epoch(two.whole((Turn(two.second, (0,)),)))
    assert all(np.array_equal(two.values()[p], after[p]) == (p[0] == "b") for p in before)
    assert {n[0] for n in one.state() if "/" in n} == {"a"} and int(other.state()["step"]) == 3


def test_one_turn_of_two_sessions_is_one_gradient_for_both():
    """A coupled loss: both models move by the gradient at the values before, each with its optimiser; by hand in NumPy."""
    two = Two(Dense(4, use_bias=False), Dense(2, use_bias=False))
    (a,), (b,) = ([v for p, v in two.values().items() if p[0] == letter] for letter in "ab")
    joint = two.module.joint([two.session("a", SGD(0.1)), two.session("b", SGD(0.3))])
    report = joint.epoch(two.whole((Turn(two.second, (0, 1)),), size=10))
    e = two.x @ a @ b - two.y
    np.testing.assert_allclose(report.values, [[(e**2).mean()]], rtol=1e-12)
    slope = 2 * e / e.size
    want = {"a": a - 0.1 * two.x.T @ (slope @ b.T), "b": b - 0.3 * (two.x @ a).T @ slope}
    for path, value in two.values().items():
        np.testing.assert_allclose(value, want[path[0]], rtol=1e-12)


def test_a_parameter_of_two_sessions_gets_the_gradient_twice():
    """Where two sessions of a turn train the same parameter, each has the gradient as it was, clipped by itself."""
    two = Two()
    before, together = two.values(), two.session("ab", SGD(1.0))
    _, slopes, _ = together.gradient(two.second, (two.x, two.y))
    joint = two.module.joint([two.session("ab", SGD(1.0, clip_norm=0.01)), two.session("ab", SGD(1.0))])
    joint.epoch(two.whole((Turn(two.second, (0, 1)),), size=10))
    norm = np.sqrt(sum((g**2).sum() for g in slopes.values()))
    assert norm > 0.01
    assert same(two.values(), {p: v - (1 + 0.01 / norm) * slopes[p] for p, v in before.items()})


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_each_session_has_rates_of_its_own(form):
    """Rates for each minibatch and session are those of single sessions one after the other; without, the optimisers' own."""
    two, other = Two(), Two()
    rates = [(0.1, 0.0), (0.0, 0.3), (0.2, 0.4)]
    turns = (Turn(two.first, (0,)), Turn(two.second, (1,)))
    joint = two.module.joint([two.session("a", SGD(0.01)), two.session("b", SGD(0.02))])
    data = two.whole(turns) if form == "whole" else two.stream(turns)
    joint.epoch(data, rates=rates.__getitem__)
    joint.epoch(data)
    batches = [(other.x[i : i + 4], other.y[i : i + 4]) for i in (0, 4, 8)]
    for (a, b), batch in zip([*rates, *[(0.01, 0.02)] * 3], batches * 2, strict=True):
        other.session("a", SGD(a)).epoch(Stream([(other.first, batch, len(batch[0]))]), train=True)
        other.session("b", SGD(b)).epoch(Stream([(other.second, batch, len(batch[0]))]), train=True)
    assert same(two.values(), other.values())


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_accumulating_and_limits_are_a_session_s_own(form):
    """One session gathers two minibatches for an update and has a constraint, the other updates at each."""
    two, other = Two(), Two()
    limited = next(p for p in two.given if p[0] == "b" and p.endswith("kernel"))

    def limits(of):
        shape, layer = of.given[limited].shape, of.b.layers[0]
        return {limited: plan(trace(lambda: apply("clip", _own(layer, shape, limited), low=-0.5, high=0.5)), "float64")}

    turns = (Turn(two.second, (0, 1)),)
    one, more = two.session("a", SGD(0.1)), two.session("b", SGD(0.2, accumulate=2), limits=limits(two))
    two.module.joint([one, more]).epoch(two.whole(turns) if form == "whole" else two.stream(turns))
    assert (int(one.state()["step"]), int(more.state()["step"])) == (3, 2)
    value = other.values()
    sums, count = {p: 0 for p in value if p[0] == "b"}, 0
    for k, rows in enumerate((slice(0, 4), slice(4, 8), slice(8, 10))):
        other.module.write(value)
        batch = other.x[rows], other.y[rows]
        _, slopes, _ = other.session("ab", SGD()).gradient(other.second, batch)
        for p, g in slopes.items():
            if p[0] == "a":
                value[p] = value[p] - 0.1 * g
            else:
                sums[p] = sums[p] + g * len(batch[0])
        count += len(batch[0])
        if k > 0:
            value |= {p: value[p] - 0.2 * s / count for p, s in sums.items()}
            value[limited] = value[limited].clip(-0.5, 0.5)
            sums, count = dict.fromkeys(sums, 0), 0
    assert same(two.values(), value)
    assert np.abs(two.values()[limited]).max() == 0.5


def _own(layer, shape, path):
    from pyphoton.graph import own_array

    return own_array(layer, "kernel", shapes=((None, shape[0]),), path=path.removesuffix(".kernel"))


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_a_turn_that_is_not_finite_changes_nothing(form):
    """The turns before it in the step are applied; the report has the batch and the plan of the turn; the step has no values."""
    two, other = Two(), Two()
    bad = two.plan(lambda x, y: mse(self_divided(two.b(two.a(x))), y))
    joint = two.module.joint([two.session("a", SGD(0.1)), two.session("b", Adam(0.1))])
    turns = (Turn(two.first, (0,)), Turn(bad, (1,)))
    two.x[4:8] = other.x[4:8] = 0.0
    two.module.write({p: np.zeros_like(v) for p, v in two.given.items() if p[0] == "a" and p.endswith("bias")})
    other.module.write(two.values())
    report = joint.epoch(two.whole(turns) if form == "whole" else two.stream(turns))
    assert report.values.shape == (0, 3) or report.values.size == 0
    assert report.failed is not None and report.failed[0] is bad
    np.testing.assert_array_equal(report.failed[1][0], two.x[:4])
    other.session("a", SGD(0.1)).epoch(Stream([(other.first, (other.x[:4], other.y[:4]), 4)]), train=True)
    assert same(two.values(), other.values())
    joint.epoch(two.whole(turns), finite=False)
    assert np.isnan(next(v for p, v in two.values().items() if p[0] == "b")).all()


def self_divided(p):
    """Not finite anywhere."""
    return p / (p - p)


def test_hook_sees_all_values_and_may_stop_and_so_may_the_interrupt():
    """The hook gets the values of all turns, in order; True, or a set flag, ends the epoch after the running step."""
    two, seen = Two(), []
    joint = two.module.joint([two.session("a", SGD(0.1)), two.session("b", SGD(0.1))])
    turns = (Turn(two.first, (0,)), Turn(two.second, (1,)))

    def hook(done, values):
        seen.append((done, values))
        return done == 2

    report = joint.epoch(two.whole(turns, size=2), every=1, hook=hook)
    assert report.stopped and report.values.shape == (2, 3) and [s[0] for s in seen] == [1, 2]
    np.testing.assert_array_equal([s[1] for s in seen], report.values)
    for data in (two.whole(turns, size=2), two.stream(turns)):
        report = joint.epoch(data, interrupt=np.ones(1, "uint8"))
        assert report.stopped and len(report.values) == 1


def test_states_and_random_numbers_go_on():
    """Sessions' states, loaded into new ones, go on as if nothing had happened: with dropout in both turns."""
    def make():
        return Two(Sequential(Dense(4, "tanh"), Dropout(0.5)), Sequential(Dropout(0.3), Dense(2)))

    def joint(two):
        sessions = two.session("a", Adam(0.05)), two.session("b", Adam(0.02))
        return sessions, two.module.joint(sessions), two.whole((Turn(two.first, (0,)), Turn(two.second, (0, 1))))

    one, other = make(), make()
    sessions, trained, data = joint(one)
    trained.epoch(data)
    states, values = [{k: np.array(v) for k, v in s.state().items()} for s in sessions], one.values()
    want = trained.epoch(data)
    other.module.write(values)
    again, trained, data = joint(other)
    for session, state in zip(again, states, strict=True):
        session.load(state)
    np.testing.assert_allclose(trained.epoch(data).values, want.values, rtol=1e-12)
    assert same(other.values(), one.values())
    assert int(again[0].state()["step"]) == 12 and int(again[1].state()["step"]) == 6


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_each_turn_has_states_of_sequences_of_its_own(form):
    """A recurrence whose states go on from minibatch to minibatch goes on in each turn as it would alone."""
    def make():
        return Two(Sequential(unroll(Recurrent(3, 4), 2), lambda h: h[:, -1]), shape=(2, 3))

    two, other = make(), make()
    alone = other.session("a", SGD(0.0)).epoch(other.whole(other.second, size=5) if form == "whole" else other.stream(other.second, (5, 5)), train=True)
    turns = (Turn(two.second, (0,)), Turn(two.second, (1,)))
    joint = two.module.joint([two.session("a", SGD(0.0)), two.session("b", SGD(0.0))])
    report = joint.epoch(two.whole(turns, size=5) if form == "whole" else two.stream(turns, (5, 5)))
    np.testing.assert_array_equal(report.values, np.repeat(alone.values, 2, axis=1))
    fresh = other.session("a", SGD(0.0)).epoch(Stream([(other.second, (other.x[5:], other.y[5:]), 5)]), train=True)
    assert abs(fresh.values[0, 0] - alone.values[1, 0]) > 1e-3


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_a_turn_of_no_session_only_computes(form):
    """Its values are those after the turns before it, whether finite or not, and nothing moves."""
    two, other = Two(), Two()
    after = two.plan(lambda x, y: (apply("mean", self_divided(x)), mse(two.b(two.a(x)), y)))
    joint = two.module.joint([two.session("ab", SGD(0.1))])
    turns = (Turn(two.second, (0,)), Turn(after, ()))
    report = joint.epoch(two.whole(turns) if form == "whole" else two.stream(turns))
    assert np.isnan(report.values[:, 1]).all() and report.failed is None
    session = other.session("ab", SGD(0.1))
    for i, row in zip((0, 4, 8), report.values, strict=True):
        batch = other.x[i : i + 4], other.y[i : i + 4]
        before = session.epoch(Stream([(other.second, batch, 4)]), train=True).values
        np.testing.assert_allclose([before[0, 0], *other.module.run(other.second, batch)], row[[0, 2]], rtol=1e-12)
    assert same(two.values(), other.values())


def test_bad_sessions_and_turns_are_refused():
    """No session, one of another module, positions that are not there, plans of other inputs: each says what to do."""
    two, other = Two(), Two()
    with pytest.raises(ArgumentError, match="sessions that train together"):
        two.module.joint([])
    with pytest.raises(ArgumentError, match="sessions of this module"):
        two.module.joint([other.session("a", SGD())])
    joint = two.module.joint([two.session("a", SGD())])
    narrow = plan(trace(lambda x: apply("mean", two.a(x)), Tensor((None, 3), "float64"), paths={"a": two.a}), "float64")
    for turns, said in (((), "at least one Turn"), ((Turn(two.first, (1,)),), "0 to 0"), ((Turn(two.first, (0, 0)),), "each once"), ((Turn(two.first, (0,)), Turn(narrow, (0,))), "same inputs")):  # fmt: skip
        with pytest.raises(ArgumentError, match=said):
            joint.epoch(two.whole(turns))
    with pytest.raises(Unsupported, match="torch"):
        get_backend("numpy").module(two.given, roles=dict.fromkeys(two.given, "weight"), device="cpu", seed=0).joint([joint])


def test_turns_may_have_losses_that_python_computes():
    """A loss that cannot be traced, in one turn of two, trains as the traced one."""
    pytest.importorskip("torch", reason="torch differentiates what cannot be traced")
    two, other = Two(), Two()

    def square(p, y):
        return ((p - y) ** 2).mean()

    opaque_ = two.plan(lambda x, y: opaque(square, (two.b(two.a(x)), y), [None, None], ()))
    reports = []
    for of, second in ((two, opaque_), (other, other.second)):
        joint = of.module.joint([of.session("a", SGD(0.1)), of.session("b", Adam(0.1))])
        turns = (Turn(of.first, (0,)), Turn(second, (0, 1)))
        reports += [[joint.epoch(of.whole(turns)).values, joint.epoch(of.stream(turns)).values]]
    np.testing.assert_allclose(reports[0], reports[1], rtol=1e-9)
    assert same(two.values(), other.values(), 1e-9)
