# Operations that move numbers and compute none.

struct Reshape
    shape::Vector{Any}
end
BUILDERS["reshape"] = (T, step, weights, activation) -> Reshape(step.attrs["shape"])
forward(op::Reshape, mode::Mode, x::Number) = forward(op, mode, fill(x))
forward(op::Reshape, mode::Mode, x::Array) = reshape(x, reshaped_size(op.shape, length(x))), size(x)

struct Flatten
    start::Int
end
BUILDERS["flatten"] = (T, step, weights, activation) -> Flatten(get(step.attrs, "start", 1))
forward(op::Flatten, mode::Mode, x::Array) = reshape(x, flattened_size(size(x), op.start)), size(x)
backward(::Union{Reshape,Flatten}, size, dy, want::Int) = (reshape(dy, size),)

struct Transpose
    axes::Vector{Int}
end
BUILDERS["transpose"] = (T, step, weights, activation) -> Transpose(step.attrs["axes"])

function forward(op::Transpose, mode::Mode, x::Array)
    order = permutation(op.axes, ndims(x))
    strides_ = cumprod((1, size(x)...))
    lengths, steps = Tuple(size(x, d) for d in order), Tuple(strides_[d] for d in order)
    return walked(x, lengths, steps, 0)
end

struct Index{T}
    parts::Vector{Any}
    y::Buffer{T,1}
    dx::Buffer{T,1}
end
BUILDERS["getitem"] = (T, step, weights, activation) -> Index{T}(step.attrs["index"], Buffer{T,1}(), Buffer{T,1}())
forward(op::Index, mode::Mode, x::Array) = walked(x, walk(size(x), op.parts)...)
forward(op::Index{T}, mode::Mode, x::Array{T}) where {T} = walked(x, walk(size(x), op.parts)..., n -> sized!(op.y, n))

function walked(x::Array{R}, lengths::Dims, steps::Dims, offset::Int, make::M=n -> Vector{R}(undef, n)) where {R,M}
    y = gather_walk!(make(prod(lengths)), vec(x), lengths, steps, offset)
    return reshape(y, lengths), (size(x), lengths, steps, offset)
end

function backward(::Transpose, (size, lengths, steps, offset), dy::Array{T}, want::Int) where {T}
    return (reshape(scatter_walk!(zeros(T, prod(size)), vec(dy), lengths, steps, offset), size),)
end

backward(op::Index{T}, tape, dy::Array{T}, want::Int) where {T} = (add_part!(fill!(slope_of(op, tape), zero(T)), tape, dy),)
slope_of(op::Index, (size, rest...)) = reshape(sized!(op.dx, prod(size)), size)

"""Add the gradient of a part to that of the whole."""
add_part!(dx::Array{T}, (size, lengths, steps, offset), dy::Array{T}) where {T} = (scatter_walk!(vec(dx), vec(dy), lengths, steps, offset); dx)

struct Concat{T} <: ManyInputs
    axis::Int
end
BUILDERS["concat"] = (T, step, weights, activation) -> Concat{T}(get(step.attrs, "axis", 1))

function forward(op::Concat{T}, mode::Mode, xs::Vector{Any}) where {T}
    highest = maximum(Int[dynamic(level)(x) for x in xs])
    R = highest == 3 ? T : highest == 2 ? Int64 : Bool
    d = dimension(op.axis, ndims(xs[1]))
    splits = Dims{3}[dynamic(split_size)(size(x), d) for x in xs]
    all(s -> s[1] == splits[1][1] && s[3] == splits[1][3], splits) || throw(DimensionMismatch("sizes $(map(size, xs)) along dimension $d"))
    I, O, total = splits[1][1], splits[1][3], sum(s[2] for s in splits)
    y, before = Vector{R}(undef, I * total * O), 0
    for (x, s) in zip(xs, splits)
        dynamic(copy_blocks!)(y, dynamic(flat)(R, x), I * s[2], I * total, I * before, O)
        before += s[2]
    end
    result = Int[k == d ? total : size(xs[1], k) for k in 1:ndims(xs[1])]
    return dynamic(reshape)(y, Tuple(result)), (Any[size(x) for x in xs], splits, total)
end

flat(::Type{R}, x::Array) where {R} = vec(as(R, x))

"""O blocks of n elements, `step` apart in y from `offset`, one after the other in x."""
function copy_blocks!(y::Vector{R}, x::Vector{R}, n::Int, step::Int, offset::Int, O::Int) where {R}
    for o in 0:O-1
        copyto!(y, o * step + offset + 1, x, o * n + 1, n)
    end
end

function backward(op::Concat, (sizes, splits, total)::Tuple{Vector{Any},Vector{Dims{3}},Int}, dy::Array{T}, want::Int) where {T}
    before = 0
    found = Any[nothing for _ in sizes]
    for (k, (size, (I, M, O))) in enumerate(zip(sizes, splits))
        if wanted(want, k)
            dx = Vector{T}(undef, I * M * O)
            for o in 0:O-1
                copyto!(dx, o * I * M + 1, vec(dy), o * I * total + I * before + 1, I * M)
            end
            found[k] = dynamic(reshape)(dx, size)
        end
        before += M
    end
    return Tuple(found)
end
