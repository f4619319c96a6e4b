# Columns: element-wise steps of a scan's body as one. The numbers of one sample are a column; a tile of a few columns stays in the nearest memory
# while all the steps work on it, and only what the way back needs, and what other steps read, is written further away.

"""Where the numbers of a value begin in a column: `place` is an array, `offset` what lies before them."""
struct Rows
    place::Int
    offset::Int
end

"""Where the slopes of a value are: a slot (0: nobody asks) and what lies before them there; `fresh`: whoever writes is the first, and need not add."""
struct Slope
    slot::Int
    offset::Int
    fresh::Bool
end

"""y = f(a, b), or of four operands, on `width` numbers."""
struct Formula
    code::Int
    width::Int
    y::Rows
    a::Rows
    b::Rows
    c::Rows
    d::Rows
end

Formula(code, width, y, a, b) = Formula(code, width, y, a, b, b, b)

"""The slopes of y = f(a, b) on `width` numbers."""
struct Pull
    code::Int
    width::Int
    y::Rows
    a::Rows
    b::Rows
    dy::Slope
    da::Slope
    db::Slope
end

"""An input of the group: `width` numbers per sample, or in all where every sample has the same; and the slot of its slope."""
struct Source
    id::Int
    width::Int
    shared::Bool
    slot::Int
end

"""A value that other steps read: its number, its lengths without the batch, the slot of its slope; `alone`: nothing is added to what comes from them."""
struct Result
    id::Int
    size::Dims
    width::Int
    slot::Int
    alone::Bool
end

"""
`ascent` is computed from its beginning, `descent` from its end. `kept_rows` are written for the way back; `scratch` and `slopes` hold `tile` columns,
and a slot has its rows of `slopes` behind `before[slot]`, unless its slopes lie outside. `unwritten` are (slot, row) that are read and that nobody writes.
`at_step`: sources whose gradient may be a step of a sequence's gradient.
"""
struct Columns{T} <: ManyOutputs
    ascent::Vector{Formula}
    descent::Vector{Pull}
    sources::Vector{Source}
    results::Vector{Result}
    kept_rows::Int
    scratch::Matrix{T}
    slopes::Matrix{T}
    before::Vector{Int}
    unwritten::Vector{Tuple{Int,Int}}
    at_step::Vector{Bool}
    tile::Int
    kept::Buffer{T,2}
    ys::Vector{Buffer{T,2}}
    dxs::Vector{Buffer{T,2}}
end

"""Whether a step does not read this input on the way back."""
forgets(op, id) = false
function forgets(op::Columns, id::Int)
    place = OUTSIDE + length(op.results) + findfirst(s -> s.id == id, op.sources)
    return all(op.descent) do s
        a, b, _ = s.code == COPY ? (false, false, false) : reads(name_of(s.code))
        !(a && s.a.place == place) && !(b && s.b.place == place)
    end
end

const KEPT, SCRATCH, OUTSIDE = 1, 2, 2
"""The places of a group: kept for the way back, scratch for one tile, then its results and its sources."""

"""Columns per tile: as many as the nearest memory takes."""
tile_of(rows::Int, ::Type{T}) where {T} = clamp(32768 ÷ max(1, rows * sizeof(T)), 1, 16)

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

"""The gradient of a product (features, batch) that is a step of a longer one: it is read where it lies."""
function backward(op::MatMul{T}, (left, right, _, size_a, _), dy::StepOf{T}, want::Int) where {T}
    a, b = flat_left(left), right_matrix(right)
    whole = reshape(dy.slope, (size(b, 1), dy.steps, size(a, 2)))
    da = wanted(want, 1) ? reshape(multiply!(sized!(op.da, size(a)), 'T', 'N', b, view(whole, :, dy.number, :)), size_a) : nothing
    return (da, nothing)
end

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
tile_walk(x::Array{T,2}, before::Int=0) where {T} = Walk{T}(vec(x), size(x, 1), 0, before)

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
    at(r, n) = cursor(walks[r.place], n, r.offset)
    for n in 0:op.tile:N-1, s in op.ascent
        m = min(op.tile, N - n)
        y, a, b = at(s.y, n), at(s.a, n), at(s.b, n)
        s.code == SUM_OF_PRODUCTS ? sum_products!(s.width, m, y, a, b, at(s.c, n), at(s.d, n)) : compute!(s.code, s.width, m, y, a, b)
    end
