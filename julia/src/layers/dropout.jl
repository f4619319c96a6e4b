# Dropout: zeros at random while training, the rest scaled up. Random numbers are the module's own.

"""
    Dropout: while training, zero with probability `rate`, and divided by `1 - rate` otherwise

In Flux: `Dropout(rate)`.
"""
struct Dropout{T}
    rate::T
    mask::Ref{Vector{T}}
end

BUILDERS["dropout"] = (T, step, weights, activation) -> Dropout{T}(T(step.attrs["rate"]), Ref(T[]))
Dropout{T}(rate::Real) where {T} = Dropout{T}(T(rate), Ref(T[]))

function forward(op::Dropout{T}, mode::Mode, x::Array{T}) where {T}
    mode.training && op.rate > 0 || return x, nothing
    mask = op.mask[]
    length(mask) == length(x) || (mask = op.mask[] = Vector{T}(undef, length(x)))
    draw_mask!(mask, mode.random, op.rate)
    y = similar(x)
    map_into!(*, vec(y), vec(x), mask)
    return y, mask
end

function draw_mask!(mask::Vector{T}, random, rate::T) where {T}
    scale = rate < 1 ? one(T) / (one(T) - rate) : zero(T)
    rand!(random, mask)
    @inbounds @simd for i in eachindex(mask)
        mask[i] = ifelse(mask[i] >= rate, scale, zero(T))
    end
    return mask
end

function backward(op::Dropout{T}, mask, dy::Array{T}, want::Int) where {T}
    mask === nothing && return (dy,)
    dx = similar(dy)
    map_into!(*, vec(dx), vec(dy), mask)
    return (dx,)
end
