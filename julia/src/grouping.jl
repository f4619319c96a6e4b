# Which steps of a plan are one step of a program: a product and the row that is added to it; and in a scan's body what is computed by columns.

const WITHOUT_FLOATS = ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_not", "argmax", "argmin", "one_hot", "cast")

"""What is known of a plan's values: their shapes, which are floats, and the numbers among the constants."""
struct Known
    shapes::Dict{Int,Vector{Any}}
    floats::Set{Int}
    numbers::Dict{Int,Float64}
end

function Known(plan::Plan)
    known = Known(Dict(), Set(), Dict())
    for i in plan.inputs
        known.shapes[i.id] = i.shape
        startswith(i.dtype, "float") && push!(known.floats, i.id)
    end
    for (id, value) in plan.constants
        known.shapes[id] = value isa Array ? Any[python_shape(size(value))...] : Any[]
        number = value isa Number && !(value isa Bool)
        number && (known.numbers[id] = value)
        (number || eltype(value) === plan.T) && push!(known.floats, id)
    end
    for s in plan.steps
        known.shapes[s.output] = s.shape
        s.op in WITHOUT_FLOATS || (isempty(s.params) && !any(in(known.floats), s.inputs)) || push!(known.floats, s.output)
    end
    return known
end

"""Every step by itself, but for sums of a product that nobody else reads, and a row: they are one."""
function with_affine(plan::Plan, known::Known)
    products, readers = Dict{Int,PlanStep}(s.output => s for s in plan.steps if s.op == "matmul" && s.activation == "identity"), Dict{Int,Int}()
    foreach(i -> readers[i] = get(readers, i, 0) + 1, Int[plan.outputs; Int[i for s in plan.steps for i in s.inputs]])
    joined_ = Dict{Int,Vector{PlanStep}}()
    for s in plan.steps
        s.op == "add" && s.activation == "identity" && haskey(products, s.inputs[1]) && readers[s.inputs[1]] == 1 || continue
        product, row = products[s.inputs[1]], known.shapes[s.inputs[2]]
        floats = all(in(known.floats), (product.inputs..., s.inputs[2]))
        floats && product.shape == s.shape && row == s.shape[end:end] && length(known.shapes[product.inputs[2]]) == 2 && (joined_[s.output] = [product, s])
    end
    inside = Set{Int}(run[1].output for run in values(joined_))
    return Vector{PlanStep}[get(joined_, s.output, [s]) for s in plan.steps if !(s.output in inside)]
end

affine_step(::Type{T}, (product, sum_)) where {T} =
    Step(Affine{T}(BUILDERS["matmul"](T, product, nothing, IDENTITY)), "matmul", product.path, Int[product.inputs; sum_.inputs[2]], [sum_.output], [])

"""Runs of steps that follow each other and fit into columns; every other step by itself."""
function runs_of(plan::Plan, known::Known)
    runs = Vector{PlanStep}[]
    open = false
    for s in plan.steps
        fits_ = by_columns(s, known)
        fits_ && open ? push!(runs[end], s) : push!(runs, [s])
        open = fits_
    end
    return runs
end

function columns_step(::Type{T}, run, plan::Plan, known::Known) where {T}
    made = Set{Int}(s.output for s in run)
    others = Int[plan.outputs; Int[i for s in plan.steps if !(s.output in made) for i in s.inputs]]
    op = columns_op(T, run, known, Set{Int}(i for i in others if i in made))
    return Step(op, "columns", run[1].path, [s.id for s in op.sources], [r.id for r in op.results], [])
end

has_batch(shape) = !isempty(shape) && shape[1] === nothing && all(n -> n isa Int, view(shape, 2:length(shape)))
is_matrix(shape) = length(shape) == 2 && has_batch(shape)
width_of(shape) = prod(Int[n for n in shape if n !== nothing]; init=1)

function by_columns(s::PlanStep, known::Known)
    has_batch(s.shape) && s.activation == "identity" && all(in(known.floats), s.inputs) || return false
    shapes = Vector{Any}[known.shapes[i] for i in s.inputs]
    s.op == "getitem" && return is_matrix(s.shape) && is_matrix(shapes[1]) && columns_taken(s) !== nothing
    s.op == "concat" && return is_matrix(s.shape) && get(s.attrs, "axis", 1) in (1, -1) && all(is_matrix, shapes)
    code_of(s.op) > COPY && any(==(s.shape), shapes) || return false
    row = is_matrix(s.shape) ? s.shape[2:2] : nothing
    return all(zip(s.inputs, shapes)) do (i, shape)
        shape == s.shape || haskey(known.numbers, i) || (row !== nothing && (shape == row || shape == Any[1; row]))
    end
