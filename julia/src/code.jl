# Layers that are Julia code of a user's. What runs them is ext/julia_layer.jl, which comes with Flux; here is what holds without it: code that
# comes in a file runs for nobody who has not said so. Python says so at the door, where it has asked its own user before.

const CODE_ALLOWED = Ref(false)

"""f(), with code in the plans that it lowers allowed, or not."""
function allowing_code(f::F, allowed::Bool) where {F}
    before = CODE_ALLOWED[]
    CODE_ALLOWED[] = allowed
    try
        return f()
    finally
        CODE_ALLOWED[] = before
    end
end

"""Errors: PlanError, which shows the code of a step, unless it is allowed."""
function check_code(s::PlanStep)
    CODE_ALLOWED[] && return nothing
    code = join(filter(part -> part isa String, Any[get(s.attrs, "source", nothing), get(s.attrs, "text", nothing)]), "\n")
    throw(PlanError("$(s.path): the layer is Julia code:\n\n$(first(code, 4000))\n\nIt could do whatever you can. Read it, then say safe_mode=false"))
end

BUILDERS["julia"] = function (T, step, weights, activation)
    check_code(step)
    throw(PlanError("$(step.path): the layer is Julia code, which needs Flux: `using Flux` first"))
end
