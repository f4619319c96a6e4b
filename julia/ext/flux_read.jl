# A model of Flux as data for Python: kinds, options in Python's order of axes, and arrays to be copied. What is not known has kind
# "unknown" and says what it is: Python refuses it by name and place.

"""    describe(m) -> Dict"""
describe(m) = unknown(m)

unknown(m, why="") = Spec("kind" => "unknown", "type" => string(nameof(typeof(m))), "why" => why)
unknown(f::Function, why="") = Spec("kind" => "unknown", "type" => "the function $(nameof(f))", "why" => why)

"""A layer with arrays: two that hold the same arrays are one and have one id. An activation that is not known makes it unknown."""
function layer(m, kind, arrays, options=Spec(); σ=identity)
    name = get(NAME_OF, σ, nothing)
    name === nothing && return unknown(m, "the activation $(nameof(σ)) is not known")
    held = Spec()
    for (key, a) in arrays
        a === false && continue
        eltype(a) in (Float32, Float64) || return unknown(m, "its numbers are of type $(eltype(a))")
        held[key] = PyPhoton.shown(a isa Array ? a : Array(a))
    end
    return Spec("kind" => kind, "id" => string(objectid(m)), "arrays" => held, "activation" => name, "options" => options)
end

function describe(m::Flux.Chain)
    names = m.layers isa NamedTuple ? Any[string(n) for n in keys(m.layers)] : Any[nothing for _ in m.layers]
    return Spec("kind" => "chain", "layers" => Any[describe(l) for l in m.layers], "names" => names)
end

function describe(m::Flux.Parallel)
    kind = m.connection === vcat ? "vcat" : m.connection === beside ? "beside" : "unknown"
    kind == "unknown" && return unknown(m, "its connection is $(nameof(m.connection)); vcat is known")
    return Spec("kind" => kind, "layers" => Any[describe(l) for l in values(m.layers)])
end

function describe(m::Flux.SkipConnection)
    kind = m.connection === (+) ? "add" : m.connection === before ? "before" : "unknown"
    kind == "unknown" && return unknown(m, "its connection is $(nameof(m.connection)); + is known")
    return Spec("kind" => kind, "layers" => Any[describe(m.layers)])
end

function describe(f::Function)
    f === last_step && return Spec("kind" => "last_step")
    f === identity && return Spec("kind" => "elementwise", "activation" => "identity")
    name = get(WHOLE_NAME_OF, f, nothing)
    return name === nothing ? unknown(f) : Spec("kind" => "whole", "name" => name)
end

function describe(f::Base.BroadcastFunction)
    name = get(NAME_OF, f.f, nothing)
    return name === nothing ? unknown(f, "of $(nameof(f.f))") : Spec("kind" => "elementwise", "activation" => name)
end

describe(m::Flux.Dense) = layer(m, "dense", ("kernel" => m.weight, "bias" => m.bias); σ=m.σ)
describe(m::Flux.Embedding) = layer(m, "embedding", ("table" => m.weight,))

function windowed(m, kind, flipped; more...)
    options = Spec("strides" => PyPhoton.python_order(m.stride), "padding" => PyPhoton.python_padding(m.pad, length(m.stride)), "dilation" => PyPhoton.python_order(m.dilation), "flipped" => flipped)
    for (name, value) in more
        options[string(name)] = value
    end
    return layer(m, kind, ("kernel" => m.weight, "bias" => m.bias), options; σ=m.σ)
end
describe(m::Flux.CrossCor) = windowed(m, "conv", false; groups=1)
describe(m::Flux.Conv) = windowed(m, "conv", true; groups=m.groups)
describe(m::Flux.ConvTranspose) = windowed(m, "conv_transpose", true; groups=m.groups, output_padding=PyPhoton.python_order(m.outpad))

pooled(m, kind) = Spec("kind" => kind, "options" => Spec("pool_size" => PyPhoton.python_order(m.k), "strides" => PyPhoton.python_order(m.stride), "padding" => PyPhoton.python_padding(m.pad, length(m.stride))))
describe(m::Flux.MaxPool) = pooled(m, "max_pool")
describe(m::Flux.MeanPool) = pooled(m, "avg_pool")
adapted(m, kind) = all(==(1), m.out) ? Spec("kind" => kind, "options" => Spec("size" => 1)) : unknown(m, "its windows are those of PyPhoton (bins) for some inputs only; of size 1 it is known")
describe(m::Flux.AdaptiveMaxPool) = adapted(m, "adaptive_max_pool")
describe(m::Flux.AdaptiveMeanPool) = adapted(m, "adaptive_avg_pool")
describe(::Flux.GlobalMaxPool) = Spec("kind" => "adaptive_max_pool", "options" => Spec("size" => 1))
describe(::Flux.GlobalMeanPool) = Spec("kind" => "adaptive_avg_pool", "options" => Spec("size" => 1))

function describe(m::Flux.BatchNorm)
    m.track_stats || return unknown(m, "track_stats=false")
    affine = m.affine ? ("scale" => m.γ, "shift" => m.β) : ()
    options = Spec("momentum" => Float64(m.momentum), "epsilon" => Float64(m.ϵ))
    return layer(m, "batch_norm", (affine..., "mean" => m.μ, "variance" => m.σ²), options; σ=m.λ)
end

function describe(m::Flux.LayerNorm)
    length(m.size) == 1 || return unknown(m, "it normalises over $(length(m.size)) axes")
    arrays = m.affine ? ("scale" => m.diag.scale, "shift" => m.diag.bias) : ()
    return layer(m, "layer_norm", arrays, Spec("epsilon" => Float64(m.ϵ)^2, "features" => only(m.size)); σ=m.λ)
end

describe(m::Flux.Dropout) = m.dims === Colon() ? Spec("kind" => "dropout", "options" => Spec("rate" => Float64(m.p))) : unknown(m, "dims=$(m.dims)")

cell(m::Flux.RNNCell) = layer(m, "rnn", ("kernel" => m.Wi, "recurrent" => m.Wh, "bias" => m.bias); σ=m.σ)
cell(m::Flux.LSTMCell) = layer(m, "lstm", ("kernel" => m.Wi, "recurrent" => m.Wh, "bias" => m.bias))
cell(m::Flux.GRUCell) = layer(m, "gru", ("kernel" => m.Wi, "recurrent" => m.Wh, "bias" => m.b))
cell(m) = unknown(m)
for wrapper in (Flux.RNN, Flux.LSTM, Flux.GRU, Flux.Recurrence)
    @eval describe(m::$wrapper{false}) = cell(m.cell)
    @eval describe(m::$wrapper{true}) = unknown(m, "return_state=true")
end
