# LSTM: gates i, f, g, o in this order;  c = f c + i g;  h = o tanh(c). The activated gates stay where the products were.

"""
    LSTM: i, f, g, o = kernel * x[t] .+ recurrent * h[t-1] .+ bias

c[t] = σ.(f) .* c[t-1] .+ σ.(i) .* tanh.(g) and h[t] = σ.(o) .* tanh.(c[t]); kernels are (4 hidden, ...). In Flux: `LSTM(features => hidden)`,
whose blocks are in the order i, f, g, o, too.
"""
struct LSTMCell{T} <: Cell{T}
    cells::Buffer{T,3}
    tanhs::Buffer{T,3}
    dcell::Buffer{T,2}
end

BUILDERS["lstm"] = (T, step, weights, activation) ->
    build_recurrent(T, step, weights, () -> LSTMCell{T}(Buffer{T,3}(), Buffer{T,3}(), Buffer{T,2}()))

function prepare!(cell::LSTMCell, d, N, S)
    sized!(cell.cells, d.hidden, N, S)
    sized!(cell.tanhs, d.hidden, N, S)
    return nothing
end

begin_slope!(cell::LSTMCell{T}, d, N, S) where {T} = fill!(sized!(cell.dcell, d.hidden, N), zero(T))
state_slopes(::LSTMCell, dgates) = dgates

function step_forward!(cell::LSTMCell{T}, d, gates, states, t, before_) where {T}
    before_ == 0 || multiply!(view(gates, :, :, t), 'N', 'N', d.state_matrix, view(states, :, :, before_), one(T))
    lstm_step!(gates, states, cell.cells.one, cell.tanhs.one, t, before_)
    return nothing
end

function lstm_step!(gates::Array{T,3}, states::Array{T,3}, cells::Array{T,3}, tanhs::Array{T,3}, t::Int, before_::Int) where {T}
    h, N = size(states, 1), size(states, 2)
    old = max(before_, 1)  # without a step before, read anything and count it as 0
    keep = before_ == 0 ? zero(T) : one(T)
    for n in 1:N
        @inbounds @simd ivdep for j in 1:h
            gates[j, n, t] = sigmoid(gates[j, n, t])
            gates[h+j, n, t] = sigmoid(gates[h+j, n, t])
            gates[3h+j, n, t] = sigmoid(gates[3h+j, n, t])
        end
        @inbounds @simd ivdep for j in 1:h
            gates[2h+j, n, t] = tanh_(gates[2h+j, n, t])
        end
        if keep == 0
            @inbounds @simd ivdep for j in 1:h
                cells[j, n, t] = gates[j, n, t] * gates[2h+j, n, t]
            end
        else
            @inbounds @simd ivdep for j in 1:h
                cells[j, n, t] = gates[h+j, n, t] * cells[j, n, old] + gates[j, n, t] * gates[2h+j, n, t]
            end
        end
        @inbounds @simd ivdep for j in 1:h
            tanhs[j, n, t] = tanh_(cells[j, n, t])
            states[j, n, t] = gates[3h+j, n, t] * tanhs[j, n, t]
        end
    end
end

function step_backward!(cell::LSTMCell{T}, d, gates, states, dgates, dh, t, before_) where {T}
    lstm_slope!(dgates, gates, dh, cell.cells.one, cell.tanhs.one, cell.dcell.one, t, before_)
    pass_back!(d, dh, dgates, t, before_)
    return nothing
end

function lstm_slope!(dgates::Array{T,3}, gates::Array{T,3}, dh::Array{T,3}, cells::Array{T,3}, tanhs::Array{T,3}, dcell::Matrix{T}, t::Int, before_::Int) where {T}
    h, N = size(dh, 1), size(dh, 2)
    for n in 1:N
        @inbounds @simd ivdep for j in 1:h
            i, f, g, o = gates[j, n, t], gates[h+j, n, t], gates[2h+j, n, t], gates[3h+j, n, t]
            u, d = tanhs[j, n, t], dh[j, n, t]
            dc = dcell[j, n] + d * o * (one(T) - u * u)
            dgates[j, n, t] = dc * g * i * (one(T) - i)
            dgates[2h+j, n, t] = dc * i * (one(T) - g * g)
            dgates[3h+j, n, t] = d * u * o * (one(T) - o)
            dgates[h+j, n, t] = dc * f * (one(T) - f)
            dcell[j, n] = dc * f
        end
        if before_ == 0
            @inbounds @simd ivdep for j in 1:h
                dgates[h+j, n, t] = zero(T)
            end
        else
            @inbounds @simd ivdep for j in 1:h
                dgates[h+j, n, t] *= cells[j, n, before_]
            end
        end
    end
end
