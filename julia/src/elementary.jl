# Elementary functions. Julia's own throw where a float has no answer (log(-1)); NumPy and torch give NaN, and so do these.
# exp, tanh and sigmoid of Float32 are written without branches, so that loops over them use vector instructions: they
# are right to about one unit in the last place (Cephes' polynomials), no approximation that parity could see.

@inline exp_(x::Float64) = exp(x)
@inline function exp_(x::Float32)
    n = round(x * 1.442695f0)
    r = muladd(n, -0.693359375f0, x)
    r = muladd(n, 2.12194440f-4, r)
    p = muladd(1.9875691500f-4, r, 1.3981999507f-3)
    p = muladd(p, r, 8.3334519073f-3)
    p = muladd(p, r, 4.1665795894f-2)
    p = muladd(p, r, 1.6666665459f-1)
    p = muladd(p, r, 5.0000001201f-1)
    y = muladd(p, r * r, r) + 1.0f0
    k = unsafe_trunc(Int32, n)
    h = k >> 1  # 2^k in two factors, so that neither overflows
    y = y * reinterpret(Float32, (h + Int32(127)) << 23) * reinterpret(Float32, (k - h + Int32(127)) << 23)
    y = ifelse(x > 89.0f0, Inf32, ifelse(x < -104.0f0, 0.0f0, y))
    return ifelse(x == x, y, x)
end

@inline sigmoid(x::T) where {T<:AbstractFloat} = one(T) / (one(T) + exp_(-x))

@inline tanh_(x::Float64) = tanh(x)
@inline function tanh_(x::Float32)
    z = x * x
    p = muladd(-5.70498872745f-3, z, 2.06390887954f-2)
    p = muladd(p, z, -5.37397155531f-2)
    p = muladd(p, z, 1.33314422036f-1)
    p = muladd(p, z, -3.33332819422f-1)
    a = abs(x)
    far = copysign(1.0f0 - 2.0f0 / (exp_(2.0f0 * a) + 1.0f0), x)
    return ifelse(a < 0.625f0, muladd(p * z, x, x), far)
end

@inline relu(x) = ifelse(x < zero(x), zero(x), x)
@inline log_(x::T) where {T} = x < zero(T) ? T(NaN) : log(x)
@inline sqrt_(x::T) where {T} = x < zero(T) ? T(NaN) : sqrt(x)
@inline sin_(x::T) where {T} = isfinite(x) ? sin(x) : T(NaN)
@inline cos_(x::T) where {T} = isfinite(x) ? cos(x) : T(NaN)
@inline softplus(x) = log1p(exp_(-abs(x))) + max(x, zero(x))
@inline erf(x::T) where {T} = T(ccall((:erf, Base.libm_name), Float64, (Float64,), Float64(x)))
@inline gelu(x::T) where {T} = T(0.5) * x * (one(T) + erf(x * T(0.7071067811865476)))
@inline swish(x) = x * sigmoid(x)
@inline elu(x::T, alpha::T) where {T} = x > zero(T) ? x : alpha * expm1(min(x, zero(T)))

"""a^b as NumPy has it: NaN, and no error, for a negative base and a broken exponent."""
@inline function pow(a::T, b::T) where {T<:AbstractFloat}
    b == 2 && return a * a
    a < zero(T) && b != round(b) && return isfinite(b) ? T(NaN) : abs(a)^b
    return a^b
end
@inline pow(a::Integer, b::Integer) = a^b
@inline pow(a::Bool, b::Bool) = a | !b

@inline modulo(a::AbstractFloat, b::AbstractFloat) = mod(a, b)
@inline modulo(a::Integer, b::Integer) = b == 0 ? zero(a) : mod(a, b)
