# What can go wrong, as types: an error says which step of the plan it comes from, and keeps its cause.

"""A step that no loaded engine knows how to run."""
struct UnsupportedStep <: Exception
    op::String
    path::String
end

function Base.showerror(io::IO, e::UnsupportedStep)
    print(io, "UnsupportedStep: ", e.op, isempty(e.path) ? "" : " at $(e.path)")
    e.op in ENGINE_STEPS && print(io, ". It needs an engine: `using Flux` before the plan is added.")
end

"""Step kinds that come from an engine (an extension), and not from the core."""
const ENGINE_STEPS = ("conv", "conv_transpose")

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
