# A program is a flat vector of steps over registers, never one big type: what has to be compiled is a kind of step, once,
# when the package is installed. Each step is an op with
#
#     forward(op, mode, xs...) -> (y, tape)
#     backward(op, tape, dy, want) -> gradients of xs, in a tuple     (bit k of `want`: input k is asked for)
#
# and adds the gradients of its own parameters to their memory. The backward pass walks the vector from the end, over
# the steps between the first output (the loss) and what is trained.

struct Step
    op::Any
    name::String
    path::String
    inputs::Vector{Int}
    outputs::Vector{Int}
    weights::Vector{Any}
end

"""What to do in the backward pass: for each step, from the last, which inputs want a gradient."""
struct Route
    steps::Vector{Tuple{Int,Int}}
end

mutable struct Program{T}
    const plan::Plan
    const steps::Vector{Step}
    const registers::Vector{Any}
    const tapes::Vector{Any}
    const slopes::Vector{Any}
    const owned::Vector{Bool}  # slopes that nobody else refers to: what comes is added in place
    const weights::Vector{Weight{T}}
    const needed::Vector{Bool}
    const routes::Dict{Tuple{Int,Bool},Route}
end

"""Ops of any number of inputs: `forward` gets them in a vector, so that it is compiled once and not for each number."""
abstract type ManyInputs end

"""Ops of several results, too: `forward` gives them in a vector, and `backward` gets their gradients in one (nothing: nobody asks)."""
abstract type ManyOutputs <: ManyInputs end

"""kind of step => function (T, step, weights by name, activation) that makes its op. Engines add to it when they are loaded."""
const BUILDERS = Dict{String,Any}()

"""The step kinds that can be run now."""
supported() = sort!(collect(keys(engine().builders)))

"""Whether gradients go through an op."""
differentiable(op) = true

"""`whole`: gradients flow from all outputs, not from the first (the loss) alone. `body`: of a scan; its element-wise steps work by columns."""
function Program{T}(plan::Plan, parameters::Dict{String,Weight{T}}; whole::Bool=false, body::Bool=false) where {T}
    registers = Vector{Any}(nothing, plan.count)
    steps = Step[]
    known = Known(plan)
    for run in (body ? runs_of(plan, known) : with_affine(plan, known))
        length(run) == 1 ? lower!(steps, registers, T, run[1], parameters) : push!(steps, body ? columns_step(T, run, plan, known) : affine_step(T, run))
    end
    for (number, value) in plan.constants
        registers[number] = value
    end
    weights = unique(Weight{T}[w for s in steps for w in s.weights])
    needed = ancestors(steps, whole ? plan.outputs : plan.outputs[1:min(1, end)])
    count = length(registers)
    return Program{T}(plan, steps, registers, Vector{Any}(nothing, length(steps)), Vector{Any}(nothing, count), fill(false, count), weights, needed, Dict{Tuple{Int,Bool},Route}())
end

function lower!(steps, registers, ::Type{T}, s::PlanStep, parameters) where {T}
    builders = engine().builders
    haskey(builders, s.op) || throw(UnsupportedStep(s.op, s.path))
    weights = Dict{String,Weight{T}}()
    for (name, path) in s.params
        weights[name] = get(() -> throw(PlanError("$(s.path) $(s.op): no parameter $path was given")), parameters, path)
    end
    fused = s.op in FUSING && haskey(ACTIVATIONS, s.activation)
    activation = fused ? ACTIVATIONS[s.activation] : IDENTITY
    op = builders[s.op](T, s, weights, activation)
    used = Any[weights[name] for name in sort!(collect(keys(weights)))]
    apart = !fused && s.activation != "identity"
    output = apart ? length(push!(registers, nothing)) : s.output
    push!(steps, Step(op, s.op, s.path, s.inputs, [output], used))
    apart && push!(steps, Step(builders[s.activation](T, s, weights, IDENTITY), s.activation, s.path, [output], [s.output], []))
    return nothing
end

"""Which steps these outputs depend on."""
function ancestors(steps, outputs)
    found, wanted = fill(false, length(steps)), Set(outputs)
    for k in length(steps):-1:1
        if any(in(wanted), steps[k].outputs)
            found[k] = true
            union!(wanted, steps[k].inputs)
        end
    end
    return found
end

"""Run all steps on these inputs. Errors: StepError, which names the step."""
function forward!(p::Program, mode::Mode, arrays)
    length(arrays) == length(p.plan.inputs) || throw(PlanError("expected $(length(p.plan.inputs)) arrays, received $(length(arrays))"))
    registers = p.registers
    for (input, a) in zip(p.plan.inputs, arrays)
        registers[input.id] = a
    end
    k = 0
    try
        while k < length(p.steps)
            k += 1
            s = p.steps[k]
            y, p.tapes[k] = run_forward(s.op, mode, registers, s.inputs)::Tuple{Any,Any}
            s.op isa ManyOutputs ? foreach((i, a) -> registers[i] = a, s.outputs, y::Vector{Any}) : (registers[s.outputs[1]] = y)
        end
    catch error
        relabel(error, p.steps[k])
    end
    return nothing
