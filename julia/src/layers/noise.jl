# Noise: normal numbers while training, added or multiplied. Random numbers are the module's own.

"""
    Noise: while training, x + std n, or x (1 + std n) where it multiplies; n are normal numbers

In Flux: no layer of its own; `x -> x .+ std .* randn(Float32, size(x))` while training.
"""
struct Noise{T}
    std::T
    multiply::Bool
    numbers::Ref{Vector{T}}
end

BUILDERS["noise"] = (T, step, weights, activation) -> Noise{T}(T(step.attrs["std"]), step.attrs["multiply"], Ref(T[]))

function forward(op::Noise{T}, mode::Mode, x::Array{T}) where {T}
    mode.training && op.std > 0 || return x, nothing
    numbers = op.numbers[]
    length(numbers) == length(x) || (numbers = op.numbers[] = Vector{T}(undef, length(x)))
    randn!(mode.random, numbers)
    y = similar(x)
    if op.multiply
        @inbounds @simd for i in eachindex(numbers)
            numbers[i] = one(T) + op.std * numbers[i]
        end
        map_into!(*, vec(y), vec(x), numbers)
        return y, numbers
    end
    @inbounds @simd for i in eachindex(numbers)
        y[i] = x[i] + op.std * numbers[i]
    end
    return y, nothing
end

function backward(op::Noise{T}, factors, dy::Array{T}, want::Int) where {T}
    factors === nothing && return (dy,)
    dx = similar(dy)
    map_into!(*, vec(dx), vec(dy), factors)
    return (dx,)
end
