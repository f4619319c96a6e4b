# Layers that are Julia code of a user's. What runs them is ext/julia_layer.jl, which comes with Flux; here is what holds without it.

BUILDERS["julia"] = (T, step, weights, activation) -> throw(PlanError("$(step.path): the layer is Julia code, which needs Flux: `using Flux` first"))

"""Errors: PlanError, which shows it, for a plan with code inside that nobody has vouched for."""
function check_code(plan::Plan, safe_mode::Bool)
    for s in plan.steps
        s.body === nothing || check_code(s.body, safe_mode)
        s.op == "julia" && safe_mode || continue
        code = join(filter(part -> part isa String, Any[s.attrs["source"], get(s.attrs, "text", nothing)]), "\n")
        throw(PlanError("$(s.path): the layer is Julia code:\n\n$(first(code, 4000))\n\nIt could do whatever you can. Read it, then say safe_mode=false"))
    end
    return nothing
end
