# Weights by Flux's names and in Flux's layouts. Almost all of them are the same memory already: a row-major kernel (in, out) is
# Flux's matrix (out, in). Convolutions are turned round, because Flux's Conv flips its kernel and PyPhoton's does not.

"""kind of step => Flux's name of each parameter; recurrent layers are below"""
const FLUX_NAMES = Dict(
    "dense" => ("kernel" => :weight, "bias" => :bias), "embedding" => ("table" => :weight,),
    "conv" => ("kernel" => :weight, "bias" => :bias), "conv_transpose" => ("kernel" => :weight, "bias" => :bias),
    "batch_norm" => ("shift" => :β, "scale" => :γ, "mean" => :μ, "variance" => :σ²), "layer_norm" => ("scale" => :scale, "shift" => :bias),
)
const FLUX_CELLS = Dict("rnn" => :bias, "lstm" => :bias, "gru" => :b)

"""One layer of Flux: its path here, its parameters by Flux's names, and whether Flux keeps its kernel turned round."""
struct FluxLayer
    path::String
    parameters::Vector{Pair{Symbol,String}}
    convolution::Bool
end

"""The layers with parameters in the order of the plan; one for each layer and direction of a recurrent one."""
function flux_layers(w::Union{Workout,Model})
    found, seen = FluxLayer[], Set{String}()
    for s in main_plan(w).steps
        isempty(s.params) && continue
        s.path in seen && continue
        push!(seen, s.path)
        append!(found, flux_layers(s))
    end
    return found
end

function flux_layers(s::PlanStep)
    if haskey(FLUX_CELLS, s.op)
        ends = [String(chopprefix(name, "kernel_")) for name in sort!(collect(keys(s.params))) if startswith(name, "kernel_")]
        return [FluxLayer("$(s.path).$e", [:Wi => s.params["kernel_$e"], :Wh => s.params["recurrent_$e"], FLUX_CELLS[s.op] => s.params["bias_$e"]], false) for e in ends]
    end
    haskey(FLUX_NAMES, s.op) || throw(PlanError("Flux's names for the parameters of $(s.op) are not known"))
    return [FluxLayer(s.path, [flux => s.params[name] for (name, flux) in FLUX_NAMES[s.op] if haskey(s.params, name)], startswith(s.op, "conv"))]
end

to_flux(l::FluxLayer, name, a, flip) = name === :weight && l.convolution && flip ? turned_kernel(a) : copy(a)

"""
    flux_state(workout or model; flip=true) -> path => (weight = ..., bias = ...), in the order of the layers
    flux_state(workout, state; flip=true) -> the same tree as `state`, with the workout's numbers

Parameters as Flux has them: `Flux.loadmodel!(chain, flux_state(workout, Flux.state(chain)))` fills a Flux model of the same layers in
the same order. `flip` is for convolutions that are Flux's `Conv`; `CrossCor` needs `flip=false`. Errors: PlanError when they do not fit.
"""
flux_state(w::Union{Workout,Model}; flip::Bool=true) =
    [l.path => (; (name => to_flux(l, name, w.arrays[path], flip) for (name, path) in l.parameters)...) for l in flux_layers(w)]

function flux_state(w::Union{Workout,Model}, state; flip::Bool=true)
    rest = flux_state(w; flip)
    filled = fill_state(state, rest)
    isempty(rest) || throw(PlanError("the Flux model has no layer for $(join(first.(rest), ", "))"))
    return filled
end

is_layer(node) = node isa NamedTuple && any(name -> haskey(node, name) && node[name] isa AbstractArray, (:weight, :Wi, :μ, :γ, :scale))

fill_state(node, rest) = node
fill_state(node::Tuple, rest) = map(n -> fill_state(n, rest), node)

function fill_state(node::NamedTuple, rest)
    is_layer(node) || return map(n -> fill_state(n, rest), node)
    isempty(rest) && throw(PlanError("the Flux model has more layers with parameters than the workout"))
    path, values_ = popfirst!(rest)
    for (name, a) in pairs(values_)
        haskey(node, name) && node[name] isa AbstractArray && size(node[name]) == size(a) || throw(PlanError("$path: Flux's layer has no $name of size $(size(a))"))
    end
    arrays = [name for name in keys(node) if node[name] isa AbstractArray]
    all(name -> haskey(values_, name), arrays) || throw(PlanError("$path has $(keys(values_)), Flux's layer has $arrays"))
    return merge(node, values_)
end

"""
    load_flux_state!(workout or model, state; flip=true) -> workout or model

Set its parameters from a Flux model's state (`Flux.state(chain)`) of the same layers in the same order. Errors: PlanError, and
nothing is changed then.
"""
function load_flux_state!(w::Union{Workout,Model}, state; flip::Bool=true)
    nodes, found = Any[], Dict{String,Any}()
    collect_layers!(nodes, state)
    own = flux_layers(w)
    length(nodes) == length(own) || throw(PlanError("expected $(length(own)) layers with parameters, received $(length(nodes))"))
    for (l, node) in zip(own, nodes), (name, path) in l.parameters
        haskey(node, name) && node[name] isa AbstractArray || throw(PlanError("$(l.path): Flux's layer has no $name"))
        found[path] = to_flux(l, name, Array(node[name]), flip)
    end
    return weights!(w, found)
end

collect_layers!(found, node) = nothing
collect_layers!(found, node::Union{Tuple,NamedTuple}) = is_layer(node) ? push!(found, node) : foreach(n -> collect_layers!(found, n), values(node))
