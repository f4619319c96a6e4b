# Functions of two (and three) numbers, with NumPy's broadcasting: lengths of 1 are repeated first, so that one loop does it all.

struct Binary{T,F,A,B}
    f::F
    slope_a::A
    slope_b::B
    floats::Bool
    y::Buffer{T,1}
    da::Buffer{T,1}
    db::Buffer{T,1}
end

Binary{T}(f::F, a::A, b::B, floats::Bool) where {T,F,A,B} = Binary{T,F,A,B}(f, a, b, floats, Buffer{T,1}(), Buffer{T,1}(), Buffer{T,1}())

"""The slope of a sum: the gradient goes through as it is."""
through(a, b, y) = one(y)

function forward(op::Binary{T}, mode::Mode, a, b) where {T}
    R = op.floats ? T : common(T, a, b)
    return R === T ? apply_binary(T, op.f, a, b, n -> sized!(op.y, n)) : apply_binary(R, op.f, a, b, n -> Vector{R}(undef, n))
end

"""The result of operands that become R, in a vector that `make` gives, and its tape."""
function apply_binary(::Type{R}, f::F, a, b, make::M) where {R,F,M}
    size = shape(a) == shape(b) ? shape(a) : broadcast_size(shape(a), shape(b))
    return apply_flat(f, make(prod(size)), spread(R, a, size), spread(R, b, size), shape(a), shape(b), size)
end

function apply_flat(f::F, y::Vector, u, v, size_a, size_b, size::Dims) where {F}
    map_into!(f, y, u, v)
    return reshape(y, size), (u, v, y, size_a, size_b, size)
end

function backward(op::Binary{T}, (u, v, y, size_a, size_b, size), dy::Array{T}, want::Int) where {T}
    da = wanted(want, 1) ? operand_slope(op.slope_a, op.da, dy, u, v, y, size, size_a) : nothing
    db = wanted(want, 2) ? operand_slope(op.slope_b, op.db, dy, u, v, y, size, size_b) : nothing
    return (da, db)
end

function operand_slope(slope::S, buffer::Buffer{T,1}, dy::Array{T}, u, v, y, size, own) where {T,S}
    slope === through && return size == own ? dy : unspread(vec(dy), size, own)
    d = map_into!((g, a, b, c) -> g * slope(a, b, c), sized!(buffer, length(dy)), vec(dy), u, v, y)
    return unspread(d, size, own)
end

"""name, function and slopes."""
const BINARIES = Tuple{String,Any,Any,Any}[]

function binary(name, f, a, b; floats=false)
    BUILDERS[name] = (T, step, weights, activation) -> Binary{T}(f, a, b, floats)
    push!(BINARIES, (name, f, a, b))
end

add(a, b) = a + b
add(a::Bool, b::Bool) = a | b
half(a, b) = ifelse(a == b, one(a) / 2, zero(a))
binary("add", add, through, through)
binary("sub", -, through, (a, b, y) -> -one(y))
binary("mul", *, (a, b, y) -> b, (a, b, y) -> a)
binary("div", /, (a, b, y) -> inv(b), (a, b, y) -> -y / b; floats=true)
binary("mod", modulo, through, (a, b, y) -> -floor(a / b))
binary("maximum", max, (a, b, y) -> ifelse(a > b, one(a), half(a, b)), (a, b, y) -> ifelse(b > a, one(a), half(a, b)))
binary("minimum", min, (a, b, y) -> ifelse(a < b, one(a), half(a, b)), (a, b, y) -> ifelse(b < a, one(a), half(a, b)))
binary("pow", pow,
    (a, b, y) -> b == 0 ? zero(a) : b * pow(a, b - one(b)),
    (a, b, y) -> a == 0 && b >= 0 ? zero(a) : y * log_(a))

"""Comparisons: truth values, and no gradient."""
struct Compare{T,F}
    f::F
    truth::Bool  # operands are truth values
end
differentiable(::Compare) = false

function forward(op::Compare{T}, mode::Mode, a, b) where {T}
    R = op.truth ? Bool : common(T, a, b)
    return apply_binary(R, op.f, a, b, n -> Vector{Bool}(undef, n))[1], nothing
end

for (name, f, truth) in (("eq", ==, false), ("ne", !=, false), ("lt", <, false), ("le", <=, false), ("gt", >, false), ("ge", >=, false), ("logical_and", &, true), ("logical_or", |, true))
    BUILDERS[name] = (T, step, weights, activation) -> Compare{T,typeof(f)}(f, truth)
end

struct Where{T} end
BUILDERS["where"] = (T, step, weights, activation) -> Where{T}()

function forward(op::Where{T}, mode::Mode, condition, a, b) where {T}
    size = broadcast_size(shape(condition), shape(a), shape(b))
    c = spread(Bool, condition, size)
    R = common(T, a, b)
    y = choose(R, c, spread(R, a, size), spread(R, b, size), prod(size))
    return reshape(y, size), (c, shape(a), shape(b), size)
end

choose(::Type{R}, c, a, b, count::Int) where {R} = map_into!(ifelse, Vector{R}(undef, count), c, a, b)

function backward(op::Where{T}, (c, size_a, size_b, size), dy::Array{T}, want::Int) where {T}
    d, zeros_ = vec(dy), Same(zero(T))
    da = wanted(want, 2) ? unspread(choose(T, c, d, zeros_, length(d)), size, size_a) : nothing
    db = wanted(want, 3) ? unspread(choose(T, c, zeros_, d, length(d)), size, size_b) : nothing
    return (nothing, da, db)
end
