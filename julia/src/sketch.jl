# Plans written down by hand, for rehearsals and tests: `input!` and `step!` give numbers of values, `plan_text` the JSON.

"""A plan in the making. Numbers count from 0, as in the file; shapes are Python's."""
mutable struct Sketch
    inputs::Vector{Any}
    constants::Vector{Any}
    steps::Vector{Any}
    parameters::Dict{String,Any}
    count::Int
    dtype::String
end

Sketch(dtype="float32") = Sketch([], [], [], Dict(), 0, dtype)
next!(s::Sketch) = (s.count += 1) - 1

"""A Python number, or nested vectors, as an input of a step."""
struct Literal
    value::Any
end

function input!(s::Sketch, shape, dtype=s.dtype)
    id = next!(s)
    push!(s.inputs, Dict("id" => id, "shape" => shape, "dtype" => dtype, "below" => nothing))
    return id
end

"""A step of kind `op`; `rank` axes in its result (or its `shape`, which only what makes one step of several looks at), `parameters` by name => shape."""
function step!(s::Sketch, op, xs...; rank=2, shape=fill(1, rank), attrs=Dict(), parameters=(), activation="identity", path="$op$(length(s.steps))")
    ids = [x isa Literal ? constant!(s, x.value) : x for x in xs]
    for (name, shape) in parameters
        role = op == "batch_norm" && name in ("mean", "variance") ? "state" : "weight"
        s.parameters["$path.$name"] = Dict("shape" => shape, "role" => role, "fans" => [1, 1], "init" => Dict("class" => "Gaussian", "args" => Dict("std" => 0.1)))
    end
    id = next!(s)
    push!(s.steps, Dict("op" => op, "path" => path, "inputs" => ids, "outputs" => [id], "shapes" => [shape], "attrs" => attrs,
        "params" => Dict(name => "$path.$name" for (name, _) in parameters), "activation" => activation))
    return id
end

function constant!(s::Sketch, value)
    id = next!(s)
    push!(s.constants, Dict("id" => id, "value" => value))
    return id
end

plan_text(s::Sketch, outputs...) = json(Dict("format" => 1, "dtype" => s.dtype, "single" => length(outputs) == 1, "inputs" => s.inputs,
    "constants" => s.constants, "steps" => s.steps, "outputs" => collect(outputs), "params" => s.parameters))

"""
A scan in a plan: `build(body, xs..., hs...)` gives the body's outputs from the inputs of a step and the states of these widths; `sequences` are numbers
and widths of the inputs with steps, `held` numbers and shapes of those that are the same at every step.
"""
function scan!(build, s::Sketch, steps::Int, sequences, held, states; carried=true, backwards=false, path="scan")
    b = Sketch(s.dtype)
    inside = Any[[input!(b, [nothing, width]) for (_, width) in sequences]; [input!(b, shape) for (_, shape) in held]; [input!(b, [nothing, width]) for width in states]]
    outputs = build(b, inside...)
    starts = [step!(s, "parameter"; rank=1, attrs=Dict("name" => "h$i"), parameters=("h$i" => [width],), path) for (i, width) in enumerate(states)]
    merge!(s.parameters, b.parameters)
    body = parse_json(plan_text(b, outputs...))
    body["params"] = Dict{String,Any}()
    id = next!(s)
    attrs = Dict("steps" => steps, "sequences" => length(sequences), "held" => length(held), "carried" => carried, "backwards" => backwards)
    push!(s.steps, Dict("op" => "scan", "path" => path, "inputs" => Any[[x for (x, _) in sequences]; [x for (x, _) in held]; starts], "outputs" => [id], "shapes" => [fill(1, 3)],
        "attrs" => attrs, "params" => Dict(p => p for p in keys(b.parameters)), "activation" => "identity", "body" => body))
    return id
end

"""A gradient in a plan: of `build(body, x)`, one number, at the value `x` of this shape."""
function gradient!(s::Sketch, build, x::Int, shape; path="gradient")
    b = Sketch(s.dtype)
    inside = input!(b, shape)
    body = parse_json(plan_text(b, build(b, inside)))
    body["params"] = Dict{String,Any}()
    merge!(s.parameters, b.parameters)
    id = next!(s)
    push!(s.steps, Dict("op" => "gradient", "path" => path, "inputs" => [x], "outputs" => [id], "shapes" => [shape], "attrs" => Dict(),
        "params" => Dict(p => p for p in keys(b.parameters)), "activation" => "identity", "body" => body))
    return id
end

"""The specification of arrays for the bridge."""
described(a::Array; more...) = Dict{String,Any}("ptr" => Int(UInt(pointer(a))), "shape" => python_shape(size(a)), "dtype" => dtype_name(eltype(a)), (String(k) => v for (k, v) in more)...)

"""Parameters of a plan filled by `draw(size)`, and the request that opens a module on them."""
function module_spec(plan::Plan, draw; seed=1)
    arrays = Dict{String,Any}(p.path => plan.T.(draw(julia_size(p.shape))) for p in plan.parameters)
    specs = [described(arrays[p.path]; path=p.path, role=p.role) for p in plan.parameters]
    return arrays, Dict{String,Any}("call" => "open_module", "parameters" => specs, "seed" => seed)
end
