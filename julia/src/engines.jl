# Engines: who computes the steps of a program. The core is one ("native"); extensions offer others when their package is loaded.

"""
What computes convolutions in the core's steps (an object with methods of convolve!, convolve_back! and convolve_kernel!), and the builders
of ops by kind of step: the core's, or the engine's own. A kind that is not among these cannot be run by that engine.
"""
struct Engine
    convolutions::Any
    builders::Dict{String,Any}
end

"""name => engine. Extensions add to it."""
const ENGINES = Dict{String,Engine}()
const ENGINE = Ref("native")

"""    engine!(name): which engine computes the steps of plans that are added from now on. Errors: PlanError when it is not loaded."""
function engine!(name::String)
    haskey(ENGINES, name) || throw(PlanError("engine $name is not loaded; there are $(join(sort!(collect(keys(ENGINES))), ", "))"))
    ENGINE[] = name
    return nothing
end

"""The engine of plans that are added now."""
engine() = ENGINES[ENGINE[]]