end

"""The columns that a getitem takes, first (from 0) and behind the last; nothing for another index."""
function columns_taken(s::PlanStep)
    index = s.attrs["index"]
    index isa Vector{Any} && length(index) == 2 && index[1] == Any[nothing, nothing, nothing] && index[2] isa Vector{Any} || return nothing
    low, high, by = index[2]
    return by === nothing && low isa Int && high isa Int && 0 <= low < high ? (low, high) : nothing
end

"""Where the slopes of a value are: in a slot, whose final place is known when the group is complete."""
struct Place
    slot::Int
    offset::Int
end

const NO_SLOPE = Place(0, 0)

"""A group in the making. `same[slot]` is a slot that is the same one (itself: none), `widths` how long they are."""
struct Drawing{T}
    known::Known
    kept::Set{Int}
    escaping::Set{Int}
    uses::Dict{Int,Int}
    values::Dict{Int,Tuple{Rows,Place}}
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
    d = Drawing{T}(known, read_again(run, escaping), escaping, uses, Dict(), [], [], [], T[], Ref(0), Int[], Int[])
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
    elseif s.op == "concat"
        y, dy = allocate!(d, s, n)
        for i in s.inputs
            m = width_of(d.known.shapes[i])
            copy_rows!(d, y, dy, d.values[i]..., m)
            y, dy = Rows(y.place, y.offset + m), Place(dy.slot, dy.offset + m)
        end
    else
        (a, da), (b, db) = operand!(d, s.inputs[1], n), operand!(d, s.inputs[end], n)
        y, dy = allocate!(d, s, n)
        length(s.inputs) == 1 && (db = NO_SLOPE)
        if s.op == "add"
            da = joined_slope!(d, s.inputs[1], da, dy)
            db = joined_slope!(d, s.inputs[2], db, dy)
        end
        push!(d.steps, (code_of(s.op), n, (y, a, b), (dy, da, db)))
    end
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

copy_rows!(d::Drawing, y::Rows, dy::Place, x::Rows, dx::Place, n::Int) = push!(d.steps, (COPY, n, (y, x, x), (dy, dx, NO_SLOPE)))

"""Where an input lies; a number is written down as often as it is read."""
function operand!(d::Drawing{T}, i::Int, n::Int) where {T}
    haskey(d.known.numbers, i) || return d.values[i]
    append!(d.scratch, fill(T(d.known.numbers[i]), n))
    return Rows(SCRATCH, length(d.scratch) - n), NO_SLOPE
end

"""The op, with every slope in its place: who writes first need not add, and what nobody writes is zero."""
function finished(d::Drawing{T}) where {T}
    offsets, total = zeros(Int, length(d.same)), 0
    for k in eachindex(d.same)
        d.same[k] == k && ((offsets[k], total) = (total, total + d.widths[k]))
    end
    start(place::Place) = place === NO_SLOPE ? -1 : offsets[slot(d.same, place.slot)] + place.offset
    written, unwritten = falses(total), Int[]
    need!(at, n) = (rows = [k for k in at+1:at+n if !written[k]]; append!(unwritten, rows); written[rows] .= true)
    results = map(d.results) do (s, k)
        n = width_of(s.shape)
        written[start(Place(k, 0))+1:start(Place(k, 0))+n] .= true
        Result(s.output, julia_size(s.shape[2:end]), n, start(Place(k, 0)))
    end
    instructions = Instruction[]
    for (code, n, (y, a, b), (dy, da, db)) in Iterators.reverse(d.steps)
        da === NO_SLOPE && db === NO_SLOPE || need!(start(dy), n)
        slopes = map((da, db)) do place
            at = start(place)
            at < 0 && return Slope(-1, false)
            fresh = !any(written[at+1:at+n])
            fresh || need!(at, n)
            written[at+1:at+n] .= true
            return Slope(at, fresh)
        end
        pushfirst!(instructions, Instruction(code, n, y, a, b, Slope(start(dy), false), slopes...))
    end
    sources = map(d.sources) do (i, shared, k)
        n = d.widths[k]
        need!(start(Place(k, 0)), n)
        Source(i, n, shared, start(Place(k, 0)))
    end
    tile = tile_of(length(d.scratch) + total, T)
    return Columns{T}(instructions, sources, results, d.rows[], repeat(d.scratch, 1, tile), zeros(T, total, tile), unwritten, tile, Buffer{T,2}(), [Buffer{T,2}() for _ in results], [Buffer{T,2}() for _ in sources])
end
