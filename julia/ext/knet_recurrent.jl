# Layers with states, of Knet's RNN. On the processor its functions take one argument for each step of time, and so are compiled anew for every
# length. Here a sequence is cut in pieces of some lengths only, which the rehearsal has met; states go on from one to the next.

"""Steps in a piece, the longest first."""
const PIECES = (16, 8, 4, 2, 1)

"""The pieces that make up `steps`."""
function pieces(steps::Int)
    found, at = UnitRange{Int}[], 0
    for n in PIECES, _ in 1:div(steps - at, n)
        push!(found, at+1:at+n)
        at += n
    end
    return found
end

"""What a cell gives for each step of x (features, batch, steps), from states of zero."""
function unrolled(cell::RNN, x)
    parts, ranges, h, c = Any[], pieces(size(x, 3)), nothing, nothing
    for range in ranges
        part = length(ranges) == 1 ? x : x[:, :, range]
        y, h, c = Knet.rnnforw(cell, cell.w, part, h, c; hy=true, cy=cell.mode == 2)
        push!(parts, y)
    end
    return joined(parts)
end

"""Parts side by side in time, two at a time."""
function joined(parts)
    length(parts) == 1 && return parts[1]
    middle = cld(length(parts), 2)
    return cat(joined(parts[1:middle]), joined(parts[middle+1:end]); dims=3)
end

"""The other way round in time."""
backwards(x) = x[:, :, size(x, 3):-1:1]

"""The weights of one direction as Knet has them: kernel, recurrent, bias, and the other bias, which is 0."""
packed(kernel, recurrent, bias) = reshape(cat1d(transposed(kernel), transposed(recurrent), bias, zero(Knet.value(bias))), (1, 1, :))

"""Layers of one or two directions; `last_only` takes what each direction computed last."""
function recurrent(::Type{T}, a, weights, kind::Symbol) where {T}
    ends, hidden, last_only = a["bidirectional"] ? ("", "_reverse") : ("",), a["hidden"]::Int, a["last_only"]::Bool
    layers, drop = 0:a["num_layers"]-1, PyPhoton.Dropout{T}(a["dropout"])
    names = [name * "_$n$e" for n in layers for e in ends for name in ("kernel", "recurrent", "bias")]
    features(n) = weights["kernel_$n"].size[2]
    cells = [RNN(features(n), hidden; rnnType=kind, winit=zeros, finit=zeros, atype=Array{T}) for n in layers for _ in ends]
    return KnetStep{T}(weights, names...) do mode, ws, x
        z = ndims(x) == 2 ? reshape(x, (1, size(x)...)) : x
        size(z, 1) == features(0) || throw(DimensionMismatch("expected $(features(0)) features, received $(size(z, 1))"))
        size(z, 2) > 0 || throw(DimensionMismatch("expected at least one step, received a sequence of none"))
        y = time_swapped(z)
        for n in layers
            if mode.training && drop.rate > 0
                y = y .* reshape(PyPhoton.draw_mask!(Vector{T}(undef, length(y)), mode.random, drop.rate), size(y))
            end
            halves = map(eachindex(ends)) do e
                k = n * length(ends) + e
                cells[k].w = packed(ws[3k-2:3k]...)
                e == 1 ? unrolled(cells[k], y) : backwards(unrolled(cells[k], backwards(y)))
            end
            y = length(ends) == 1 ? halves[1] : vcat(halves[1], halves[2])
        end
        last_only ? last_step(y, hidden) : time_swapped(y)
    end
end

"""What each direction computed last: the last step, and the first one of the way back."""
function last_step(y, hidden)
    forwards = y[1:hidden, :, size(y, 3)]
    return size(y, 1) == hidden ? forwards : vcat(forwards, y[hidden+1:2hidden, :, 1])
end
