# Training from Julia alone: a thin face on the same sessions. A plan file holds model, loss and metrics (its first output is
# the loss); arrays have the batch last, as everywhere in Julia.

"""
    Workout(plan; optimiser="adam", seed=0, safe_mode=true, numbers...)

A model to train, from a plan file or its text. Parameters are drawn from `seed`; `numbers` are the optimiser's, e.g. `lr=0.01`.
`safe_mode=false` lets Julia code that is part of the plan run.
"""
mutable struct Workout
    const handle::ModuleHandle
    const session::Session
    const arrays::Dict{String,Any}
    const plans::Vector{Tuple{Plan,Int}}
    const random::Xoshiro
    history::Vector{Float64}
end

function Workout(plan::AbstractString; optimiser::AbstractString="adam", seed::Integer=0, frozen=String[], safe_mode::Bool=true, numbers...)
    read_ = read_plan(plan_source(plan))
    random = Xoshiro(seed)
    arrays = Dict{String,Any}(p.path => read_.T.(first_values(random, p.init, julia_size(p.shape), p.fans)) for p in read_.parameters)
    handle = ModuleHandle(Dict{String,Any}(p.path => Weight(p.path, p.role, arrays[p.path]) for p in read_.parameters), seed)
    rule = PyPhoton.optimiser(String(optimiser), Dict{String,Float64}(String(k) => v for (k, v) in numbers))
    session = Session(handle, rule, frozen)
    w = Workout(handle, session, arrays, [], random, Float64[])
    push!(w.plans, (read_, allowing_code(() -> add_program!(handle, read_), !safe_mode)))
    return w
end

plan_source(plan::AbstractString) = startswith(lstrip(plan), '{') ? String(plan) : read(plan, String)

Base.show(io::IO, w::Workout) = print(io, "Workout(", length(layers(w)), " layers, ", sum(length, values(w.arrays); init=0), " parameters, ", w.session.steps, " steps)")

"""    add!(workout, plan; safe_mode=true): one more plan on the same parameters, e.g. the model alone, for `predict`. Gives its number."""
function add!(w::Workout, plan::AbstractString; safe_mode::Bool=true)
    read_ = read_plan(plan_source(plan))
    for p in read_.parameters
        haskey(w.arrays, p.path) && julia_size(p.shape) == size(w.arrays[p.path]) || throw(PlanError("the first plan has no parameter $(p.path) of shape $(p.shape)"))
    end
    push!(w.plans, (read_, allowing_code(() -> add_program!(w.handle, read_), !safe_mode)))
    return length(w.plans)
end

"""
    fit!(workout, arrays...; epochs=1, batch=32, shuffle=true, lr=nothing)

Train on whole arrays; gives the mean loss of each epoch. `lr` is the optimiser's rate unless it is given; a workout of Python whose
rate follows a schedule needs it.
"""
function fit!(w::Workout, arrays::Array...; epochs::Integer=1, batch::Integer=32, shuffle::Bool=true, lr::Union{Nothing,Real}=nothing)
    lr === nothing && scheduled(w) && throw(PlanError("the learning rate of this workout follows a schedule, which is Python's: give fit! the rate, lr=..."))
    plan, number = w.plans[1]
    length(w.plans) > 1 && w.plans[1] === w.plans[2] && throw(PlanError("this workout can predict and not train: its file holds no training plan"))
    data, samples = converted(plan, arrays), size(arrays[1], ndims(arrays[1]))
    rates = lr === nothing ? nothing : fill(Float64(lr), cld(samples, batch))
    losses = map(1:epochs) do _
        order = shuffle ? Int64[PyPhoton.number(k) for k in randperm(w.random, samples)] : nothing
        r = run_epoch!(w.session, program(w.handle, number), Epoch(data, samples, order, batch), true, true, Watch(), rates)
        r.failed == 0 || throw(PlanError("the loss of step $(r.failed) is not finite"))
        sum(r.values[1, :] .* r.samples) / samples
    end
    append!(w.history, losses)
    return losses
end

"""Arrays as the plan wants them: floats of its type, whole numbers from 0 as they are."""
converted(plan::Plan, arrays) = Any[startswith(i.dtype, "float") ? as(plan.T, a) : as(Int64, a) for (i, a) in zip(plan.inputs, arrays)]

"""    predict(workout, arrays...; plan=2): outputs of a plan that was added; one array when there is one."""
function predict(w::Workout, arrays::Array...; plan::Integer=2)
    plan <= length(w.plans) || throw(PlanError("there is no plan $plan: add!(workout, plan) first"))
    read_, number = w.plans[plan]
    p = program(w.handle, number)
    forward!(p, w.handle.mode, converted(read_, arrays))
    found = outputs(p)
    return length(found) == 1 ? found[1] : found
end

"""    layers(workout): path => kind of every layer with parameters, in order."""
layers(w::Workout) = unique(s.path => s.op for s in w.plans[1][1].steps if !isempty(s.params))

"""    inputs(workout): size and type of each input; `nothing` is the batch."""
inputs(w::Workout) = [(reverse_shape(i.shape), i.dtype) for i in w.plans[1][1].inputs]

"""    weights(workout): path => array, the parameters themselves; weights(workout, path): those of a layer, or one."""
weights(w::Workout) = copy(w.arrays)
weights(w::Workout, path::AbstractString) = haskey(w.arrays, path) ? w.arrays[path] : Dict(k => v for (k, v) in w.arrays if startswith(k, path * "."))

"""    weights!(workout, values): set parameters from path => array. Errors: PlanError for a name or size that is not there."""
function weights!(w::Workout, values_)
    for (path, value) in values_
        haskey(w.arrays, path) || throw(PlanError("there is no parameter $path; there are $(join(sort!(collect(keys(w.arrays))), ", "))"))
        size(w.arrays[path]) == size(value) || throw(PlanError("$path has size $(size(w.arrays[path])), received $(size(value))"))
    end
    foreach(((path, value),) -> copyto!(w.arrays[path], value), pairs(values_))
    return w
end

"""First values of a parameter: the initialisers of the Python side that are formulas of their size."""
function first_values(random, init, size::Dims, fans)
    a = get(init, "args", Dict{String,Any}())
    kind = get(init, "class", "")
    kind == "Constant" && return fill(Float64(get(a, "value", 0.0)), size)
    kind == "Uniform" && return (2 .* rand(random, size...) .- 1) .* get(a, "scale", 0.05)
    kind == "Gaussian" && return randn(random, size...) .* get(a, "std", 0.01) .+ get(a, "mean", 0.0)
    if kind == "Scaled"
        fan = Dict("in" => fans[1], "out" => fans[2], "mean" => (fans[1] + fans[2]) / 2)[get(a, "fan", "mean")]
        deviation = sqrt(get(a, "scale", 1.0) / max(1.0, fan))
        return get(a, "uniform", true) ? (2 .* rand(random, size...) .- 1) .* (deviation * sqrt(3)) : randn(random, size...) .* deviation
    end
    if kind == "Gates"
        gates = a["gates"]
        part = (size[1] ÷ length(gates), size[2:end]...)
        return reduce(vcat, first_values(random, g, part, fans) for g in gates)
    end
    throw(PlanError("initial values $kind are drawn in Python: set them with weights!"))
end
