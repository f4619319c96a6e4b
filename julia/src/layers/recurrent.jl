# Recurrent layers. What is slow in most libraries is one small matrix product after the other; here the input's part is ONE
# product over all steps, a step adds the state's part with one `gemm!` into the same memory, and the gradients of all weights
# are again single products over all steps. Inside, arrays are (features, batch, steps), so that each step is contiguous.

abstract type Cell{T} end

"""One direction of one layer: its weights, its cell's memory, and what the passes leave for each other."""
struct Direction{T,C<:Cell{T}}
    kernel::Weight{T}
    recurrent::Weight{T}
    bias::Weight{T}
    input_matrix::Matrix{T}
    state_matrix::Matrix{T}
    cell::C
    backwards::Bool
    hidden::Int
    gates::Buffer{T,3}
    states::Buffer{T,3}
    dgates::Buffer{T,3}
    dstate::Buffer{T,2}
    dx::Buffer{T,3}
end

struct Layer{T,C<:Cell{T}}
    dropout::Dropout{T}
    directions::Vector{Direction{T,C}}
    joined::Buffer{T,3}
    parts::Vector{Buffer{T,3}}
end

struct Recurrent{T,C<:Cell{T}}
    layers::Vector{Layer{T,C}}
    hidden::Int
    last_only::Bool
    input::Buffer{T,3}
    dlast::Buffer{T,3}
    output::Buffer{T,3}
    dx::Buffer{T,3}
end

"""The order of steps, and the step before `t` in it (0: none)."""
order(d::Direction, steps::Int) = d.backwards ? (steps:-1:1) : (1:1:steps)
previous(d::Direction, t::Int, steps::Int) = d.backwards ? (t == steps ? 0 : t + 1) : t - 1

function build_recurrent(::Type{T}, step, weights, make) where {T}
    a = step.attrs
    C = typeof(make())
    layers = map(0:a["num_layers"]-1) do n
        ends = a["bidirectional"] ? ("_$n", "_$(n)_reverse") : ("_$n",)
        directions = Direction{T,C}[direction(T, weights, e, make(), a["hidden"]) for e in ends]
        Layer{T,C}(Dropout{T}(a["dropout"]), directions, Buffer{T,3}(), [Buffer{T,3}() for _ in ends])
    end
    return Recurrent{T,C}(collect(layers), a["hidden"], a["last_only"], (Buffer{T,3}() for _ in 1:4)...)
end

function direction(::Type{T}, weights, e, cell::C, hidden) where {T,C}
    kernel, recurrent, bias = weights["kernel$e"], weights["recurrent$e"], weights["bias$e"]
    buffers = (Buffer{T,3}(), Buffer{T,3}(), Buffer{T,3}(), Buffer{T,2}(), Buffer{T,3}())
    return Direction{T,C}(kernel, recurrent, bias, matrix(kernel), matrix(recurrent), cell, endswith(e, "reverse"), hidden, buffers...)
end

as_sequences(x::Array{T,3}) where {T} = x
as_sequences(x::Matrix) = reshape(x, (1, size(x)...))
flat_steps(x::Array{T,3}) where {T} = reshape(x, (size(x, 1), size(x, 2) * size(x, 3)))

function forward(op::Recurrent{T}, mode::Mode, x::Array{T}) where {T}
    z = as_sequences(x)
    F, S, N = size(z)
    h = time_major!(sized!(op.input, F, N, S), z)
    tapes = Any[]
    for layer in op.layers
        h, mask = forward(layer.dropout, mode, h)
        push!(tapes, (h, mask))
        h = run_layer!(layer, h)
    end
    op.last_only || return batch_major!(sized!(op.output, size(h, 1), S, N), h), (tapes, h, size(x))
    return last_step(op, h), (tapes, h, size(x))
end

function run_layer!(layer::Layer{T}, x::Array{T,3}) where {T}
    parts = [run_direction!(d, x) for d in layer.directions]
    length(parts) == 1 && return parts[1]
    return stack!(sized!(layer.joined, sum(p -> size(p, 1), parts), size(x, 2), size(x, 3)), parts)
end

"""The features of several arrays one after the other."""
function stack!(y::Array{T,3}, parts) where {T}
    before = 0
    for p in parts
        copyto!(view(y, before+1:before+size(p, 1), :, :), p)
        before += size(p, 1)
    end
    return y
end

