# Parameters, the programs that use them, and the sessions that train them. One set of weights at a time is trained; each has a version,
# by which programs keep their routes.

"""Weights that are trained together: their version, and for each weight of the module whether it is one of them."""
struct Trained
    version::Int
    flags::Vector{Bool}
end

"""Parameters by path, lowered plans, and how they run. `code`: whether somebody has vouched for Julia code in its plans."""
mutable struct ModuleHandle
    const weights::Dict{String,Any}
    const programs::Vector{Any}
    const mode::Mode
    const carry::Dict{String,Vector{Any}}
    const all::Vector{Any}
    const together::Dict{Vector{Int},Trained}
    active::Int
    versions::Int
    code::Bool
end

ModuleHandle(weights, seed::Integer; code::Bool=false) =
    ModuleHandle(weights, [], Mode(seed), Dict{String,Vector{Any}}(), collect(Any, values(weights)), Dict{Vector{Int},Trained}(), 0, 0, code)

"""Those of a module's weights for which `wanted_(weight)` holds, but for the state."""
function Trained(m::ModuleHandle, wanted_)
    return Trained(m.versions += 1, Bool[w.role == "weight" && eltype(w.values) <: AbstractFloat && wanted_(w) for w in m.all])
end

"""Make these the weights that are trained."""
function activate!(m::ModuleHandle, t::Trained)
    m.active == t.version && return m
    foreach((w, flag) -> w.trained = flag, m.all, t.flags)
    m.active = t.version
    return m
end

"""Lower a plan; its number."""
function add_program!(m::ModuleHandle, plan::Plan)
    push!(m.programs, lowered(m, plan))
    return length(m.programs)
end

"""The program of a plan over the module's weights. Errors: PlanError for Julia code that nobody has vouched for."""
lowered(m::ModuleHandle, plan::Plan; whole::Bool=false) = allowing_code(() -> dynamic(lowered)(plan.T, plan, m.weights; whole), m.code)

function lowered(::Type{T}, plan::Plan, weights; whole::Bool=false) where {T}
    own = Dict{String,Weight{T}}()
    for s in plan.steps, path in values(s.params)  # those of a body are among them
        w = get(weights, path, nothing)
        w === nothing && continue
        w isa Weight{T} || throw(PlanError("parameter $path is $(eltype(w.values)), the plan is $T"))
        own[path] = w
    end
    return Program{T}(plan, own; whole)
end

function program(m::ModuleHandle, number::Integer)
    found = 1 <= number <= length(m.programs) ? m.programs[number] : nothing
    return found === nothing ? throw(PlanError("there is no plan $number")) : found
end

"""Forget a plan and its memory."""
drop_program!(m::ModuleHandle, number::Integer) = (m.programs[number] = nothing; nothing)

"""Run a plan; its outputs are in the program's registers until it runs again."""
function run!(m::ModuleHandle, number::Integer, arrays::Vector{Any}, training::Bool=false, carried::Bool=false)
    p = program(m, number)
    m.mode.training, m.mode.recording, m.mode.carry = training, false, carried ? m.carry : nothing
    try
        forward!(p, m.mode, arrays)
    finally
        at_rest!(m.mode)
    end
    return p
end

"""The outputs, as arrays of their own."""
function outputs(p::Program)
    return Any[dense(p.registers[number]) for number in p.plan.outputs]
end
dense(x::Number) = fill(x)
dense(x::Array) = copy(x)

"""
Training: an optimiser, its slots, what stays frozen, the gradients that wait for more minibatches, the learning rate now, and
constraints: programs without inputs, whose output a parameter becomes after an update. `carries` are states of scans, for each turn of a step.
"""
mutable struct Session
    const owner::ModuleHandle
    const rule::Optimiser
    const frozen::Set{String}
    const slots::Dict{String,Any}
    const gathered::Gathered
    const carries::Vector{Dict{String,Vector{Any}}}
    steps::Int
    rate::Float64
    failed::Vector{Any}
    const limits::Dict{String,Any}
    const trained::Trained
end

function Session(m::ModuleHandle, rule::Optimiser, frozen_)
    frozen = Set{String}(frozen_)
    return Session(m, rule, frozen, Dict{String,Any}(), Gathered(), [], 0, rule.lr, [], Dict{String,Any}(), Trained(m, w -> !(w.path in frozen)))
end

