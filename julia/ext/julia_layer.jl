# Layers that are code of a user's (julia_code.jl), differentiated by Zygote (differentiated.jl). A function gets the inputs and then the
# parameters; an object with arrays of its own gets them laid over the parameters' memory.

using PyPhoton: Mode, Weight

"""A layer's output that is not of the shape that was inferred. Shapes are Python's."""
struct OutputShape <: Exception
    expected::Vector{Any}
    received::String
end

Base.showerror(io::IO, e::OutputShape) = print(io, "expected an output of shape $(shown_shape(e.expected)), received $(e.received)")
PyPhoton.place(e::OutputShape) = ("expected" => "an output of shape $(shown_shape(e.expected))", "received" => e.received)
shown_shape(shape) = "($(join((n === nothing ? "batch" : n for n in shape), ", "))$(length(shape) == 1 ? "," : ""))"

"""
Code of a user's as a layer, differentiated by Zygote.

`given` are the parameters that the function gets after the inputs, `own` those that lie in the place of its own arrays, by their number.
"""
struct CodeLayer{T} <: PyPhoton.ManyInputs
    code::Code
    f::Any
    given::Vector{Weight{T}}
    own::Vector{Tuple{Int,Weight{T}}}
    shape::Vector{Any}
    batch::Int
    tried::Base.RefValue{Bool}
end

function CodeLayer{T}(step::PyPhoton.PlanStep, weights) where {T}
    code = Code(step.attrs)
    given = Weight{T}[weights[name::String] for name in PyPhoton.list(step.attrs, "params")]
    held = Weight{T}[weights[name::String] for name in PyPhoton.list(step.attrs, "arrays")]
    f, numbers = with_arrays(value_of(code), code, Any[PyPhoton.array(w) for w in held])
    batch = step.attrs["batch"]
    return CodeLayer{T}(code, f, given, collect(zip(numbers, held)), step.shape, batch === nothing ? 0 : PyPhoton.position(batch), Ref(false))
end

# ---- arrays of an object ---------------------------------------------------------------------------------------------

"""The numbers of the leaves that are parameters: real floats."""
parameters_of(d) = [k for (k, leaf) in enumerate(d.leaves) if eltype(leaf.array) <: AbstractFloat]

"""An object with these arrays in the place of its own, ready to be differentiated, and their numbers. Without arrays it is as it was."""
function with_arrays(f, code::Code, arrays::Vector{Any})
    d = Base.invokelatest(Differentiable, f)
    isempty(arrays) && return d, Int[]
    numbers = parameters_of(d)
    length(numbers) == length(arrays) || throw(PyPhoton.PlanError("`$(code.source)` has $(length(numbers)) arrays of its own, the plan has $(length(arrays))"))
    all_ = Any[leaf.array for leaf in d.leaves]
    all_[numbers] = arrays
    made = Base.invokelatest(Differentiable, Base.invokelatest(with_leaves, d, all_))
    same = length(made.leaves) == length(all_) && all(leaf -> any(a -> a === leaf.array, all_), made.leaves)
    same || throw(PyPhoton.PlanError("`$(code.source)` does not take arrays of $(eltype(arrays[1])) in the place of its own: its fields have to be free in their types"))
    return made, numbers
end

# ---- the step ----------------------------------------------------------------------------------------------------------

"""What the function gives for these arguments, as `pulled` has it, with the errors of its code."""
function computed(op, args; training::Bool, differentiate::Bool)
    p = running(() -> Base.invokelatest(pulled, op.f, args; training, differentiate), op.code)
    p.single || throw(OutputShape(op.shape, "a tuple of $(length(p.ys))"))
    return p
end

"""Its only result as an array of `T` in the shape that was inferred. Errors: OutputShape."""
function fitted_output(::Type{T}, shape, y, samples) where {T}
    eltype(y) <: Real || throw(OutputShape(shape, "elements of type $(eltype(y))"))
    expected = Any[n === nothing && i == 1 ? samples : n for (i, n) in enumerate(shape)]
    received = PyPhoton.python_shape(size(y))
    length(expected) == length(received) && all(((a, b),) -> a === nothing || a == b, zip(expected, received)) || throw(OutputShape(expected, shown_shape(received)))
    return convert(Array{T}, y)
end

"""Run with copies beside the arguments: who changes them in place would change the data of others. Errors: CodeError."""
function untouched(f::F, code::Code, args) where {F}
    before = map(copy, args)
    found = f()
    changed = findfirst(k -> !isequal(args[k], before[k]), eachindex(args))
    changed === nothing && return found
    foreach(copyto!, args, before)
    throw(CodeError("", ArgumentError("`$(code.source)` changes its argument $changed in place. Make a new array: y = f.(x) and not x .= f.(x)")))
end

samples_of(xs, batch::Int) = batch == 0 ? nothing : size(xs[batch])[end]

function PyPhoton.forward(op::CodeLayer{T}, mode::Mode, xs::Vector{Any}) where {T}
    args = (xs..., map(PyPhoton.array, op.given)...)
    run() = computed(op, args; mode.training, differentiate=mode.training)
    p = keeping(op, mode) do
        op.tried[] ? run() : untouched(run, op.code, args)
    end
    op.tried[] = true
    return fitted_output(T, op.shape, p.ys[1], samples_of(xs, op.batch)), (args, p)
end

"""Run, and put what the object measures back where it must not move."""
function keeping(f::F, op::CodeLayer, mode::Mode) where {F}
    (mode.moving || !mode.training) && return f()
    state = [w for (_, w) in op.own if w.role == "state"]
    before = map(w -> copy(w.values), state)
    try
        return f()
    finally
        foreach((w, values_) -> copyto!(w.values, values_), state, before)
    end
