# Activations that become part of the layer before them: their slope follows from the result alone, so no tape is needed.

@enum Activation::UInt8 IDENTITY RELU TANH SIGMOID
const ACTIVATIONS = Dict("identity" => IDENTITY, "relu" => RELU, "tanh" => TANH, "sigmoid" => SIGMOID)

"""The kinds of layers that take their activation in."""
const FUSING = Set(["dense", "conv", "conv_transpose", "batch_norm", "layer_norm", "max_pool"])

"""y = act(y)"""
function activate!(act::Activation, y::Array)
    act == IDENTITY && return y
    v = vec(y)
    act == RELU ? map_into!(relu, v, v) : act == TANH ? map_into!(tanh_, v, v) : map_into!(sigmoid, v, v)
    return y
end

"""y[i, j] = act(y[i, j] + b[i])"""
function finish!(act::Activation, y::Matrix, b::Vector)
    act == RELU ? biased!(relu, y, b) : act == TANH ? biased!(tanh_, y, b) : act == SIGMOID ? biased!(sigmoid, y, b) : biased!(identity, y, b)
    return y
end
finish!(act::Activation, y::Matrix, ::Nothing) = activate!(act, y)

function biased!(f::F, y::Matrix, b::Vector) where {F}
    fits(b, size(y, 1))
    for j in axes(y, 2)
        @inbounds @simd for i in axes(y, 1)
            y[i, j] = f(y[i, j] + b[i])
        end
    end
end

relu_slope(dy, y) = ifelse(y > zero(y), dy, zero(dy))
tanh_slope(dy, y) = dy * (one(y) - y * y)
sigmoid_slope(dy, y) = dy * y * (one(y) - y)

"""The gradient before the activation: `dy` itself, or `memory` filled."""
function before(act::Activation, memory::Buffer{T,N}, dy::Array{T,N}, y::Array{T,N}) where {T,N}
    act == IDENTITY && return dy
    dz = sized!(memory, size(dy))
    a, b, c = vec(dz), vec(dy), vec(y)
    act == RELU ? map_into!(relu_slope, a, b, c) : act == TANH ? map_into!(tanh_slope, a, b, c) : map_into!(sigmoid_slope, a, b, c)
    return dz
end

"""db += the sum of dz over its columns"""
function add_rows!(db::Vector{T}, dz::Matrix{T}) where {T}
    for j in axes(dz, 2)
        @inbounds @simd for i in axes(dz, 1)
            db[i] += dz[i, j]
        end
    end
end

"""y[space, c, n] = act(y + b[c]), whatever the number of space axes"""
function biased_channels!(act::Activation, y::Array{T,N}, b::Vector{T}) where {T,N}
    z = reshape(y, split_size(size(y), N - 1))
    act == RELU ? channels!(relu, z, b) : act == TANH ? channels!(tanh_, z, b) : act == SIGMOID ? channels!(sigmoid, z, b) : channels!(identity, z, b)
    return y
end

function channels!(f::F, y::Array{T,3}, b::Vector{T}) where {F,T}
    for n in axes(y, 3), c in axes(y, 2)
        shift = b[c]
        @inbounds @simd for s in axes(y, 1)
            y[s, c, n] = f(y[s, c, n] + shift)
        end
    end
end

"""db += the sum of dz over everything but its channels"""
function add_channels!(db::Vector{T}, dz::Array{T,N}) where {T,N}
    z = reshape(dz, split_size(size(dz), N - 1))
    for n in axes(z, 3), c in axes(z, 2)
        total = zero(T)
        @inbounds @simd for s in axes(z, 1)
            total += z[s, c, n]
        end
        db[c] += total
    end
end