end

relabel(error, s::Step) = error isa InterruptException ? rethrow() : throw(StepError(s.path, s.name, error))

"""One dynamic call: `op` is not looked at before, so that only the kinds themselves are compiled."""
function run_forward(@nospecialize(op), mode::Mode, registers::Vector{Any}, inputs::Vector{Int})
    op isa ManyInputs && return forward(op, mode, Any[registers[i] for i in inputs])
    n = length(inputs)
    n == 1 && return forward(op, mode, registers[inputs[1]])
    n == 2 && return forward(op, mode, registers[inputs[1]], registers[inputs[2]])
    n == 3 && return forward(op, mode, registers[inputs[1]], registers[inputs[2]], registers[inputs[3]])
    return forward(op, mode, registers[inputs]...)
end

"""Routes that a program keeps, so that sessions which take turns find theirs; of many sessions the older ones are forgotten."""
const KEPT_ROUTES = 16

"""The route for what is trained now, which is a set of that `version`, and for all float inputs when `inputs`."""
function route!(p::Program, version::Int, inputs::Bool=false)
    return get!(p.routes, (version, inputs)) do
        length(p.routes) < KEPT_ROUTES || empty!(p.routes)
        route_from(p, Int[i.id for i in p.plan.inputs if inputs && startswith(i.dtype, "float")])
    end
end

"""The route to the trained weights and to these values."""
function route_from(p::Program, values::Vector{Int})
    flows = Set(values)
    steps = Tuple{Int,Int}[]
    for (k, s) in enumerate(p.steps)
        p.needed[k] && differentiable(s.op) || continue
        want = sum(1 << (i - 1) for (i, r) in enumerate(s.inputs) if r in flows; init=0)
        want == 0 && !any(trained, s.weights) && continue
        union!(flows, s.outputs)
        push!(steps, (k, want))
    end
    return Route(reverse!(steps))
end

"""Gradients of the first output, into the weights' memory and `p.slopes`."""
function backward!(p::Program{T}, route::Route) where {T}
    for w in p.weights
        w.fresh = true
    end
    isempty(p.plan.outputs) && return nothing
    start!(p)
    descend!(p, route)
end

"""The gradient of the first output is one, and others are not there yet."""
function start!(p::Program{T}) where {T}
    fill!(p.slopes, nothing)
    first_output = p.plan.outputs[1]
    p.slopes[first_output] = ones_like(T, p.registers[first_output])
    return nothing
end

"""From the gradients that `p.slopes` holds, along a route."""
function descend!(p::Program, route::Route)
    fill!(p.owned, false)
    k = 0
    try
        for (j, want) in route.steps
            k = j
            s = p.steps[k]
            all(i -> p.slopes[i] === nothing, s.outputs) && continue
            dy = s.op isa ManyOutputs ? p.slopes[s.outputs] : p.slopes[s.outputs[1]]
            if s.op isa Index && p.owned[s.inputs[1]]
                dynamic(add_part!)(p.slopes[s.inputs[1]], p.tapes[k], dy)
                continue
            end
            found = backward(s.op, p.tapes[k], dy, want)::Tuple
            want == 0 || collect_slopes!(p, s.inputs, found, want)
            s.op isa Index && (p.owned[s.inputs[1]] = true)
        end
    catch error
        relabel(error, p.steps[k])
    end
    return nothing
end

ones_like(::Type{T}, x::Array) where {T} = fill!(similar(x, T), one(T))

function collect_slopes!(p::Program, inputs::Vector{Int}, @nospecialize(found::Tuple), want::Int)
    for i in eachindex(inputs)
        (want >> (i - 1)) & 1 == 1 && found[i] !== nothing || continue
        id = inputs[i]
        old = p.slopes[id]
        if old === nothing
            p.slopes[id] = found[i]
        elseif p.owned[id]
            dynamic(add!)(old, found[i])
        else
            p.slopes[id], p.owned[id] = dynamic(added)(old, found[i]), true
        end
    end
end

"""a + b, for arrays of one size, and a += b."""
added(a::Array{T}, b::Array{T}) where {T} = reshape(map_into!(+, Vector{T}(undef, length(a)), vec(a), vec(b)), size(a))
add!(a::Array{T}, b::Array{T}) where {T} = (map_into!(+, vec(a), vec(a), vec(b)); a)

wanted(want::Int, k::Int) = (want >> (k - 1)) & 1 == 1

"""The first output and the others as numbers, behind `at` others."""
function values!(numbers::Vector{Float64}, p::Program, at::Int=0)
    for (i, number) in enumerate(p.plan.outputs)
        numbers[at+i] = number_of(p.registers[number])::Float64
    end
    return numbers
end

number_of(x::Number) = Float64(x)
number_of(x::Array) = length(x) == 1 ? Float64(@inbounds x[1]) : throw(PlanError("expected one number, received size $(size(x))"))
