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
A matrix product of the body with a matrix that is the same at every step: its gradient is added up over the steps at once. `twin` is a sequence
that has the product's gradient as its own (0: none): then it lies there already.
"""
struct Product{T}
    step::Int
    held::Int
    twin::Int
    xs::Buffer{T,3}
    dys::Buffer{T,3}
end

Product{T}(step, held, twin) where {T} = Product{T}(step, held, twin, Buffer{T,3}(), Buffer{T,3}())

"""
    Scan: y[t], states = body(sequences[t]..., held..., states...) for each step

`sequences` are (features..., steps, batch), `held` the same at every step; the result is (features..., steps, batch). States begin as they
are given, or where the last minibatch left them. `in_place` are the sequences that only columns read: where they lie.
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
    const in_place::Vector{Bool}
    const slopes::Vector{Buffer{T,1}}
    const tops::Vector{Any}
    const routes::Dict{Vector{Bool},Route}
end

BUILDERS["scan"] = function (::Type{T}, step, weights, activation) where {T}
    a, n = step.attrs, whole(step.attrs, "steps")
    programs = Program{T}[Program{T}(step.body, weights; whole=true, body=true) for _ in 1:n]
    order = a["backwards"] ? collect(n:-1:1) : collect(1:n)
    sequences, held = whole(a, "sequences"), whole(a, "held")
    foreach(p -> share_buffers!(p, programs[1]), programs)
    steps = n == 0 ? Step[] : programs[1].steps
    products = products_of(T, step.body, steps, sequences, held)
    foreach(q -> q.twin > 0 && steps[q.step].op isa MatMul && foreach(p -> give_steps!(p, steps[q.step].outputs[1]), programs), products)
    in_place = Bool[read_in_place(step.body, steps, step.body.inputs[i].id) for i in 1:sequences]
    return Scan{T}(step.body, weights, programs, step.path, order, sequences, held, a["carried"], products, in_place, [Buffer{T,1}() for _ in 1:sequences], Any[nothing, nothing], Dict{Vector{Bool},Route}())
end

"""
What a step of the sequence has forgotten when the next one begins is kept near: products that only columns read, and only on the way forward,
have one memory for all steps, and so have the gradients of what is no input of the body.
"""
function share_buffers!(p::Program{T}, first_::Program{T}) where {T}
    inputs = Set{Int}(i.id for i in p.plan.inputs)
    for (k, s) in enumerate(p.steps)
        one = first_.steps[k].op
        if s.op isa MatMul{T} && !(s.outputs[1] in p.plan.outputs) && all(r -> !(s.outputs[1] in r.inputs) || forgets(r.op, s.outputs[1]), p.steps)
            p.steps[k] = Step(MatMul{T}(one.y, s.op.da, s.op.db), s.name, s.path, s.inputs, s.outputs, s.weights)
        elseif s.op isa Columns{T}
            foreach(i -> s.op.sources[i].id in inputs || (s.op.dxs[i] = one.dxs[i]), eachindex(s.op.dxs))
        end
    end
end

"""Whoever reads `product`, (features, batch), by columns may give a step of its twin's gradient as that of the product."""
function give_steps!(p::Program, product::Int)
    for s in p.steps
        k = s.op isa Columns ? findfirst(x -> x.id == product, s.op.sources) : nothing
        k === nothing || (s.op.at_step[k] = is_matrix(p.plan.steps[findfirst(x -> x.output == product, p.plan.steps)::Int].shape))
    end
end

read_in_place(body::Plan, steps, id::Int) = !(id in body.outputs) && all(s -> !(id in s.inputs) || s.op isa Columns, steps)

function products_of(::Type{T}, body::Plan, steps, sequences::Int, held::Int) where {T}
    found = Product{T}[]
    for i in sequences+1:sequences+held
        id, rank = body.inputs[i].id, length(body.inputs[i].shape)
        users = findall(s -> id in s.inputs, steps)
        good = k -> steps[k].name == "matmul" && steps[k].inputs[2] == id && steps[k].inputs[1] != id
        rank == 2 && all(good, users) && append!(found, Product{T}(k, i, twin_of(body, steps, steps[k].outputs[1], sequences)) for k in users)
    end
    return found
end

"""The sequence whose gradient is that of `product`: both are terms of one sum, and nothing else."""
function twin_of(body::Plan, steps, product::Int, sequences::Int)
    for (i, input) in enumerate(body.inputs[1:sequences])
        readers = filter(s -> input.id in s.inputs || product in s.inputs, steps)
        length(readers) == 1 && readers[1].op isa Columns && !(input.id in body.outputs) && !(product in body.outputs) || continue
        slopes = Int[s.slot for s in readers[1].op.sources if s.id in (input.id, product)]
        length(slopes) == 2 && slopes[1] == slopes[2] && return i
    end
    return 0
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

"""Step `k` of sequence `i`: where it lies, or a copy."""
step_given(op::Scan{T}, p::Program{T}, @nospecialize(x), i::Int, k::Int) where {T} =
    op.in_place[i] && x isa Array{T} ? dynamic(StepOf)(x, k) : dynamic(step_of)(x, k, p.registers[p.plan.inputs[i].id])

