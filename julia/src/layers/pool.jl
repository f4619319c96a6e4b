# All pooling is one thing: for each space axis a list of windows (ranges cut to what is inside), and the largest or the
# mean of each box. Windows of a size, with strides and padding, and torch's adaptive bins only differ in that list.
# The place of the largest is kept, so that the backward pass does not look for it again.

"""
    Pool: the largest or the mean of every window along all dimensions but the last two

In Flux: `MaxPool`, `MeanPool`, `AdaptiveMaxPool`, `AdaptiveMeanPool`, and the global ones with windows of the whole size.
"""
struct Pool{T}
    largest::Bool
    whole::Int  # what a mean divides by; 0: the size of the box
    windows::Any  # lengths of the space axes -> windows of each
    activation::Activation
    y::Buffer{T,4}
    places::Buffer{Int32,4}
    dz::Buffer{T,4}
    dx::Buffer{T,4}
end

Pool{T}(largest, whole, windows, activation) where {T} =
    Pool{T}(largest, whole, windows, activation, Buffer{T,4}(), Buffer{Int32,4}(), Buffer{T,4}(), Buffer{T,4}())

function fixed_windows(a)
    window, strides, padding = space_order(a["pool_size"]), space_order(a["strides"]), flat_padding(a["padding"])
    return lengths -> [pool_windows(lengths[d], window[d], strides[d], padding[2d-1], padding[2d]) for d in eachindex(lengths)]
end

function adaptive_windows(a)
    sizes = space_order(a["size"])
    return lengths -> [adaptive_bins(lengths[d], sizes[d]) for d in eachindex(lengths)]
end

BUILDERS["max_pool"] = (T, step, weights, activation) -> Pool{T}(true, 0, fixed_windows(step.attrs), activation)
BUILDERS["avg_pool"] = (T, step, weights, activation) ->
    Pool{T}(false, step.attrs["include_padding"] ? prod(step.attrs["pool_size"]) : 0, fixed_windows(step.attrs), activation)
BUILDERS["adaptive_max_pool"] = (T, step, weights, activation) -> Pool{T}(true, 0, adaptive_windows(step.attrs), activation)
BUILDERS["adaptive_avg_pool"] = (T, step, weights, activation) -> Pool{T}(false, 0, adaptive_windows(step.attrs), activation)

const Windows = Vector{UnitRange{Int}}

"""Three space axes and one of planes, whatever there was."""
function as_planes(x::Array{T,N}) where {T,N}
    space = size(x)[1:N-2]
    return reshape(x, (space..., ntuple(_ -> 1, 5 - N)..., size(x, N - 1) * size(x, N)))::Array{T,4}
end

function forward(op::Pool{T}, mode::Mode, x::Array{T,N}) where {T,N}
    found = op.windows(size(x)[1:N-2])::Vector{Windows}
    windows = (ntuple(d -> d <= N - 2 ? found[d] : [1:1], 3))::NTuple{3,Windows}
    planes = as_planes(x)
    out = (map(length, windows)..., size(planes, 4))
    y, places = sized!(op.y, out), sized!(op.places, op.largest ? out : (0, 0, 0, 0))
    op.largest ? largest!(y, places, planes, windows) : means!(y, planes, windows, op.whole)
    activate!(op.activation, y)
    return reshape(y, (out[1:N-2]..., size(x, N - 1), size(x, N))), (y, places, windows, size(planes), size(x))
end

function largest!(y::Array{T,4}, places::Array{Int32,4}, x::Array{T,4}, (A, B, C)::NTuple{3,Windows}) where {T}
    W, H, D, P = size(x)
    window, stride = length(A[1]), length(A) > 1 ? first(A[2]) - first(A[1]) : 1
    regular = all(a -> A[a] == (a-1)*stride+1:(a-1)*stride+window, eachindex(A)) && window > 0
    row = 0
    for p in 1:P, c in eachindex(C), b in eachindex(B)
        image = (p - 1) * W * H * D
        if regular && (window, length(B[b]), length(C[c])) == (2, 2, 1)
            start = ((first(C[c]) - 1) * H + first(B[b]) - 1) * W
            two_by_two!(y, places, x, row, length(A), image, start, stride, W)
        elseif regular && !isempty(B[b]) && !isempty(C[c])
            start = ((first(C[c]) - 1) * H + first(B[b]) - 1) * W
            regular_row!(y, places, x, row, length(A), image, start, stride, 1, true)
            for k in C[c], j in B[b], i in 1:window
                regular_row!(y, places, x, row, length(A), image, ((k - 1) * H + j - 1) * W, stride, i, false)
            end
        else
            for a in eachindex(A)
                y[row+a], places[row+a] = largest_of(x, image, W, H, A[a], B[b], C[c])
            end
        end
        row += length(A)
    end
