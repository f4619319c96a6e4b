# Models that Python has saved, without Python: the file's plan says what they compute, and training changes the parameters in place, as in
# Python: what a workout learns, its model knows.

"""A model that `load_model` gave. `m(x)` runs it; `Workout(m; loss="mse")` trains it."""
struct Model
    handle::ModuleHandle
    arrays::Dict{String,Any}
    about::Dict{String,Any}
    plan::Plan
    number::Int
end

const KINDS_WITH_MODELS = ("model", "keras", "workout")

"""
    load_model(path; safe_mode=true) -> Model

The model in a file of Python's `save`, `save_workout`, or a Keras-style model's `save`, with its parameters. Arrays have the batch last.
Nothing in the file is executed, unless `safe_mode=false` lets the Julia code of its layers run. Errors: PlanError, which names the file.
"""
load_model(path::AbstractString; safe_mode::Bool=true) = naming(path, "model") do
    text_, stored = read_safetensors(path)
    about = parse_json(text_)::Dict{String,Any}
    kind = check_format(about, KINDS_WITH_MODELS)
    haskey(about, "plans") || throw(PlanError("it holds no plans, because an older PyPhoton wrote it: load it in Python and save it again"))
    return kind == "workout" ? Model(model_in(about), grouped(stored, "parameters/"), safe_mode) : Model(about, stored, safe_mode)
end

"""A model of what its file says, and its arrays."""
function Model(about::Dict{String,Any}, arrays::Dict{String,Any}, safe_mode::Bool)
    plan = plan_in(about, "forward")
    plan === nothing && throw(PlanError("its plans call Python functions: only Python can open it"))
    check_parameters(plan, arrays)
    roles = Dict(p.path => p.role for p in plan.parameters)
    handle = ModuleHandle(Dict{String,Any}(path => Weight(path, get(roles, path, "weight"), a) for (path, a) in arrays), get(about, "seed", 0)::Int; code=!safe_mode)
    return Model(handle, arrays, about, plan, add_program!(handle, plan))
end

"""What a model's file says, of what a workout's file says."""
function model_in(about::Dict{String,Any})
    found = Dict{String,Any}(key => about[key] for key in ("model", "dtype", "frozen", "plans", "seed") if haskey(about, key))
    found["format"] = "pyphoton-model-1"
    met = get(() -> Dict{String,Any}(), about, "met")::Dict{String,Any}
    return merge!(found, Dict{String,Any}(name => met[key] for (name, key) in ("input_shapes" => "shapes", "input_tuple" => "as_tuple", "input_whole" => "whole") if haskey(met, key)))
end

function Base.show(io::IO, m::Model)
    sizes = join((shown_size(reverse_shape(i.shape)) for i in m.plan.inputs), ", ")
    print(io, "Model(", length(layers(m)), " layers, ", sum(length, values(m.arrays); init=0), " parameters; inputs ", sizes, ")")
end

"""    (m::Model)(arrays...): its output for a batch, deterministic as in Python; several outputs in a vector. Errors: PlanError for another size."""
(m::Model)(arrays::AbstractArray...) = run_plan(m.handle, m.plan, m.number, arrays)

main_plan(m::Model) = m.plan
layers(m::Model) = layers(m.plan)
inputs(m::Model) = inputs(m.plan)
weights(m::Model) = copy(m.arrays)
weights(m::Model, path::AbstractString) = weights_at(m.arrays, path)
weights!(m::Model, values_) = (set_weights!(m.arrays, values_); m)

"""
    Workout(model; loss=nothing, optimiser="adam", seed=0, frozen=..., numbers...)

Training of a model that `load_model` gave. `loss` is a name, e.g. "mse" or "crossentropy"; by default the loss of the workout that was saved,
without which it has to be given. Class numbers count from 0. `frozen` are the paths of parameters that stay as they are, by default those
that were frozen when it was saved. `numbers` are the optimiser's, e.g. `lr=0.01`. Errors: PlanError.
"""
function Workout(m::Model; loss::Union{Nothing,AbstractString}=nothing, optimiser::AbstractString="adam", seed::Integer=0, frozen=frozen_in(m.about), numbers...)
    training = loss === nothing ? plan_in(m.about, "training") : nothing
    loss === nothing && training === nothing && throw(PlanError("the file holds no loss that Julia can compute: give one by name, loss=\"mse\""))
    loss === nothing ? check_parameters(training, m.arrays) : loss_plans(loss)
    missing_ = filter(path -> !haskey(m.arrays, path), frozen)
    isempty(missing_) || throw(PlanError("there is no parameter $(first(missing_)) to be frozen"))
    session = Session(m.handle, named_optimiser(optimiser, numbers), frozen)
    limit_session!(session, m.about, m.arrays)
    copy!(m.handle.mode.random, Xoshiro(seed))
    w = Workout(m.handle, session, m.arrays, seed; model=m, loss=loss === nothing ? nothing : String(loss))
    trained_ = training === nothing ? (m.plan, m.number) : (training, add_program!(m.handle, training))
    append!(w.plans, [trained_, (m.plan, m.number)])
    return w
end

frozen_in(about) = String[path::String for path in list(about, "frozen")]

"""The plan and the arrays of training on these arrays, the target last; one plan for each kind of target."""
function stock_plan(w::Workout, arrays)
    m = w.model::Model
    length(arrays) == length(m.plan.inputs) + 1 || throw(PlanError("expected $(length(m.plan.inputs)) inputs and a target, received $(length(arrays)) arrays"))
    plan, target = loss_plan(w.loss, m.plan, added_in(m), arrays[end])
    found = get!(() -> (plan, add_program!(w.handle, plan)), w.joined, plan.inputs[end].shape)
    return found, (arrays[1:end-1]..., target)
end

"""The plan whose last output is what layers add to the loss; nothing where they add nothing."""
function added_in(m::Model)
    haskey(dict(m.about, "plans"), "added") || return nothing
    found = plan_in(m.about, "added")
    found === nothing && throw(PlanError("its layers add to the loss what only Python can compute"))
    check_parameters(found, m.arrays)
    return found
end

"""
    save_model(model or workout, path) -> path

Write a model that came from a file with the numbers that it has now, so that Python loads it again. Errors: PlanError for one that came
from no file, or whose file does not describe it: only Python describes models.
"""
function save_model(m::Model, path::AbstractString)
    get(m.about, "model", get(m.about, "architecture", nothing)) === nothing && throw(PlanError("its file does not describe the model (architecture=False): save_workout keeps such a workout"))
    return write_safetensors(path, json(m.about), m.arrays)
end

function save_model(w::Workout, path::AbstractString)
    w.model === nothing && throw(PlanError("only a model that came from a file can be saved: it is described there"))
    return save_model(w.model::Model, path)
end
