# Reductions. Dimensions that lie side by side are one loop; several runs of them are done one after the other. So there is
# one kernel, over (inner, middle, outer), for every rank and every choice of axes.

struct Reduce{T,K}
    axis::Union{Nothing,Int,Vector{Any}}
    keep::Bool
end

for kind in ("sum", "mean", "max", "min", "prod")
    BUILDERS[kind] = (T, step, weights, activation) ->
        Reduce{T,Symbol(kind)}(get(step.attrs, "axis", nothing), get(step.attrs, "keepdims", false))
end

"""The runs of neighbours among sorted numbers, the last first."""
function neighbours(dims)
    runs = UnitRange{Int}[]
    for d in dims
        !isempty(runs) && last(runs[end]) + 1 == d ? (runs[end] = first(runs[end]):d) : push!(runs, d:d)
    end
    return reverse!(runs)
end

forward(op::Reduce, mode::Mode, x::Number) = forward(op, mode, fill(x))

function forward(op::Reduce{T,K}, mode::Mode, x::Array) where {T,K}
    if op.axis === nothing && !op.keep
        y, tape = reduce_run(op, vec(ready(op, x)), (1, length(x), 1))
        return reshape(shared(op, y, length(x)), ()), (Any[tape], size(x), T(length(x)))
    end
    dims, flat, size_, tapes, count = dimensions(op.axis, ndims(x)), vec(ready(op, x)), size(x), Any[], 1
    for run in neighbours(dims)
        split = split_size(size_, first(run), last(run))
        flat, tape = reduce_run(op, flat, split)
        size_, count = kept_size(size_, run), count * split[2]
        push!(tapes, tape)
    end
    y = shared(op, flat, count)
    return op.keep ? reshape(y, size_) : reshape(y, dropped_size(size(x), dims)), (tapes, size(x), T(count))
end

"""A mean is a sum shared by `count`."""
shared(::Reduce, y::Vector, count::Int) = y
shared(::Reduce{T,:mean}, y::Vector{T}, count::Int) where {T} = map_into!(/, y, y, Same(T(count)))

"""What is reduced: means are of floats, sums of truth values count them."""
ready(op::Reduce{T,:mean}, x::Array) where {T} = as(T, x)
ready(op::Reduce{T,:sum}, x::Array{Bool}) where {T} = as(Int64, x)
ready(op::Reduce{T,:prod}, x::Array{Bool}) where {T} = as(Int64, x)
ready(op::Reduce{T}, x::Array) where {T} = eltype(x) <: AbstractFloat ? as(T, x) : x

function reduce_run(op::Reduce{T,K}, x::Vector{R}, split::Dims{3}) where {T,K,R}
    y = Vector{R}(undef, split[1] * split[3])
    if K === :sum || K === :mean
        R <: AbstractFloat ? sum_middle!(y, x, split) : split[2] == 0 ? fill!(y, zero(R)) : fold_middle!(+, y, x, split)
        return y, split
    end
    if split[2] == 0
        K === :prod || throw(ArgumentError("$K of no elements"))
        return fill!(y, one(R)), (x, y, split)
    end
    fold_middle!(K === :max ? max : K === :min ? min : *, y, x, split)
    return y, (x, y, split)
end

function backward(op::Reduce{T,K}, (tapes, size, count), dy::Array{T}, want::Int) where {T,K}
    d = vec(dy)
    for tape in Iterators.reverse(tapes)
        d = run_slope(op, tape, d)
    end
    K === :mean && isempty(tapes) && return (dy,)
    K === :mean && (d = map_into!(/, d, d, Same(count)))
    return (reshape(d, size),)
end

run_slope(::Reduce{T}, split::Dims{3}, d::Vector{T}) where {T} = spread_middle!(Vector{T}(undef, prod(split)), d, split)