"""The optimiser's vectors for a weight, zero at first."""
function slots!(s::Session, rule, w::Weight{T}) where {T}
    found = get(s.slots, w.path, nothing)
    found === nothing || return found::Vector{Vector{T}}
    return s.slots[w.path] = Vector{T}[zeros(T, length(w.values)) for _ in slot_names(rule)]
end

"""One update of those of these weights whose gradient is there: of the last backward pass, or gathered. Constraints act after it."""
function apply!(s::Session, weights)
    s.steps += 1
    dynamic(apply_rule!)(s.rule, s, weights)
    foreach(path -> limit!(s, path), keys(s.limits))
    return nothing
end

"""A parameter as its constraint wants it."""
function limit!(s::Session, path::String)
    p = s.limits[path]
    dynamic(forward!)(p, s.owner.mode, Any[])
    dynamic(become!)(s.owner.weights[path], p.registers[p.plan.outputs[1]])
end

function become!(w::Weight{T}, values_) where {T}
    length(values_) == length(w.values) || throw(PlanError("the constraint of $(w.path) gives size $(size(values_)) for $(w.size)"))
    copyto!(w.values, values_)
    return nothing
end

function apply_rule!(rule::O, s::Session, weights::Vector{Weight{T}}) where {O,T}
    rule.clip_norm == 0 || clip_together!(weights, rule.clip_norm)
    for w in weights
        w.trained && !w.fresh && update!(rule, w.values, w.gradient, slots!(s, rule, w), s.steps, s.rate)
    end
end

"""Update with the gradients of this batch, or gather them until there are enough."""
function learn!(s::Session, p::Program, samples::Int)
    s.rule.accumulate == 1 && return apply!(s, p.weights)
    dynamic(gather_gradients!)(s.gathered, p, samples)
    s.gathered.count == s.rule.accumulate && apply_gathered!(s)
    return nothing
end

"""Update with what was gathered."""
function apply_gathered!(s::Session)
    s.gathered.count == 0 && return nothing
    activate!(s.owner, s.trained)
    apply!(s, dynamic(give_back!)(s.gathered, s.gathered.type, s.owner.weights))
    empty!(s.gathered)
    return nothing
end

"""Values, gradients by path, and by input; nothing changes, random numbers and running averages included."""
function gradients!(s::Session, p::Program, arrays)
    m = activate!(s.owner, s.trained)
    mode, random = m.mode, copy(m.mode.random)
    numbers = zeros(length(p.plan.outputs))
    try
        mode.training, mode.moving = true, false
        forward!(p, mode, arrays)
        values!(numbers, p)
        backward!(p, route!(p, s.trained.version, true))
    finally
        mode.training, mode.moving = false, true
        copy!(mode.random, random)
    end
    by_path = Dict{String,Any}(w.path => w.fresh ? zeros(eltype(w.values), w.size) : reshape(copy(w.gradient), w.size) for w in p.weights if w.trained)
    by_input = Any[input_slope(p, i) for i in p.plan.inputs]
    return numbers, by_path, by_input
end

function input_slope(p::Program{T}, input::PlanInput) where {T}
    startswith(input.dtype, "float") || return nothing
    found = p.slopes[input.id]
    return found === nothing ? zeros(T, size(p.registers[input.id])) : copy(found)
end

"""The words of a random generator."""
random_words(r::Xoshiro) = UInt64[getfield(r, f) for f in fieldnames(Xoshiro)]
function set_random_words!(r::Xoshiro, words)
    for (f, w) in zip(fieldnames(Xoshiro), words)
        setfield!(r, f, UInt64(w))
    end
end

"""Everything that training goes on from, except the parameters."""
function session_state(s::Session)
    found = Dict{String,Any}("step" => fill(Int64(s.steps)), "random" => random_words(s.owner.mode.random))
    for (path, slots) in s.slots, (name, v) in zip(slot_names(s.rule), slots)
        found["$path/$name"] = reshape(v, s.owner.weights[path].size)
    end
    return found
end

"""Go on from a state: arrays by name, which are copied."""
function load_session!(s::Session, state::AbstractDict)
    empty!(s.slots)
    s.steps = Int(only(state["step"]))
    haskey(state, "random") && set_random_words!(s.owner.mode.random, state["random"])
    for (path, w) in s.owner.weights
        names = slot_names(s.rule)
        isempty(names) || !all(n -> haskey(state, "$path/$n"), names) && continue
        s.slots[path] = Vector{eltype(w.values)}[copy(vec(state["$path/$n"])) for n in names]
    end
    return nothing
end
