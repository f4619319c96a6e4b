# A step of training: one turn after the other, each with a program, and with the sessions that update by its gradients. A session by
# itself is the turn of one.

"""
A program, the sessions that update by its gradients (without any it is only computed), all that these train, and the weights that several
of them train: these get the gradient as it was. `outputs`: how many values it gives.
"""
struct Turn
    program::Any
    sessions::Vector{Session}
    trained::Trained
    shared::Vector{Any}
    outputs::Int
end

function Turn(program_, sessions::Vector{Session})
    count_ = length(program_.plan.outputs)
    length(sessions) == 1 && return Turn(program_, sessions, sessions[1].trained, [], count_)
    isempty(sessions) && return Turn(program_, sessions, Trained(0, Bool[]), [], count_)
    several(w) = count(s -> !(w.path in s.frozen), sessions) > 1
    return Turn(program_, sessions, together!(sessions), Any[w for w in program_.weights if w.role == "weight" && several(w)], count_)
end

"""How many sets of several sessions a module remembers."""
const KEPT_SETS = 16

"""What sessions of one module train together."""
function together!(sessions::Vector{Session})
    m = sessions[1].owner
    return get!(m.together, Int[s.trained.version for s in sessions]) do
        length(m.together) < KEPT_SETS || empty!(m.together)
        Trained(m, w -> any(s -> !(w.path in s.frozen), sessions))
    end
end

"""
How a step is done: by these sessions, in these turns; `train`ing or only measuring, ended by a loss that is not `finite` or not. What
goes on from step to step for each turn is kept by the first session.
"""
struct Lesson
    sessions::Vector{Session}
    turns::Vector{Turn}
    train::Bool
    finite::Bool
end

"""The lesson of one session."""
Lesson(s::Session, p::Program, train::Bool, finite::Bool) = Lesson([s], [Turn(p, [s])], train, finite)

"""A new epoch: nothing was gathered, and states begin anew."""
function begin!(l::Lesson)
    foreach(s -> empty!(s.gathered), l.sessions)
    foreach(empty!, l.sessions[1].carries)
end

"""Each session's learning rate: its own, or that of column `step`."""
rates!(l::Lesson, ::Nothing, step::Int) = foreach(s -> s.rate = s.rule.lr, l.sessions)
rates!(l::Lesson, rates::Matrix{Float64}, step::Int) = foreach((s, k) -> s.rate = rates[k, step], l.sessions, axes(rates, 1))

"""How many values a step gives."""
width(l::Lesson) = sum(t -> t.outputs, l.turns)

"""One batch of `samples`: the turn whose loss is not finite, which changed nothing; 0 when all were done. `carried`: states go on."""
function one_step!(l::Lesson, arrays, samples::Int, numbers::Vector{Float64}, carried::Bool)
    carries, at = l.sessions[1].carries, 0
    mode = l.sessions[1].owner.mode
    for (k, t) in enumerate(l.turns)
        length(carries) < k && push!(carries, Dict{String,Vector{Any}}())
        mode.training, mode.recording, mode.carry = l.train, l.train, carried ? carries[k] : nothing
        dynamic(take_turn!)(l, t, t.program, arrays, samples, numbers, at)::Bool || return k
        at += t.outputs
    end
    return 0
end

"""Forward, and backward and updates while training. False when the loss is not finite and may not be."""
function take_turn!(l::Lesson, t::Turn, p::Program, arrays, samples::Int, numbers::Vector{Float64}, at::Int)
    m = l.sessions[1].owner
    isempty(t.sessions) || activate!(m, t.trained)
    forward!(p, m.mode, arrays)
    values!(numbers, p, at)
    l.train && !isempty(t.sessions) || return true
    l.finite && !isfinite(numbers[at+1]) && return false
    backward!(p, route!(p, t.trained.version))
    kept = Any[(copy(w.gradient), w.fresh) for w in t.shared]
    for s in t.sessions
        activate!(m, s.trained)
        for (w, (gradient, fresh)) in zip(t.shared, kept)
            dynamic(copyto!)(w.gradient, gradient)
            w.fresh = fresh
        end
        learn!(s, p, samples)
    end
    return true
end

"""What still waits for more minibatches makes an update."""
finish!(l::Lesson) = foreach(apply_gathered!, l.sessions)
