# A plan on made-up numbers, and its gradients against central differences in Float64.

using PyPhoton: Sketch, Literal, input!, step!, plan_text

"""A module on a plan, with everything that has to stay alive."""
struct Made
    plan::P.Plan
    parameters::Dict{String,Any}
    handle::P.ModuleHandle
    id::Int
end

function make(text::String; random=Xoshiro(1), draw=nothing, seed=1)
    plan = P.read_plan(text)
    parameters, opening = P.module_spec(plan, something(draw, size -> randn(random, size...) .* 0.5); seed)
    for (path, value) in parameters
        endswith(path, "variance") && (value .= abs.(value) .+ 0.5)
    end
    number = asked(opening)
    return Made(plan, parameters, P.OPEN[number], P.add_program!(P.OPEN[number], plan))
end

"""What the door answers."""
answered(request) = P.parse_json(P.answer(P.json(request)))
asked(request) = (found = answered(request); haskey(found, "value") ? found["value"] : error(found["error"]["message"]))

outputs(m::Made, xs...; training=false) = P.outputs(P.run!(m.handle, m.id, Any[xs...], training))
gradient(s, m::Made, xs...) = P.gradients!(s, P.program(m.handle, m.id), Any[xs...])
session(m::Made, kind="sgd"; frozen=String[], numbers...) =
    P.Session(m.handle, P.read_optimiser(Dict{String,Any}("kind" => kind, (String(k) => v for (k, v) in numbers)...)), frozen)

"""Central differences of f() by every element of `x`."""
function slopes(f, x; h=1e-5)
    found = similar(x)
    for i in eachindex(x)
        kept = x[i]
        x[i] = kept + h
        above = f()
        x[i] = kept - h
        found[i] = (above - f()) / 2h
        x[i] = kept
    end
    return found
end

close_to(a, b; tolerance=1e-6) = size(a) == size(b) && maximum(abs.(a .- b); init=0.0) <= tolerance * max(maximum(abs.(b); init=0.0), 0.01)

"""
    check(build, xs...; training=true)

`build(sketch, numbers of inputs...)` gives a step; the gradients of its squares' weighted sum by all parameters and float
inputs are compared with central differences. Gives the module.
"""
function check(build, xs...; training=true)
    s = Sketch("float64")
    shapes = [P.python_shape(size(x)) for x in xs]
    ids = [input!(s, [nothing, shape[2:end]...], x isa Array{Int64} ? "int64" : "float64") for (shape, x) in zip(shapes, xs)]
    y = build(s, ids...)
    loss = step!(s, "sum", step!(s, "sin", step!(s, "mul", y, y)); rank=0)
    m = make(plan_text(s, loss))
    _, by_path, by_input = gradient(session(m), m, xs...)
    before = deepcopy(m.parameters)
    f() = outputs(m, xs...; training)[1][]
    for (path, value) in m.parameters
        haskey(by_path, path) || continue
        @test close_to(by_path[path], keeping_state(() -> slopes(f, value), m))
    end
    for (x, g) in zip(xs, by_input)
        x isa Array{Int64} ? (@test g === nothing) : (@test close_to(g, keeping_state(() -> slopes(f, x), m)))
    end
    @test all(m.parameters[k] ≈ before[k] for k in keys(before))
    return m
end

"""Run f and put running averages back."""
function keeping_state(f, m::Made)
    kept = Dict(k => copy(v) for (k, v) in m.parameters)
    found = f()
    for (k, v) in kept
        endswith(k, "mean") || endswith(k, "variance") ? (m.parameters[k] .= v) : nothing
    end
    return found
end
