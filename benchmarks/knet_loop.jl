# Plain Knet, as its tutorial trains: structs that are called, a shuffling minibatch, and adam, an iterator of losses. loop.jl says how it is
# told what to do.

using Knet

include("loop.jl")

struct Chain; layers; end
(c::Chain)(x) = (for layer in c.layers; x = layer(x); end; x)
(c::Chain)(x, y) = nll(c(x), y)

struct Dense; w; b; f; end
Dense(in::Int, out::Int, f=identity) = Dense(param(out, in), param0(out), f)
(d::Dense)(x) = d.f.(d.w * mat(x) .+ d.b)

struct Conv; w; b; end
Conv(in::Int, out::Int) = Conv(param(3, 3, in, out), param0(1, 1, out, 1))
(c::Conv)(x) = relu.(conv4(c.w, x) .+ c.b)

"""The data have the samples last, RNN wants the steps there."""
struct LastStep; rnn; end
(l::LastStep)(x) = l.rnn(permutedims(x, (1, 3, 2)))[:, :, end]

const MODELS = Dict(
    "mlp" => () -> Chain((Dense(784, 256, relu), Dense(256, 10))),
    "conv" => () -> Chain((Conv(1, 16), Conv(16, 32), pool, Dense(32 * 12 * 12, 10))),
    "lstm" => () -> Chain((LastStep(RNN(32, 64; rnnType=:lstm)), Dense(64, 10))),
    "tiny" => () -> Chain((Dense(8, 16, relu), Dense(16, 3))),
)

function main(given)
    model = MODELS[given.case]()
    batches = minibatch(given.x, given.y .+ 1, given.batch; shuffle=true)
    serve(() -> sum(adam(model, batches)) / length(batches))
end

main(told(ARGS...))
