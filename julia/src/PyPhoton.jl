"""
PyPhoton trains plans: computations that are written down as a flat list of steps, by the Python package of that name.
From Julia alone: [`Workout`](@ref), [`fit!`](@ref), [`add!`](@ref), [`layers`](@ref), [`inputs`](@ref), [`weights`](@ref), [`weights!`](@ref),
[`load_model`](@ref), [`save_model`](@ref), [`load_workout`](@ref), [`save_workout`](@ref), [`flux_state`](@ref), [`load_flux_state!`](@ref).
"""
module PyPhoton

using LinearAlgebra: BLAS, mul!
using Random: Xoshiro, rand!, randn!, randperm

export Workout, fit!, predict, add!, layers, inputs, weights, weights!, load_model, save_model, load_workout, save_workout, flux_state, load_flux_state!

include("errors.jl")
include("differentiable.jl")
include("json.jl")
include("layout.jl")
include("bfloat16.jl")
include("exchange.jl")
include("plan.jl")
include("elementary.jl")
include("engines.jl")
include("kernels.jl")
include("weights.jl")
include("layers/activation.jl")
include("program.jl")
include("primitives/numbers.jl")
include("primitives/elementwise.jl")
include("primitives/binary.jl")
include("primitives/reductions.jl")
include("primitives/labels.jl")
include("primitives/shapes.jl")
include("primitives/matmul.jl")
include("column_loops.jl")
include("columns.jl")
include("grouping.jl")
include("drawing.jl")
include("layers/dense.jl")
include("layers/embedding.jl")
include("layers/dropout.jl")
include("layers/noise.jl")
include("layers/batch_norm.jl")
include("layers/layer_norm.jl")
include("layers/pool.jl")
include("layers/unfold.jl")
include("layers/conv.jl")
include("layers/recurrent.jl")
include("layers/rnn.jl")
include("layers/lstm.jl")
include("layers/gru.jl")
include("layers/scan.jl")
include("layers/input_gradient.jl")
include("code.jl")
include("layers/python.jl")
include("optimisers.jl")
include("gathered.jl")
include("network.jl")
include("turns.jl")
include("train.jl")
include("documentation.jl")
include("callable.jl")
include("environment.jl")
include("door.jl")
include("taped.jl")
include("sketch.jl")
include("workout.jl")
include("safetensors.jl")
include("checkpoint.jl")
include("losses.jl")
include("model.jl")
include("flux_state.jl")
include("precompile.jl")

end
