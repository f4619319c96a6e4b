# Layers that are Julia code of a user's. What runs them is ext/julia_layer.jl, which comes with Flux; here is what holds without it.

BUILDERS["julia"] = (T, step, weights, activation) -> throw(PlanError("$(step.path): the layer is Julia code, which needs Flux: `using Flux` first"))

"""Errors: PlanError, which shows it, for a plan with code inside that nobody has vouched for; and for the plans in a file, as data."""
function check_code(plan::Plan, safe_mode::Bool)
    for s in plan.steps
        s.body === nothing || check_code(s.body, safe_mode)
        s.op == "julia" && safe_mode && refuse_code(s.path, s.attrs)
    end
    return nothing
end
function check_code(data::Dict{String,Any}, safe_mode::Bool)
    get(data, "op", nothing) == "julia" && safe_mode && refuse_code(get(data, "path", ""), dict(data, "attrs"))
    foreach(part -> check_code(part, safe_mode), values(data))
end
check_code(data::Vector{Any}, safe_mode::Bool) = foreach(part -> check_code(part, safe_mode), data)
check_code(data, safe_mode::Bool) = nothing

function refuse_code(path, attrs)
    code = join(filter(part -> part isa String, Any[attrs["source"], get(attrs, "text", nothing)]), "\n")
    throw(PlanError("$path: the layer is Julia code:\n\n$(first(code, 4000))\n\nIt could do whatever you can. Read it, then say safe_mode=false"))
end
