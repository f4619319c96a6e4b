# The one door between Python and Julia: a C function that takes a request and gives an answer, both JSON texts. Arrays are
# described by {"ptr", "shape", "dtype"} with Python's shape and used where they lie. Nothing is converted or compiled at the
# border, and no error crosses it: what goes wrong is part of the answer.

"""    answer(request) -> {"value": ...}, or {"error": ...} with everything that is known of the error"""
function answer(request::String)
    before = splice!(SHOWN, eachindex(SHOWN))
    try
        d = parse_json(request)::Dict{String,Any}
        return GC.@preserve before json(Dict{String,Any}("value" => CALLS[text(d, "call")](d)))
    catch
        return json(Dict{String,Any}("error" => failure(current_exceptions())))
    end
end

"""The text of the last answer: C sees its bytes until the next one."""
const ANSWER = Ref("")

function enter(request::Ptr{UInt8})
    ANSWER[] = answer(unsafe_string(request))
    return pointer(ANSWER[])
end

"""    door() -> address of the C function `const char *enter(const char *request)`"""
door() = UInt(@cfunction(enter, Ptr{UInt8}, (Ptr{UInt8},)))

# ---- what Python holds, and what it is shown -------------------------------------------------------------------------

"""Modules and sessions that Python holds, by numbers that are not used twice."""
const OPEN = Dict{Int,Any}()
const COUNT = Ref(0)

keep!(x) = (OPEN[COUNT[] += 1] = x; COUNT[])
held(d, name) = get(() -> throw(PlanError("there is no $name $(d[name])")), OPEN, whole(d, name))
module_of(d) = held(d, "module")::ModuleHandle
session_of(d) = held(d, "session")::Session

"""Arrays of the last answer: they stay until the next request, and Python copies them before."""
const SHOWN = Any[]

"""Pointer, shape and dtype of an array, for Python to read; of each array in a list or a Dict."""
function shown(a::Array{T}) where {T}
    push!(SHOWN, a)
    return Dict{String,Any}("ptr" => Int(UInt(pointer(a))), "shape" => python_shape(size(a)), "dtype" => dtype_name(T))
end
shown(x::Number) = shown(fill(x))
shown(::Nothing) = nothing
shown(found::Dict{String,Any}) = Dict{String,Any}(name => dynamic(shown)(a) for (name, a) in found)
shown(found::Vector{Any}) = Any[dynamic(shown)(a) for a in found]

# ---- the calls -------------------------------------------------------------------------------------------------------

function call_open_module(d)
    weights = Dict{String,Any}()
    for p in list(d, "parameters")
        weights[text(p, "path")] = dynamic(Weight)(text(p, "path"), text(p, "role"), foreign(p::Dict{String,Any}))
    end
    return keep!(ModuleHandle(weights, whole(d, "seed")))
end

function call_run(d)
    p = run!(module_of(d), whole(d, "plan"), foreign(list(d, "arrays")), d["training"]::Bool, get(d, "carried", false)::Bool)
    return shown(Any[p.registers[number] for number in p.plan.outputs])
end

function call_open_session(d)
    rule = read_optimiser(dict(d, "optimiser"))
    s = Session(module_of(d), rule, String[path::String for path in list(d, "frozen")])
    for (path, number) in get(() -> Dict{String,Any}(), d, "limits")::Dict{String,Any}
        s.limits[path] = program(s.owner, number::Int)
    end
    return keep!(s)
end

function call_epoch(d)
    s, samples = session_of(d), whole(d, "samples")
    order = d["order"] === nothing ? nothing : foreign(d["order"]::Int, Any[samples], "int64")::Vector{Int64}
    data = Epoch(foreign(list(d, "arrays")), samples, order, whole(d, "batch"))
    watch = Watch(whole(d, "every"), hook_at(d["hook"]), poll_at(d["poll"]), address(d["interrupt"]))
    r = dynamic(run_epoch!)(s, program(s.owner, whole(d, "plan")), data, d["train"]::Bool, d["finite"]::Bool, watch, rates_of(d, data))::EpochReport
    failed = r.failed == 0 ? nothing : shown(s.failed)
    return Dict{String,Any}("values" => shown(r.values), "samples" => shown(r.samples), "failed" => failed, "stopped" => r.stopped)
end

"""The learning rates of an epoch, where they change."""
rates_of(d, data::Epoch) = get(d, "rates", nothing) === nothing ? nothing : foreign(d["rates"]::Int, Any[cld(data.samples, data.batch)], "float64")::Vector{Float64}

"""One batch of a stream. `begins`: the first of its epoch."""
function call_step(d)
    s = session_of(d)
    if d["begins"]::Bool
        empty!(s.gathered)
        empty!(s.carry)
    end
    s.rate = d["rate"] === nothing ? s.rule.lr : Float64(d["rate"]::Union{Int,Float64})
    p = program(s.owner, whole(d, "plan"))
    numbers = zeros(length(p.plan.outputs))
    activate!(s)
    s.owner.mode.carry = s.carry
    try
        done = one_step!(s, p, foreign(list(d, "arrays")), whole(d, "samples"), d["train"]::Bool, d["finite"]::Bool, numbers)
        return Dict{String,Any}("values" => numbers, "failed" => !done)
    finally
        s.owner.mode.training, s.owner.mode.carry = false, nothing
    end
end

function call_gradient(d)
    s = session_of(d)
    numbers, by_path, by_input = gradients!(s, program(s.owner, whole(d, "plan")), foreign(list(d, "arrays")))
    return Dict{String,Any}("values" => numbers, "by_path" => shown(by_path), "by_input" => shown(by_input))
end

call_load(d) = load_session!(session_of(d), Dict{String,Any}(text(a, "name") => foreign(a::Dict{String,Any}) for a in list(d, "arrays")))

"""request's "call" => function of the request, whose result can be written as JSON"""
const CALLS = Dict{String,Any}(
    "open_module" => call_open_module,
    "add_plan" => d -> allowing_code(() -> add_program!(module_of(d), read_plan(text(d, "plan"))), true),
    "drop_plan" => d -> drop_program!(module_of(d), whole(d, "plan")),
    "run" => call_run,
    "reset" => d -> (empty!(module_of(d).carry); nothing),
    "open_session" => call_open_session,
    "epoch" => call_epoch,
    "step" => call_step,
    "finish" => d -> apply_gathered!(session_of(d)),
    "gradient" => call_gradient,
    "state" => d -> shown(session_state(session_of(d))),
    "load" => call_load,
    "close" => d -> (delete!(OPEN, whole(d, "number")); nothing),
    "supports" => d -> supported(),
    "versions" => d -> versions(),
    "callable" => d -> keep!(Base.invokelatest(callable, text(d, "text"))),
    "documentation" => d -> documentation(text(d, "op")),
)

# ---- functions of C that are called back -----------------------------------------------------------------------------

address(at) = at === nothing ? Ptr{UInt8}(0) : Ptr{UInt8}(UInt(at::Int))

"""`int hook(int64_t steps, const double *values, int64_t count)`: not 0 ends the epoch."""
hook_at(::Nothing) = nothing
hook_at(at::Int) = (steps, values) -> GC.@preserve values ccall(Ptr{Cvoid}(UInt(at)), Cint, (Int64, Ptr{Float64}, Int64), steps, values, length(values)) != 0

"""`int poll(void)`: not 0 ends the epoch. The other side knows why."""
poll_at(::Nothing) = nothing
poll_at(at::Int) = () -> ccall(Ptr{Cvoid}(UInt(at)), Cint, ()) != 0
