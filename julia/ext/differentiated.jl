# The one place where a callable of Julia is differentiated: by Zygote, with whatever rules (ChainRulesCore.rrule) were defined for it.
# What the functions give stands in src/differentiable.jl.

using Flux: Functors, Optimisers, Zygote
using PyPhoton: GradientError, Leaf

const ChainRulesCore = NNlib.ChainRulesCore

"""One place of a leaf: the nodes on the way to it, each with the key that leads on, and the number of the leaf."""
struct Place
    way::Vector{Tuple{Any,Any}}
    leaf::Int
end

struct Differentiable
    f::Any
    leaves::Vector{Leaf}
    places::Vector{Place}
end

function Differentiable(f)
    found = Differentiable(f, Leaf[], Place[])
    walk!(found, IdDict{Any,Int}(), IdDict{Any,Nothing}(), f, "", Tuple{Any,Any}[], true)
    return found
end
Differentiable(d::Differentiable) = d
PyPhoton.Differentiable(f) = Differentiable(f)

PyPhoton.leaves_of(f) = Differentiable(f).leaves
PyPhoton.pulled(f, xs; options...) = pulled(Differentiable(f), xs; options...)

# ---- the arrays of a callable ----------------------------------------------------------------------------------------

parts(x) = x isa Union{Module,Task,IO,Ptr,Core.Box} ? () : Functors.children(x)
floating(::Type{T}) where {T} = T <: Union{AbstractFloat,Complex{<:AbstractFloat}}

function walk!(d::Differentiable, seen, met, x, path, way, trained::Bool)
    if x isa AbstractArray{<:Number} && Functors.isleaf(x)
        keep_leaf!(d, seen, x, path, way, trained && floating(eltype(x)))
        return nothing
    end
    haskey(met, x) && return nothing
    added_up(x) && (met[x] = nothing)
    children = parts(x)
    kept = isempty(children) ? () : Optimisers._trainable(x)
    for (k, key) in enumerate(keys(children))
        name = key isa Integer ? string(k - 1) : string(key)
        further = trained && child(kept, key) !== nothing
        walk!(d, seen, met, child(children, key), isempty(path) ? name : "$path.$name", push!(copy(way), (x, key)), further)
    end
    return nothing
end

"""What Zygote has one gradient of, however many places it stands in; it may contain itself."""
added_up(x) = ismutable(x) && !(x isa AbstractArray)

child(children, key) = children[key]

function keep_leaf!(d::Differentiable, seen, array, path, way, trained::Bool)
    trained || PyPhoton.exposed(array) isa PyPhoton.Exposed || return nothing  # a range, say: nothing that could be changed
    k = get(seen, array, 0)
    if k == 0
        push!(d.leaves, Leaf(path, array, trained))
        k = seen[array] = length(d.leaves)
    elseif trained && !d.leaves[k].trained
        d.leaves[k] = Leaf(d.leaves[k].path, array, true)
    end
    push!(d.places, Place(way, k))
    return nothing
end

PyPhoton.with_leaves(f, arrays) = with_leaves(Differentiable(f), arrays)
function with_leaves(d::Differentiable, arrays)
    length(arrays) == length(d.leaves) || throw(DimensionMismatch("$(length(arrays)) arrays for $(length(d.leaves)) leaves"))
    other = IdDict{Any,Any}()
    for (leaf, a) in zip(d.leaves, arrays)
        size(a) == size(leaf.array) || throw(DimensionMismatch("$(leaf.path): size $(size(a)) in the place of $(size(leaf.array))"))
        other[leaf.array] = a
    end
    return Functors.fmap(x -> get(other, x, x), d.f; exclude=x -> Functors.isleaf(x) || isempty(parts(x)))
end

# ---- forwards --------------------------------------------------------------------------------------------------------

call(f, xs...) = f(xs...)

function pulled(d::Differentiable, xs; training=nothing, differentiate::Bool=true)
    training === nothing || Flux.testmode!(d.f, !training)
    y, slope = differentiate ? explained(() -> pullback(d, xs)) : (d.f(xs...), nothing)
    taken = Any[xs..., (l.array for l in d.leaves)...]
    ys = y isa Tuple ? Any[result(v, taken, k) for (k, v) in enumerate(y)] : Any[result(y, taken, 0)]
    back = differentiate ? dys -> backwards(d, xs, y, ys, slope, dys) : nothing
    return (; ys, back, single=!(y isa Tuple))
end

"""
The value and Zygote's pullback, which gives the gradients of the callable (nothing for one without leaves) and of `xs`. Zygote adds up the
gradients of mutable structures in the context: those of an earlier call are taken out, and only what the way forward put there stays.
"""
function pullback(d::Differentiable, xs)
    context = Zygote.Context()
    y, pull = isempty(d.leaves) ? Zygote.pullback(d.f, context, xs...) : Zygote.pullback(call, context, d.f, xs...)
    made = context.cache === nothing ? () : collect(keys(context.cache))
    function slope(dy)
        context.cache === nothing || filter!(p -> any(m -> m === first(p), made), context.cache)
        found = pull(dy)
        return found === nothing ? nothing : isempty(d.leaves) ? (nothing, found...) : found
    end
    return y, slope
end

"""A result as an array of its own memory."""
function result(y, taken, k)
    y isa Union{Number,AbstractArray{<:Number}} || throw(GradientError("expected an array, a number or a tuple of these from the function, received $(k == 0 ? "" : "as result $k ")a $(typeof(y))"))
    a = y isa Number ? fill(y) : compact(y)
    haskey(PyPhoton.KIND_OF, eltype(a)) || throw(GradientError("expected numbers that Python knows from the function, received elements of type $(eltype(a))"))
    return owned!(taken, a)
