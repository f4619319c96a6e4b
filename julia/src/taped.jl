# Plans that run now and are differentiated later, by slopes that somebody else has worked out (torch, say). Between the two a program's
# memory is not used for anything else: each run has a program of its own, out of those that are free.

"""The programs of a module's plans that are free to run."""
struct Deck
    owner::ModuleHandle
    free::Dict{Int,Vector{Any}}
end

"""A program that has run and waits for slopes."""
struct Taped
    deck::Deck
    plan::Int
    program::Any
end

function run_taped!(deck::Deck, number::Int, arrays::Vector{Any}, training::Bool)
    m, free = deck.owner, get!(() -> Any[], deck.free, number)
    plan = program(m, number).plan
    p = isempty(free) ? lowered(m, plan; whole=true) : pop!(free)
    m.mode.training = training
    try
        forward!(p, m.mode, arrays)
    finally
        m.mode.training = false
    end
    return Taped(deck, number, p)
end

give_back!(t::Taped) = (push!(get!(() -> Any[], t.deck.free, t.plan), t.program); nothing)

"""
    slopes_back!(t, slopes, wanted, into) -> (paths reached, gradients of inputs)

`slopes` are gradients of the outputs (nothing: none), `wanted` says for each input whether its gradient is asked for, `into` has memory for
the gradients of the parameters that are, by path. What is not reached keeps its old content.
"""
function slopes_back!(t::Taped, slopes::Vector{Any}, wanted::Vector{Bool}, into::Dict{String,Any})
    p = t.program
    fill!(p.slopes, nothing)
    for (id, dy) in zip(p.plan.outputs, slopes)
        dy === nothing && continue
        p.slopes[id] = p.slopes[id] === nothing ? dynamic(copy)(dy) : dynamic(added)(p.slopes[id], dy)
    end
    t.deck.owner.active = 0  # a session says anew what it trains
    foreach(w -> dynamic(aim!)(w, get(into, w.path, nothing)), p.weights)
    try
        descend!(p, route_from(p, Int[i.id for (i, asked) in zip(p.plan.inputs, wanted) if asked]))
        reached = Any[w.path for w in p.weights if w.trained && !w.fresh]
        return reached, Any[asked ? input_slope(p, i) : nothing for (i, asked) in zip(p.plan.inputs, wanted)]
    finally
        foreach(w -> dynamic(aim!)(w, nothing), p.weights)
    end
end

"""Let a weight's gradient go into this memory; nothing: it is not asked for."""
function aim!(w::Weight{T}, memory_) where {T}
    w.trained, w.fresh = memory_ !== nothing, true
    w.gradient = memory_ === nothing ? T[] : vec(memory_)::Vector{T}
    return nothing
end

call_open_deck(d) = keep!(Deck(module_of(d), Dict{Int,Vector{Any}}()))

function call_run_taped(d)
    t = run_taped!(held(d, "deck")::Deck, whole(d, "plan"), foreign(list(d, "arrays")), d["training"]::Bool)
    p = t.program
    return Dict{String,Any}("number" => keep!(t), "outputs" => shown(Any[p.registers[id] for id in p.plan.outputs]))
end

function call_slopes_back(d)
    slopes = Any[s === nothing ? nothing : foreign(s::Dict{String,Any}) for s in list(d, "slopes")]
    into = Dict{String,Any}(text(a, "path") => foreign(a::Dict{String,Any}) for a in list(d, "into"))
    reached, by_input = slopes_back!(held(d, "number")::Taped, slopes, Bool[w::Bool for w in list(d, "wanted")], into)
    return Dict{String,Any}("reached" => reached, "by_input" => shown(by_input))
end

function call_drop_taped(d)
    t = pop!(OPEN, whole(d, "number"), nothing)
    return t === nothing ? nothing : give_back!(t::Taped)
end

merge!(CALLS, Dict{String,Any}(
    "open_deck" => call_open_deck, "run_taped" => call_run_taped, "slopes_back" => call_slopes_back, "drop_taped" => call_drop_taped,
))
