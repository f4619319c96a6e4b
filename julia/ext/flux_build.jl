# A description from Python as a model of Flux, whose arrays are those that Python has laid over its memory.

const Spec = Dict{String,Any}

"""    build(spec, made) -> the layer; one that stands twice is the same object: `made` by its id"""
function build(d::Spec, made)
    id = get(d, "id", nothing)
    id === nothing && return BUILDERS[PyPhoton.text(d, "kind")](d, made)
    return get!(() -> BUILDERS[PyPhoton.text(d, "kind")](d, made), made, id)
end

inside(d, made) = (Any[build(m, made) for m in PyPhoton.list(d, "layers")]...,)
chain(d, made) = Flux.Chain(inside(d, made))

array(d, name) = haskey(d["arrays"], name) ? PyPhoton.OPEN[d["arrays"][name]] : false
activation(d) = ELEMENTWISE[PyPhoton.text(d, "activation")]
option(d, name) = d["options"][name]
space(d, name) = PyPhoton.space_order(option(d, name))
padding(d) = PyPhoton.flat_padding(option(d, "padding"))

dense(d, made) = Flux.Dense(array(d, "kernel"), array(d, "bias"), activation(d))

function crosscor(d, made)
    return Flux.CrossCor(array(d, "kernel"), array(d, "bias"), activation(d); stride=space(d, "strides"), pad=padding(d), dilation=space(d, "dilation"))
end

pool(layer) = (d, made) -> layer(space(d, "pool_size"); pad=padding(d), stride=space(d, "strides"))
adaptive(layer) = (d, made) -> layer(space(d, "size"))

function batch_norm(d, made)
    scale, shift, mean, variance = (array(d, name) for name in ("scale", "shift", "mean", "variance"))
    T, affine, β, γ = eltype(mean), scale !== false, nothing, nothing
    affine && ((β, γ) = (shift, scale))
    return Flux.BatchNorm(activation(d), β, γ, mean, variance, T(option(d, "epsilon")), T(option(d, "momentum")), affine, true, nothing, length(mean))
end

"""Flux adds the square of its eps to the variance."""
function layer_norm(d, made)
    λ, scale, size, root = activation(d), array(d, "scale"), (option(d, "features"),), sqrt(Float64(option(d, "epsilon")))
    scale === false && return Flux.LayerNorm(size, λ; affine=false, eps=root)
    return Flux.LayerNorm(λ, Flux.Scale(scale, array(d, "shift"), λ), eltype(scale)(root), size, true)
end

weights(d) = (array(d, "kernel"), array(d, "recurrent"), array(d, "bias"))
rnn(d, made) = Flux.RNN(Flux.RNNCell(activation(d), weights(d)...))

const BUILDERS = Dict{String,Any}(
    "chain" => chain,
    "parallel" => (d, made) -> Flux.Parallel(beside, inside(d, made)),
    "add" => (d, made) -> Flux.SkipConnection(only(inside(d, made)), +),
    "before" => (d, made) -> Flux.SkipConnection(only(inside(d, made)), before),
    "elementwise" => (d, made) -> activation(d) === identity ? identity : Base.BroadcastFunction(activation(d)),
    "whole" => (d, made) -> WHOLE[PyPhoton.text(d, "name")],
    "last_step" => (d, made) -> last_step,
    "dense" => dense,
    "conv" => crosscor,
    "max_pool" => pool(Flux.MaxPool), "avg_pool" => pool(Flux.MeanPool),
    "adaptive_max_pool" => adaptive(Flux.AdaptiveMaxPool), "adaptive_avg_pool" => adaptive(Flux.AdaptiveMeanPool),
    "batch_norm" => batch_norm,
    "layer_norm" => layer_norm,
    "dropout" => (d, made) -> Flux.Dropout(Float64(option(d, "rate"))),
    "embedding" => (d, made) -> Flux.Embedding(array(d, "table")),
    "rnn" => rnn,
    "lstm" => (d, made) -> Flux.LSTM(Flux.LSTMCell(weights(d)...)),
    "plan" => planned,
    "held" => (d, made) -> PyPhoton.OPEN[PyPhoton.whole(d, "number")],
    "gru" => (d, made) -> Flux.GRU(Flux.GRUCell(weights(d)...)),
)
