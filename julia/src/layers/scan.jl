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

"""A matrix product of the body with a matrix that is the same at every step: its gradient is added up over the steps at once."""
struct Product{T}
    step::Int
    held::Int
    xs::Buffer{T,3}
    dys::Buffer{T,3}
end

Product{T}(step, held) where {T} = Product{T}(step, held, Buffer{T,3}(), Buffer{T,3}())

"""
    Scan: y[t], states = body(sequences[t]..., held..., states...) for each step

`sequences` are (features..., steps, batch), `held` the same at every step; the result is (features..., steps, batch). States begin as they
are given, or where the last minibatch left them.
"""
mutable struct Scan{T} <: ManyInputs
    const body::Plan
    const weights::Dict{String,Weight{T}}
    const programs::Vector{Program{T}}
    const path::String
    const order::Vector{Int}
    const sequences::Int
    const held::Int
    const carried::Bool
    const products::Vector{Product{T}}
    route::Route
    key::Vector{Bool}
end

BUILDERS["scan"] = function (::Type{T}, step, weights, activation) where {T}
    a, n = step.attrs, whole(step.attrs, "steps")
    programs = Program{T}[Program{T}(step.body, weights; whole=true) for _ in 1:n]
    order = a["backwards"] ? collect(n:-1:1) : collect(1:n)
    sequences, held = whole(a, "sequences"), whole(a, "held")
    products = products_of(T, step.body, n == 0 ? Step[] : programs[1].steps, sequences, held)
    return Scan{T}(step.body, weights, programs, step.path, order, sequences, held, a["carried"], products, Route([], -1), Bool[])
end

function products_of(::Type{T}, body::Plan, steps, sequences::Int, held::Int) where {T}
    found = Product{T}[]
    for i in sequences+1:sequences+held
        id, rank = body.inputs[i].id, length(body.inputs[i].shape)
        users = findall(s -> id in s.inputs, steps)
        good = k -> steps[k].name == "matmul" && steps[k].inputs[2] == id && steps[k].inputs[1] != id
        rank == 2 && all(good, users) && append!(found, Product{T}(k, i) for k in users)
    end
    return found
end

function forward(op::Scan{T}, mode::Mode, inputs::Vector{Any}) where {T}
    batch = dynamic(batch_of)(inputs[1])::Int
    carry = op.carried ? mode.carry : nothing
    kept = carry === nothing ? nothing : get(carry, op.path, nothing)
    first_state = op.sequences + op.held + 1
    fresh = kept === nothing || isempty(kept) || dynamic(batch_of)(kept[1]) != batch
    states = fresh ? Any[dynamic(repeated)(dynamic(as)(T, s), batch) for s in inputs[first_state:end]] : copy(kept)
    y = with_threads_for(largest_product(op, inputs, batch)) do
        run_steps!(op, mode, inputs, states, batch)
    end
    carry === nothing || (carry[op.path] = Any[dynamic(copy)(s) for s in states])
    return y, (Any[size(x) for x in inputs], fresh, inputs)
end

largest_product(op::Scan, inputs, batch::Int) = maximum(Int[length(inputs[p.held])::Int * batch for p in op.products]; init=0)

"""All steps in their order; `states` become the last ones."""
function run_steps!(op::Scan{T}, mode::Mode, inputs, states, batch::Int) where {T}
    y = nothing
    for k in op.order
        p = op.programs[k]
        given = Any[i <= op.sequences ? dynamic(step_of)(x, k, p.registers[p.plan.inputs[i].id]) : x for (i, x) in enumerate(view(inputs, 1:op.sequences+op.held))]
        forward!(p, mode, append!(given, states))
        outputs = p.plan.outputs
        y === nothing && (y = Array{T}(undef, dynamic(steps_of)(p.registers[outputs[1]], length(op.order), batch)))
        dynamic(put_step!)(y, k, p.registers[outputs[1]])
        foreach(i -> states[i] = p.registers[outputs[i+1]], eachindex(states))
    end
    return y
end

