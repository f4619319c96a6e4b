# Plain Flux, as its manual trains: a Chain, a shuffling DataLoader, Adam, withgradient and update!.
#
#     julia --project=<a project with Flux> flux_loop.jl <case> <samples> <batch> <classes> <threads> <folder>
#
# The folder holds x.bin (Float32) and y.bin (Int64, classes from 0) as they lie in memory. Then, for every line "epoch"
# on standard input, one epoch is trained, and its seconds by Julia's own clock and its mean loss are written.
# "collect" collects garbage. The end of the input ends the program.

using Flux
using LinearAlgebra: BLAS
using Random

const SHAPES = Dict("mlp" => (784,), "conv" => (28, 28, 1), "lstm" => (32, 20), "tiny" => (8,))
const MODELS = Dict(
    "mlp" => () -> Chain(Dense(784 => 256, relu), Dense(256 => 10)),
    "conv" => () -> Chain(
        Conv((3, 3), 1 => 16, relu), Conv((3, 3), 16 => 32, relu), MaxPool((2, 2)),
        Flux.flatten, Dense(32 * 12 * 12 => 10),
    ),
    "lstm" => () -> Chain(LSTM(32 => 64), h -> h[:, end, :], Dense(64 => 10)),
    "tiny" => () -> Chain(Dense(8 => 16, relu), Dense(16 => 3)),
)

"""An array from a file of its numbers."""
load(file, ::Type{T}, size...) where {T} = read!(file, Array{T}(undef, size...))

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

"""Do what the lines of the standard input say."""
function serve(model, state, batches)
    for line in eachline(stdin)
        if line == "epoch"
            start = time_ns()
            loss = epoch!(model, state, batches)
            println((time_ns() - start) / 1e9, " ", loss)
        else
            GC.gc()
            println("collected")
        end
        flush(stdout)
    end
end

function main(case, samples, batch, classes, threads, folder)
    BLAS.set_num_threads(threads)
    Random.seed!(0)
    x = load(joinpath(folder, "x.bin"), Float32, SHAPES[case]..., samples)
    y = Flux.onehotbatch(load(joinpath(folder, "y.bin"), Int64, samples), 0:classes-1)
    model = MODELS[case]()
    state = Flux.setup(Adam(), model)
    println("ready")
    flush(stdout)
    serve(model, state, Flux.DataLoader((x, y); batchsize=batch, shuffle=true))
end

main(ARGS[1], parse.(Int, ARGS[2:5])..., ARGS[6])
