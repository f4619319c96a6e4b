# LayerNorm over Python's last axis, which is the first here: each column by itself.

"""
    LayerNorm: y = scale .* (x .- mean) ./ sqrt.(variance .+ epsilon) .+ shift, over the first dimension

In Flux: `LayerNorm(size)`, which adds the square of its `eps` to the variance.
"""
struct LayerNorm{T}
    scale::Union{Nothing,Weight{T}}
    shift::Union{Nothing,Weight{T}}
    epsilon::T
    activation::Activation
    y::Buffer{T,2}
    normal::Buffer{T,2}
    dz::Buffer{T,2}
    dx::Buffer{T,2}
end

BUILDERS["layer_norm"] = (T, step, weights, activation) -> LayerNorm{T}(
    get(weights, "scale", nothing), get(weights, "shift", nothing), T(step.attrs["epsilon"]), activation, (Buffer{T,2}() for _ in 1:4)...)

function forward(op::LayerNorm{T}, mode::Mode, x::Array{T}) where {T}
    z = columns(x, false)::Matrix{T}
    F, M = size(z)
    y, normal, inverse = sized!(op.y, F, M), sized!(op.normal, F, M), Vector{T}(undef, M)
    scale, shift = vector(op.scale), vector(op.shift)
    fits(scale, F)
    fits(shift, F)
    for j in 1:M
        total = 0.0
        @inbounds @simd for i in 1:F
            total += Float64(z[i, j])
        end
        mean, squares = T(total / F), 0.0
        @inbounds @simd for i in 1:F
            squares += Float64(z[i, j] - mean)^2
        end
        inverse[j] = one(T) / sqrt(T(squares / F) + op.epsilon)
        @inbounds @simd for i in 1:F
            normal[i, j] = (z[i, j] - mean) * inverse[j]
            y[i, j] = normal[i, j] * at(scale, i, one(T)) + at(shift, i, zero(T))
        end
    end
    activate!(op.activation, y)
    return reshape(y, size(x)), (normal, y, inverse)
end

function backward(op::LayerNorm{T}, (normal, y, inverse), dy::Array{T}, want::Int) where {T}
    dz = before(op.activation, op.dz, columns(dy, false)::Matrix{T}, y)
    F, M = size(dz)
    trained(op.shift) && add_rows!(summed!(op.shift), dz)
    trained(op.scale) && add_products!(summed!(op.scale), dz, normal)
    want == 0 && return ()
    dx, scale = sized!(op.dx, F, M), vector(op.scale)
    for j in 1:M
        a, b = 0.0, 0.0
        @inbounds @simd for i in 1:F
            d = dz[i, j] * at(scale, i, one(T))
            a += Float64(d)
            b += Float64(d * normal[i, j])
        end
        mean, product = T(a / F), T(b / F)
        @inbounds @simd for i in 1:F
            dx[i, j] = inverse[j] * (dz[i, j] * at(scale, i, one(T)) - mean - normal[i, j] * product)
        end
    end
    return (reshape(dx, size(dy)),)
end

function add_products!(g::Vector{T}, a::Matrix{T}, b::Matrix{T}) where {T}
    for j in axes(a, 2)
        @inbounds @simd for i in axes(a, 1)
            g[i] += a[i, j] * b[i, j]
        end
    end
end
