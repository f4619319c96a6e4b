# Columns: element-wise steps of a scan's body as one. The numbers of one sample are a column; a tile of a few columns stays in the nearest memory
# while all the steps work on it, and only what the way back needs, and what other steps read, is written further away.

"""Where the numbers of a value begin in a column: `place` is an array, `offset` what lies before them."""
struct Rows
    place::Int
    offset::Int
end

"""Where the slopes of a value begin (-1: nobody asks); `fresh`: whoever writes there is the first, and need not add."""
struct Slope
    offset::Int
    fresh::Bool
end

"""y = f(a, b) on `width` numbers, and their slopes."""
struct Instruction
    code::Int
    width::Int
    y::Rows
    a::Rows
    b::Rows
    dy::Slope
    da::Slope
    db::Slope
end

"""An input of the group: `width` numbers per sample, or in all where every sample has the same."""
struct Source
    id::Int
    width::Int
    shared::Bool
    slope::Int
end

"""A value that other steps read: its number, its lengths without the batch, where its slope begins."""
struct Result
    id::Int
    size::Dims
    width::Int
    slope::Int
end

"""
`kept_rows` are written for the way back, `scratch` and `slopes` hold `tile` columns; `unwritten` are the rows of slopes that are read and that nobody writes.
"""
struct Columns{T} <: ManyOutputs
    instructions::Vector{Instruction}
    sources::Vector{Source}
    results::Vector{Result}
    kept_rows::Int
    scratch::Matrix{T}
    slopes::Matrix{T}
    unwritten::Vector{Int}
    tile::Int
    kept::Buffer{T,2}
    ys::Vector{Buffer{T,2}}
    dxs::Vector{Buffer{T,2}}
end

"""Whether a step does not read this input on the way back."""
forgets(op, id) = false
function forgets(op::Columns, id::Int)
    place = OUTSIDE + length(op.results) + findfirst(s -> s.id == id, op.sources)
    return all(op.instructions) do s
        a, b, _ = s.code == COPY ? (false, false, false) : reads(name_of(s.code))
        !(a && s.a.place == place) && !(b && s.b.place == place)
    end
end

const KEPT, SCRATCH, OUTSIDE = 1, 2, 2
"""The places of a group: kept for the way back, scratch for one tile, then its results and its sources."""

"""Columns per tile: as many as the nearest memory takes."""
tile_of(rows::Int, ::Type{T}) where {T} = clamp(32768 ÷ max(1, rows * sizeof(T)), 1, 16)

const COPY = 0

"""The code of an element-wise kind; COPY where it has none."""
function code_of(name::String)
    k = findfirst(row -> row[1] == name, UNARIES)
    k === nothing || return k
    k = findfirst(row -> row[1] == name, BINARIES)
    return k === nothing ? COPY : k + length(UNARIES)
end

name_of(code::Int) = code <= length(UNARIES) ? UNARIES[code][1] : BINARIES[code-length(UNARIES)][1]

"""What a slope reads, by kind: (a, b, y)."""
reads(name) =
    name in ("add", "sub", "neg") ? (false, false, false) :
    name in ("exp", "sqrt", "tanh", "sigmoid") ? (false, false, true) :
    name == "mul" ? (true, true, false) : name == "div" ? (false, true, true) : (true, true, true)

"""Columns of an array: before the first one lie `start` numbers, and they begin `step` apart."""
struct Cursor{T}
    array::Vector{T}
    start::Int
    step::Int
end

"""y = f(a) or f(a, b), `n` numbers of `m` columns."""
@inline function fill_columns!(f::F, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}) where {F,T}
    u, v = y.array, a.array
    for c in 0:m-1
        i, j = y.start + c * y.step, a.start + c * a.step
        @inbounds @simd ivdep for k in 1:n
            u[i+k] = f(v[j+k])
        end
    end
end

