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
    const model::Any
    const loss::Union{Nothing,String}
    const joined::Dict{Vector{Any},Tuple{Plan,Int}}
end

"""`model` is what it came from, `loss` the name of a stock loss, whose plans with the model in them are `joined` by the shapes of their inputs."""
Workout(handle, session, arrays, seed::Integer; model=nothing, loss=nothing) = Workout(handle, session, arrays, [], Xoshiro(seed), Float64[], model, loss, Dict())

function Workout(plan::AbstractString; optimiser::AbstractString="adam", seed::Integer=0, frozen=String[], safe_mode::Bool=true, numbers...)
    read_ = read_plan(plan_source(plan))
    random = Xoshiro(seed)
    arrays = Dict{String,Any}(p.path => read_.T.(first_values(random, p.init, julia_size(p.shape), p.fans)) for p in read_.parameters)
    handle = ModuleHandle(Dict{String,Any}(p.path => Weight(p.path, p.role, arrays[p.path]) for p in read_.parameters), seed; code=!safe_mode)
    session = Session(handle, named_optimiser(optimiser, numbers), frozen)
    w = Workout(handle, session, arrays, seed)
    copy!(w.random, random)
    push!(w.plans, (read_, add_program!(handle, read_)))
    return w
end

named_optimiser(name, numbers) = optimiser(String(name), Dict{String,Float64}(String(k) => v for (k, v) in numbers))

plan_source(plan::AbstractString) = startswith(lstrip(plan), '{') ? String(plan) : read(plan, String)

Base.show(io::IO, w::Workout) = print(io, "Workout(", length(layers(w)), " layers, ", sum(length, values(w.arrays); init=0), " parameters, ", w.session.steps, " steps)")

"""    add!(workout, plan; safe_mode=true): one more plan on the same parameters, e.g. the model alone, for `predict`. Gives its number."""
function add!(w::Workout, plan::AbstractString; safe_mode::Bool=true)
    read_ = read_plan(plan_source(plan))
    safe_mode || (w.handle.code = true)
    for p in read_.parameters
        haskey(w.arrays, p.path) && julia_size(p.shape) == size(w.arrays[p.path]) || throw(PlanError("the first plan has no parameter $(p.path) of shape $(p.shape)"))
    end
    push!(w.plans, (read_, add_program!(w.handle, read_)))
    return length(w.plans)
end

"""
    fit!(workout, arrays...; epochs=1, batch=32, shuffle=true, lr=nothing)

Train on whole arrays; gives the mean loss of each epoch. `lr` is the optimiser's rate unless it is given; a workout of Python whose
rate follows a schedule needs it.
"""
function fit!(w::Workout, arrays::AbstractArray...; epochs::Integer=1, batch::Integer=32, shuffle::Bool=true, lr::Union{Nothing,Real}=nothing)
    lr === nothing && scheduled(w) && throw(PlanError("the learning rate of this workout follows a schedule, which is Python's: give fit! the rate, lr=..."))
    w.loss === nothing && length(w.plans) > 1 && w.plans[1] === w.plans[2] && throw(PlanError("this workout can predict and not train: its file holds no training plan"))
    (plan, number), arrays = w.loss === nothing ? (w.plans[1], arrays) : stock_plan(w, arrays)
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

"""Arrays as the plan wants them: floats of its type, whole numbers from 0 as they are. Errors: PlanError for other sizes than the plan's."""
function converted(plan::Plan, arrays)
    length(arrays) == length(plan.inputs) || throw(PlanError("expected $(length(plan.inputs)) arrays, received $(length(arrays))"))
    return Any[converted(plan.T, i, a, k) for (k, (i, a)) in enumerate(zip(plan.inputs, arrays))]
end

function converted(::Type{T}, i::PlanInput, a::AbstractArray, k::Int) where {T}
    expected = reverse_shape(i.shape)
    length(expected) == ndims(a) && all(n === nothing || n == m for (n, m) in zip(expected, size(a))) ||
        throw(PlanError("array $k: expected size $(shown_size(expected)), received $(size(a)). Arrays have the batch last, and the sizes that the plan was made for"))
    return as(startswith(i.dtype, "float") ? T : Int64, a isa Array ? a : Array(a))
end

shown_size(size) = "($(join((something(n, "batch") for n in size), ", ")))"

"""    predict(workout, arrays...; plan=2): outputs of a plan that was added; one array when there is one."""
function predict(w::Workout, arrays::AbstractArray...; plan::Integer=2)
    plan <= length(w.plans) || throw(PlanError("there is no plan $plan: add!(workout, plan) first"))
    read_, number = w.plans[plan]
    return run_plan(w.handle, read_, number, arrays)
end

function run_plan(m::ModuleHandle, plan::Plan, number::Int, arrays)
    found = outputs(run!(m, number, converted(plan, arrays)))
    return length(found) == 1 ? found[1] : found
end

"""The plan that says what there is."""
main_plan(w::Workout) = w.plans[1][1]

"""    layers(workout): path => kind of every layer with parameters, in order."""
layers(w::Workout) = layers(main_plan(w))
layers(plan::Plan) = unique(s.path => s.op for s in plan.steps if !isempty(s.params))

"""    inputs(workout): size and type of each input; `nothing` is the batch."""
inputs(w::Workout) = inputs(main_plan(w))
inputs(plan::Plan) = [(reverse_shape(i.shape), i.dtype) for i in plan.inputs]

"""    weights(workout): path => array, the parameters themselves; weights(workout, path): those of a layer, or one."""
weights(w::Workout) = copy(w.arrays)
weights(w::Workout, path::AbstractString) = weights_at(w.arrays, path)
weights_at(arrays, path) = haskey(arrays, path) ? arrays[path] : Dict(k => v for (k, v) in arrays if startswith(k, path * "."))

"""    weights!(workout, values): set parameters from path => array. Errors: PlanError for a name or size that is not there."""
weights!(w::Workout, values_) = (set_weights!(w.arrays, values_); w)

function set_weights!(arrays, values_)
    for (path, value) in values_
        haskey(arrays, path) || throw(PlanError("there is no parameter $path; there are $(join(sort!(collect(keys(arrays))), ", "))"))
        size(arrays[path]) == size(value) || throw(PlanError("$path has size $(size(arrays[path])), received $(size(value))"))
    end
    foreach(((path, value),) -> copyto!(arrays[path], value), pairs(values_))
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