function backward(op::Scan{T}, (sizes, fresh, inputs)::Tuple{Vector{Any},Bool,Vector{Any}}, dy::Array{T}, want::Int) where {T}
    route = route!(op, want)
    sequences, before = op.sequences, op.sequences + op.held
    found = Any[wanted(want, i) ? dynamic(zeros)(T, sizes[i]) : nothing for i in 1:length(sizes)]
    flowing = Any[nothing for _ in before+1:length(sizes)]
    with_threads_for(largest_product(op, inputs, batch_of(dy))) do
        for k in Iterators.reverse(op.order)
            p = op.programs[k]
            fill!(p.slopes, nothing)
            seed!(p.slopes, p.plan.outputs[1], dynamic(step_of)(dy, k))
            foreach(i -> seed!(p.slopes, p.plan.outputs[i+1], flowing[i]), eachindex(flowing))
            descend!(p, route)
            for i in 1:before
                d = p.slopes[p.plan.inputs[i].id]
                found[i] === nothing || d === nothing || (i <= sequences ? dynamic(put_step!)(found[i], k, d) : dynamic(add!)(found[i], d))
            end
            foreach(q -> found[q.held] === nothing || keep_product!(q, p, k, length(op.order)), op.products)
            foreach(i -> flowing[i] = own(p.slopes[p.plan.inputs[before+i].id]), eachindex(flowing))
        end
    end
    foreach(q -> found[q.held] === nothing || add_products!(found[q.held], q), op.products)
    for (i, d) in enumerate(flowing)
        fresh && d !== nothing && found[before+i] !== nothing && (found[before+i] = dynamic(summed)(d))
    end
    return Tuple(found)
end

"""Keep both sides of a product's gradient at step `k`, for one product over all steps."""
function keep_product!(q::Product{T}, p::Program{T}, k::Int, steps::Int) where {T}
    s = p.steps[q.step]
    x, dy = flat_left(p.registers[s.inputs[1]]::Array{T}), p.slopes[s.output]
    xs = sized!(q.xs, size(x, 1), size(x, 2), steps)
    copyto!(xs, (k - 1) * length(x) + 1, x, 1, length(x))
    dynamic(keep_slope!)(q.dys, dy, p.registers[s.output], k, steps)
    return nothing
end

function keep_slope!(buffer::Buffer{T,3}, dy, y::Array{T}, k::Int, steps::Int) where {T}
    dys = sized!(buffer, size(y, 1), length(y) ÷ max(size(y, 1), 1), steps)
    from = (k - 1) * length(y) + 1
    dy === nothing ? fill!(view(dys, :, :, k), zero(T)) : copyto!(dys, from, dy::Array{T}, 1, length(y))
    return nothing
end

add_products!(total::Array{T}, q::Product{T}) where {T} =
    isempty(q.xs.one) || isempty(q.dys.one) ? nothing : multiply!(total, 'N', 'T', flat_steps(q.dys.one), flat_steps(q.xs.one), one(T))

own(::Nothing) = nothing
own(d) = dynamic(copy)(d)

"""Add the gradient of an output, which nobody else refers to: two outputs may be one value."""
seed!(slopes, id, ::Nothing) = nothing
seed!(slopes, id, d) = (slopes[id] === nothing ? (slopes[id] = d) : dynamic(add!)(slopes[id], d); nothing)

"""The way back through a body: to what is trained now, to the states, and to the inputs that are wanted."""
function route!(op::Scan, want::Int)
    before = op.sequences + op.held
    key = Bool[wanted(want, i) for i in 1:before]
    foreach(path -> push!(key, op.weights[path].trained), sort!(collect(String, keys(op.weights))))
    if op.route.version < 0 || op.key != key
        p = op.programs[1]
        ids = Int[v.id for (i, v) in enumerate(p.plan.inputs) if (i > before || wanted(want, i)) && startswith(v.dtype, "float")]
        apart = Set(q.step for q in op.products)
        steps = [k in apart ? (k, w & ~2) : (k, w) for (k, w) in route_from(p, ids).steps]
        op.route, op.key = Route(steps, 0), key
    end
    return op.route
end
