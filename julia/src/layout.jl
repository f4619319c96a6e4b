# EVERYTHING about layout. A row-major array of Python with shape (N, F) is the same memory as a Julia array of size
# (F, N). So shapes are read backwards, axis numbers count from the other end, positions start at 1 instead of 0, and
# orders of space axes (strides, windows, padding) turn round. None of that is done in any other file.

"""The Julia size of an array that has this shape in Python (and the other way round)."""
julia_size(shape) = (Int[n::Int for n in Iterators.reverse(shape)]...,)::Dims
python_shape(size::Tuple) = collect(Int, Iterators.reverse(size))

"""A shape with unknown lengths, in Julia's order."""
reverse_shape(shape) = Tuple(Iterators.reverse(shape))

"""Numbers that belong to space axes, in Julia's order."""
space_order(values) = Tuple(Int(v) for v in Iterators.reverse(values))

"""Pairs (before, after) of space axes as the flat tuple (before, after, before, after ...) in Julia's order."""
flat_padding(pairs) = Tuple(Int(n) for pair in Iterators.reverse(pairs) for n in pair)

"""And such a tuple, or one with a number for both sides of each axis, as Python's pairs; numbers of space axes in Python's order."""
python_padding(flat::Tuple, rank::Int) = Any[length(flat) == rank ? Any[flat[i], flat[i]] : Any[flat[2i-1], flat[2i]] for i in rank:-1:1]
python_order(values::Tuple) = Any[v for v in Iterators.reverse(values)]

"""The Julia dimension of a Python axis (from 0, negative from the end) of an array with `rank` axes."""
dimension(axis::Integer, rank::Integer) = rank - mod(axis, rank)

"""The Julia dimensions of `axis`: a number, a list, or nothing for all; sorted."""
dimensions(::Nothing, rank) = collect(1:rank)
dimensions(axis::Integer, rank) = [dimension(axis, rank)]
dimensions(axes::AbstractVector, rank) = sort!(Int[dimension(a::Int, rank) for a in axes])

"""The Julia permutation that does what Python's transpose(axes) does."""
permutation(axes, rank) = [dimension(axes[rank-d+1], rank) for d in 1:rank]

"""A position counted from 1, of one counted from 0; and back."""
position(id::Integer) = Int(id) + 1
number(position::Integer) = Int64(position - 1)

"""Errors: DomainError for a number that is none of `count` things, counted from 0."""
@noinline outside(found, count::Int, things::String) = throw(DomainError(found, "expected 0 to $(count - 1): there are $count $things"))

"""The size that Python's reshape(shape) gives `count` numbers; one length may be null or -1."""
function reshaped_size(shape, count::Int)
    lengths = [n === nothing || n < 0 ? -1 : Int(n) for n in shape]
    free = findfirst(==(-1), lengths)
    rest = prod(n for n in lengths if n != -1; init=1)
    free === nothing || (lengths[free] = rest == 0 ? 0 : count ÷ rest)
    return julia_size(lengths)
end

"""The size after all axes from Python's axis `start` on became one."""
flattened_size(size::Dims{N}, start::Int) where {N} = (prod(size[1:max(N - start, 0)]; init=1), size[max(N - start, 0)+1:N]...)

"""Sizes with and without the reduced dimensions."""
kept_size(size::Dims{N}, dims) where {N} = ntuple(d -> d in dims ? 1 : size[d], N)
dropped_size(size::Dims, dims) = (Int[size[d] for d in 1:length(size) if !(d in dims)]...,)::Dims

"""
    walk(size, index) -> (lengths, strides, offset)

How Python's x[index] walks through memory: for each Julia dimension of the result its length and stride, and the place of the first
element, from 0. Parts of `index` are numbers, [start, stop, step], "..." or "new".
"""
function walk(size::Dims{N}, index) where {N}
    strides = cumprod((1, size...))
    taken = count(p -> !(p isa AbstractString), index)
    lengths, steps, offset, axis = Int[], Int[], 0, 0
    items = any(==("..."), index) ? index : [index; "..."]
    for part in items
        for _ in 1:(part == "..." ? N - taken : 1)
            part == "new" && (push!(lengths, 1); push!(steps, 0); continue)
            d = N - axis
            axis += 1
            if part isa Integer
                -size[d] <= part < size[d] || throw(BoundsError(1:size[d], part))
                offset += mod(part, size[d]) * strides[d]
            else
                first, step, n = slice(part == "..." ? (nothing, nothing, nothing) : part, size[d])
                push!(lengths, n)
                push!(steps, step * strides[d])
                n > 0 && (offset += first * strides[d])
            end
        end
    end
    return Tuple(reverse!(lengths)), Tuple(reverse!(steps)), offset
