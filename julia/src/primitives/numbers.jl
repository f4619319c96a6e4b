# Which type a result has: floats win over whole numbers, these over truth values, and floats are always the plan's.
# Python numbers among the inputs stay Julia numbers until they meet an array.

level(::Union{AbstractFloat,Array{<:AbstractFloat}}) = 3
level(::Union{Integer,Array{<:Integer}}) = 2
level(::Union{Bool,Array{Bool}}) = 1
common(::Type{T}, xs...) where {T} = (l = max(map(level, xs)...); l == 3 ? T : l == 2 ? Int64 : Bool)

"""x as numbers of type R."""
as(::Type{R}, x::R) where {R<:Number} = x
as(::Type{R}, x::Number) where {R} = R(x)
as(::Type{Bool}, x::Number) = x != 0
as(::Type{Bool}, x::Bool) = x
as(::Type{R}, x::Array{R}) where {R} = x
as(::Type{R}, x::Array) where {R} = reshape(map_into!(v -> as(R, v), Vector{R}(undef, length(x)), vec(x)), size(x))

shape(::Number) = ()
shape(x::Array) = size(x)

"""x of type R, flat, as if it had been broadcast to `result`."""
spread(::Type{R}, x::Number, result::Dims) where {R} = Same{R}(as(R, x))
function spread(::Type{R}, x::Array, result::Dims) where {R}
    v = vec(as(R, x))::Vector{R}
    size(x) == result && return v
    return gather_walk!(Vector{R}(undef, prod(result)), v, result, broadcast_strides(size(x), result))
end

"""The opposite, for gradients: sums over what had been repeated."""
function unspread(d::Vector{T}, result::Dims, size::Dims) where {T}
    size == result && return reshape(d, size)
    return reshape(scatter_walk!(zeros(T, prod(size)), d, result, broadcast_strides(size, result)), size)
end