end

"""A row of the windows that most images have, with all four numbers at once: rows are too short for one tap after the other."""
function two_by_two!(y::Array{T,4}, places::Array{Int32,4}, x::Array{T,4}, row::Int, n::Int, image::Int, base::Int, stride::Int, W::Int) where {T}
    @inbounds @simd ivdep for a in 1:n
        at = base + (a - 1) * stride
        best, place = larger(x[image+at+1], (at + 1) % Int32, x[image+at+2], (at + 2) % Int32)
        below, below_place = larger(x[image+at+W+1], (at + W + 1) % Int32, x[image+at+W+2], (at + W + 2) % Int32)
        y[row+a], places[row+a] = larger(best, place, below, below_place)
    end
    return nothing
end

"""The larger of two numbers and its place, the first of equal ones; NaN counts as the largest, the second as larger."""
@inline function larger(u, u_place, v, v_place)
    second = (v > u) | (v != v)
    return ifelse(second, v, u), ifelse(second, v_place, u_place)
end

"""One tap of the windows of a whole row: vector instructions, where windows are not cut."""
function regular_row!(y::Array{T,4}, places::Array{Int32,4}, x::Array{T,4}, row::Int, n::Int, image::Int, base::Int, stride::Int, i::Int, fresh::Bool) where {T}
    if fresh
        @inbounds @simd ivdep for a in 1:n
            y[row+a] = x[image+base+(a-1)*stride+i]
            places[row+a] = (base + (a - 1) * stride + i) % Int32
        end
        return nothing
    end
    @inbounds @simd ivdep for a in 1:n
        v, best = x[image+base+(a-1)*stride+i], y[row+a]
        larger = (v > best) | (v != v)
        y[row+a] = ifelse(larger, v, best)
        places[row+a] = ifelse(larger, (base + (a - 1) * stride + i) % Int32, places[row+a])
    end
    return nothing
end

"""The largest of a box, and its place in the image; place 0 for an empty box."""
function largest_of(x::Array{T,4}, image::Int, W::Int, H::Int, A, B, C) where {T}
    best, place = typemin(T), 0
    for k in C, j in B
        base = ((k - 1) * H + j - 1) * W
        for i in A
            v = @inbounds x[image+base+i]
            larger = (v > best) | (v != v) | (place == 0)
            best, place = ifelse(larger, v, best), ifelse(larger, base + i, place)
        end
    end
    return best, place
end

function means!(y::Array{T,4}, x::Array{T,4}, (A, B, C)::NTuple{3,Windows}, whole::Int) where {T}
    for p in axes(x, 4), c in eachindex(C), b in eachindex(B), a in eachindex(A)
        total = zero(T)
        for k in C[c], j in B[b]
            @inbounds for i in A[a]
                total += x[i, j, k, p]
            end
        end
        @inbounds y[a, b, c, p] = total / T(whole == 0 ? length(A[a]) * length(B[b]) * length(C[c]) : whole)
    end
end

function backward(op::Pool{T}, (y, places, windows, planes, shape), dy::Array{T}, want::Int) where {T}
    dz = before(op.activation, op.dz, reshape(dy, size(y)), y)
    dx = fill!(sized!(op.dx, planes), zero(T))
    op.largest ? scatter_places!(dx, dz, places) : share!(dx, dz, windows, op.whole)
    return (reshape(dx, shape),)
end

function scatter_places!(dx::Array{T,4}, dz::Array{T,4}, places::Array{Int32,4}) where {T}
    plane, out = prod(size(dx)[1:3]), prod(size(dz)[1:3])
    for p in axes(dz, 4)
        @inbounds for i in (p-1)*out+1:p*out
            places[i] > 0 && (dx[(p-1)*plane+places[i]] += dz[i])  # 0: a window of padding only
        end
    end
end

function share!(dx::Array{T,4}, dz::Array{T,4}, (A, B, C)::NTuple{3,Windows}, whole::Int) where {T}
    for p in axes(dz, 4), c in eachindex(C), b in eachindex(B), a in eachindex(A)
        d = @inbounds dz[a, b, c, p] / T(whole == 0 ? length(A[a]) * length(B[b]) * length(C[c]) : whole)
        for k in C[c], j in B[b]
            @inbounds @simd for i in A[a]
                dx[i, j, k, p] += d
            end
        end
    end
end
