# What the Python side calls. Everything that crosses is a JSON text, a number or an opaque handle; arrays are described by
# {"ptr", "shape", "dtype"} with Python's shape, and are read (parameters: changed) where they lie.

"""    open_module(spec) -> ModuleHandle

`spec` is {"parameters": [{"path", "role", "ptr", "shape", "dtype"}], "seed": n}. Parameters are used in place; the caller keeps them alive.
"""
function open_module(spec::String)
    data = parse_json(spec)::Dict{String,Any}
    weights = Dict{String,Any}()
    for p in list(data, "parameters")
        weights[text(p, "path")] = dynamic(Weight)(text(p, "path"), text(p, "role"), foreign(p::Dict{String,Any}))
    end
    return ModuleHandle(weights, whole(data, "seed"))
end

"""    add_plan(m, json) -> number of the plan. Errors: UnsupportedStep, PlanError."""
add_plan(m::ModuleHandle, source::String) = add_program!(m, read_plan(source))

"""    drop_plan(m, number): forget a plan and its memory."""
drop_plan(m::ModuleHandle, number::Integer) = (m.programs[number] = nothing; nothing)

"""    run(m, plan, arrays, training) -> Vector{Any} of outputs: dense arrays of their own; scalars have no dimensions."""
function run(m::ModuleHandle, plan::Integer, arrays::String, training::Bool=false)
    p = program(m, plan)
    m.mode.training = training
    try
        forward!(p, m.mode, foreign(parse_json(arrays)::Vector{Any}))
    finally
        m.mode.training = false
    end
    return outputs(p)
end

"""    open_session(m, optimiser, frozen) -> Session

`optimiser` is {"kind": "adam", "lr": ...}, `frozen` a list of paths.
"""
open_session(m::ModuleHandle, optimiser::String, frozen::String="[]") = Session(m, read_optimiser(optimiser), String[p::String for p in parse_json(frozen)::Vector{Any}])

"""    epoch(s, spec, hook, poll) -> (values, samples, failed step or 0, stopped)

`spec` is {"plan", "arrays", "samples", "order": pointer to 0-based Int64 or null, "batch", "train", "every", "interrupt": pointer to a byte or null, "finite"}.
values are (outputs, steps); `hook(steps, values)` and `poll()` may be `nothing`.
"""
function epoch(s::Session, spec::String, @nospecialize(hook=nothing), @nospecialize(poll=nothing))
    d = parse_json(spec)::Dict{String,Any}
    samples, order, flag = whole(d, "samples"), d["order"], d["interrupt"]
    rows = order === nothing ? nothing : foreign(order::Int, [samples], "int64")::Vector{Int64}
    watch = Watch(whole(d, "every"), hook, poll, flag === nothing ? Ptr{UInt8}(0) : Ptr{UInt8}(UInt(flag::Int)))
    data = Epoch(foreign(list(d, "arrays")), samples, rows, whole(d, "batch"))
    r = dynamic(run_epoch!)(s, program(s.owner, whole(d, "plan")), data, d["train"]::Bool, d["finite"]::Bool, watch)::EpochReport
    return (r.values, r.samples, r.failed, r.stopped)
end

"""    failed_arrays(s) -> the batch whose loss was not finite"""
failed_arrays(s::Session) = s.failed

"""    step(s, plan, arrays, train, finite) -> (values, failed): one batch, for streams."""
function step(s::Session, plan::Integer, arrays::String, train::Bool, finite::Bool)
    p = program(s.owner, plan)
    activate!(s)
    numbers = zeros(length(p.plan.outputs))
    try
        return (numbers, !one_step!(s, p, foreign(parse_json(arrays)::Vector{Any}), train, finite, numbers))
    finally
        s.owner.mode.training = false
    end
end

"""    gradient(s, plan, arrays) -> (values, Dict path => array, array or nothing by input). Nothing changes."""
gradient(s::Session, plan::Integer, arrays::String) = gradients!(s, program(s.owner, plan), foreign(parse_json(arrays)::Vector{Any}))

"""    state(s) -> Dict name => array: "step", "random", "path/slot". They are the session's own: copy what is to be kept."""
state(s::Session) = session_state(s)

"""    load_state!(s, spec): go on from [{"name", "ptr", "shape", "dtype"}], which are copied."""
load_state!(s::Session, spec::String) = load_session!(s, Dict{String,Any}(text(a, "name") => foreign(a::Dict{String,Any}) for a in parse_json(spec)::Vector{Any}))

"""    supports() -> JSON list of the step kinds that can be run now"""
supports() = json(supported())
