# Dense: y = activation(kernel x + bias). The Python kernel (in, out) is the Julia matrix (out, in).

"""
    Dense: y = activation.(kernel * x .+ bias)

`kernel` is (out, in), `x` (in, batch), the result (out, batch); more dimensions of `x` between them are carried along, or
joined into `in` when `flatten`. In Flux: `Dense(in => out, activation)`.
"""
struct Dense{T}
    kernel::Weight{T}
    bias::Union{Nothing,Weight{T}}
    matrix::Matrix{T}
    activation::Activation
    flatten::Bool
    y::Buffer{T,2}
    dz::Buffer{T,2}
    dx::Buffer{T,2}
end

BUILDERS["dense"] = function (::Type{T}, step, weights, activation) where {T}
    kernel = weights["kernel"]
    return Dense{T}(kernel, get(weights, "bias", nothing), matrix(kernel), activation, step.attrs["flatten"], Buffer{T,2}(), Buffer{T,2}(), Buffer{T,2}())
end

"""A matrix with one column per row of Python's: the last Python axis, or all but the batch, first."""
columns(x::Matrix, flatten::Bool) = x
columns(x::Array{T,N}, flatten::Bool) where {T,N} = reshape(x, flatten ? (split_size(size(x), N)[1], size(x, N)) : (size(x, 1), split_size(size(x), 1)[3]))

function forward(op::Dense{T}, mode::Mode, x::Array{T,N}) where {T,N}
    flat = columns(x, op.flatten)::Matrix{T}
    y = sized!(op.y, size(op.matrix, 1), size(flat, 2))
    multiply!(y, 'N', 'N', op.matrix, flat)
    finish!(op.activation, y, vector(op.bias))
    out = op.flatten || N == 2 ? y : reshape(y, (size(y, 1), size(x)[2:end]...))
    return out, (flat, y, size(x))
end

function backward(op::Dense{T}, (x, y, shape), dy::Array{T}, want::Int) where {T}
    dz = before(op.activation, op.dz, columns(dy, false)::Matrix{T}, y)
    slopes!(op.kernel, op.bias, dz, x)
    want == 0 && return ()
    dx = sized!(op.dx, size(x))
    multiply!(dx, 'T', 'N', op.matrix, dz)
    return (reshape(dx, shape),)
end

"""Gradients of kernel and bias of dz = kernel x + bias."""
function slopes!(kernel::Weight{T}, bias, dz, x) where {T}
    if kernel.trained
        g, keep = gradient!(kernel)
        multiply!(reshape(g, (size(dz, 1), size(x, 1))), 'N', 'T', dz, x, keep)
    end
    trained(bias) && add_rows!(summed!(bias), dz)
    return nothing
end
