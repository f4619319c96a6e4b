# What a Julia callable is to a gradient: its arrays, and its pullback. Zygote's are in ext/differentiated.jl, loaded with Flux.

"""A function that cannot be differentiated, or not as it is: `message` says what to do. What the reason is based on is its cause."""
struct GradientError <: Exception
    message::String
end

Base.showerror(io::IO, e::GradientError) = print(io, "GradientError: ", e.message)

"""
    Leaf(path, array, trained)

An array of a callable: where ("layers.0.weight", positions from 0), and whether it is trained; else it is state, as a running mean.
"""
struct Leaf
    path::String
    array::AbstractArray
    trained::Bool
end

"""
    leaves_of(f) -> Vector{Leaf}

The arrays of a callable as Functors and Optimisers see it, each once: one that stands twice (tied) has its first path. A plain function has none.
"""
function leaves_of end

"""
    with_leaves(f, arrays) -> the same callable over other arrays, in the order of `leaves_of(f)` and of their sizes; what is tied stays tied

Everything else is shared with `f`. Errors: DimensionMismatch.
"""
function with_leaves end

"""
    Differentiable(f)

A callable whose leaves were looked up once: `pulled` takes it in the place of `f`.
"""
function Differentiable end

"""
    pulled(f, xs; training=nothing, differentiate=true) -> (; ys, back, single)

`f(xs...)`. `ys` are its results in a vector, each an Array of its own memory, a number as one without dimensions; `single` unless they came in a tuple.

`back(dys)` takes a gradient for each result (an Array of its size; nothing: none) and gives `(by_leaf, by_input)`, Arrays of their own memory, of
the sizes and types of leaves and inputs. `nothing` has no gradient: whole numbers, state, and a leaf on which no result depends. An input of
floats on which none depends has zeros. It may be called again. Without `differentiate` it is nothing, and no pullback is made.

`training`: true or false switches layers of Flux to that mode, and they stay in it (`trainmode!`, `testmode!`); nothing leaves them as they are.

Errors: GradientError for what Zygote cannot follow (a function that changes arrays, results that are neither arrays, numbers nor a tuple of
these), whatever `f` throws.
"""
function pulled end
