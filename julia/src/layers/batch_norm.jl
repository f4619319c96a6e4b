# BatchNorm. Python's channel axis 1 is the last but one here: every array is (space, channels, batch).

"""
    BatchNorm: y = scale .* (x .- mean) ./ sqrt.(variance .+ epsilon) .+ shift, by channel (the last dimension but one)

While training mean and variance are the batch's, and the running ones move by `momentum` towards them (towards the unbiased
variance). In Flux: `BatchNorm(channels)`.
"""
struct BatchNorm{T}
    scale::Union{Nothing,Weight{T}}
    shift::Union{Nothing,Weight{T}}
    mean::Weight{T}
    variance::Weight{T}
    momentum::T
    epsilon::T
    activation::Activation
    y::Buffer{T,3}
    dz::Buffer{T,3}
    dx::Buffer{T,3}
end

BUILDERS["batch_norm"] = function (::Type{T}, step, weights, activation) where {T}
    w(name) = get(weights, name, nothing)
    return BatchNorm{T}(w("scale"), w("shift"), w("mean"), w("variance"), T(step.attrs["momentum"]), T(step.attrs["epsilon"]), activation, Buffer{T,3}(), Buffer{T,3}(), Buffer{T,3}())
end

function forward(op::BatchNorm{T}, mode::Mode, x::Array{T,N}) where {T,N}
    space = split_size(size(x), N - 1)
    z = reshape(x, space)
    mean, variance = op.mean.values, op.variance.values
    foreach(v -> fits(v, space[2]), (mean, variance, vector(op.scale), vector(op.shift)))
    if mode.training
        mean, variance = moments(z)
        mode.moving && move_average!(op, mean, variance, space[1] * space[3])
    end
    inverse = map(v -> one(T) / sqrt(v + op.epsilon), variance)
    y = sized!(op.y, space)
    normalise!(y, z, mean, inverse, vector(op.scale), vector(op.shift))
    activate!(op.activation, y)
    return reshape(y, size(x)), (z, y, mean, inverse, mode.training)
end

"""Mean and (biased) variance of each channel, in two passes, added up in Float64."""
function moments(x::Array{T,3}) where {T}
    S, C, N = size(x)
    mean, variance = zeros(Float64, C), zeros(Float64, C)
    channel_sums!(identity, mean, x, mean)
    mean ./= S * N
    centre = copy(mean)
    channel_sums!(v -> v * v, variance, x, centre)
    variance ./= S * N
    return T.(mean), T.(variance)
end

"""total[c] += f(x - centre[c]); for the first pass centre is zero."""
function channel_sums!(f::F, total, x::Array{T,3}, centre) where {F,T}
    S, C, N = size(x)
    first_pass = centre === total
    if S == 1
        for n in 1:N
            @inbounds @simd for c in 1:C
                total[c] += f(Float64(x[1, c, n]) - (first_pass ? 0.0 : centre[c]))
            end
        end
        return total
    end
    for n in 1:N, c in 1:C
        sum, middle = 0.0, first_pass ? 0.0 : centre[c]
        @inbounds @simd for s in 1:S
            sum += f(Float64(x[s, c, n]) - middle)
        end
        total[c] += sum
    end
    return total
end

"""The running state, towards the mean and the unbiased variance; one number per channel tells nothing of either."""
function move_average!(op::BatchNorm{T}, mean, variance, count::Int) where {T}
    count > 1 || return nothing
    m, v, w = op.mean.values, op.variance.values, op.momentum
    unbiased = T(count / (count - 1))
    for c in eachindex(m)
        m[c] = (one(T) - w) * m[c] + w * mean[c]
        v[c] = (one(T) - w) * v[c] + w * variance[c] * unbiased
    end
    return nothing
end

at(::Nothing, c, default) = default
Base.@propagate_inbounds at(v::Vector, c, default) = v[c]

function normalise!(y::Array{T,3}, x::Array{T,3}, mean, inverse, scale, shift) where {T}
    S, C, N = size(x)
    factor = [inverse[c] * at(scale, c, one(T)) for c in 1:C]
    offset = [at(shift, c, zero(T)) for c in 1:C]
    if S == 1
        for n in 1:N
            @inbounds @simd for c in 1:C
                y[1, c, n] = (x[1, c, n] - mean[c]) * factor[c] + offset[c]
            end
        end
        return y
    end
    for n in 1:N, c in 1:C
        m, f, o = mean[c], factor[c], offset[c]
        @inbounds @simd for s in 1:S
            y[s, c, n] = (x[s, c, n] - m) * f + o
        end
    end
    return y
end

function backward(op::BatchNorm{T}, (x, y, mean, inverse, training), dy::Array{T}, want::Int) where {T}
    dz = before(op.activation, op.dz, reshape(dy, size(y)), y)
    S, C, N = size(x)
    sums, products = zeros(Float64, C), zeros(Float64, C)  # of dz, and of dz times the normalised x
    for n in 1:N, c in 1:C
        a, b, m = 0.0, 0.0, mean[c]
        @inbounds @simd for s in 1:S
            d = Float64(dz[s, c, n])
            a += d
            b += d * Float64(x[s, c, n] - m)
        end
        sums[c] += a
        products[c] += b * inverse[c]
    end
    trained(op.shift) && (g = summed!(op.shift); g .+= sums)
    trained(op.scale) && (g = summed!(op.scale); g .+= products)
    want == 0 && return ()
    dx, count = sized!(op.dx, size(x)), training ? S * N : 0
    for n in 1:N, c in 1:C
        f, m = inverse[c] * at(vector(op.scale), c, one(T)), mean[c]
        a = count == 0 ? zero(T) : T(sums[c] / count)
        b = count == 0 ? zero(T) : T(products[c] / count) * inverse[c]
        @inbounds @simd for s in 1:S
            dx[s, c, n] = f * (dz[s, c, n] - a - (x[s, c, n] - m) * b)
        end
    end
    return (reshape(dx, size(dy)),)
end
