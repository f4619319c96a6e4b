# What PyPhoton's names are in Flux. Left out, as they are something else there: gelu (Flux's is the approximation by tanh,
# gelu_erf is the exact one) and hard_sigmoid.

const ELEMENTWISE = Dict{String,Any}(
    "identity" => identity, "relu" => NNlib.relu, "tanh" => tanh, "sigmoid" => NNlib.sigmoid, "softplus" => NNlib.softplus,
    "gelu" => NNlib.gelu_erf, "swish" => NNlib.swish, "selu" => NNlib.selu, "elu" => NNlib.elu, "leaky_relu" => NNlib.leakyrelu,
    "softsign" => NNlib.softsign,
)

"""Functions of a whole array, features first."""
const WHOLE = Dict{String,Any}("softmax" => NNlib.softmax, "log_softmax" => NNlib.logsoftmax, "flatten" => Flux.flatten)

"""PyPhoton's names of Flux's functions: the fast forms compute the same to the last digits."""
const NAME_OF = merge(
    IdDict{Any,String}(f => name for (name, f) in ELEMENTWISE),
    IdDict{Any,String}(NNlib.tanh_fast => "tanh", NNlib.sigmoid_fast => "sigmoid"),
)
const WHOLE_NAME_OF = IdDict{Any,String}(f => name for (name, f) in WHOLE)

"""The last step of a sequence (features, steps, batch)."""
last_step(y) = y[:, end, :]

"""Outputs side by side: features or channels, Python's axis 1."""
beside(ys...) = cat(ys...; dims=PyPhoton.dimension(1, ndims(first(ys))))

"""What a SkipConnection of PyPhoton's Residual does: the input first."""
before(y, x) = beside(x, y)
