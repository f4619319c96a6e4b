# Knet as an engine: `PyPhoton.engine!("knet")`. Layers are computed by Knet's primitives and differentiated, step by step, by AutoGrad
# (knet_step.jl) or by Knet's own backward functions (knet_direct.jl). Elementary steps, optimisers and the loop are the core's. This
# file is the one place for what Knet means by its arguments:
#
# - dense: `mat` joins all dimensions but the last (our `flatten`), `mat(x; dims=1)` all but the first.
# - conv4: `mode=1` does NOT turn the kernel round (ours, torch's); the default does. Padding may differ on the two sides of an axis on
#   the processor, where it is NNlib's tuple (before, after, before, after ...); `group` may only be 1 there, so groups are computed one by
#   one (knet_convolutions.jl). conv4w of no samples leaves its memory as it was: ours are zeros.
# - deconv4 is conv4x, the gradient of conv4 by its input, on a blank of the size that it wants. That conv4 must lead exactly to the input's size:
#   so output padding is taken from the padding behind, which may become negative.
# - pool: modes 0 and 3 are the maximum, 1 the mean over windows that count padding, 2 (without padding) silently becomes 1 on the
#   processor. There the maximum leaves out NaN and is never below the least finite number, its gradient goes to the first number that is
#   near the largest (`isapprox`: 0.03 % in Float32), and both gradients count windows twice where they are larger than the
#   image. So all pools are the core's.
# - batchnorm: 4 dimensions, (space, 1, channels, batch): its 2-dimensional form has no gradient in evaluation. `momentum` is the part of the
#   new value, as ours; its running variance is the biased one, ours the unbiased: so the moments of the batch are taken out of it with
#   momentum 1, and the core moves the running state.
# - dropout acts by default only inside `@diff`, and draws from Julia's global generator. It is the core's here, whose masks are the module's.
# - RNN: arrays are (features, batch, steps); ours (features, steps, batch). Weights are one vector: for each direction the input's matrices,
#   gate by gate, then the state's, all transposed; then the biases in that order, two for each gate. Gates are i, f, new, o and
#   reset, update, new, the order of ours. Our bias is the input's, the state's is zero and not trained: the GRU's reset acts
#   after the product, so the state's would be inside of it. Each direction of each layer is an RNN of its own, with the core's dropout before
#   the layer (knet_recurrent.jl).
# - nll wants labels 1..C, skips 0 and gives the mean; ours are 0..C-1, all count, and the step gives one loss per sample: logsoftmax
#   and an index, as nll does.
# - gradients through an index are AutoGrad.Sparse until `AutoGrad.full`.
module PyPhotonKnetExt

using Knet: Knet, conv4, batchnorm, bnmoments, cat1d, mat, logsoftmax, softmax, sigm, selu, RNN
using Knet.Ops20: conv4w, conv4x
using PyPhoton: PyPhoton, Weight, Mode, UnsupportedStep, array, position, time_swapped, transposed

include("knet_step.jl")
include("knet_direct.jl")
include("knet_recurrent.jl")

"""kind of step => function (T, step, weights, activation) that makes its op."""
const BUILDERS = Dict{String,Any}()

const FUNCTIONS = Dict(PyPhoton.IDENTITY => nothing, PyPhoton.RELU => Knet.relu, PyPhoton.TANH => tanh, PyPhoton.SIGMOID => sigm)
finished(activation, y) = applied(FUNCTIONS[activation], y)

refused(step, reason) = throw(UnsupportedStep(step.op, step.path, reason))

BUILDERS["dense"] = (T, step, weights, activation) -> KnetDense{T}(FUNCTIONS[activation], weights["kernel"], get(weights, "bias", nothing), step.attrs["flatten"]::Bool)

BUILDERS["embedding"] = function (T, step, weights, activation)
    return KnetStep{T}(weights, "table") do mode, (table,), ids
        places, vocabulary = map(position, vec(ids)), size(table, 2)
        foreach(p -> 1 <= p <= vocabulary || PyPhoton.outside(PyPhoton.number(p), vocabulary, "rows of the table"), places)
        reshape(table[:, places], (size(table, 1), size(ids)...))
    end
end

include("knet_convolutions.jl")

