# A layer of Flux for what Flux has no layer for: nets and unrolled models. PyPhoton runs their plan over the same arrays, forwards and, when
# Zygote asks, backwards. Each call has a program of its own, so that a layer may stand twice in what is differentiated.

"""
    Planned(plan, paths, arrays, states)

`arrays` are trained; `states` (starts of states, running means) are not. Every call begins at the starts of states.
"""
struct Planned{A<:Tuple,S<:Tuple}
    plan::PyPhoton.Plan
    paths::Vector{String}
    arrays::A
    states::S
end

Flux.@layer Planned trainable = (arrays,)
Base.show(io::IO, m::Planned) = print(io, "Planned(", join(m.paths[1:length(m.arrays)], ", "), ")")

function planned(d, made)
    plan = PyPhoton.read_plan(PyPhoton.text(d, "plan"))
    held = role -> String[p.path for p in plan.parameters if p.role == role]
    trained, states = held("weight"), held("state")
    arrays = names -> Tuple(array(d, name) for name in names)
    return Planned(plan, [trained; states], arrays(trained), arrays(states))
end

(m::Planned)(x::AbstractArray) = run_plan(m.plan, m.paths, m.arrays, m.states, x)

run_plan(plan, paths, arrays, states, x) = output(started(plan, paths, arrays, states, x, false)[1])

"""A program over these arrays that has run on x."""
function started(plan::PyPhoton.Plan, paths, arrays, states, x, training::Bool)
    T = plan.T
    weights = Dict{String,PyPhoton.Weight{T}}()
    for (k, (path, a)) in enumerate(zip(paths, (arrays..., states...)))
        weights[path] = PyPhoton.Weight(path, k <= length(arrays) ? "weight" : "state", a::Array{T})
        weights[path].trained = k <= length(arrays)
    end
    program = PyPhoton.allowing_code(() -> PyPhoton.Program{T}(plan, weights; whole=true), true)  # Python has asked its own user
    mode = PyPhoton.Mode(rand(UInt32))
    mode.training = training
    given = startswith(plan.inputs[1].dtype, "float") ? convert(Array{T}, x) : convert(Array{Int64}, x)
    PyPhoton.forward!(program, mode, Any[given])
    return program, weights
end

output(program) = copy(program.registers[program.plan.outputs[1]])

function ChainRulesCore.rrule(::typeof(run_plan), plan::PyPhoton.Plan, paths, arrays, states, x)
    program, weights = started(plan, paths, arrays, states, x, true)
    none = ChainRulesCore.NoTangent()
    function back(dy)
        input = plan.inputs[1]
        floats = startswith(input.dtype, "float")
        fill!(program.slopes, nothing)
        foreach(w -> w.fresh = true, values(weights))
        program.slopes[plan.outputs[1]] = convert(Array{plan.T}, ChainRulesCore.unthunk(dy))
        PyPhoton.descend!(program, PyPhoton.route_from(program, floats ? Int[input.id] : Int[]))
        gradients = map(p -> gradient_of(weights[p]), Tuple(paths[1:length(arrays)]))
        slope = floats ? program.slopes[input.id] : nothing
        return none, none, none, ChainRulesCore.Tangent{typeof(arrays)}(gradients...), none, slope === nothing ? ChainRulesCore.ZeroTangent() : copy(slope)
    end
    return output(program), back
end

gradient_of(w) = w.fresh ? zero(PyPhoton.array(w)) : reshape(copy(w.gradient), w.size)
