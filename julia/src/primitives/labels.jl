# Class numbers: one_hot, and the cross-entropy of scores in one loop.

struct OneHot{R}
    classes::Int
end
differentiable(::OneHot) = false
BUILDERS["one_hot"] = function (::Type{T}, step, weights, activation) where {T}
    R = element_type(step.attrs["dtype"])
    return OneHot{R<:AbstractFloat ? T : R}(step.attrs["classes"])
end

function forward(op::OneHot{R}, mode::Mode, x::Array) where {R}
    y = zeros(R, op.classes, length(x))
    for (j, id) in enumerate(x)
        p = position(id)
        1 <= p <= op.classes && (y[p, j] = one(R))
    end
    return reshape(y, (op.classes, size(x)...)), nothing
end

"""-log softmax(scores)[label] of each sample."""
struct CrossEntropy{T}
    shares::Buffer{T,2}
    dx::Buffer{T,2}
end
BUILDERS["cross_entropy"] = (T, step, weights, activation) -> CrossEntropy{T}(Buffer{T,2}(), Buffer{T,2}())

function forward(op::CrossEntropy{T}, mode::Mode, scores::Matrix{T}, labels::Vector{<:Integer}) where {T}
    classes, samples = size(scores)
    samples == length(labels) || throw(DimensionMismatch("$samples rows of scores and $(length(labels)) labels"))
    shares, y = sized!(op.shares, classes, samples), Vector{T}(undef, samples)
    for j in 1:samples
        p = position(labels[j])
        1 <= p <= classes || outside(labels[j], classes, "classes")
        high = typemin(T)
        @inbounds for i in 1:classes
            high = max(high, scores[i, j])
        end
        total = zero(T)
        @inbounds @simd for i in 1:classes
            shares[i, j] = exp_(scores[i, j] - high)
            total += shares[i, j]
        end
        @inbounds y[j] = log(total) + high - scores[p, j]
        @inbounds @simd for i in 1:classes
            shares[i, j] /= total
        end
    end
    return y, (shares, labels)
end
forward(op::CrossEntropy{T}, mode::Mode, scores::Array, labels::Array) where {T} = forward(op, mode, as(T, scores)::Matrix{T}, as(Int64, labels)::Vector{Int64})

function backward(op::CrossEntropy{T}, (shares, labels), dy::Array{T}, want::Int) where {T}
    dx = sized!(op.dx, size(shares))
    for j in axes(dx, 2)
        @inbounds @simd for i in axes(dx, 1)
            dx[i, j] = shares[i, j] * dy[j]
        end
        @inbounds dx[position(labels[j]), j] -= dy[j]
    end
    return (dx, nothing)
end
