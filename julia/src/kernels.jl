# Loops that know nothing of ranks: arrays are flat vectors here, and an N-dimensional walk is a list of lengths and
# strides. So each loop is compiled once per element type, not once per number of axes, and no model waits for it.

"""y[i] = f(x[i])"""
function map_into!(f::F, y::Vector, x::Vector) where {F}
    @inbounds @simd for i in eachindex(y, x)
        y[i] = f(x[i])
    end
    return y
end

"""A number where a vector is expected."""
struct Same{T}
    value::T
end
Base.@propagate_inbounds Base.getindex(s::Same, ::Int) = s.value
const Flat{T} = Union{Vector{T},Same{T}}

"""y[i] = f(a[i], b[i])"""
function map_into!(f::F, y::Vector, a, b) where {F}
    @inbounds @simd for i in eachindex(y)
        y[i] = f(a[i], b[i])
    end
    return y
end

"""y[i] = f(a[i], b[i], c[i])"""
function map_into!(f::F, y::Vector, a, b, c) where {F}
    @inbounds @simd for i in eachindex(y)
        y[i] = f(a[i], b[i], c[i])
    end
    return y
end

"""y[i] = f(a[i], b[i], c[i], d[i])"""
function map_into!(f::F, y::Vector, a, b, c, d) where {F}
    @inbounds @simd for i in eachindex(y)
        y[i] = f(a[i], b[i], c[i], d[i])
    end
    return y
end

"""Drop dimensions of length 1 and join those that lie one after the other."""
function joined(lengths, strides)
    ns, ss = Int[], Int[]
    for (n, s) in zip(lengths, strides)
        n == 1 && continue
        if !isempty(ns) && s == ss[end] * ns[end]
            ns[end] *= n
        else
            push!(ns, n)
            push!(ss, s)
        end
    end
    isempty(ns) && (push!(ns, 1); push!(ss, 0))
    return ns, ss
end

"""Call `f(place, start)` for every line along the first dimension: `place` in the result and `start` in the walked array, from 0."""
@inline function each_line(f::F, ns::Vector{Int}, ss::Vector{Int}, offset::Int) where {F}
    counter = zeros(Int, length(ns))
    start = offset
    for line in 0:div(prod(ns), max(ns[1], 1))-1
        f(line * ns[1], start)
        for d in 2:length(ns)
            counter[d] += 1
            start += ss[d]
            counter[d] < ns[d] && break
            start -= ss[d] * ns[d]
            counter[d] = 0
        end
    end
end

"""y = x walked with these strides from `offset`; y is dense."""
function gather_walk!(y::Vector{T}, x::Vector{T}, lengths, strides, offset::Int=0) where {T}
    isempty(y) && return y
    ns, ss = joined(lengths, strides)
    n, s = ns[1], ss[1]
    each_line(ns, ss, offset) do place, start
        if s == 1
            copyto!(y, place + 1, x, start + 1, n)
        else
            @inbounds @simd for i in 1:n
                y[place+i] = x[start+(i-1)*s+1]
            end
        end
    end
    return y
end

"""The opposite: x at the walked places += y."""
function scatter_walk!(x::Vector{T}, y::Vector{T}, lengths, strides, offset::Int=0) where {T}
    isempty(y) && return x
    ns, ss = joined(lengths, strides)
    n, s = ns[1], ss[1]
    each_line(ns, ss, offset) do place, start
        if s == 1
            @inbounds @simd ivdep for i in 1:n
                x[start+i] += y[place+i]
            end
        else
            @inbounds for i in 1:n
                x[start+(i-1)*s+1] += y[place+i]
            end
        end
    end
    return x
end

"""Strides that walk an array of `size` as if it had been broadcast to `result`."""
function broadcast_strides(size::Dims, result::Dims)
    strides = cumprod((1, size...))
    return Tuple(d <= length(size) && size[d] != 1 ? strides[d] : 0 for d in 1:length(result))
end

"""The size of arrays of these sizes together. Errors: DimensionMismatch."""
function broadcast_size(sizes::Dims...)
    rank = maximum(map(length, sizes))
    return ntuple(rank) do d
        n = 1
        for s in sizes
            d <= length(s) && s[d] != 1 || continue
            n == 1 || n == s[d] || throw(DimensionMismatch("sizes $sizes do not broadcast"))
            n = s[d]
        end
        n
    end
end

"""(inner, middle, outer): lengths before, of, and after dimensions `from:to`."""
function split_size(size::Dims, from::Int, to::Int=from)
    inner, middle, outer = 1, 1, 1
    for (d, n) in enumerate(size)
        d < from ? (inner *= n) : d <= to ? (middle *= n) : (outer *= n)
    end
    return inner, middle, outer
end

"""y[i, o] = sum over m of x[i, m, o], added up in Float64."""
function sum_middle!(y::Vector{T}, x::Vector{T}, (I, M, O)::Dims{3}) where {T<:AbstractFloat}
    if I == 1
        for o in 1:O
            total = 0.0
            @inbounds @simd for m in (o-1)*M+1:o*M
                total += Float64(x[m])
            end
            y[o] = T(total)
        end
        return y
    end
    total = zeros(Float64, I)
    for o in 1:O
        fill!(total, 0.0)
        for m in 1:M
            base = ((o - 1) * M + m - 1) * I
            @inbounds @simd for i in 1:I
                total[i] += Float64(x[base+i])
            end
        end
        @inbounds for i in 1:I
            y[(o-1)*I+i] = T(total[i])
        end
    end
    return y
end

"""y[i, o] = f over m of x[i, m, o]; M must not be 0."""
function fold_middle!(f::F, y::Vector{T}, x::Vector{S}, (I, M, O)::Dims{3}) where {F,T,S}
    for o in 1:O, i in 1:I
        at = (o - 1) * M * I + i
        @inbounds value = convert(T, x[at])
        for m in 1:M-1
            @inbounds value = f(value, convert(T, x[at+m*I]))
        end
        @inbounds y[(o-1)*I+i] = value
    end
    return y
end

"""x[i, m, o] = y[i, o] * factor"""
function spread_middle!(x::Vector{T}, y::Vector{T}, (I, M, O)::Dims{3}, factor::T=one(T)) where {T}
    for o in 1:O, m in 1:M
        base = ((o - 1) * M + m - 1) * I
        @inbounds @simd for i in 1:I
            x[base+i] = y[(o-1)*I+i] * factor
        end
    end
    return x
end
