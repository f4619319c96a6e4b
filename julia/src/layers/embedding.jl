# Embedding: columns of the table. The Python table (vocabulary, dim) is the Julia matrix (dim, vocabulary).

"""
    Embedding: y[:, i...] = table[:, x[i...] + 1]

`table` is (dim, vocabulary), `x` whole numbers from 0. In Flux: `Embedding(vocabulary => dim)`, whose numbers begin at 1.
"""
struct Embedding{T}
    table::Weight{T}
    matrix::Matrix{T}
end

BUILDERS["embedding"] = (T, step, weights, activation) -> Embedding{T}(weights["table"], matrix(weights["table"]))

function forward(op::Embedding{T}, mode::Mode, x::Array{<:Integer}) where {T}
    dim, vocabulary = size(op.matrix)
    y = Matrix{T}(undef, dim, length(x))
    ids = vec(x)
    for (j, id) in enumerate(ids)
        p = position(id)
        1 <= p <= vocabulary || outside(id, vocabulary, "rows of the table")
        @inbounds @simd for i in 1:dim
            y[i, j] = op.matrix[i, p]
        end
    end
    return reshape(y, (dim, size(x)...)), ids
end

function backward(op::Embedding{T}, ids, dy::Array{T}, want::Int) where {T}
    op.table.trained || return (nothing,)
    dim = size(op.matrix, 1)
    g, flat = summed!(op.table), vec(dy)
    for (j, id) in enumerate(ids)
        at, from = (position(id) - 1) * dim, (j - 1) * dim
        @inbounds @simd for i in 1:dim
            g[at+i] += flat[from+i]
        end
    end
    return (nothing,)
end