end

compact(a::Array) = a
compact(a::AbstractArray) = PyPhoton.exposed(a) isa PyPhoton.Exposed && a isa DenseArray ? a : PyPhoton.densely(a)

"""The array, or its copy where it is memory of one in the list, which it becomes part of."""
function owned!(taken::Vector{Any}, a::AbstractArray)
    shared = !isempty(a) && any(t -> t isa AbstractArray && (t === a || Base.mightalias(t, a)), taken)
    push!(taken, shared ? copy(a) : a)
    return last(taken)
end

# ---- backwards -------------------------------------------------------------------------------------------------------

function backwards(d::Differentiable, xs, y, ys, slope, dys)
    length(dys) == length(ys) || throw(DimensionMismatch("$(length(dys)) gradients for $(length(ys)) results"))
    given = Any[slope_of(v, a, dy) for (v, a, dy) in zip(y isa Tuple ? y : (y,), ys, dys)]
    by_leaf, by_input = Vector{Any}(nothing, length(d.leaves)), Any[zero_slope(x) for x in xs]
    all(isnothing, given) && return by_leaf, by_input
    found = explained(() -> slope(y isa Tuple ? Tuple(given) : given[1]))
    found === nothing && return by_leaf, by_input
    taken = Any[xs..., ys..., dys..., (l.array for l in d.leaves)...]
    gather!(by_leaf, d, found[1])
    for (k, leaf) in enumerate(d.leaves)
        by_leaf[k] = leaf.trained ? fitted(by_leaf[k], leaf.array, leaf.path, taken) : nothing
    end
    for (k, x) in enumerate(xs)
        dx = fitted(found[k+1], x, "input $(k - 1)", taken)
        dx === nothing || (by_input[k] = dx)
    end
    return by_leaf, by_input
end

zero_slope(x) = nothing
zero_slope(x::AbstractArray{T}) where {T} = floating(T) ? fill!(similar(x), zero(T)) : nothing
zero_slope(x::Number) = floating(typeof(x)) ? fill(zero(x)) : nothing

"""A result's gradient as Zygote wants it."""
slope_of(y, a, ::Nothing) = nothing
function slope_of(y, a, dy)
    floating(eltype(a)) || return nothing
    size(dy) == size(a) || throw(DimensionMismatch("a gradient of size $(size(dy)) for a result of size $(size(a))"))
    return y isa Number ? oftype(y, dy[]) : dy
end

"""A gradient as an array of the size and type of what it belongs to, with memory of its own; nothing where there is none."""
fitted(::Union{Nothing,ChainRulesCore.AbstractZero}, x, name, taken) = nothing
fitted(g::ChainRulesCore.AbstractThunk, x, name, taken) = fitted(ChainRulesCore.unthunk(g), x, name, taken)
function fitted(g, x, name, taken)
    x isa Union{Number,AbstractArray} && floating(eltype(x)) || return nothing
    g isa (x isa Number ? Number : AbstractArray) || throw(GradientError("the gradient of $name: expected $(x isa Number ? "a number" : "an array of size $(size(x))"), received a $(typeof(g))"))
    size(g) == size(x) || throw(GradientError("the gradient of $name: expected size $(size(x)), received size $(size(g)). A rule (rrule) has to give what is as large as its argument"))
    T = eltype(x)
    a = compact(T <: Real && eltype(g) <: Complex ? real(g) : g isa Number ? fill(g) : g)
    return owned!(taken, eltype(a) === T ? a : convert(AbstractArray{T}, a))
end

"""The gradients of leaves out of that of the callable: one with several places has their sum."""
function gather!(by_leaf, d::Differentiable, whole)
    for place in d.places
        g = plain(whole)
        for (x, key) in place.way
            g === nothing && break
            g = plain(child(first(Functors.functor(typeof(x), g)), key))
        end
        g === nothing && continue
        old = by_leaf[place.leaf]
        by_leaf[place.leaf] = old === nothing ? g : old + g
    end
    return by_leaf
end

plain(g) = g
plain(g::Base.RefValue) = plain(g[])
plain(::ChainRulesCore.AbstractZero) = nothing
plain(g::ChainRulesCore.AbstractThunk) = plain(ChainRulesCore.unthunk(g))
plain(g::ChainRulesCore.Tangent) = ChainRulesCore.backing(g)

# ---- what Zygote cannot do -------------------------------------------------------------------------------------------

const REFUSED = (
    "Mutating arrays is not supported" => "it changes an array in place, which Zygote does not differentiate. Make a new array (map, broadcasting, a comprehension, Zygote.Buffer)",
    "try/catch is not supported" => "it has try and catch, which Zygote does not differentiate. Take them out of what is differentiated",
    "Can't differentiate" => "it does what Zygote does not differentiate (the cause says what)",
    "Compiling Tuple" => "it does what Zygote does not differentiate (the cause says what)",
    "Need an adjoint" => "it builds what Zygote does not differentiate (the cause says what)",
)

"""What `run` gives; errors of Zygote itself say what to do, with Zygote's own as their cause."""
function explained(run::F) where {F}
    try
        return run()
    catch error
        text = sprint(showerror, error)
        k = findfirst(r -> occursin(first(r), text), REFUSED)
        k === nothing && rethrow()
        throw(GradientError("the function has no gradient: $(last(REFUSED[k])), or give the function a rule (ChainRulesCore.rrule)"))
    end
end