end

"""First position (from 0), step and count of Python's slice of `n` elements."""
function slice((start, stop, step), n::Int)
    step = something(step, 1)
    step == 0 && throw(ArgumentError("slice step cannot be zero"))
    low, high = step > 0 ? (0, n) : (-1, n - 1)
    at(x, default) = x === nothing ? default : clamp(x < 0 ? x + n : x, low, high)
    a, b = step > 0 ? (at(start, 0), at(stop, n)) : (at(start, n - 1), at(stop, -1))
    return a, step, max(0, cld(b - a, step))
end

"""The bins of adaptive pooling for an axis of `n` elements: torch's, from floor(i n / size) to ceil((i + 1) n / size)."""
adaptive_bins(n::Int, size::Int) = [fld(i * n, size)+1:cld((i + 1) * n, size) for i in 0:size-1]

"""The windows of pooling on an axis of `n` elements, cut to what is inside."""
function pool_windows(n::Int, window::Int, stride::Int, before::Int, after::Int)
    count = fld(n + before + after - window, stride) + 1
    return [max(1, i * stride - before + 1):min(n, i * stride - before + window) for i in 0:count-1]
end

"""(features, steps, batch) to (features, batch, steps): every step's block is contiguous then."""
function time_major!(y::Array{T,3}, x::Array{T,3}) where {T}
    F, S, N = size(x)
    for t in 1:S, n in 1:N
        @inbounds @simd for f in 1:F
            y[f, n, t] = x[f, t, n]
        end
    end
    return y
end

"""And back."""
batch_major!(y::Array{T,3}, x::Array{T,3}) where {T} = time_major!(y, x)

"""Both ways, and a matrix transposed, as arrays of their own: also for what an engine's tape follows, which is no Array."""
time_swapped(x) = permutedims(x, (1, 3, 2))
transposed(x) = permutedims(x)

"""
Step `k` (from 1) of (features..., steps, batch), an array of its own (`old`, if that fits); the same written. Where there is a start of a state, (features...), it stands for every
sample of a batch, and a gradient of all of them is one of it.
"""
function step_of(x::Array{T,N}, k::Int, old=nothing) where {T,N}
    size_ = (size(x)[1:N-2]..., size(x, N))
    y = old isa Array{T,N-1} && size(old) == size_ ? old : Array{T,N-1}(undef, size_)
    return move_step!(y, x, k, (to, from, i, j) -> (to[i] = from[j]))
end
put_step!(y::Array{T,N}, k::Int, x::Array{T,M}) where {T,N,M} = (move_step!(x, y, k, (from, to, i, j) -> (to[j] = from[i])); y)
put_step!(y::Array{T,N}, k::Int, ::Nothing) where {T,N} = (fill!(selectdim(y, N - 1, k), zero(T)); y)

function move_step!(one::Array{T}, all::Array{T,N}, k::Int, move::F) where {T,N,F}
    f, s, n = prod(size(all)[1:N-2]; init=1), size(all, N - 1), size(all, N)
    for b in 1:n
        from = ((b - 1) * s + k - 1) * f
        @inbounds @simd ivdep for i in 1:f
            move(one, all, (b - 1) * f + i, from + i)
        end
    end
    return one
end

steps_of(x::Array, steps::Int, batch::Int) = (size(x)[1:ndims(x)-1]..., steps, batch)
repeated(start::Array, batch::Int) = repeat(reshape(start, (size(start)..., 1)); outer=(ntuple(_ -> 1, ndims(start))..., batch))
summed(d::Array{T,N}) where {T,N} = dropdims(sum(d; dims=N); dims=N)
batch_of(x::Array) = size(x, ndims(x))

"""Nested lists of Python numbers as an array."""
function nested_array(::Type{T}, value) where {T}
    shape = Int[]
    inner = value
    while inner isa AbstractVector
        push!(shape, length(inner))
        isempty(inner) && break
        inner = first(inner)
    end
    flat = T[]
    collect_leaves!(flat, value)
    return reshape(flat, julia_size(shape))
end

collect_leaves!(flat::Vector{T}, x::Number) where {T} = push!(flat, T(x))
collect_leaves!(flat::Vector, x::AbstractVector) = foreach(v -> collect_leaves!(flat, v), x)

"""A convolution's kernel turned round on its space axes: what a layer that flips its kernel (Flux's Conv) needs to do the same."""
turned_kernel(w::Array) = w[(d <= ndims(w) - 2 ? (size(w, d):-1:1) : (1:size(w, d)) for d in 1:ndims(w))...]