"""All steps in their order; `states` become the last ones."""
function run_steps!(op::Scan{T}, mode::Mode, inputs, states, batch::Int) where {T}
    y = nothing
    for k in op.order
        p = op.programs[k]
        given = Any[i <= op.sequences ? step_given(op, p, x, i, k) : x for (i, x) in enumerate(view(inputs, 1:op.sequences+op.held))]
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
    found = Any[wanted(want, i) ? slopes_of(op, i, sizes[i]) : nothing for i in 1:length(sizes)]
    flowing = Any[nothing for _ in before+1:length(sizes)]
    with_threads_for(largest_product(op, inputs, batch_of(dy))) do
        for k in Iterators.reverse(op.order)
            p = op.programs[k]
            fill!(p.slopes, nothing)
            top = p.slopes[p.plan.outputs[1]] = step_slope!(op, dy, k)
            foreach(i -> seed!(p.slopes, p.plan.outputs[i+1], flowing[i], top), eachindex(flowing))
            foreach(i -> point!(p.registers[p.plan.inputs[i].id], found[i]), 1:sequences)
            descend!(p, route)
            for i in 1:before
                found[i] === nothing && continue
                d, x = p.slopes[p.plan.inputs[i].id], p.registers[p.plan.inputs[i].id]
                i > sequences ? (d === nothing || dynamic(add!)(found[i], d)) : x isa StepOf && x.written || dynamic(put_step!)(found[i], k, d)
            end
            foreach(q -> found[q.held] === nothing || keep_product!(q, p, k, length(op.order), has_twin(q, found)), op.products)
            foreach(i -> flowing[i] = p.slopes[p.plan.inputs[before+i].id], eachindex(flowing))
        end
    end
    foreach(q -> found[q.held] === nothing || dynamic(add_products!)(found[q.held], q, has_twin(q, found) ? found[q.twin] : q.dys.one), op.products)
    for (i, d) in enumerate(flowing)
        fresh && d !== nothing && found[before+i] !== nothing && (found[before+i] = dynamic(summed)(d))
    end
    return Tuple(found)
end

has_twin(q::Product, found) = q.twin > 0 && found[q.twin] !== nothing

"""Keep both sides of a product's gradient at step `k`, for one product over all steps; with a twin, in its order, (features, steps, batch)."""
function keep_product!(q::Product{T}, p::Program{T}, k::Int, steps::Int, twin::Bool) where {T}
    s = p.steps[q.step]
    x, dy = flat_left(p.registers[s.inputs[1]]::Array{T}), p.slopes[s.outputs[1]]
    twin && return put_step!(sized!(q.xs, size(x, 1), steps, size(x, 2)), k, x)
    xs = sized!(q.xs, size(x, 1), size(x, 2), steps)
    copyto!(xs, (k - 1) * length(x) + 1, x, 1, length(x))
    dynamic(keep_slope!)(q.dys, dy, p.registers[s.outputs[1]], k, steps)
    return nothing
end

function keep_slope!(buffer::Buffer{T,3}, dy, y::Array{T}, k::Int, steps::Int) where {T}
    dys = sized!(buffer, size(y, 1), length(y) ÷ max(size(y, 1), 1), steps)
    from = (k - 1) * length(y) + 1
    dy === nothing ? fill!(view(dys, :, :, k), zero(T)) : copyto!(dys, from, dy::Array{T}, 1, length(y))
    return nothing
end

add_products!(total::Array{T}, q::Product{T}, dys::Array{T}) where {T} =
    isempty(q.xs.one) || isempty(dys) ? nothing : multiply!(total, 'N', 'T', reshape(dys, (size(dys, 1), length(dys) ÷ size(dys, 1))), flat_steps(q.xs.one), one(T))

"""Memory for the gradient of an input: of a sequence every step is written, to the others they are added."""
slopes_of(op::Scan{T}, i::Int, size::Dims) where {T} =
    i <= op.sequences ? dynamic(reshape)(sized!(op.slopes[i], prod(size)), size) : dynamic(zeros)(T, size)

"""Where a step that is read in place puts its gradient."""
point!(x, found) = nothing
point!(x::StepOf{T}, found) where {T} = (x.slope = found === nothing ? T[] : dynamic(vec)(found); x.written = false; nothing)

"""The gradient of step `k` of the result. What flows from the step behind it may still be the other array."""
function step_slope!(op::Scan{T}, dy::Array{T}, k::Int) where {T}
    op.tops[1], op.tops[2] = op.tops[2], op.tops[1]
    return op.tops[1] = dynamic(step_of)(dy, k, op.tops[1])
end

"""Add the gradient of an output to what is there: two outputs may be one value, and two gradients one array, but for `own`."""
seed!(slopes, id, ::Nothing, own) = nothing
function seed!(slopes, id, d, own)
    old = slopes[id]
    slopes[id] = old === nothing ? d : old === own ? dynamic(add!)(old, d) : dynamic(added)(old, d)
    return nothing
end

"""The way back through a body: to what is trained now, to the states, and to the inputs that are wanted."""
function route!(op::Scan, want::Int)
    before = op.sequences + op.held
    key = Bool[wanted(want, i) for i in 1:before]
    foreach(path -> push!(key, op.weights[path].trained), sort!(collect(String, keys(op.weights))))
    return get!(op.routes, key) do
        p = op.programs[1]
        ids = Int[v.id for (i, v) in enumerate(p.plan.inputs) if (i > before || wanted(want, i)) && startswith(v.dtype, "float")]
        apart = Set(q.step for q in op.products)
        steps = [k in apart ? (k, w & ~2) : (k, w) for (k, w) in route_from(p, ids).steps]
        Route(steps)
    end
end
