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
    rank::Int
    params::Dict{String,String}
    attrs::Dict{String,Any}
    activation::String
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

"""    read_plan(json) -> Plan"""
function read_plan(text::AbstractString)
    data = parse_json(text)
    data isa AbstractDict && get(data, "format", nothing) == 1 || throw(PlanError("expected a plan of format 1"))
    T = element_type(data["dtype"])
    T <: Union{Float32,Float64} || throw(PlanError("a plan's floats are float32 or float64, received $(data["dtype"])"))
    inputs = [PlanInput(position(i["id"]), i["shape"], i["dtype"]) for i in data["inputs"]]
    constants = Pair{Int,Any}[position(c["id"]) => constant(T, c["value"]) for c in data["constants"]]
    steps = [read_step(s) for s in data["steps"]]
    outputs = position.(data["outputs"])
    parameters = [PlanParameter(k, p["shape"], p["role"], p["fans"], p["init"]) for (k, p) in data["params"]]
    sort!(parameters; by=p -> p.path)
    numbers = [[i.id for i in inputs]; first.(constants); [s.output for s in steps]; outputs]
    return Plan(T, inputs, constants, steps, outputs, parameters, maximum(numbers; init=0))
end

constant(::Type{T}, value) where {T} = value isa AbstractVector ? nested_array(T, value) : value

function read_step(s)
    length(s["outputs"]) == 1 || throw(UnsupportedStep(s["op"], s["path"]))
    return PlanStep(
        s["op"], s["path"], position.(s["inputs"]), position(only(s["outputs"])), length(only(s["shapes"])),
        Dict{String,String}(s["params"]), Dict{String,Any}(s["attrs"]), s["activation"],
    )
end
