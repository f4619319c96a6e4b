# The gradient of a body of steps with respect to its first input, as a step. The body is a program of its own over the same weights.

"""
    Gradient: dx = the gradient of body(x, held...), one number, with respect to x

The body is computed as in evaluation and trains nothing: weights' gradients are left alone. To what is around it the result is a constant.
In Flux: `Flux.gradient(body, x)[1]`.
"""
mutable struct InputGradient{T} <: ManyInputs
    const program::Program{T}
    route::Union{Nothing,Route}
end

BUILDERS["gradient"] = (T, step, weights, activation) -> InputGradient{T}(Program{T}(step.body, weights), nothing)
differentiable(::InputGradient) = false

function forward(op::InputGradient{T}, mode::Mode, inputs::Vector{Any}) where {T}
    p, x = op.program, inputs[1]
    training, recording, carry, trained_ = mode.training, mode.recording, mode.carry, Bool[w.trained for w in p.weights]
    mode.training, mode.recording, mode.carry = false, true, nothing
    foreach(w -> w.trained = false, p.weights)
    try
        forward!(p, mode, inputs)
        op.route === nothing && (op.route = route_from(p, Int[p.plan.inputs[1].id]))
        start!(p)
        descend!(p, op.route::Route)
    finally
        mode.training, mode.recording, mode.carry = training, recording, carry
        foreach((w, t) -> w.trained = t, p.weights, trained_)
    end
    return dynamic(slope_like)(T, p.slopes[p.plan.inputs[1].id], x), nothing
end

"""The gradient as an array of its own: the program's memory is used again."""
slope_like(::Type{T}, found::Array{T}, x::Array) where {T} = reshape(copy(found), size(x))
slope_like(::Type{T}, ::Nothing, x::Array) where {T} = zeros(T, size(x))