@inline function fill_columns!(f::F, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {F,T}
    u, v, w = y.array, a.array, b.array
    for c in 0:m-1
        i, j, l = y.start + c * y.step, a.start + c * a.step, b.start + c * b.step
        @inbounds @simd ivdep for k in 1:n
            u[i+k] = f(v[j+k], w[l+k])
        end
    end
end

"""to += from * slope(a, b, y), or `fresh`: to = ..."""
@inline function pull_columns!(slope::F, fresh::Bool, n::Int, m::Int, to::Cursor{T}, from::Cursor{T}, a::Cursor{T}, b::Cursor{T}, y::Cursor{T}) where {F,T}
    d, u, v, w = to.array, a.array, b.array, y.array
    for c in 0:m-1
        i, e, j, l, o = to.start + c * to.step, from.start + c * from.step, a.start + c * a.step, b.start + c * b.step, y.start + c * y.step
        if fresh
            @inbounds @simd ivdep for k in 1:n
                d[i+k] = d[e+k] * slope(u[j+k], v[l+k], w[o+k])
            end
        else
            @inbounds @simd ivdep for k in 1:n
                d[i+k] += d[e+k] * slope(u[j+k], v[l+k], w[o+k])
            end
        end
    end
end

# One branch for each kind, so that a step of a column costs no dynamic call.
branches(build, table, first) = Expr(:block, (:(code == $(first + k) && return $(build(row...))) for (k, row) in enumerate(table))...)

@eval function compute!(code::Int, n::Int, m::Int, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    $(branches((name, f, slope) -> :(fill_columns!($f, n, m, y, a)), UNARIES, 0))
    $(branches((name, f, da, db) -> :(fill_columns!($f, n, m, y, a, b)), BINARIES, length(UNARIES)))
    return fill_columns!(identity, n, m, y, a)
end

@eval function pull_a!(code::Int, fresh::Bool, n::Int, m::Int, da::Cursor{T}, dy::Cursor{T}, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    $(branches((name, f, slope) -> :(pull_columns!((u, v, w) -> $slope(u, w), fresh, n, m, da, dy, a, b, y)), UNARIES, 0))
    $(branches((name, f, da, db) -> :(pull_columns!($da, fresh, n, m, da, dy, a, b, y)), BINARIES, length(UNARIES)))
    return pull_columns!(through, fresh, n, m, da, dy, a, b, y)
end

@eval function pull_b!(code::Int, fresh::Bool, n::Int, m::Int, db::Cursor{T}, dy::Cursor{T}, y::Cursor{T}, a::Cursor{T}, b::Cursor{T}) where {T}
    $(branches((name, f, da, db) -> :(pull_columns!($db, fresh, n, m, db, dy, a, b, y)), BINARIES, length(UNARIES)))
    return nothing
end

"""An array that is a step of a longer one, read where it lies; its slope goes to the same step of `slope`."""
mutable struct StepOf{T}
    const whole::Vector{T}
    const size::Dims
    const number::Int
    const steps::Int
    slope::Vector{T}
    written::Bool
end

StepOf(x::Array{T}, number::Int) where {T} = (s = size(x); StepOf{T}(vec(x), (s[1:end-2]..., s[end]), number, s[end-1], T[], false))
batch_of(x::StepOf) = x.size[end]

"""Columns of an array over all samples; a tile's begin `tiles` numbers per sample further (scratch: always at the same place)."""
struct Walk{T}
    array::Vector{T}
    step::Int
    tiles::Int
    before::Int
end

walk_of(s::Source, x::StepOf{T}, array::Vector{T}=x.whole) where {T} = Walk{T}(array, s.width * x.steps, s.width * x.steps, s.width * (x.number - 1))
walk_of(s::Source, x::Vector{T}, array::Vector{T}=x) where {T} = (n = s.shared ? 0 : s.width; Walk{T}(array, n, n, 0))
dense_walk(x::Array{T,2}) where {T} = Walk{T}(vec(x), size(x, 1), size(x, 1), 0)
tile_walk(x::Array{T,2}) where {T} = Walk{T}(vec(x), size(x, 1), 0, 0)

"""The columns of a tile that begins at sample `n` (from 0)."""
@inline cursor(w::Walk{T}, n::Int, offset::Int) where {T} = Cursor{T}(w.array, n * w.tiles + w.before + offset, w.step)

function forward(op::Columns{T}, mode::Mode, inputs::Vector{Any}) where {T}
    N = dynamic(batch_of)(inputs[findfirst(s -> !s.shared, op.sources)::Int])::Int
    xs = Any[x isa StepOf ? x : dynamic(flat)(T, x) for x in inputs]
    foreach((s, x) -> check_source(s, x, N), op.sources, xs)
    walks = walks_of(op, xs, N)
    ascend!(op, walks, N)
    results = Any[dynamic(reshape)(b.one, (r.size..., N)) for (b, r) in zip(op.ys, op.results)]
    return results, (walks, xs, Any[x isa StepOf ? x.size : dynamic(size)(x) for x in inputs], N)
end

function check_source(s::Source, @nospecialize(x), N::Int)
    good = x isa StepOf ? x.size[end] == N && length(x.whole) == s.width * N * x.steps : length(x) == (s.shared ? s.width : s.width * N)
    good || throw(DimensionMismatch("expected $(s.width) numbers $(s.shared ? "in all" : "for each of $N samples")"))
end

function walks_of(op::Columns{T}, xs::Vector{Any}, N::Int) where {T}
    walks = Walk{T}[dense_walk(sized!(op.kept, op.kept_rows, N)), tile_walk(op.scratch)]
    foreach((b, r) -> push!(walks, dense_walk(sized!(b, r.width, N))), op.ys, op.results)
    foreach((s, x) -> push!(walks, walk_of(s, x)), op.sources, xs)
    return walks
end

function ascend!(op::Columns{T}, walks::Vector{Walk{T}}, N::Int) where {T}
    for n in 0:op.tile:N-1, s in op.instructions
        y, a, b = cursor(walks[s.y.place], n, s.y.offset), cursor(walks[s.a.place], n, s.a.offset), cursor(walks[s.b.place], n, s.b.offset)
        compute!(s.code, s.width, min(op.tile, N - n), y, a, b)
    end
end

function backward(op::Columns{T}, (walks, xs, sizes, N)::Tuple{Vector{Walk{T}},Vector{Any},Vector{Any},Int}, dys::Vector{Any}, want::Int) where {T}
    above = Vector{T}[dy === nothing ? T[] : vec(dy::Array{T}) for dy in dys]
    below, added_ = Walk{T}[], Bool[]
    for (k, (s, x, b)) in enumerate(zip(op.sources, xs, op.dxs))
        if x isa StepOf
            push!(below, walk_of(s, x, x.slope))
            push!(added_, x.written)
            x.written = true
        else
            d = wanted(want, k) ? vec(sized!(b, s.width, s.shared ? 1 : N)) : T[]
            s.shared && fill!(d, zero(T))
            push!(below, walk_of(s, x, d))
            push!(added_, s.shared)
        end
    end
    descend!(op, walks, above, below, added_, N)
    return Tuple(Any[wanted(want, k) && !(xs[k] isa StepOf) ? dynamic(reshape)(d.array, sizes[k]) : nothing for (k, d) in enumerate(below)])
end

function descend!(op::Columns{T}, walks::Vector{Walk{T}}, above::Vector{Vector{T}}, below::Vector{Walk{T}}, added_::Vector{Bool}, N::Int) where {T}
    slopes = tile_walk(op.slopes)
    at(offset) = cursor(slopes, 0, offset)
    for n in 0:op.tile:N-1
        m = min(op.tile, N - n)
        foreach(k -> fill!(view(op.slopes, k, :), zero(T)), op.unwritten)
        for (r, dy) in zip(op.results, above)
            isempty(dy) ? fill!(view(op.slopes, r.slope+1:r.slope+r.width, :), zero(T)) : fill_columns!(identity, r.width, m, at(r.slope), Cursor{T}(dy, n * r.width, r.width))
        end
        for k in length(op.instructions):-1:1
            s = op.instructions[k]
            y, a, b = cursor(walks[s.y.place], n, s.y.offset), cursor(walks[s.a.place], n, s.a.offset), cursor(walks[s.b.place], n, s.b.offset)
            s.da.offset < 0 || pull_a!(s.code, s.da.fresh, s.width, m, at(s.da.offset), at(s.dy.offset), y, a, b)
            s.db.offset < 0 || pull_b!(s.code, s.db.fresh, s.width, m, at(s.db.offset), at(s.dy.offset), y, a, b)
        end
        for (s, w, sum_) in zip(op.sources, below, added_)
            isempty(w.array) && continue
            to = cursor(w, n, 0)
            sum_ ? fill_columns!(+, s.width, m, to, to, at(s.slope)) : fill_columns!(identity, s.width, m, to, at(s.slope))
        end
    end
end
