# The loops of columns: element-wise functions and their slopes, by code, over a few columns of numbers.

const COPY = 0

"""The code of an element-wise kind; COPY where it has none."""
function code_of(name::String)
    k = findfirst(row -> row[1] == name, UNARIES)
    k === nothing || return k
    k = findfirst(row -> row[1] == name, BINARIES)
    return k === nothing ? COPY : k + length(UNARIES)
end

name_of(code::Int) = code <= length(UNARIES) ? UNARIES[code][1] : BINARIES[code-length(UNARIES)][1]

const MUL = code_of("mul")
const OF_SUM = length(UNARIES) + length(BINARIES)
const SUM_OF_PRODUCTS = OF_SUM + length(UNARIES) + 1
"""Codes of the way forward alone: OF_SUM + k is f(a + b) for the kind k of one number, and SUM_OF_PRODUCTS is a b + c d."""

"""Kinds of one number that are computed from a sum at once: their slopes do not read it."""
const OF_SUMS = filter(k -> UNARIES[k][1] in ("exp", "tanh", "sigmoid"), eachindex(UNARIES))

"""What a slope reads, by kind: (a, b, y)."""
reads(name) =
    name in ("add", "sub", "neg") ? (false, false, false) :
    name in ("exp", "sqrt", "tanh", "sigmoid") ? (false, false, true) :
    name == "mul" ? (true, true, false) : name == "div" ? (false, true, true) : (true, true, true)

"""Columns of an array: before the first one lie `start` numbers, and they begin `step` apart."""
struct Cursor{T}
    array::Vector{T}
    start::Int
    step::Int
end

"""`n` zeros in each of `m` columns."""
clear!(to::Cursor, n::Int, m::Int) = foreach(c -> fill!(view(to.array, to.start+c*to.step+1:to.start+c*to.step+n), 0), 0:m-1)

"""y = f(a), f(a, b) or f(a, b, c, d), `n` numbers of `m` columns."""
@inline function fill_columns!(f::F, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}) where {F,T}
    u, v = y.array, a.array
    for c in 0:m-1
        i, j = y.start + c * y.step, a.start + c * a.step
        @inbounds @simd ivdep for k in 1:n
            u[i+k] = f(v[j+k])
        end
    end
end

@inline function fill_columns!(f::F, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {F,T}
    u, v, w = y.array, a.array, b.array
    for c in 0:m-1
        i, j, l = y.start + c * y.step, a.start + c * a.step, b.start + c * b.step
        @inbounds @simd ivdep for k in 1:n
            u[i+k] = f(v[j+k], w[l+k])
        end
    end
end

@inline function fill_columns!(f::F, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}, c::Cursor{T}, d::Cursor{T}) where {F,T}
    u, v, w, p, q = y.array, a.array, b.array, c.array, d.array
    for k in 0:m-1
        o, i, j, g, h = y.start + k * y.step, a.start + k * a.step, b.start + k * b.step, c.start + k * c.step, d.start + k * d.step
        @inbounds @simd ivdep for l in 1:n
            u[o+l] = f(v[i+l], w[j+l], p[g+l], q[h+l])
        end
    end
end

"""to += from * slope(a, b, y), or `fresh`: to = ..."""
@inline function pull_columns!(slope::F, fresh::Bool, n::Int, m::Int, to::Cursor{T}, from::Cursor{T}, a::Cursor{T}, b::Cursor{T}, y::Cursor{T}) where {F,T}
    d, g, u, v, w = to.array, from.array, a.array, b.array, y.array
    for c in 0:m-1
        i, e, j, l, o = to.start + c * to.step, from.start + c * from.step, a.start + c * a.step, b.start + c * b.step, y.start + c * y.step
        if fresh
            @inbounds @simd ivdep for k in 1:n
                d[i+k] = g[e+k] * slope(u[j+k], v[l+k], w[o+k])
            end
        else
            @inbounds @simd ivdep for k in 1:n
                d[i+k] += g[e+k] * slope(u[j+k], v[l+k], w[o+k])
            end
        end
    end
end

"""Both slopes of a product that nobody has written yet: da = dy b and db = dy a."""
function pull_factors!(n::Int, m::Int, da::Cursor{T}, db::Cursor{T}, dy::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    p, q, d, u, v = da.array, db.array, dy.array, a.array, b.array
    for c in 0:m-1
        g, h, e, j, l = da.start + c * da.step, db.start + c * db.step, dy.start + c * dy.step, a.start + c * a.step, b.start + c * b.step
        @inbounds @simd ivdep for k in 1:n
            p[g+k], q[h+k] = d[e+k] * v[l+k], d[e+k] * u[j+k]
        end
    end
end

# One branch for each kind, so that a step of a column costs no dynamic call.
branches(build, table, first) = Expr(:block, (:(code == $(first + k) && return $(build(row...))) for (k, row) in table)...)

@eval function compute!(code::Int, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    $(branches((name, f, slope) -> :(fill_columns!($f, n, m, y, a)), enumerate(UNARIES), 0))
    $(branches((name, f, da, db) -> :(fill_columns!($f, n, m, y, a, b)), enumerate(BINARIES), length(UNARIES)))
    $(branches((name, f, slope) -> :(fill_columns!((u, v) -> (@inline; $f(u + v)), n, m, y, a, b)), [(k, UNARIES[k]) for k in OF_SUMS], OF_SUM))
    return fill_columns!(identity, n, m, y, a)
end

sum_products!(n::Int, m::Int, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}, c::Cursor{T}, d::Cursor{T}) where {T} =
    fill_columns!((p, q, r, s) -> p * q + r * s, n, m, y, a, b, c, d)

@eval function pull_a!(code::Int, fresh::Bool, n::Int, m::Int, da::Cursor{T}, dy::Cursor{T}, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    $(branches((name, f, slope) -> :(pull_columns!((u, v, w) -> $slope(u, w), fresh, n, m, da, dy, a, b, y)), enumerate(UNARIES), 0))
    $(branches((name, f, da, db) -> :(pull_columns!($da, fresh, n, m, da, dy, a, b, y)), enumerate(BINARIES), length(UNARIES)))
    return pull_columns!(through, fresh, n, m, da, dy, a, b, y)
end

@eval function pull_b!(code::Int, fresh::Bool, n::Int, m::Int, db::Cursor{T}, dy::Cursor{T}, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    $(branches((name, f, da, db) -> :(pull_columns!($db, fresh, n, m, db, dy, a, b, y)), enumerate(BINARIES), length(UNARIES)))
    return nothing
end
