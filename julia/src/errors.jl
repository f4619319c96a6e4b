# What can go wrong, as types: an error says which step of the plan it comes from, and keeps its cause.

"""A step that cannot be run here, and why, where that is known."""
struct UnsupportedStep <: Exception
    op::String
    path::String
    reason::String
end

UnsupportedStep(op, path) = UnsupportedStep(op, path, "")

function Base.showerror(io::IO, e::UnsupportedStep)
    print(io, "UnsupportedStep: ", e.op, isempty(e.path) ? "" : " at $(e.path)", isempty(e.reason) ? "" : ": $(e.reason)")
end

"""An error inside a step: where it was, and what it was."""
struct StepError <: Exception
    path::String
    op::String
    cause::Any
end

function Base.showerror(io::IO, e::StepError)
    print(io, "in ", isempty(e.path) ? "" : e.path * " ", e.op, ": ")
    showerror(io, e.cause)
end

"""A plan, a specification or an array that is not what it should be."""
struct PlanError <: Exception
    message::String
end

Base.showerror(io::IO, e::PlanError) = print(io, "PlanError: ", e.message)

"""What is known of an error and its causes, the last first: plain data that can be written as JSON."""
function failure(stack)
    found = nothing
    for (error, trace) in stack
        found = Dict{String,Any}("type" => string(typeof(error)), "message" => told(error), "frames" => frames(trace), "cause" => found, place(error)...)
    end
    return found
end

place(error) = ()
place(e::StepError) = ("path" => e.path, "op" => e.op)
place(e::UnsupportedStep) = ("path" => e.path, "op" => e.op, "reason" => e.reason)

"""The error's own text; when writing it fails, that is said."""
function told(error)
    try
        return sprint(showerror, error)
    catch
        return "$(typeof(error)) (its message cannot be shown)"
    end
end

const DEEPEST = 40

"""[function, file, line] of Julia's frames, the innermost first, up to the door."""
function frames(trace)
    found = Any[]
    for f in stacktrace(trace)
        f.func === :answer && break
        length(found) < DEEPEST && push!(found, Any[string(f.func), string(f.file), Int(f.line)])
    end
    return found
end
