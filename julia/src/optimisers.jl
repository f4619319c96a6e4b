# Optimisers: the formulas of Python's optimisers.py, each as one loop over a parameter, its gradient and its slots.
# Numbers that depend on the step are computed in Float64 and then rounded once, as there. The learning rate is an argument: a
# schedule may change it.

abstract type Optimiser end

"""Read by name from a specification; names, slots and loops are below."""
struct Rule{K} <: Optimiser
    lr::Float64
    gclip::Float64
    clip_value::Float64
    clip_norm::Float64
    decay::Float64
    accumulate::Int
    more::Dict{String,Float64}
end

const RULES = Dict(
    "sgd" => (), "momentum" => ("velocity",), "nesterov" => ("velocity",), "adagrad" => ("square_sum",), "rmsprop" => ("square_mean",),
    "adadelta" => ("delta_mean", "square_mean"), "adam" => ("mean", "square_mean"), "adamw" => ("mean", "square_mean"), "adamax" => ("mean", "largest"),
    "nadam" => ("mean", "square_mean"),
)
const DEFAULTS = Dict(
    "sgd" => Dict("lr" => 0.01), "momentum" => Dict("lr" => 0.05, "gamma" => 0.95), "nesterov" => Dict("lr" => 0.05, "gamma" => 0.95),
    "adagrad" => Dict("lr" => 0.05, "eps" => 1e-6), "rmsprop" => Dict("lr" => 0.01, "rho" => 0.9, "eps" => 1e-6),
    "adadelta" => Dict("lr" => 1.0, "rho" => 0.9, "eps" => 1e-6), "adam" => Dict("lr" => 0.001, "beta1" => 0.9, "beta2" => 0.999, "eps" => 1e-8, "eps_hat" => 0.0),
    "adamw" => Dict("lr" => 0.001, "beta1" => 0.9, "beta2" => 0.999, "eps" => 1e-8, "eps_hat" => 0.0, "weight_decay" => 0.01),
    "adamax" => Dict("lr" => 0.002, "beta1" => 0.9, "beta2" => 0.999, "eps" => 1e-8),
    "nadam" => Dict("lr" => 0.001, "beta1" => 0.9, "beta2" => 0.999, "eps" => 1e-7),
)
"""What every optimiser takes."""
const COMMON = Dict("gclip" => 0.0, "clip_value" => 0.0, "clip_norm" => 0.0, "weight_decay" => 0.0, "accumulate" => 1.0)
foreach(d -> merge!(d, merge(COMMON, d)), values(DEFAULTS))

"""    optimiser(kind, numbers) -> Optimiser, with the defaults of the Python side for what is not given"""
function optimiser(kind::String, numbers::Dict{String,Float64})
    haskey(RULES, kind) || throw(PlanError("optimiser $kind is not known; there are $(join(sort!(collect(keys(RULES))), ", "))"))
    more = copy(DEFAULTS[kind])
    for (name, value) in numbers
        haskey(more, name) || throw(PlanError("optimiser $kind has no $name"))
        more[name] = value
    end
    decay = kind == "adamw" ? 0.0 : more["weight_decay"]  # adamw takes its decay from the parameter
    return Rule{Symbol(kind)}(more["lr"], more["gclip"], more["clip_value"], more["clip_norm"], decay, Int(more["accumulate"]), more)
end

"""From {"kind": "adam", "lr": 0.001, ...}."""
function read_optimiser(data::Dict{String,Any})
    numbers = Dict{String,Float64}()
    for (name, value) in data
        value isa Union{Bool,Int,Float64} && (numbers[name] = Float64(value))
    end
    return optimiser(data["kind"]::String, numbers)
end

slot_names(::Rule{K}) where {K} = RULES[String(K)]

"""g as the formulas take it: elements within `clip_value`, no longer than `gclip`, with the weight decay."""
function prepare!(o::Rule, g::Vector{T}, p::Vector{T}) where {T}
    most, decay = T(o.clip_value), T(o.decay)
    if most > 0
        @inbounds @simd for i in eachindex(g)
            g[i] = clamp(g[i], -most, most)
        end
    end
    if o.gclip != 0
        norm = T(sqrt(sum(abs2 ∘ Float64, g)))
        norm > T(o.gclip) && scale!(g, T(o.gclip) / norm)
    end
    if decay != 0
        @inbounds @simd ivdep for i in eachindex(g, p)
            g[i] += p[i] * decay
        end
    end
    return g
end

function scale!(g::Vector{T}, factor::T) where {T}
    @inbounds @simd for i in eachindex(g)
        g[i] *= factor
    end
end

"""Change p and the slots by gradient g at update `k` (from 1) with learning rate `lr`."""
function update!(o::Rule, p::Vector{T}, g::Vector{T}, slots::Vector{Vector{T}}, k::Int, lr::Float64=o.lr) where {T}
    rule!(o, p, prepare!(o, g, p), slots, k, lr)
    return nothing
end

function rule!(o::Rule{:sgd}, p::Vector{T}, g, slots, k, rate) where {T}
    lr = T(rate)
    @inbounds @simd for i in eachindex(p, g)
        p[i] -= g[i] * lr
    end
end