"""The largest or smallest: equal ones share the gradient."""
function run_slope(op::Reduce{T,K}, (x, y, split)::Tuple{Vector{T},Vector{T},Dims{3}}, d::Vector{T}) where {T,K}
    K === :prod && return product_slope(x, y, split, d)
    (I, M, O), dx = split, zeros(T, length(x))
    for o in 1:O, i in 1:I
        at, out = (o - 1) * M * I + i, (o - 1) * I + i
        same = sum(x[at+m*I] == y[out] for m in 0:M-1)
        for m in 0:M-1
            x[at+m*I] == y[out] && (dx[at+m*I] = d[out] / same)
        end
    end
    return dx
end

function product_slope(x::Vector{T}, y::Vector{T}, (I, M, O)::Dims{3}, d::Vector{T}) where {T}
    dx = Vector{T}(undef, length(x))
    for o in 1:O, i in 1:I, m in 0:M-1
        at, out = (o - 1) * M * I + i, (o - 1) * I + i
        rest = x[at+m*I] == 0 ? prod(x[at+k*I] for k in 0:M-1 if k != m; init=one(T)) : y[out] / x[at+m*I]
        dx[at+m*I] = d[out] * rest
    end
    return dx
end

"""argmax: the first of the largest, counted from 0."""
struct ArgMax
    axis::Int
    keep::Bool
end
differentiable(::ArgMax) = false
BUILDERS["argmax"] = (T, step, weights, activation) -> ArgMax(get(step.attrs, "axis", -1), get(step.attrs, "keepdims", false))

function forward(op::ArgMax, mode::Mode, x::Array)
    d = dimension(op.axis, ndims(x))
    y = argmax_middle(vec(x), split_size(size(x), d))
    return reshape(y, op.keep ? kept_size(size(x), d) : dropped_size(size(x), d)), nothing
end

function argmax_middle(x::Vector, (I, M, O)::Dims{3})
    M > 0 || throw(ArgumentError("argmax of no elements"))
    y = Vector{Int64}(undef, I * O)
    for o in 1:O, i in 1:I
        at = (o - 1) * M * I + i
        best = 1
        for m in 2:M
            @inbounds isless(x[at+(best-1)*I], x[at+(m-1)*I]) && (best = m)
        end
        y[(o-1)*I+i] = number(best)
    end
    return y
end

"""softmax (L false) and log_softmax (L true) along an axis."""
struct Softmax{T,L}
    axis::Int
end
BUILDERS["softmax"] = (T, step, weights, activation) -> Softmax{T,false}(get(step.attrs, "axis", -1))
BUILDERS["log_softmax"] = (T, step, weights, activation) -> Softmax{T,true}(get(step.attrs, "axis", -1))

function forward(op::Softmax{T,L}, mode::Mode, x::Array) where {T,L}
    split = split_size(size(x), dimension(op.axis, ndims(x)))
    y = softmax_middle!(Vector{T}(undef, length(x)), vec(as(T, x)), split, Val(L))
    return reshape(y, size(x)), (y, split)
end

function softmax_middle!(y::Vector{T}, x::Vector{T}, (I, M, O)::Dims{3}, ::Val{L}) where {T,L}
    for o in 1:O, i in 1:I
        at = (o - 1) * M * I + i
        places = at:I:at+(M-1)*I
        high = typemin(T)
        @inbounds for p in places
            high = max(high, x[p])
        end
        total = zero(T)
        @inbounds @simd for p in places
            y[p] = exp_(x[p] - high)
            total += y[p]
        end
        if L
            shift = high + log(total)
            @inbounds @simd for p in places
                y[p] = x[p] - shift
            end
        else
            @inbounds @simd for p in places
                y[p] /= total
            end
        end
    end
    return y
end

function backward(op::Softmax{T,L}, tape, dy::Array{T}, want::Int) where {T,L}
    y, (I, M, O) = tape::Tuple{Vector{T},Dims{3}}
    d, dx = vec(dy), Vector{T}(undef, length(y))
    for o in 1:O, i in 1:I
        at = (o - 1) * M * I + i
        places = at:I:at+(M-1)*I
        total = zero(T)
        @inbounds @simd for p in places
            total += L ? d[p] : d[p] * y[p]
        end
        @inbounds @simd for p in places
            dx[p] = L ? d[p] - exp_(y[p]) * total : y[p] * (d[p] - total)
        end
    end
    return (reshape(dx, size(dy)),)
end
