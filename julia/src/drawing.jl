# A group of element-wise steps is drawn step by step: where each value lies, where its slope, and what is computed from what.

"""Where the slopes of a value are: in a slot, whose final place is known when the group is complete."""
struct Place
    slot::Int
    offset::Int
end

const NO_SLOPE = Place(0, 0)

"""A group in the making. `same[slot]` is a slot that is the same one (itself: none), `widths` how long they are.
`inner` are sums that are never written: who reads them adds for himself what `sums` says."""
struct Drawing{T}
    known::Known
    kept::Set{Int}
    inner::Set{Int}
    escaping::Set{Int}
    uses::Dict{Int,Int}
    values::Dict{Int,Tuple{Rows,Place}}
    sums::Dict{Int,Tuple{Rows,Rows}}
    ascent::Vector{Formula}
    steps::Vector{Tuple{Int,Int,NTuple{3,Rows},NTuple{3,Place}}}
    sources::Vector{Tuple{Int,Bool,Int}}
    results::Vector{Tuple{PlanStep,Int}}
    scratch::Vector{T}
    rows::Base.RefValue{Int}
    same::Vector{Int}
    widths::Vector{Int}
end

"""The op of a run; `escaping` are the values that others read."""
function columns_op(::Type{T}, run::Vector{PlanStep}, known::Known, escaping::Set{Int}) where {T}
    made, uses = Set{Int}(s.output for s in run), Dict{Int,Int}()
    foreach(i -> uses[i] = get(uses, i, 0) + 1, Int[i for s in run for i in s.inputs])
    outside = unique(Int[i for s in run for i in s.inputs if !(i in made) && !haskey(known.numbers, i)])
    kept = read_again(run, escaping)
    d = Drawing{T}(known, kept, inner_sums(run, union(kept, escaping)), escaping, uses, Dict(), Dict(), [], [], [], [], T[], Ref(0), Int[], Int[])
    for (k, i) in enumerate(outside)
        slot = slot!(d, width_of(known.shapes[i]))
        d.values[i] = (Rows(OUTSIDE + length(escaping) + k, 0), Place(slot, 0))
        push!(d.sources, (i, !has_batch(known.shapes[i]), slot))
    end
    foreach(s -> draw!(d, s), run)
    return finished(d)
end

"""The values that the way back reads; columns of another value are read there."""
function read_again(run::Vector{PlanStep}, escaping::Set{Int})
    wholes_ = Dict{Int,Int}(s.output => s.inputs[1] for s in run if s.op == "getitem" && !(s.output in escaping))
    root(i) = haskey(wholes_, i) ? root(wholes_[i]) : i
    found = Set{Int}()
    for s in run
        code_of(s.op) > COPY || continue
        a, b, y = reads(s.op)
        a && push!(found, root(s.inputs[1]))
        b && push!(found, root(s.inputs[end]))
        y && push!(found, s.output)
    end
    return found
end

"""Sums that only functions in OF_SUMS read, or those of their columns."""
function inner_sums(run::Vector{PlanStep}, needed::Set{Int})
    found = Set{Int}()
    for s in Iterators.reverse(run)
        (s.output in needed || !(s.op in ("add", "getitem"))) && continue
        readers = filter(r -> s.output in r.inputs, run)
        all(r -> r.op == "getitem" ? r.output in found : code_of(r.op) in OF_SUMS, readers) && push!(found, s.output)
    end
    return found
end

slot!(d::Drawing, n::Int) = (push!(d.same, length(d.same) + 1); push!(d.widths, n); length(d.same))
slot(same::Vector{Int}, k::Int) = same[k] == k ? k : slot(same, same[k])

"""A place for the `n` numbers of a step's result, and for their slopes."""
function allocate!(d::Drawing{T}, s::PlanStep, n::Int) where {T}
    k = slot!(d, n)
    if s.output in d.escaping
        push!(d.results, (s, k))
        rows = Rows(OUTSIDE + length(d.results), 0)
    elseif s.output in d.kept
        rows = Rows(KEPT, d.rows[])
        d.rows[] += n
    else
        rows = Rows(SCRATCH, length(d.scratch))
        append!(d.scratch, zeros(T, n))
    end
    return d.values[s.output] = (rows, Place(k, 0))
end

function draw!(d::Drawing, s::PlanStep)
    n = width_of(s.shape)
    if s.op == "getitem"
        low, _ = columns_taken(s)
        x, dx = d.values[s.inputs[1]]
        taken = Rows(x.place, x.offset + low), Place(dx.slot, dx.offset + low)
        s.output in d.escaping ? copy_rows!(d, allocate!(d, s, n)..., taken..., n) : (d.values[s.output] = taken)
        haskey(d.sums, s.inputs[1]) && (d.sums[s.output] = map(r -> Rows(r.place, r.offset + low), d.sums[s.inputs[1]]))
    elseif s.op == "concat"
        y, dy = allocate!(d, s, n)
        for i in s.inputs
            m = width_of(d.known.shapes[i])
            copy_rows!(d, y, dy, d.values[i]..., m)
            y, dy = Rows(y.place, y.offset + m), Place(dy.slot, dy.offset + m)
        end
    else
        draw_formula!(d, s, n)
    end
end