function rule!(o::Rule{:momentum}, p::Vector{T}, g, slots, k, rate) where {T}
    lr, gamma, v = T(rate), T(o.more["gamma"]), slots[1]
    @inbounds @simd ivdep for i in eachindex(p, g, v)
        v[i] = v[i] * gamma - g[i] * lr
        p[i] += v[i]
    end
end

function rule!(o::Rule{:nesterov}, p::Vector{T}, g, slots, k, rate) where {T}
    lr, gamma, ahead, v = T(rate), T(o.more["gamma"]), T(1 + o.more["gamma"]), slots[1]
    @inbounds @simd ivdep for i in eachindex(p, g, v)
        old = v[i]
        v[i] = old * gamma - g[i] * lr
        p[i] = p[i] + v[i] * ahead - old * gamma
    end
end

function rule!(o::Rule{:adagrad}, p::Vector{T}, g, slots, k, rate) where {T}
    lr, eps, s = T(rate), T(o.more["eps"]), slots[1]
    @inbounds @simd ivdep for i in eachindex(p, g, s)
        s[i] += g[i] * g[i]
        p[i] -= g[i] * lr / sqrt(s[i] + eps)
    end
end

function rule!(o::Rule{:rmsprop}, p::Vector{T}, g, slots, k, rate) where {T}
    lr, eps, rho, rest, s = T(rate), T(o.more["eps"]), T(o.more["rho"]), T(1 - o.more["rho"]), slots[1]
    @inbounds @simd ivdep for i in eachindex(p, g, s)
        s[i] = s[i] * rho + g[i] * g[i] * rest
        p[i] -= g[i] * lr / sqrt(s[i] + eps)
    end
end

function rule!(o::Rule{:adadelta}, p::Vector{T}, g, slots, k, rate) where {T}
    lr, eps, rho, rest = T(rate), T(o.more["eps"]), T(o.more["rho"]), T(1 - o.more["rho"])
    deltas, squares = slots
    @inbounds @simd ivdep for i in eachindex(p, g, deltas, squares)
        squares[i] = squares[i] * rho + g[i] * g[i] * rest
        d = g[i] * sqrt(deltas[i] + eps) / sqrt(squares[i] + eps)
        deltas[i] = deltas[i] * rho + d * d * rest
        p[i] -= d * lr
    end
end

function rule!(o::Rule{K}, p::Vector{T}, g, slots, k, rate) where {K,T}
    K === :adam || K === :adamw || throw(PlanError("optimiser $K is not known"))
    b1, b2, lr = o.more["beta1"], o.more["beta2"], T(rate)
    eps = T(o.more["eps_hat"] == 0 ? o.more["eps"] : o.more["eps"] / sqrt(1 - b2^k))
    beta1, rest1, beta2, rest2 = T(b1), T(1 - b1), T(b2), T(1 - b2)
    up1, up2 = T(1 / (1 - b1^k)), T(1 / (1 - b2^k))
    decay = K === :adamw ? T(rate * o.more["weight_decay"]) : zero(T)
    m, v = slots
    @inbounds @simd ivdep for i in eachindex(p, g, m, v)
        m[i] = m[i] * beta1 + g[i] * rest1
        v[i] = v[i] * beta2 + g[i] * g[i] * rest2
        q = p[i] - p[i] * decay
        p[i] = q - lr * (m[i] * up1) / (sqrt(v[i] * up2) + eps)
    end
end

function rule!(o::Rule{:adamax}, p::Vector{T}, g, slots, k, rate) where {T}
    b1, beta2, eps = o.more["beta1"], T(o.more["beta2"]), T(o.more["eps"])
    beta1, rest1, lr = T(b1), T(1 - b1), T(rate / (1 - b1^k))
    m, u = slots
    @inbounds @simd ivdep for i in eachindex(p, g, m, u)
        m[i] = m[i] * beta1 + g[i] * rest1
        u[i] = max(u[i] * beta2, abs(g[i]))
        p[i] -= m[i] * lr / (u[i] + eps)
    end
end

"""The coefficient of Nesterov's momentum at update `t`."""
ahead(b1::Float64, t::Int) = b1 * (1 - 0.5 * 0.96^t)

function rule!(o::Rule{:nadam}, p::Vector{T}, g, slots, k, rate) where {T}
    b1, b2, lr, eps = o.more["beta1"], o.more["beta2"], T(rate), T(o.more["eps"])
    product = 1.0
    for t in 1:min(k, 1000)
        product *= ahead(b1, t)
    end
    u, next = ahead(b1, k), ahead(b1, k + 1)
    beta1, rest1, beta2, rest2 = T(b1), T(1 - b1), T(b2), T(1 - b2)
    far, near, up2 = T(next / (1 - product * next)), T((1 - u) / (1 - product)), T(1 / (1 - b2^k))
    m, v = slots
    @inbounds @simd ivdep for i in eachindex(p, g, m, v)
        m[i] = m[i] * beta1 + g[i] * rest1
        v[i] = v[i] * beta2 + g[i] * g[i] * rest2
        p[i] -= lr * (m[i] * far + g[i] * near) / (sqrt(v[i] * up2) + eps)
    end
end