"""What each direction computed last: the last step, and the first one of the way back."""
function last_step(op::Recurrent{T}, h::Array{T,3}) where {T}
    k, S = op.hidden, size(h, 3)
    y = Matrix{T}(undef, size(h, 1), size(h, 2))
    copyto!(view(y, 1:k, :), view(h, 1:k, :, S))
    size(h, 1) > k && copyto!(view(y, k+1:2k, :), view(h, k+1:2k, :, 1))
    return y
end

function run_direction!(d::Direction{T}, x::Array{T,3}) where {T}
    _, N, S = size(x)
    gates = sized!(d.gates, size(d.input_matrix, 1), N, S)
    flat = flat_steps(gates)
    multiply!(flat, 'N', 'N', d.input_matrix, flat_steps(x))
    biased!(identity, flat, d.bias.values)
    states = sized!(d.states, d.hidden, N, S)
    prepare!(d.cell, d, N, S)
    for t in order(d, S)
        step_forward!(d.cell, d, gates, states, t, previous(d, t, S))
    end
    return states
end

function backward(op::Recurrent{T}, (tapes, h, shape), dy::Array{T}, want::Int) where {T}
    dh = top_slope(op, h, dy)
    for k in length(op.layers):-1:1
        layer, (x, mask) = op.layers[k], tapes[k]
        further = k > 1 || want != 0
        dh = layer_slope!(layer, x, dh, further)
        further && (dh = backward(layer.dropout, mask, dh, 1)[1])
    end
    want == 0 && return ()
    F, N, S = size(dh)
    return (reshape(batch_major!(sized!(op.dx, F, S, N), dh), shape),)
end

"""The gradient of the last layer's states, (features, batch, steps)."""
function top_slope(op::Recurrent{T}, h::Array{T,3}, dy::Array{T}) where {T}
    dh = sized!(op.dlast, size(h))
    op.last_only || return time_major!(dh, dy::Array{T,3})
    fill!(dh, zero(T))
    k, S = op.hidden, size(h, 3)
    copyto!(view(dh, 1:k, :, S), view(dy, 1:k, :))
    size(h, 1) > k && copyto!(view(dh, k+1:2k, :, 1), view(dy, k+1:2k, :))
    return dh
end

function layer_slope!(layer::Layer{T}, x::Array{T,3}, dh::Array{T,3}, further::Bool) where {T}
    length(layer.directions) == 1 && return direction_slope!(layer.directions[1], x, dh, further)
    dx = dh
    for (i, d) in enumerate(layer.directions)
        part = sized!(layer.parts[i], d.hidden, size(dh, 2), size(dh, 3))
        copyto!(part, view(dh, (i-1)*d.hidden+1:i*d.hidden, :, :))
        found = direction_slope!(d, x, part, further)
        further && (dx = i == 1 ? found : add!(found, dx))
    end
    return dx
end

"""Gradients of one direction. `dh` is what comes from above, and is changed on the way."""
function direction_slope!(d::Direction{T}, x::Array{T,3}, dh::Array{T,3}, further::Bool) where {T}
    _, N, S = size(x)
    gates, states = d.gates.one, d.states.one
    dgates = sized!(d.dgates, size(gates))
    begin_slope!(d.cell, d, N, S)
    for t in Iterators.reverse(order(d, S))
        step_backward!(d.cell, d, gates, states, dgates, dh, t, previous(d, t, S))
    end
    slopes!(d.kernel, d.bias, flat_steps(dgates), flat_steps(x))
    recurrent_slope!(d, states, state_slopes(d.cell, dgates))
    further || return dh
    dx = sized!(d.dx, size(x))
    multiply!(flat_steps(dx), 'T', 'N', d.input_matrix, flat_steps(dgates))
    return dx
end

"""The recurrent kernel's gradient, over all steps that have one before them."""
function recurrent_slope!(d::Direction{T}, states::Array{T,3}, ds::Array{T,3}) where {T}
    d.recurrent.trained || return nothing
    g, keep = gradient!(d.recurrent)
    target = reshape(g, size(d.state_matrix))
    _, N, S = size(states)
    if S == 1
        keep == 0 && fill!(target, zero(T))
        return nothing
    end
    a, b = flat_steps(ds), flat_steps(states)
    here, before_ = d.backwards ? (1:N*(S-1), N+1:N*S) : (N+1:N*S, 1:N*(S-1))
    multiply!(target, 'N', 'T', view(a, :, here), view(b, :, before_), keep)
    return nothing
end

"""dh of the step before += state_matrix' * ds of this one."""
pass_back!(d::Direction{T}, dh, ds, t, before_) where {T} =
    before_ == 0 ? nothing : multiply!(view(dh, :, :, before_), 'T', 'N', d.state_matrix, view(ds, :, :, t), one(T))