function draw_formula!(d::Drawing, s::PlanStep, n::Int)
    (a, da), (b, db) = operand!(d, s.inputs[1], n), operand!(d, s.inputs[end], n)
    length(s.inputs) == 1 && (db = NO_SLOPE)
    code = code_of(s.op)
    if s.op == "add" && s.output in d.inner
        y, dy = d.values[s.output] = a, Place(slot!(d, n), 0)  # nobody reads there
        d.sums[s.output] = (a, b)
    else
        y, dy = allocate!(d, s, n)
        push!(d.ascent, haskey(d.sums, s.inputs[1]) ? Formula(OF_SUM + code, n, y, d.sums[s.inputs[1]]...) : formula_of!(d, s, code, n, y, a, b))
    end
    if s.op == "add"
        da = joined_slope!(d, s.inputs[1], da, dy)
        db = joined_slope!(d, s.inputs[2], db, dy)
    end
    push!(d.steps, (code, n, (y, a, b), (dy, da, db)))
end

"""The formula of a step; a sum of two products that nobody else reads takes theirs back, and is one formula."""
function formula_of!(d::Drawing, s::PlanStep, code::Int, n::Int, y::Rows, a::Rows, b::Rows)
    s.op == "add" && a != b && all(i -> get(d.uses, i, 0) == 1 && !(i in d.kept) && !(i in d.escaping), s.inputs) || return Formula(code, n, y, a, b)
    k, l = (findfirst(f -> f.code == MUL && f.y == x && f.width == n, d.ascent) for x in (a, b))
    (k === nothing || l === nothing) && return Formula(code, n, y, a, b)
    p, q = d.ascent[k], d.ascent[l]
    deleteat!(d.ascent, sort!([k, l]))
    return Formula(SUM_OF_PRODUCTS, n, y, p.a, p.b, q.a, q.b)
end

"""The slope of a term of a sum is the sum's, where the term is nothing else: they are one slot then."""
function joined_slope!(d::Drawing, i::Int, dx::Place, dy::Place)
    alone = dx !== NO_SLOPE && d.uses[i] == 1 && !(i in d.escaping) && dx.offset == 0 && d.widths[dx.slot] == d.widths[dy.slot]
    alone && d.same[dx.slot] == dx.slot && is_own(d, i, dx) || return dx
    d.same[dx.slot] = slot(d.same, dy.slot)
    return NO_SLOPE
end

"""Whether a value is not a part of another one: nobody else has its slot."""
is_own(d::Drawing, i::Int, dx::Place) = count(((rows, place),) -> place.slot == dx.slot, values(d.values)) == 1

function copy_rows!(d::Drawing, y::Rows, dy::Place, x::Rows, dx::Place, n::Int)
    push!(d.ascent, Formula(COPY, n, y, x, x))
    push!(d.steps, (COPY, n, (y, x, x), (dy, dx, NO_SLOPE)))
end

"""Where an input lies; a number is written down as often as it is read."""
function operand!(d::Drawing{T}, i::Int, n::Int) where {T}
    haskey(d.known.numbers, i) || return d.values[i]
    append!(d.scratch, fill(T(d.known.numbers[i]), n))
    return Rows(SCRATCH, length(d.scratch) - n), NO_SLOPE
end

"""The op, with every slope in its place: who writes first need not add, and what nobody writes is zero."""
function finished(d::Drawing{T}) where {T}
    roots = Int[k for k in eachindex(d.same) if d.same[k] == k]
    number = Dict{Int,Int}(k => i for (i, k) in enumerate(roots))
    slot_of(k) = number[slot(d.same, k)]
    written = [falses(d.widths[k]) for k in roots]
    unwritten, changed = Tuple{Int,Int}[], Set{Int}(slot_of(k) for (_, _, k) in d.sources)
    need!(k, rows) = (append!(unwritten, [(k, r) for r in rows if !written[k][r]]); written[k][rows] .= true)
    foreach(((_, k),) -> written[slot_of(k)] .= true, d.results)
    descent = Pull[]
    for (code, n, (y, a, b), (dy, da, db)) in Iterators.reverse(d.steps)
        da === NO_SLOPE && db === NO_SLOPE && continue
        rows_of(place) = place.offset+1:place.offset+n
        need!(slot_of(dy.slot), rows_of(dy))
        slopes = map((da, db)) do place
            place === NO_SLOPE && return Slope(0, 0, false)
            k, rows = slot_of(place.slot), rows_of(place)
            fresh = !any(written[k][rows])
            fresh || need!(k, rows)
            written[k][rows] .= true
            push!(changed, k)
            return Slope(k, place.offset, fresh)
        end
        pushfirst!(descent, Pull(code, n, y, a, b, Slope(slot_of(dy.slot), dy.offset, false), slopes...))
    end
    results = [Result(s.output, julia_size(s.shape[2:end]), width_of(s.shape), slot_of(k), !(slot_of(k) in changed)) for (s, k) in d.results]
    sources = [Source(i, d.widths[k], shared, slot_of(k)) for (i, shared, k) in d.sources]
    foreach(s -> need!(s.slot, 1:s.width), sources)
    before = Int[0; cumsum(d.widths[roots])]
    tile = tile_of(length(d.scratch) + before[end], T)
    buffers(xs) = [Buffer{T,2}() for _ in xs]
    return Columns{T}(d.ascent, descent, sources, results, d.rows[], repeat(d.scratch, 1, tile), zeros(T, before[end], tile), before[1:end-1], unwritten, falses(length(sources)), tile, Buffer{T,2}(), buffers(results), buffers(sources))
end
