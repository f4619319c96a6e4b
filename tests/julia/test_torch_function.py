"""A Julia function in torch's graph: the same numbers as torch's own, the same memory, Julia's own rules, and clear errors."""

import copy
import gc
import pickle
import threading

import pytest

from pyphoton.backends.julia.errors import JuliaError
from pyphoton.errors import ArgumentError, DataError, Unsupported

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.julia

FLOATS = [torch.float16, torch.float32, torch.float64]


@pytest.fixture(scope="module")
def function(flux_module):
    """`torch_function`, once Julia runs with Flux."""
    from pyphoton.interop import torch_function

    return torch_function


def numbers(*shape, dtype=torch.float64, seed=0):
    """Normal numbers that want a gradient."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype).requires_grad_()


@pytest.mark.parametrize(
    ("source", "shapes"),
    [
        ("x -> x .^ 3", [(3, 4)]),
        ("(a, b) -> b * a", [(2, 3), (3, 4)]),
        ("(a, b) -> (b * a, sum(abs2, a))", [(2, 3), (3, 4)]),
        ("x -> sum(exp, x; dims=1) .* x", [(2, 5)]),
        ("(x, s) -> s .* tanh.(x)", [(4,), ()]),
        ("x -> [v^2 for v in x]", [(6,)]),
        ("x -> permutedims(x, (2, 1, 3)) .* 2", [(2, 3, 4)]),
        ("x -> x[2:end, :]", [(3, 4)]),
        ("x -> x'", [(3, 4)]),
    ],
)
def test_gradients_are_those_of_central_differences(function, source, shapes):
    """gradcheck in float64, for one and several inputs and results, numbers among them."""
    f = function(source)
    assert torch.autograd.gradcheck(f, [numbers(*shape, seed=i) for i, shape in enumerate(shapes)])


def test_complex_numbers_have_torchs_gradients(function):
    """The gradient of a complex number is torch's, and of a float that becomes complex it is a float."""
    f = function("(z, x) -> abs2.(z .* z .+ x)")
    z = torch.randn(5, dtype=torch.complex128, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(f, (z, numbers(5)))


@pytest.mark.parametrize("dtype", FLOATS)
def test_types_stay_what_they_are(function, dtype):
    """Results and gradients have the input's type; a float of Python does not widen them."""
    x = numbers(3, dtype=dtype)
    y = function("(x, k) -> k .* x")(x, 2.5)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert torch.equal(y.detach(), 2.5 * x.detach()) and torch.equal(x.grad, torch.full_like(x, 2.5))


def test_bfloat16_goes_through(function):
    """bfloat16 is computed with, element by element."""
    x = torch.tensor([1.5, -2.0, 3.0], dtype=torch.bfloat16, requires_grad=True)
    y = function("x -> x .+ x")(x)
    y.sum().backward()
    assert y.dtype == torch.bfloat16 and torch.equal(y.detach(), 2 * x.detach()) and torch.equal(x.grad, torch.full_like(x, 2))


def test_whole_numbers_have_no_gradient(function):
    """Positions go in without one, and whole results want none."""
    x, i = numbers(5), torch.tensor([2, 4, 2])
    y, n = function("(x, i) -> (x[i], length(i))")(x, i)
    y.sum().backward()
    assert x.grad.tolist() == [0, 2, 0, 1, 0] and n.item() == 3 and not n.requires_grad


def test_what_nothing_depends_on_has_zeros(function):
    """An input that is not used has a gradient of zeros; an unused result adds nothing."""
    x, y = numbers(3), numbers(2)
    p, _ = function("(x, y) -> (2 .* x, 3 .* x)")(x, y)
    p.sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and y.grad.tolist() == [0, 0]


# ---- memory -----------------------------------------------------------------------------------------------------------------------


def test_nothing_is_copied(function, flux_module):
    """Julia sees torch's input and the slope where they are, and torch sees Julia's result and gradient where they are."""
    flux_module.seval("""
module Watched
    using Flux; using Flux.NNlib: ChainRulesCore
    const seen = Dict{String,Any}()
    f(x) = 2 .* x
    function ChainRulesCore.rrule(::typeof(f), x)
        y = 2 .* x
        seen["x"], seen["y"] = pointer(x), pointer(y)
        back(dy) = (dx = 2 .* dy; seen["dy"] = pointer(dy); seen["dx"] = pointer(dx); (ChainRulesCore.NoTangent(), dx))
        return y, back
    end
    at(name) = Int(UInt(seen[name]))
end
""")
    x = numbers(256, 1024, dtype=torch.float32)
    y = function(flux_module.Watched.f)(x)
    slope = torch.ones_like(y)
    (dx,) = torch.autograd.grad(y, x, slope)
    places = {"x": x, "y": y, "dy": slope, "dx": dx}
    assert {name: flux_module.Watched.at(name) for name in places} == {name: t.data_ptr() for name, t in places.items()}


def test_memory_of_something_else_is_copied(function):
    """`identity` gives neither its input nor the slope itself, and two equal gradients are two tensors."""
    x, y = numbers(3), numbers(3, seed=1)
    same = function("identity")(x)
    assert same.data_ptr() != x.data_ptr() and torch.equal(same, x)
    function("(x, y) -> x .+ y")(x, y).sum().backward()
    assert x.grad.data_ptr() != y.grad.data_ptr()
    x.grad.mul_(2)
    assert y.grad.tolist() == [1, 1, 1]


def test_tensors_that_are_not_dense_are_copied_once(function):
    """Transposed, cut and expanded tensors give what dense ones give, gradients included; so does an expanded slope."""
    f, x = function("x -> x .^ 2"), numbers(4, 6)
    for view in (lambda t: t.T, lambda t: t[:, ::2], lambda t: t[1:2].expand(3, 6)):
        (ours,), (theirs,) = (torch.autograd.grad(g(view(x)).sum(), x) for g in (f, torch.square))
        assert torch.equal(ours, theirs)


def test_saved_state_goes_with_the_graph(function):
    """After backward, or when the result is dropped, nothing of Julia's is kept for it; retain_graph keeps it."""
    from pyphoton.interop import torch_saved

    gc.collect()
    before, f, x = len(torch_saved._held), function("x -> x .^ 2"), numbers(3)
    y = f(x)
    assert len(torch_saved._held) == before + 1
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert len(torch_saved._held) == before and torch.allclose(x.grad, 4 * x.detach())
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    z = f(x)
    del z
    assert len(torch_saved._held) == before


def test_no_pullback_where_no_gradient_is_wanted(function, flux_module):
    """Under no_grad, and on tensors that want none, the function itself is called."""
    f = function(flux_module.seval("x -> Flux.NNlib.within_gradient(x) ? 1 .* x : 2 .* x"))
    x = numbers(2)
    with torch.no_grad():
        assert torch.equal(f(x), 2 * x)
    assert torch.equal(f(x.detach()), 2 * x.detach())
    assert torch.equal(f(x).detach(), x.detach())


# ---- rules, and torch around it ---------------------------------------------------------------------------------------------------


def test_a_rule_that_only_julia_knows_comes_back(function, flux_module):
    """The gradient is the rrule's, which is not the derivative; and a module around it trains by that."""
    flux_module.seval("""
module RuleOfJulia
    using Flux; using Flux.NNlib: ChainRulesCore
    odd(x) = 2 .* x
    ChainRulesCore.rrule(::typeof(odd), x) = odd(x), dy -> (ChainRulesCore.NoTangent(), 100 .* dy)
end
""")
    x = numbers(3)
    function(flux_module.RuleOfJulia.odd)(x).sum().backward()
    assert x.grad.tolist() == [100, 100, 100]


def test_in_a_longer_graph(function):
    """Between torch's own functions, called several times before one backward, as torch computes it."""
    f, x = function("x -> x .^ 2"), numbers(2, 3)
    y = torch.sin(f(torch.exp(x))) + f(x) * f(x + 1)
    z = torch.sin(torch.exp(x) ** 2) + x**2 * (x + 1) ** 2
    ours, theirs = (torch.autograd.grad(v.sum(), x)[0] for v in (y, z))
    torch.testing.assert_close(ours, theirs)


def test_checkpointing_runs_it_again(function):
    """torch.utils.checkpoint frees what was saved and runs Julia a second time."""
    from torch.utils.checkpoint import checkpoint

    f, x = function("x -> x .^ 3"), numbers(4)
    checkpoint(lambda t: f(f(t)), x, use_reentrant=False).sum().backward()
    torch.testing.assert_close(x.grad, 9 * x.detach() ** 8)


def test_writing_in_between_is_an_error(function):
    """An input or a result that is written to before backward is found by torch's version counters."""
    f, x = function("x -> exp.(x)"), numbers(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        f(x).mul_(2).sum().backward()
    y = x * 1
    z = f(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_double_backward_is_refused(function):
    """create_graph gives first derivatives; what would be the second says so."""
    x = numbers(3)
    (dx,) = torch.autograd.grad(function("x -> x .^ 2")(x).sum(), x, create_graph=True)
    torch.testing.assert_close(dx.detach(), 2 * x.detach())
    with pytest.raises(Unsupported, match=r"second derivative of x -> x \.\^ 2"):
        dx.sum().backward()


# ---- bad input --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x -> (x[1] = 2; x)", "changes an array in place.*map, broadcasting"),
        ('x -> "text"', "an array, a number or a tuple of these.*received a String"),
        ("x -> (x, nothing)", "received as result 2 a Nothing"),
        ('x -> error("no such luck")', "no such luck"),
        ("x -> x * x", "DimensionMismatch"),
        ("() -> 1", "MethodError"),
    ],
)
def test_what_julia_refuses(function, source, said):
    """Julia's own error, with its type and traceback; torch and Julia go on afterwards."""
    f, x = function(source), numbers(2, 3)
    with pytest.raises(JuliaError, match=f"(?s){said}") as caught:
        found = f(x)
        (found[0] if isinstance(found, tuple) else found).sum().backward()
    assert caught.value.frames and caught.value.julia_type
    assert function("x -> 2 .* x")(x).sum().item() == pytest.approx(2 * x.sum().item())


def test_a_rule_whose_gradient_does_not_fit(function, flux_module):
    """A gradient of another size than its input is an error that names both."""
    flux_module.seval("""
module RuleThatDoesNotFit
    using Flux; using Flux.NNlib: ChainRulesCore
    odd(x) = 2 .* x
    ChainRulesCore.rrule(::typeof(odd), x) = odd(x), dy -> (ChainRulesCore.NoTangent(), dy[1:1])
end
""")
    y = function(flux_module.RuleThatDoesNotFit.odd)(numbers(3))
    with pytest.raises(JuliaError, match=r"gradient of input 0: expected size \(3,\), received size \(1,\)"):
        y.sum().backward()


def test_results_may_change_their_shape(function):
    """Each call has its own; the gradient follows."""
    f = function("(x, n) -> x[1:n]")
    x = numbers(4)
    for n in (1, 3):
        x.grad = None
        y = f(x, n)
        y.sum().backward()
        assert y.shape == (n,) and x.grad.tolist() == [1.0] * n + [0.0] * (4 - n)


def test_text_and_names(function):
    """Names are looked up, texts may load packages; what is neither is an error now, not at the first call."""
    assert function("Base.sum")(torch.ones(3)).item() == 3
    assert function("using Statistics; x -> mean(x)")(torch.ones(3)).item() == 1
    with pytest.raises(JuliaError, match="there is no Nowhere in Julia"):
        function("Nowhere.f")
    with pytest.raises(JuliaError, match="ParseError"):
        function("x -> x .+")
    with pytest.raises(ArgumentError, match="its source"):
        function(len)


def test_arguments_that_julia_cannot_use(function):
    """Other arrays, tensors elsewhere and sparse ones are refused by name."""
    f = function("x -> 2 .* x")
    for x in ([1.0], torch.ones(2, device="meta"), torch.eye(2).to_sparse()):
        with pytest.raises(DataError, match=r"argument 0 of x -> 2"):
            f(x)


def test_backward_in_another_thread(function):
    """The other thread is told whose Julia is and what helps on CUDA, and nothing hangs; the first one can still go back."""
    x, said = numbers(3), []
    y = function("x -> x .^ 2")(x).sum()

    def other():
        try:
            y.backward(retain_graph=True)
        except Unsupported as error:
            said.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(60)
    assert not thread.is_alive() and "set_multithreading_enabled(False)" in said[0]
    y.backward()
    torch.testing.assert_close(x.grad, 2 * x.detach())


def test_a_graph_may_die_in_another_thread(function):
    """What Julia kept for it goes away in Julia's thread."""
    from pyphoton.backends.julia import keeper

    graphs = [function("x -> x .^ 2")(numbers(3)) for _ in range(5)]
    thread = threading.Thread(target=graphs.clear)
    thread.start()
    thread.join(60)
    assert keeper.dropped
    function("x -> x .^ 2")(numbers(3))
    assert not keeper.dropped


def test_copies(function):
    """Text goes into other processes; what lives in this Julia says that it cannot."""
    f = pickle.loads(pickle.dumps(function("x -> 3 .* x")))
    assert f(torch.ones(2)).tolist() == [3, 3] and copy.deepcopy(f)(torch.ones(1)).tolist() == [3]
    with pytest.raises(ArgumentError, match="pickled"):
        pickle.dumps(function(f._prepared.f))
