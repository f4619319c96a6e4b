# Scan: a body of steps for each step of a sequence, with states between them. Each step of the sequence has a program of its own over the
# same weights, so that what the forward pass leaves in its buffers is there for the backward pass.

"""An array of the model's own, without inputs."""
struct OwnArray{T}
    weight::Weight{T}
end

BUILDERS["parameter"] = (T, step, weights, activation) -> OwnArray{T}(weights[step.attrs["name"]])
forward(op::OwnArray{T}, mode::Mode) where {T} = array(op.weight), nothing

function backward(op::OwnArray{T}, _, dy::Array{T}, want::Int) where {T}
    op.weight.trained || return ()
    g = summed!(op.weight)
    @inbounds @simd ivdep for i in eachindex(g, dy)
        g[i] += dy[i]
    end
    return ()
end

"""
    Scan: y[t], states = body(x[t], states) for each step

`x` is (features..., steps, batch), or the same for all steps without that dimension; the result is (features..., steps, batch). States begin as they are given, or
where the last minibatch left them.
"""
mutable struct Scan{T}
    const body::Plan
    const weights::Dict{String,Weight{T}}
    const programs::Vector{Program{T}}
    const path::String
    const order::Vector{Int}
    const each::Bool
    const carried::Bool
    route::Route
    key::Vector{Bool}
end

BUILDERS["scan"] = function (::Type{T}, step, weights, activation) where {T}
    a, n = step.attrs, whole(step.attrs, "steps")
    programs = Program{T}[Program{T}(step.body, weights; whole=true) for _ in 1:n]
    order = a["backwards"] ? collect(n:-1:1) : collect(1:n)
    return Scan{T}(step.body, weights, programs, step.path, order, a["each"], a["carried"], Route([], -1), Bool[])
end

function forward(op::Scan{T}, mode::Mode, x::Array, starts::Array...) where {T}
    batch = batch_of(x)
    carry = op.carried ? mode.carry : nothing
    kept = carry === nothing ? nothing : get(carry, op.path, nothing)
    fresh = kept === nothing || batch_of(kept[1]) != batch
    states = fresh ? Any[dynamic(repeated)(as(T, s), batch) for s in starts] : kept
    y = nothing
    for k in op.order
        p = op.programs[k]
        forward!(p, mode, pushfirst!(copy(states), op.each ? step_of(x, k) : x))
        found = Any[p.registers[id] for id in p.plan.outputs]
        y = something(y, Some(Array{T}(undef, steps_of(found[1], length(op.order), batch))))
        dynamic(put_step!)(y, k, found[1])
        states = found[2:end]
    end
    carry === nothing || (carry[op.path] = Any[dynamic(copy)(s) for s in states])
    return y, (size(x), fresh, map(size, starts))
end

function backward(op::Scan{T}, (shape, fresh, sizes), dy::Array{T}, want::Int) where {T}
    states = length(sizes)
    route = route!(op, wanted(want, 1))
    dx = wanted(want, 1) ? zeros(T, shape) : nothing
    flowing = Vector{Any}(nothing, states)
    for k in Iterators.reverse(op.order)
        p = op.programs[k]
        fill!(p.slopes, nothing)
        seed!(p.slopes, p.plan.outputs[1], dynamic(step_of)(dy, k))
        foreach(i -> seed!(p.slopes, p.plan.outputs[i+1], flowing[i]), 1:states)
        descend!(p, route)
        dx === nothing || add_step!(op, dx, k, p.slopes[p.plan.inputs[1].id])
        foreach(i -> flowing[i] = own(p.slopes[p.plan.inputs[i+1].id]), 1:states)
    end
    return (dx, (fresh && d !== nothing ? dynamic(summed)(d) : zeros(T, size_) for (d, size_) in zip(flowing, sizes))...)
end

own(::Nothing) = nothing
own(d) = dynamic(copy)(d)

"""Add the gradient of an output: two outputs may be one value."""
seed!(slopes, id, ::Nothing) = nothing
seed!(slopes, id, d) = (slopes[id] = slopes[id] === nothing ? d : slopes[id] + d; nothing)

add_step!(op::Scan, dx, k, ::Nothing) = nothing
add_step!(op::Scan, dx, k, d) = op.each ? dynamic(put_step!)(dx, k, d) : (dx .+= d; dx)

"""The way back through a body: to what is trained now, to the states, and to the input."""
function route!(op::Scan, input::Bool)
    key = Bool[input; [w.trained for (_, w) in sort!(collect(op.weights); by=first)]]
    if op.route.version < 0 || op.key != key
        p = op.programs[1]
        ids = Int[i.id for i in p.plan.inputs[2:end]]
        input && startswith(p.plan.inputs[1].dtype, "float") && push!(ids, p.plan.inputs[1].id)
        op.route, op.key = route_from(p, ids), key
    end
    return op.route
end
