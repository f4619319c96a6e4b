# The epoch loop. Samples are gathered batch by batch into memory that is used again: a sample is one contiguous block, so
# that a shuffled batch is a few copies and no index arithmetic.

"""One whole array, and the memory of its batches."""
struct Samples{T,N}
    source::Array{T,N}
    batch::Buffer{T,N}
end

Samples(a::Array{T,N}) where {T,N} = Samples{T,N}(a, Buffer{T,N}())

"""Samples `from+1:from+n` in an order, or as they lie (then without a copy)."""
function gather!(s::Samples{T,N}, order::Vector{Int64}, from::Int, n::Int) where {T,N}
    y = sized!(s.batch, (size(s.source)[1:N-1]..., n))
    length_ = div(length(s.source), max(size(s.source, N), 1))
    for j in 1:n
        p = position(order[from+j])
        1 <= p <= size(s.source, N) || throw(BoundsError("$(size(s.source, N)) samples", order[from+j]))
        unsafe_copyto!(y, (j - 1) * length_ + 1, s.source, (p - 1) * length_ + 1, length_)
    end
    return y
end

function gather!(s::Samples{T,N}, ::Nothing, from::Int, n::Int) where {T,N}
    length_ = div(length(s.source), max(size(s.source, N), 1))
    length_ * n == 0 && return similar(s.source, (size(s.source)[1:N-1]..., n))
    return unsafe_wrap(Array, pointer(s.source, from * length_ + 1), (size(s.source)[1:N-1]..., n); own=false)
end

"""What an epoch gave: values (outputs, steps), samples per step, the step that failed (0: none), whether it ended early."""
struct EpochReport
    values::Matrix{Float64}
    samples::Vector{Int64}
    failed::Int
    stopped::Bool
end

"""Bytes that may be allocated before a quick collection: less than Julia would wait for, so that memory stays flat."""
const PACE = 256 << 20

"""
    run_epoch!(session, program, arrays, samples; order, batch, train, finite, every, hook, poll, interrupt) -> EpochReport

One pass. `hook(steps, values)` every `every` steps, true ends the epoch; `poll()` after every batch; `interrupt` points to a flag.
"""
function run_epoch!(s::Session, p::Program, arrays, samples::Int; order=nothing, batch::Int=32, train::Bool=true, finite::Bool=true,
                    every::Int=0, hook=nothing, poll=nothing, interrupt::Ptr{UInt8}=Ptr{UInt8}(0))
    parts = Any[Samples(a) for a in arrays]
    all(a -> ndims(a) > 0 && size(a, ndims(a)) == samples, arrays) || throw(PlanError("expected $samples samples in every array"))
    order === nothing || length(order) == samples || throw(PlanError("an order of $(length(order)) for $samples samples"))
    count = cld(samples, batch)
    values, counts = Matrix{Float64}(undef, length(p.plan.outputs), count), Vector{Int64}(undef, count)
    done, failed, stopped, allocated = 0, 0, false, Base.gc_bytes()
    mode = activate!(s).mode
    try
        while done < count
            from = done * batch
            n = min(batch, samples - from)
            taken = Any[gather!(part, order, from, n) for part in parts]
            if !one_step!(s, p, taken, train, finite, view(values, :, done + 1))
                failed, s.failed = done + 1, map(copy, taken)
                break
            end
            done += 1
            counts[done] = n
            if every > 0 && done % every == 0 && hook !== nothing && Bool(hook(done, values[:, done]))
                stopped = true
                break
            end
            poll === nothing || poll()
            if interrupt != C_NULL && unsafe_load(interrupt) != 0
                stopped = true
                break
            end
            if done % 16 == 0 && Base.gc_bytes() - allocated > PACE
                GC.gc(false)
                allocated = Base.gc_bytes()
            end
        end
    finally
        mode.training = false
    end
    return EpochReport(done == count ? values : values[:, 1:done], resize!(counts, done), failed, stopped)
end
