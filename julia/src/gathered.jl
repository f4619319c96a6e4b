# Several minibatches, one update: their gradients are summed, weighted by samples, and then given back as a mean.

"""Sums of gradients by parameter, of so many minibatches and samples, and their type."""
mutable struct Gathered
    const sums::Dict{String,Any}
    count::Int
    samples::Int
    type::DataType
end

Gathered() = Gathered(Dict{String,Any}(), 0, 0, Float32)

function Base.empty!(g::Gathered)
    empty!(g.sums)
    g.count, g.samples = 0, 0
    return g
end

"""Take the gradients of the last backward pass."""
function gather_gradients!(g::Gathered, p::Program{T}, samples::Int) where {T}
    for w in p.weights
        w.trained && !w.fresh || continue
        sum_, share = get!(() -> zeros(T, length(w.values)), g.sums, w.path)::Vector{T}, T(samples)
        gradient = w.gradient
        @inbounds @simd ivdep for i in eachindex(sum_, gradient)
            sum_[i] += gradient[i] * share
        end
    end
    g.count, g.samples, g.type = g.count + 1, g.samples + samples, T
    return nothing
end

"""The means, as the gradients of the weights that were reached, which are given."""
function give_back!(g::Gathered, ::Type{T}, all::Dict{String,Any}) where {T}
    weights = Weight{T}[all[path] for path in sort!(collect(keys(g.sums)))]
    for w in weights
        gradient, _ = gradient!(w)
        sum_, samples = g.sums[w.path]::Vector{T}, T(g.samples)
        @inbounds @simd ivdep for i in eachindex(sum_, gradient)
            gradient[i] = sum_[i] / samples
        end
    end
    return weights
end

"""Scale all gradients that are there by one number, so that their Euclidean norm together is at most `most`."""
function clip_together!(weights::Vector{Weight{T}}, most::Float64) where {T}
    there = filter(w -> w.trained && !w.fresh, weights)
    norm = sqrt(sum(w -> sum(abs2 ∘ Float64, w.gradient), there; init=0.0))
    norm > most && foreach(w -> scale!(w.gradient, T(most / norm)), there)
end
