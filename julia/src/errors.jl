# What can go wrong, as types: an error says which step of the plan it comes from, and keeps its cause.

"""A step that cannot be run here."""
struct UnsupportedStep <: Exception
    op::String
    path::String
end

function Base.showerror(io::IO, e::UnsupportedStep)
    print(io, "UnsupportedStep: ", e.op, isempty(e.path) ? "" : " at $(e.path)")
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
