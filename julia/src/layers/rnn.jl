# The simple cell: h[t] = f(gates[t] + recurrent h[t-1]). States are the cell's results, and its slope follows from them.

"""
    RNN: h[t] = f.(kernel * x[t] .+ recurrent * h[t-1] .+ bias), f = tanh or relu

`x` is (features, steps, batch), `kernel` (hidden, features), `recurrent` (hidden, hidden). In Flux: `RNN(features => hidden, f)`.
"""
struct SimpleCell{T} <: Cell{T}
    activation::Activation
end

BUILDERS["rnn"] = function (::Type{T}, step, weights, activation) where {T}
    f = ACTIVATIONS[step.attrs["nonlinearity"]]
    return build_recurrent(T, step, weights, () -> SimpleCell{T}(f))
end

prepare!(::SimpleCell, d, N, S) = nothing
begin_slope!(::SimpleCell, d, N, S) = nothing
state_slopes(::SimpleCell, dgates) = dgates

function step_forward!(cell::SimpleCell{T}, d, gates, states, t, before_) where {T}
    g = view(gates, :, :, t)
    before_ == 0 || multiply!(g, 'N', 'N', d.state_matrix, view(states, :, :, before_), one(T))
    cell.activation == RELU ? copy_with!(relu, states, gates, t) : cell.activation == TANH ? copy_with!(tanh_, states, gates, t) :
    cell.activation == SIGMOID ? copy_with!(sigmoid, states, gates, t) : copy_with!(identity, states, gates, t)
    return nothing
end

function copy_with!(f::F, states::Array{T,3}, gates::Array{T,3}, t::Int) where {F,T}
    n = size(gates, 1) * size(gates, 2)
    at = (t - 1) * n
    @inbounds @simd for i in at+1:at+n
        states[i] = f(gates[i])
    end
end

function step_backward!(cell::SimpleCell{T}, d, gates, states, dgates, dh, t, before_) where {T}
    f = cell.activation == RELU ? relu_slope : cell.activation == TANH ? tanh_slope : cell.activation == SIGMOID ? sigmoid_slope : first_of
    simple_slope!(f, dgates, dh, states, t)
    pass_back!(d, dh, dgates, t, before_)
    return nothing
end

first_of(dy, y) = dy

function simple_slope!(f::F, dgates::Array{T,3}, dh::Array{T,3}, states::Array{T,3}, t::Int) where {F,T}
    n = size(dgates, 1) * size(dgates, 2)
    at = (t - 1) * n
    @inbounds @simd for i in at+1:at+n
        dgates[i] = f(dh[i], states[i])
    end
end
