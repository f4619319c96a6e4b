# Plan: what the Python side writes, read from JSON. Numbers of values count from 0 there and from 1 here.

struct PlanInput
    id::Int
    shape::Vector{Any}
    dtype::String
end

struct PlanStep
    op::String
    path::String
    inputs::Vector{Int}
    output::Int
    shape::Vector{Any}
    params::Dict{String,String}
    attrs::Dict{String,Any}
    activation::String
    body::Any
end

struct PlanParameter
    path::String
    shape::Vector{Int}
    role::String
    fans::Vector{Int}
    init::Dict{String,Any}
end

"""A computation: inputs, constants, steps, outputs and parameters; the type of its floats."""
struct Plan
    T::DataType
    inputs::Vector{PlanInput}
    constants::Vector{Pair{Int,Any}}
    steps::Vector{PlanStep}
    outputs::Vector{Int}
    parameters::Vector{PlanParameter}
    count::Int
end

# What JSON gives has no known type; saying it here keeps the compiled code valid whatever other packages are loaded.
list(d, key) = d[key]::Vector{Any}
dict(d, key) = d[key]::Dict{String,Any}
text(d, key) = d[key]::String
whole(d, key) = d[key]::Int
wholes(values_) = Int[v::Int for v in values_::Vector{Any}]
positions(values_) = Int[position(v::Int) for v in values_::Vector{Any}]

"""    read_plan(json) -> Plan"""
read_plan(source::AbstractString) = plan_of(parse_json(source))

function plan_of(data)
    data isa Dict{String,Any} && get(data, "format", nothing) === 1 || throw(PlanError("expected a plan of format 1"))
    T = element_type(text(data, "dtype"))
    T <: Union{Float32,Float64} || throw(PlanError("a plan's floats are float32 or float64, received $(text(data, "dtype"))"))
    inputs, constants, steps, parameters = PlanInput[], Pair{Int,Any}[], PlanStep[], PlanParameter[]
    for i in list(data, "inputs")
        push!(inputs, PlanInput(position(whole(i, "id")), list(i, "shape"), text(i, "dtype")))
    end
    for c in list(data, "constants")
        push!(constants, Pair{Int,Any}(position(whole(c, "id")), constant(T, c["value"])))
    end
    for s in list(data, "steps")
        push!(steps, read_step(s::Dict{String,Any}))
    end
    described_ = dict(data, "params")
    for path in sort!(collect(String, keys(described_)))
        p = dict(described_, path)
        push!(parameters, PlanParameter(path, wholes(p["shape"]), text(p, "role"), wholes(p["fans"]), dict(p, "init")))
    end
    outputs, count = positions(data["outputs"]), 0
    foreach(i -> count = max(count, i.id), inputs)
    foreach(c -> count = max(count, c.first), constants)
    foreach(s -> count = max(count, s.output), steps)
    return Plan(T, inputs, constants, steps, outputs, parameters, count)
end

constant(::Type{T}, value) where {T} = value isa AbstractVector ? nested_array(T, value) : value

function read_step(s::Dict{String,Any})
    outputs, shapes, params = list(s, "outputs"), list(s, "shapes"), Dict{String,String}()
    length(outputs) == 1 || throw(UnsupportedStep(text(s, "op"), text(s, "path")))
    for (name, path) in dict(s, "params")
        params[name] = path::String
    end
    return PlanStep(text(s, "op"), text(s, "path"), positions(s["inputs"]), position(outputs[1]::Int), shapes[1]::Vector{Any}, params, dict(s, "attrs"), text(s, "activation"), haskey(s, "body") ? plan_of(dict(s, "body")) : nothing)
end
