# Functions of one number: each with its slope, from the argument and the result.

struct Unary{T,F,D}
    f::F
    slope::D
    floats::Bool  # whole numbers become floats first
    y::Buffer{T,1}
    dx::Buffer{T,1}
end

Unary{T}(f::F, slope::D, floats::Bool) where {T,F,D} = Unary{T,F,D}(f, slope, floats, Buffer{T,1}(), Buffer{T,1}())

forward(op::Unary{T}, mode::Mode, x::Number) where {T} = forward(op, mode, fill(x))
forward(op::Unary{T}, mode::Mode, x::Array{T}) where {T} = apply_unary(op, x)
forward(op::Unary{T}, mode::Mode, x::Array) where {T} = apply_unary(op, op.floats || eltype(x) <: AbstractFloat ? as(T, x) : x)

function apply_unary(op::Unary{T}, x::Array{R}) where {T,R}
    u = vec(x)
    y = map_into!(op.f, R === T ? sized!(op.y, length(u)) : Vector{R}(undef, length(u)), u)
    return reshape(y, size(x)), (u, y)
end

function backward(op::Unary{T}, tape, dy::Array{T}, want::Int) where {T}
    u, y = tape::Tuple{Vector{T},Vector{T}}
    slope = op.slope
    dx = map_into!((d, a, b) -> d * slope(a, b), sized!(op.dx, length(y)), vec(dy), u, y)
    return (reshape(dx, size(dy)),)
end

"""name, function and slope of those that have no attributes."""
const UNARIES = Tuple{String,Any,Any}[]

function unary(name, f, slope; floats=true)
    BUILDERS[name] = (T, step, weights, activation) -> Unary{T}(f, slope, floats)
    push!(UNARIES, (name, f, slope))
end

unary("neg", -, (x, y) -> -one(x); floats=false)
unary("abs", abs, (x, y) -> sign(x); floats=false)
unary("square", x -> x * x, (x, y) -> 2x; floats=false)
unary("relu", relu, (x, y) -> ifelse(x > zero(x), one(x), zero(x)); floats=false)
unary("exp", exp_, (x, y) -> y)
unary("log", log_, (x, y) -> inv(x))
unary("sqrt", sqrt_, (x, y) -> inv(2y))
unary("sin", sin_, (x, y) -> cos_(x))
unary("cos", cos_, (x, y) -> -sin_(x))
unary("tanh", tanh_, (x, y) -> one(y) - y * y)
unary("sigmoid", sigmoid, (x, y) -> y * (one(y) - y))
unary("softplus", softplus, (x, y) -> sigmoid(x))
unary("swish", swish, (x, y) -> (s = sigmoid(x); s + x * s * (one(x) - s)))
unary("gelu", gelu, (x, y) -> gelu_slope(x))
gelu_slope(x::T) where {T} = T(0.5) * (one(T) + erf(x * T(0.7071067811865476))) + x * T(0.3989422804014327) * exp_(-x * x / 2)

const SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
unary("selu", x -> (T = typeof(x); T(SELU_SCALE) * elu(x, T(SELU_ALPHA))), (x, y) -> (T = typeof(x); ifelse(x > zero(T), T(SELU_SCALE), y + T(SELU_SCALE * SELU_ALPHA))))

BUILDERS["elu"] = function (::Type{T}, step, weights, activation) where {T}
    alpha = T(get(step.attrs, "alpha", 1.0))
    return Unary{T}(x -> elu(x, alpha), (x, y) -> ifelse(x > zero(T), one(T), y + alpha), true)
end

BUILDERS["leaky_relu"] = function (::Type{T}, step, weights, activation) where {T}
    alpha = T(get(step.attrs, "alpha", 0.01))
    return Unary{T}(x -> ifelse(x > zero(T), x, alpha * x), (x, y) -> ifelse(x > zero(T), one(T), alpha), true)
end

BUILDERS["clip"] = function (::Type{T}, step, weights, activation) where {T}
    low = T(something(get(step.attrs, "low", nothing), -Inf))
    high = T(something(get(step.attrs, "high", nothing), Inf))
    return Unary{T}(x -> ifelse(x < low, low, ifelse(x > high, high, x)), (x, y) -> ifelse(low <= x <= high, one(T), zero(T)), true)
end

"""Functions of one number without a slope, or between types."""
struct Stair{T,F}
    f::F
end
differentiable(::Stair) = false
forward(op::Stair, mode::Mode, x::Number) = forward(op, mode, fill(x))
forward(op::Stair, mode::Mode, x::Array{R}) where {R} = (reshape(map_into!(op.f, Vector{R}(undef, length(x)), vec(x)), size(x)), nothing)

BUILDERS["sign"] = (T, step, weights, activation) -> Stair{T,typeof(sign)}(sign)
BUILDERS["round"] = (T, step, weights, activation) -> Stair{T,typeof(round)}(round)

struct Not end
differentiable(::Not) = false
BUILDERS["logical_not"] = (T, step, weights, activation) -> Not()
forward(op::Not, mode::Mode, x) = (b = as(Bool, x isa Number ? fill(x) : x); (reshape(map_into!(!, Vector{Bool}(undef, length(b)), vec(b)), size(b)), nothing))

"""cast: R is the type asked for; every float type is the plan's."""
struct Cast{R,T} end
differentiable(::Cast{R,T}) where {R,T} = R === T
BUILDERS["cast"] = function (::Type{T}, step, weights, activation) where {T}
    R = element_type(step.attrs["dtype"])
    return Cast{R<:AbstractFloat ? T : R,T}()
end
forward(op::Cast, mode::Mode, x::Number) = forward(op, mode, fill(x))
forward(op::Cast{R}, mode::Mode, x::Array{R}) where {R} = x, nothing
forward(op::Cast{R}, mode::Mode, x::Array) where {R} = (reshape(map_into!(v -> truncated(R, v), Vector{R}(undef, length(x)), vec(x)), size(x)), nothing)
truncated(::Type{R}, v) where {R} = as(R, v)
truncated(::Type{R}, v::AbstractFloat) where {R<:Integer} = isfinite(v) ? unsafe_trunc(R, v) : typemin(R)
truncated(::Type{Bool}, v::AbstractFloat) = v != 0
backward(::Cast, tape, dy, want::Int) = (dy,)
