# Stock losses by name, without Python: plans of predictions and targets that Python has written (losses.json), joined to the plan of a
# model. So no formula stands here.

const LOSSES_FILE = joinpath(@__DIR__, "losses.json")
include_dependency(LOSSES_FILE)
const LOSSES = parse_json(read(LOSSES_FILE, String))::Dict{String,Any}

"""The plans of a loss, "values" and "labels", as data. Errors: PlanError for another name."""
function loss_plans(name::AbstractString)
    haskey(LOSSES, name) || throw(PlanError("loss $name is not known; there are $(join(sort!(collect(keys(LOSSES))), ", "))"))
    found = LOSSES[name]
    return found isa String ? LOSSES[found]::Dict{String,Any} : found::Dict{String,Any}
end

"""The shape of a plan's value, as Python has it."""
function shape_of(plan::Plan, id::Int)
    for s in plan.steps
        s.output == id && return s.shape
    end
    for i in plan.inputs
        i.id == id && return i.shape
    end
    throw(PlanError("a model whose output is a constant cannot be trained"))
end

features(shape) = any(isnothing, shape[2:end]) ? nothing : prod(n::Int for n in shape[2:end]; init=1)

"""
    loss_plan(name, model, added, target) -> (plan, the target as that plan wants it)

The training plan of a loss for targets like `target`, which has the samples last. `added`: the plan whose last output is what layers add
to the loss, or nothing. Errors: PlanError.
"""
function loss_plan(name::AbstractString, model::Plan, added::Union{Nothing,Plan}, target::AbstractArray)
    length(model.outputs) == 1 || throw(PlanError("loss $name takes one prediction, this model gives $(length(model.outputs)): a loss of several is Python's; save the workout there"))
    plans, width = loss_plans(name), features(shape_of(model, model.outputs[1]))
    samples = size(target, ndims(target))
    labels = haskey(plans, "labels") && width != 1 && length(target) == samples
    haskey(plans, labels ? "labels" : "values") || throw(PlanError("loss $name takes class numbers, counted from 0, one for each sample; received a target of size $(size(target))"))
    labels || width === nothing || length(target) == width * samples || throw(PlanError("loss $name: expected targets like the predictions, ($width, $samples), received size $(size(target))"))
    loss = plan_of(sized_data(plans[labels ? "labels" : "values"], width, dtype_name(model.T)))
    return joined(something(added, model), loss, added !== nothing), labels ? vec(target) : reshape(target, :, samples)
end

"""A loss's plan as data with the features of a prediction, and floats of this type."""
sized_data(data::Dict, width, dtype) = Dict{String,Any}(key => key in ("shape", "shapes") ? sized_shapes(value, width) : key == "classes" ? width : sized_data(value, width, dtype) for (key, value) in data)
sized_data(data::Vector, width, dtype) = Any[sized_data(value, width, dtype) for value in data]
sized_data(data::String, width, dtype) = data == "float32" ? dtype : data
sized_data(data, width, dtype) = data

sized_shapes(shapes::Vector, width) = Any[value isa Vector ? sized_shapes(value, width) : (k == 2 && value === nothing) ? width : value for (k, value) in enumerate(shapes)]

"""A plan of outputs (with `more`, the last one is added to the loss) and the plan of a loss of the first, as one; its inputs are the model's and the target."""
function joined(model::Plan, loss::Plan, more::Bool)
    steps, prediction, count = copy(model.steps), model.outputs[1], model.count
    if length(shape_of(model, prediction)) != 2
        count += 1
        push!(steps, PlanStep("flatten", "loss", [prediction], count, Any[nothing, features(shape_of(model, prediction))], Dict(), Dict("start" => 1), "identity", nothing))
        prediction = count
    end
    numbers = Dict(i => count + i for i in 1:loss.count)
    numbers[loss.inputs[1].id] = prediction
    append!(steps, PlanStep(s.op, "loss", [numbers[i] for i in s.inputs], numbers[s.output], s.shape, s.params, s.attrs, s.activation, nothing) for s in loss.steps)
    total = numbers[loss.outputs[1]]
    count += loss.count
    if more
        count += 1
        push!(steps, PlanStep("add", "loss", [total, model.outputs[end]], count, Any[], Dict(), Dict(), "identity", nothing))
        total = count
    end
    target = loss.inputs[2]
    constants = [model.constants; [numbers[id] => value for (id, value) in loss.constants]]
    return Plan(model.T, [model.inputs; PlanInput(numbers[target.id], target.shape, target.dtype)], constants, steps, [total], model.parameters, count)
end
