# A step that Knet computes: a function of Knet's primitives, recorded on a tape of AutoGrad, and the way back along that tape from any
# gradient of its result. `@diff` wants a number and begins there; a step of a program begins with what comes from the steps behind it.
# What is used of AutoGrad's inside (Tape, forw's `_tapes`, back, addto!) is that of its last release, 1.2.5.

const AutoGrad = Knet.AutoGrad

"""`f(mode, weights, xs...)` with weights in the order of their names, nothing where there is none."""
struct KnetStep{T}
    f::Any
    weights::Vector{Union{Nothing,Weight{T}}}
    params::Vector{Any}
end

function KnetStep{T}(f, weights::AbstractDict, names::String...) where {T}
    mine = Union{Nothing,Weight{T}}[get(weights, name, nothing) for name in names]
    return KnetStep{T}(f, mine, Any[w === nothing ? nothing : AutoGrad.Param(array(w)) for w in mine])
end

"""What the way back needs: the tape, its result, and the inputs (a Param each, or what is no float)."""
struct Recorded
    tape::AutoGrad.Tape
    result::Any
    inputs::Vector{Any}
end

number_like(::Type{T}, x) where {T} = eltype(x) <: AbstractFloat ? PyPhoton.as(T, x) : x

"""A weight as `f` sees it: followed by the tape if it is trained, and otherwise its numbers."""
seen(w, param) = w === nothing || w.trained ? param : AutoGrad.value(param)

function PyPhoton.forward(op::KnetStep{T}, mode::Mode, xs::Array...) where {T}
    mode.recording || return convert(Array, op.f(mode, map(AutoGrad.value, op.params), map(x -> number_like(T, x), xs)...)), nothing
    inputs = Any[eltype(x) <: AbstractFloat ? AutoGrad.Param(PyPhoton.as(T, x)) : x for x in xs]
    tape = AutoGrad.Tape()
    push!(AutoGrad._tapes, tape)
    result = try
        op.f(mode, map(seen, op.weights, op.params), inputs...)
    finally
        pop!(AutoGrad._tapes)
    end
    return convert(Array, AutoGrad.value(result)), Recorded(tape, result, inputs)
end

function PyPhoton.backward(op::KnetStep{T}, r::Recorded, dy::Array, want::Int) where {T}
    r.result isa AutoGrad.Result || return map(_ -> nothing, (r.inputs...,))
    left_out = Any[x for (i, x) in enumerate(r.inputs) if !PyPhoton.wanted(want, i)]
    pull_back!(r.tape, r.result, reshape(copy(dy), size(AutoGrad.value(r.result))), left_out)
    for (w, param) in zip(op.weights, op.params)
        PyPhoton.trained(w) && add_slope!(w, AutoGrad.grad(r.tape, param))
    end
    return Tuple(slope(r.tape, x, PyPhoton.wanted(want, i)) for (i, x) in enumerate(r.inputs))
end

"""AutoGrad's way back, from the gradient of a result. Nothing is computed for the inputs that nobody asks for."""
function pull_back!(tape, result, dy, left_out)
    AutoGrad.findresult(tape, result).outgrad = dy
    for k in length(tape.list):-1:1
        node = tape.list[k]
        node.outgrad === nothing && continue
        node.outgrad = AutoGrad.full(node.outgrad)
        made = node.Value
        for i in eachindex(node.parents)
            isassigned(node.parents, i) || continue
            parent = node.parents[i]
            any(x -> x === parent.Value, left_out) && continue
            found = AutoGrad.back(made.func, AutoGrad.Arg{i}, node.outgrad, made, made.args...; made.kwargs...)
            parent.outgrad = AutoGrad.addto!(parent.outgrad, found)
        end
    end
    return nothing
end

add_slope!(w::Weight, ::Nothing) = (PyPhoton.summed!(w); nothing)
add_slope!(w::Weight, found) = (PyPhoton.summed!(w) .+= vec(AutoGrad.full(found)); nothing)

"""The gradient of an input, zero where the result does not depend on it."""
function slope(tape, x, asked::Bool)
    asked && x isa AutoGrad.Param || return nothing
    found, values = AutoGrad.grad(tape, x), AutoGrad.value(x)
    return found === nothing ? zero(values) : convert(Array, AutoGrad.full(found))
end