end

function PyPhoton.backward(op::CodeLayer{T}, tape, dy, want::Int) where {T}
    args, p = tape
    p.back === nothing && (p = computed(op, args; training=false, differentiate=true))
    y = p.ys[1]
    by_leaf, by_input = running(() -> Base.invokelatest(p.back, Any[slope_for(y, dy)]), op.code)
    inputs = length(args) - length(op.given)
    foreach((w, g) -> add_to!(w, g), op.given, by_input[inputs+1:end])
    foreach(((k, w),) -> add_to!(w, by_leaf[k]), op.own)
    return ntuple(i -> PyPhoton.wanted(want, i) ? by_input[i] : nothing, inputs)
end

"""The gradient in the type that the function gave its result."""
slope_for(y::AbstractArray{S}, dy) where {S} = S <: AbstractFloat ? convert(Array{S}, dy) : nothing

function add_to!(w::Weight{T}, g) where {T}
    w.trained || return nothing
    sum_ = PyPhoton.summed!(w)
    g === nothing || (sum_ .+= vec(g))
    return nothing
end

# ---- what is asked of it -------------------------------------------------------------------------------------------------

"""The object's arrays that become parameters: names, shapes and roles of Python."""
function call_arrays(d)
    found = Base.invokelatest(Differentiable, value_of(Code(d)))
    complex = findfirst(leaf -> leaf.trained && !(eltype(leaf.array) <: AbstractFloat), found.leaves)
    complex === nothing || throw(PyPhoton.PlanError("$(found.leaves[complex].path) has elements of type $(eltype(found.leaves[complex].array)): parameters are real"))
    return Any[Dict{String,Any}("name" => found.leaves[k].path, "shape" => PyPhoton.python_shape(size(found.leaves[k].array)), "role" => found.leaves[k].trained ? "weight" : "state") for k in parameters_of(found)]
end

"""Their values in an object that is made with Julia's random numbers from a seed."""
function call_values(d)
    found = Base.invokelatest(Differentiable, seeded(Code(d), PyPhoton.whole(d, "seed")))
    return PyPhoton.shown(Any[copyto!(Array{eltype(found.leaves[k].array)}(undef, size(found.leaves[k].array)), found.leaves[k].array) for k in parameters_of(found)])
end

"""The shape, Python's, of what the code makes of zeros."""
function call_output(d)
    code, T = Code(d), PyPhoton.element_type(PyPhoton.text(d, "dtype"))
    f = value_of(code)
    args = Tuple(zeros(T, PyPhoton.julia_size(shape)) for shape in [PyPhoton.list(d, "inputs"); PyPhoton.list(d, "params")])
    y = untouched(() -> running(() -> Base.invokelatest(f, args...), code), code, args)
    y isa AbstractArray && eltype(y) <: Real || throw(OutputShape(Any["batch", "..."], y isa AbstractArray ? "elements of type $(eltype(y))" : "a $(typeof(y))"))
    return PyPhoton.python_shape(size(y))
end

# ---- on other engines --------------------------------------------------------------------------------------------------

"""
A layer as a Julia function of its inputs, the parameters and the object's own arrays: `inputs` and `params` are how many there are of the
first two. Whatever differentiates it gets the gradients of all of them.
"""
struct Applied
    path::String
    code::Code
    f::Any
    inputs::Int
    params::Int
    shape::Vector{Any}
    batch::Int
    training::Bool
    tried::Base.RefValue{Bool}
end

Functors.functor(::Type{<:Applied}, x) = (), _ -> x

(a::Applied)(args...) = placed(() -> applied(a, args, false)[1], a)

function ChainRulesCore.rrule(a::Applied, args...)
    y, p = placed(() -> applied(a, args, true), a)
    function applied_pullback(dy)
        slopes = Any[slope_for(p.ys[1], ChainRulesCore.unthunk(dy))]
        by_leaf, by_input = placed(() -> running(() -> Base.invokelatest(p.back, slopes), a.code), a)
        found = (by_input..., by_leaf[p.numbers]...)
        return (ChainRulesCore.NoTangent(), map(g -> g === nothing ? ChainRulesCore.NoTangent() : g, found)...)
    end
    return y, applied_pullback
end

"""f(), whose errors say which layer they come from."""
function placed(f::F, a::Applied) where {F}
    try
        return f()
    catch error
        error isa InterruptException && rethrow()
        throw(PyPhoton.StepError(a.path, "julia", error))
    end
end

function applied(a::Applied, args, differentiate::Bool)
    xs, held = args[1:a.inputs+a.params], Any[args[a.inputs+a.params+1:end]...]
    f, numbers = with_arrays(a.f, a.code, held)
    run() = computed((; f, a.code, a.shape), xs; a.training, differentiate)
    p = a.tried[] ? run() : untouched(run, a.code, xs)
    a.tried[] = true
    T = eltype(first(x for x in xs if eltype(x) <: AbstractFloat))
    return fitted_output(T, a.shape, p.ys[1], samples_of(xs, a.batch)), (; p..., numbers)
end

function call_applied(d)
    code, batch = Code(d), d["batch"]
    return PyPhoton.keep!(Applied(
        PyPhoton.text(d, "place"), code, value_of(code), PyPhoton.whole(d, "inputs"), length(PyPhoton.list(d, "params")), PyPhoton.list(d, "shape"),
        batch === nothing ? 0 : PyPhoton.position(batch), d["training"]::Bool, Ref(false),
    ))
end
