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
