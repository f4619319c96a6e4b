# What the hand-written loops in Julia share: their data, and a program that trains one epoch when it is told to.
#
#     julia --project=<a project> <flux or knet>_loop.jl <case> <samples> <batch> <classes> <threads> <folder>
#
# The folder holds x.bin (Float32) and y.bin (Int64, classes from 0) as they lie in memory. For every line "epoch" on standard input one epoch is
# trained, and its seconds by Julia's own clock and its mean loss are written. "collect" collects garbage. The end of the input ends the program.

using LinearAlgebra: BLAS
using Random

const SHAPES = Dict("mlp" => (784,), "conv" => (28, 28, 1), "lstm" => (32, 20), "tiny" => (8,))

"""An array from a file of its numbers."""
load(file, ::Type{T}, size...) where {T} = read!(file, Array{T}(undef, size...))

"""Do what the lines of the standard input say; `epoch` trains one and returns its mean loss."""
function serve(epoch)
    println("ready")
    flush(stdout)
    for line in eachline(stdin)
        if line == "epoch"
            start = time_ns()
            loss = epoch()
            println((time_ns() - start) / 1e9, " ", loss)
        else
            GC.gc()
            println("collected")
        end
        flush(stdout)
    end
end

"""The arguments: the case, its data, how many classes and how many samples in a minibatch."""
function told(case, samples, batch, classes, threads, folder)
    BLAS.set_num_threads(parse(Int, threads))
    Random.seed!(0)
    n = parse(Int, samples)
    x = load(joinpath(folder, "x.bin"), Float32, SHAPES[case]..., n)
    return (; case, x, y=load(joinpath(folder, "y.bin"), Int64, n), classes=parse(Int, classes), batch=parse(Int, batch))
end
