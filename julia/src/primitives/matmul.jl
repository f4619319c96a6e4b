# Python's a @ b. Backwards: a (..., m, k) is a Julia (k, m, ...), b (..., k, n) is (n, k, ...), and the product (n, m, ...) is b a.

struct MatMul{T}
    y::Buffer{T,2}
    da::Buffer{T,2}
    db::Buffer{T,2}
end
BUILDERS["matmul"] = (T, step, weights, activation) -> MatMul{T}(Buffer{T,2}(), Buffer{T,2}(), Buffer{T,2}())

"""A vector on the left is a row, on the right a column."""
as_left(a::Array{R,N}) where {R,N} = N == 1 ? reshape(a, (length(a), 1)) : a
as_right(b::Array{R,N}) where {R,N} = N == 1 ? reshape(b, (1, length(b))) : b

function forward(op::MatMul{T}, mode::Mode, a::Array, b::Array) where {T}
    R = common(T, a, b)
    left, right = as_left(as(R, a)), as_right(as(R, b))
    size(left, 1) == size(right, 2) || throw(DimensionMismatch("matrix product of $(python_shape(size(a))) and $(python_shape(size(b)))"))
    batch = broadcast_size(size(left)[3:end], size(right)[3:end])
    y = R === T && one_product(left, right) ? multiplied(op, left, right) : product(left, right, batch)
    rows = ndims(b) == 1 ? () : (size(right, 1),)
    result = (rows..., (ndims(a) == 1 ? () : (size(left, 2),))..., batch...)
    return reshape(y, result), (left, right, batch, size(a), size(b))
end

"""Whether one right matrix multiplies all on the left: then it is one product, forwards and backwards."""
one_right(right::Array) = length(right) == size(right, 1) * size(right, 2)
flat_left(left::Array) = reshape(left, (size(left, 1), length(left) ÷ max(size(left, 1), 1)))

"""Whether it is one product for BLAS."""
one_product(left::Array, right::Array) = one_right(right) && !isempty(left) && !isempty(right)

function multiplied(op::MatMul{T}, left::Array{T}, right::Array{T}) where {T}
    a, b = flat_left(left), right_matrix(right)
    return vec(multiply!(sized!(op.y, size(b, 1), size(a, 2)), 'N', 'N', b, a))
end

"""Where each matrix of a stack lies when the stack is repeated to `batch`: numbers from 1."""
function stack_places(size::Dims, batch::Dims)
    own = size[3:end]
    count = prod(own; init=1)
    return gather_walk!(Vector{Int}(undef, prod(batch; init=1)), collect(1:count), batch, broadcast_strides(own, batch))
end

stacked(x::Array) = reshape(x, (size(x, 1), size(x, 2), split_size(size(x), 2)[3]))

function product(left::Array{R}, right::Array{R}, batch::Dims) where {R}
    one_right(right) && return vec(right_matrix(right) * flat_left(left))
    m, n = size(left, 2), size(right, 1)
    A, B = stacked(left), stacked(right)
    y = Array{R,3}(undef, n, m, prod(batch; init=1))
    for (j, (i, l)) in enumerate(zip(stack_places(size(left), batch), stack_places(size(right), batch)))
        @views mul!(y[:, :, j], B[:, :, l], A[:, :, i])
    end
    return vec(y)
end

right_matrix(x::Array) = reshape(x, (size(x, 1), size(x, 2)))

function backward(op::MatMul{T}, (left, right, batch, size_a, size_b), dy::Array{T}, want::Int) where {T}
    m, n = size(left, 2), size(right, 1)
    if one_product(left, right)
        a, b = flat_left(left), right_matrix(right)
        d = reshape(dy, (n, size(a, 2)))
        da = wanted(want, 1) ? reshape(multiply!(sized!(op.da, size(a)), 'T', 'N', b, d), size_a) : nothing
        db = wanted(want, 2) ? reshape(multiply!(sized!(op.db, size(b)), 'N', 'T', d, a), size_b) : nothing
        return (da, db)
    end
    d = reshape(dy, (n, m, prod(batch; init=1)))
    A, B = stacked(left), stacked(right)
    da, db = zeros(T, size(A)), zeros(T, size(B))
    for (j, (i, l)) in enumerate(zip(stack_places(size(left), batch), stack_places(size(right), batch)))
        wanted(want, 1) && @views mul!(da[:, :, i], B[:, :, l]', d[:, :, j], one(T), one(T))
        wanted(want, 2) && @views mul!(db[:, :, l], d[:, :, j], A[:, :, i]', one(T), one(T))
    end
    return (reshape(da, size_a), reshape(db, size_b))
end

"""A product and a row added to it: what a dense layer does, with matrices that were computed."""
struct Affine{T}
    product::MatMul{T}
end

function forward(op::Affine{T}, mode::Mode, a::Array, b::Array, row::Array) where {T}
    y, tape = forward(op.product, mode, as(T, a), as(T, b))
    biased!(identity, dynamic(columns_matrix)(y), vec(as(T, row)))
    return y, (tape, size(row))
end

columns_matrix(y::Array) = reshape(y, (size(y, 1), length(y) ÷ max(size(y, 1), 1)))

function backward(op::Affine{T}, (tape, size_), dy::Array{T}, want::Int) where {T}
    da, db = backward(op.product, tape, dy, want)
    return (da, db, wanted(want, 3) ? unspread(vec(dy), size(dy), size_) : nothing)
end