end

function backward(op::Columns{T}, (walks, xs, sizes, N)::Tuple{Vector{Walk{T}},Vector{Any},Vector{Any},Int}, dys::Vector{Any}, want::Int) where {T}
    above = Vector{T}[dy === nothing ? T[] : vec(dy::Array{T}) for dy in dys]
    homes = Walk{T}[tile_walk(op.slopes, k) for k in op.before]
    foreach((r, dy) -> r.alone && !isempty(dy) && (homes[r.slot] = Walk{T}(dy, r.width, r.width, 0)), op.results, above)
    moves, found, outside = Tuple{Source,Walk{T},Bool}[], Any[nothing for _ in xs], falses(length(homes))
    for steps in (true, false), (k, s) in enumerate(op.sources)
        (xs[k] isa StepOf) == steps || continue
        to, added_ = below!(op, s, k, xs, sizes, N, found, want)
        isempty(to.array) && continue
        if added_ || outside[s.slot] || any(dy -> pointer(dy) == pointer(to.array), above)
            push!(moves, (s, to, added_))
        else
            homes[s.slot], outside[s.slot] = to, true
        end
    end
    descend!(op, walks, homes, above, moves, N)
    return Tuple(found)
end

"""Where the gradient of source `k` goes (an empty array: nowhere), and whether it is added to what is there; it becomes `found[k]` but where that is a step of a longer one."""
function below!(op::Columns{T}, s::Source, k::Int, xs::Vector{Any}, sizes::Vector{Any}, N::Int, found::Vector{Any}, want::Int) where {T}
    x, nowhere = xs[k], Walk{T}(T[], 0, 0, 0)
    if x isa StepOf
        added_ = x.written
        x.written = true
        return walk_of(s, x, x.slope)::Walk{T}, added_
    end
    wanted(want, k) || return nowhere, false
    twin = op.at_step[k] ? findfirst(i -> op.sources[i].slot == s.slot && xs[i] isa StepOf && !isempty(xs[i].slope), eachindex(xs)) : nothing
    twin === nothing || (found[k] = xs[twin]; return nowhere, false)
    d = vec(sized!(op.dxs[k], s.width, s.shared ? 1 : N))
    s.shared && fill!(d, zero(T))
    found[k] = dynamic(reshape)(d, sizes[k])
    return walk_of(s, x, d)::Walk{T}, s.shared
end

function descend!(op::Columns{T}, walks::Vector{Walk{T}}, homes::Vector{Walk{T}}, above::Vector{Vector{T}}, moves::Vector{Tuple{Source,Walk{T},Bool}}, N::Int) where {T}
    at(r::Rows, n) = cursor(walks[r.place], n, r.offset)
    at(s::Slope, n) = cursor(homes[s.slot], n, s.offset)
    for n in 0:op.tile:N-1
        m = min(op.tile, N - n)
        foreach(((slot, row),) -> clear!(cursor(homes[slot], n, row - 1), 1, m), op.unwritten)
        for (r, dy) in zip(op.results, above)
            to = cursor(homes[r.slot], n, 0)
            isempty(dy) ? clear!(to, r.width, m) : r.alone || fill_columns!(identity, r.width, m, to, Cursor{T}(dy, n * r.width, r.width))
        end
        for k in length(op.descent):-1:1
            s = op.descent[k]
            y, a, b, dy = at(s.y, n), at(s.a, n), at(s.b, n), at(s.dy, n)
            if s.code == MUL && s.da.fresh && s.db.fresh
                pull_factors!(s.width, m, at(s.da, n), at(s.db, n), dy, a, b)
            else
                s.da.slot == 0 || pull_a!(s.code, s.da.fresh, s.width, m, at(s.da, n), dy, y, a, b)
                s.db.slot == 0 || pull_b!(s.code, s.db.fresh, s.width, m, at(s.db, n), dy, y, a, b)
            end
        end
        for (s, w, added_) in moves
            to, from = cursor(w, n, 0), cursor(homes[s.slot], n, 0)
            added_ ? fill_columns!(+, s.width, m, to, to, from) : fill_columns!(identity, s.width, m, to, from)
        end
    end
end