BUILDERS["batch_norm"] = function (T, step, weights, activation)
    core = PyPhoton.BUILDERS["batch_norm"](T, step, weights, activation)
    C = length(core.mean.values)
    at(v) = reshape(copy(v), (1, 1, C, 1))
    return KnetStep{T}(weights, "scale", "shift") do mode, (scale, shift), x
        rank = ndims(x)
        S, channels, B = PyPhoton.split_size(size(x), rank - 1)
        channels == C || throw(DimensionMismatch("expected $C channels, received $channels"))
        params = scale === shift === nothing ? nothing : cat1d(something(scale, ones(T, C)), something(shift, zeros(T, C)))
        moments = bnmoments(; momentum=1, mean=at(core.mean.values), var=at(core.variance.values))
        y = batchnorm(reshape(x, (S, 1, C, B)), moments, params; training=mode.training, eps=core.epsilon)
        mode.training && mode.moving && PyPhoton.move_average!(core, vec(moments.mean), vec(moments.var), S * B)
        reshape(finished(activation, y), size(x))
    end
end

BUILDERS["layer_norm"] = function (T, step, weights, activation)
    epsilon = T(step.attrs["epsilon"])
    return KnetStep{T}(weights, "scale", "shift") do mode, (scale, shift), x
        isempty(x) && return finished(activation, x .* one(T))
        z = x .- sum(x; dims=1) ./ T(size(x, 1))
        y = z ./ sqrt.(sum(abs2.(z); dims=1) ./ T(size(x, 1)) .+ epsilon)
        y = scale === nothing ? y : y .* scale
        finished(activation, shift === nothing ? y : y .+ shift)
    end
end

BUILDERS["rnn"] = BUILDERS["lstm"] = BUILDERS["gru"] = function (T, step, weights, activation)
    kind = step.op == "rnn" ? Symbol(step.attrs["nonlinearity"]) : Symbol(step.op)
    kind in (:relu, :tanh, :lstm, :gru) || refused(step, "Knet has no simple cell with $kind: tanh or relu")
    return recurrent(T, step.attrs, weights, kind)
end

BUILDERS["softmax"] = (T, step, weights, activation) -> KnetSoftmax{T}(softmax, ∇softmax, get(step.attrs, "axis", -1)::Int)
BUILDERS["log_softmax"] = (T, step, weights, activation) -> KnetSoftmax{T}(logsoftmax, ∇logsoftmax, get(step.attrs, "axis", -1)::Int)
BUILDERS["cross_entropy"] = (T, step, weights, activation) -> KnetCrossEntropy{T}()

for (kind, f) in (("relu", Knet.relu), ("tanh", tanh), ("sigmoid", sigm), ("selu", selu))
    BUILDERS[kind] = (T, step, weights, activation) -> KnetActivation{T}(f)
end

BUILDERS["julia"] = (T, step, weights, activation) -> refused(step, "Julia layers are differentiated by Zygote, which comes with Flux")

"""Kinds of steps that Knet has no primitive of its own for, or none that is exact, or whose random numbers are the module's: the core computes them, exactly as on its own engine."""
const OF_THE_CORE = split("""
    neg abs exp log sqrt square sin cos sign round softplus gelu swish elu leaky_relu clip add sub mul div pow mod maximum minimum
    eq ne lt le gt ge logical_and logical_or logical_not where matmul sum mean max min prod argmax
    max_pool avg_pool adaptive_max_pool adaptive_avg_pool reshape flatten transpose concat getitem cast one_hot dropout noise parameter scan gradient python""")

"""A KnetArray is to Python what a CuArray over its memory is (PyPhotonCUDAExt); it owns that memory itself. Not run on a GPU yet."""
function PyPhoton.exposed(a::Knet.KnetArray)
    found = PyPhoton.exposed(Knet.KnetArrays.CuArray(a))
    return found isa PyPhoton.Exposed ? PyPhoton.Exposed(found.pointer, found.kind, found.device, found.shape, a) : found
end

function __init__()
    PyPhoton.ENGINES["knet"] = PyPhoton.Engine(PyPhoton.Native(), merge(BUILDERS, Dict{String,Any}(kind => PyPhoton.BUILDERS[kind] for kind in OF_THE_CORE)))
    return nothing
end

include("knet_rehearsal.jl")

end
