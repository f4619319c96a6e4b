# GRU: gates r, z, n with the reset after the product;  n = tanh(x_n + r (recurrent h)_n);  h = (1 - z) n + z h.
# `inner` keeps recurrent h, whose gradient differs from that of the gates in the last block only.

"""
    GRU: r, z = σ.(kernel * x[t] .+ recurrent * h[t-1] .+ bias), n = tanh.(kernel * x[t] .+ r .* (recurrent * h[t-1]) .+ bias)

h[t] = (1 .- z) .* n .+ z .* h[t-1]; kernels are (3 hidden, ...). In Flux: `GRUv3(features => hidden)`.
"""
struct GRUCell{T} <: Cell{T}
    inner::Buffer{T,3}
    dinner::Buffer{T,3}
end

BUILDERS["gru"] = (T, step, weights, activation) -> build_recurrent(T, step, weights, () -> GRUCell{T}(Buffer{T,3}(), Buffer{T,3}()))

prepare!(cell::GRUCell, d, N, S) = (sized!(cell.inner, 3 * d.hidden, N, S); nothing)
begin_slope!(cell::GRUCell, d, N, S) = (sized!(cell.dinner, 3 * d.hidden, N, S); nothing)
state_slopes(cell::GRUCell, dgates) = cell.dinner.one

function step_forward!(cell::GRUCell{T}, d, gates, states, t, before_) where {T}
    inner = cell.inner.one
    before_ == 0 ? fill!(view(inner, :, :, t), zero(T)) : multiply!(view(inner, :, :, t), 'N', 'N', d.state_matrix, view(states, :, :, before_))
    gru_step!(gates, states, inner, t, before_)
    return nothing
end

function gru_step!(gates::Array{T,3}, states::Array{T,3}, inner::Array{T,3}, t::Int, before_::Int) where {T}
    h, N = size(states, 1), size(states, 2)
    for n in 1:N
        @inbounds @simd ivdep for j in 1:2h
            gates[j, n, t] = sigmoid(gates[j, n, t] + inner[j, n, t])
        end
        @inbounds @simd ivdep for j in 1:h
            gates[2h+j, n, t] = tanh_(gates[2h+j, n, t] + gates[j, n, t] * inner[2h+j, n, t])
            states[j, n, t] = (one(T) - gates[h+j, n, t]) * gates[2h+j, n, t]
        end
        before_ == 0 && continue
        @inbounds @simd ivdep for j in 1:h
            states[j, n, t] += gates[h+j, n, t] * states[j, n, before_]
        end
    end
end

function step_backward!(cell::GRUCell{T}, d, gates, states, dgates, dh, t, before_) where {T}
    dinner = cell.dinner.one
    gru_slope!(dgates, dinner, gates, states, cell.inner.one, dh, t, before_)
    pass_back!(d, dh, dinner, t, before_)
    return nothing
end

function gru_slope!(dgates::Array{T,3}, dinner::Array{T,3}, gates::Array{T,3}, states::Array{T,3}, inner::Array{T,3}, dh::Array{T,3}, t::Int, before_::Int) where {T}
    h, N = size(dh, 1), size(dh, 2)
    old = max(before_, 1)  # without a step before, its state counts as 0
    for n in 1:N
        @inbounds @simd ivdep for j in 1:h
            r, z, c, d = gates[j, n, t], gates[h+j, n, t], gates[2h+j, n, t], dh[j, n, t]
            state = before_ == 0 ? zero(T) : states[j, n, old]
            dc = d * (one(T) - z) * (one(T) - c * c)
            dr = dc * inner[2h+j, n, t] * r * (one(T) - r)
            dz = d * (state - c) * z * (one(T) - z)
            dgates[j, n, t] = dr
            dgates[h+j, n, t] = dz
            dgates[2h+j, n, t] = dc
            dinner[j, n, t] = dr
            dinner[h+j, n, t] = dz
            dinner[2h+j, n, t] = dc * r
        end
        before_ == 0 && continue
        @inbounds @simd ivdep for j in 1:h
            dh[j, n, before_] += dh[j, n, t] * gates[h+j, n, t]
        end
    end
end
