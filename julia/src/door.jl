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

"""The sessions of a request, its turns, each a plan and positions among these sessions, and whether they train."""
function lesson_of(d)
    sessions = Session[get(() -> throw(PlanError("there is no session $number")), OPEN, number)::Session for number in list(d, "sessions")]
    isempty(sessions) && throw(PlanError("training without a session"))
    m = sessions[1].owner
    all(s -> s.owner === m, sessions) || throw(PlanError("sessions of several modules"))
    turns = Turn[Turn(program(m, turn[1]::Int), sessions[positions(turn[2])]) for turn in list(d, "turns")]
    return Lesson(sessions, turns, d["train"]::Bool, d["finite"]::Bool)
end

function call_epoch(d)
    l, samples = lesson_of(d), whole(d, "samples")
    order = d["order"] === nothing ? nothing : foreign(d["order"]::Int, Any[samples], "int64")::Vector{Int64}
    data = Epoch(foreign(list(d, "arrays")), samples, order, whole(d, "batch"))
    watch = Watch(whole(d, "every"), hook_at(d["hook"]), poll_at(d["poll"]), address(d["interrupt"]))
    r = run_epoch!(l, data, watch, rates_of(d, l, data))
    failed = r.failed == 0 ? nothing : shown(l.sessions[1].failed)
    return Dict{String,Any}("values" => shown(r.values), "samples" => shown(r.samples), "failed" => failed, "turn" => number(r.turn), "stopped" => r.stopped)
end

"""The learning rates of an epoch, where they change."""
function rates_of(d, l::Lesson, data::Epoch)
    at = get(d, "rates", nothing)
    return at === nothing ? nothing : foreign(at::Int, Any[cld(data.samples, data.batch), length(l.sessions)], "float64")::Matrix{Float64}
end

"""One batch of a stream. `begins`: the first of its epoch; `rates`: a learning rate for each session. `failed`: the turn that did, or -1."""
function call_step(d)
    l = lesson_of(d)
    d["begins"]::Bool && begin!(l)
    rates!(l, d["rates"] === nothing ? nothing : Float64[Float64(r::Union{Int,Float64}) for r in list(d, "rates"), _ in 1:1], 1)
    numbers = zeros(width(l))
    try
        turn = one_step!(l, foreign(list(d, "arrays")), whole(d, "samples"), numbers, true)
        return Dict{String,Any}("values" => numbers, "failed" => number(turn))
    finally
        at_rest!(l.sessions[1].owner.mode)
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
    "add_plan" => d -> add_program!(module_of(d), read_plan(text(d, "plan"))),
    "drop_plan" => d -> drop_program!(module_of(d), whole(d, "plan")),
    "run" => call_run,
    "reset" => d -> (empty!(module_of(d).carry); nothing),
    "open_session" => call_open_session,
    "epoch" => call_epoch,
    "step" => call_step,
    "finish" => d -> foreach(n -> apply_gathered!(OPEN[n::Int]::Session), list(d, "sessions")),
    "gradient" => call_gradient,
    "state" => d -> shown(session_state(session_of(d))),
    "load" => call_load,
    "python_steps" => d -> (PYTHON[] = Ptr{Cvoid}(UInt(whole(d, "address"))); nothing),
    "close" => d -> (delete!(OPEN, whole(d, "number")); nothing),
    "supports" => d -> supported(),
    "versions" => d -> versions(),
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
