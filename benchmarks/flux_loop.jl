# Plain Flux, as its manual trains: a Chain, a shuffling DataLoader, Adam, withgradient and update!. loop.jl says how it is told what to do.

using Flux

include("loop.jl")

const MODELS = Dict(
    "mlp" => () -> Chain(Dense(784 => 256, relu), Dense(256 => 10)),
    "conv" => () -> Chain(
        Conv((3, 3), 1 => 16, relu), Conv((3, 3), 16 => 32, relu), MaxPool((2, 2)),
        Flux.flatten, Dense(32 * 12 * 12 => 10),
    ),
    "lstm" => () -> Chain(LSTM(32 => 64), h -> h[:, end, :], Dense(64 => 10)),
    "tiny" => () -> Chain(Dense(8 => 16, relu), Dense(16 => 3)),
)

"""Train one epoch. Returns the mean loss."""
function epoch!(model, state, batches)
    total = 0.0
    for (x, y) in batches
        loss, gradients = Flux.withgradient(m -> Flux.logitcrossentropy(m(x), y), model)
        Flux.update!(state, model, gradients[1])
        total += loss
    end
    return total / length(batches)
end

function main(given)
    model = MODELS[given.case]()
    state = Flux.setup(Adam(), model)
    batches = Flux.DataLoader((given.x, Flux.onehotbatch(given.y, 0:given.classes-1)); batchsize=given.batch, shuffle=true)
    serve(() -> epoch!(model, state, batches))
end

main(told(ARGS...))
