# Parameters and buffers. A parameter is a Julia array over memory that Python owns, and is changed in place. Buffers are
# kept by the step that fills them, for two sizes: that of the batches, and that of the last, smaller batch.

"""A parameter: its values, its gradient, whether this session trains it, and whether this pass has not reached it yet."""
mutable struct Weight{T}
    const path::String
    const role::String
    const size::Dims
    const values::Vector{T}
    gradient::Vector{T}
    trained::Bool
    fresh::Bool
end

Weight(path, role, array::Array{T}) where {T} = Weight{T}(path, role, size(array), vec(array), T[], false, true)

"""The values in their size."""
array(w::Weight) = reshape(w.values, w.size)
matrix(w::Weight{T}) where {T} = reshape(w.values, (w.size[1], length(w.values) ÷ max(w.size[1], 1)))::Matrix{T}
vector(::Nothing) = nothing
vector(w::Weight) = w.values

"""Errors: PlanError unless a parameter (if there is one) has `n` numbers. What loops over it without looking calls this before."""
fits(::Nothing, n::Int) = nothing
fits(values_::Vector, n::Int) = length(values_) == n ? nothing : throw(PlanError("a parameter of $(length(values_)) numbers for $n features"))

trained(::Nothing) = false
trained(w::Weight) = w.trained

"""The gradient's memory, and what its old content counts: nothing the first time in a pass, all of it afterwards."""
function gradient!(w::Weight{T}) where {T}
    length(w.gradient) == length(w.values) || (w.gradient = Vector{T}(undef, length(w.values)))
    keep = w.fresh ? zero(T) : one(T)
    w.fresh = false
    return w.gradient, keep
end

"""The gradient's memory, zero the first time in a pass: for loops that add to it."""
function summed!(w::Weight{T}) where {T}
    g, keep = gradient!(w)
    keep == 0 && fill!(g, zero(T))
    return g
end

"""An array that is used again for the same size."""
mutable struct Buffer{T,N}
    one::Array{T,N}
    two::Array{T,N}
end

Buffer{T,N}() where {T,N} = (none = Array{T,N}(undef, ntuple(_ -> 0, N)); Buffer{T,N}(none, none))

function sized!(b::Buffer{T,N}, size_::NTuple{N,Int}) where {T,N}
    size(b.one) == size_ && return b.one
    b.one, b.two = b.two, b.one
    size(b.one) == size_ || (b.one = Array{T,N}(undef, size_))
    return b.one
end

sized!(b::Buffer{T,N}, lengths::Int...) where {T,N} = sized!(b, lengths)

"""
How a program runs: training or not, whether running averages move, whether anybody may ask for gradients afterwards (an engine that keeps a
record for them can do without it), the random numbers of dropout, and the states of scans by path where they go on from one minibatch to
the next.
"""
mutable struct Mode
    training::Bool
    moving::Bool
    recording::Bool
    random::Xoshiro
    carry::Union{Nothing,Dict{String,Vector{Any}}}
end

Mode(seed::Integer) = Mode(false, true, true, Xoshiro(seed), nothing)

"""
A function that is called by what its arguments are at run time only. Without it the compiler looks through calls on values of unknown
type, and what it made becomes invalid as soon as another package defines methods for types of its own.
"""
dynamic(f) = Base.inferencebarrier(f)

"""
Multiplications in one product below which several threads of BLAS are not worth their while in a row of such products: they wait for
each other between any two, and far longer when something else uses the processor.
"""
const SMALL = 2^23

"""Run `f`, whose products have `multiplications` each, with as many threads of BLAS as are good for them."""
function with_threads_for(f::F, multiplications::Int) where {F}
    threads = BLAS.get_num_threads()
    (threads == 1 || multiplications >= SMALL) && return f()
    try
        BLAS.set_num_threads(1)
        return f()
    finally
        BLAS.set_num_threads(threads)
    end
end

"""c = alpha op(a) op(b) + beta c, straight to BLAS."""
multiply!(c, ta::Char, tb::Char, a, b, beta::T=zero(eltype(c))) where {T} = BLAS.gemm!(ta, tb, one(T), a, b, beta, c)
