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
        1 <= p <= size(s.source, N) || outside(order[from+j], size(s.source, N), "samples")
        unsafe_copyto!(y, (j - 1) * length_ + 1, s.source, (p - 1) * length_ + 1, length_)
    end
    return y
end

function gather!(s::Samples{T,N}, ::Nothing, from::Int, n::Int) where {T,N}
    length_ = div(length(s.source), max(size(s.source, N), 1))
    length_ * n == 0 && return similar(s.source, (size(s.source)[1:N-1]..., n))
    return unsafe_wrap(Array, pointer(s.source, from * length_ + 1), (size(s.source)[1:N-1]..., n); own=false)
end

"""What an epoch gave: values (outputs, steps), samples per step, the step that failed and its turn (0: none), whether it ended early."""
struct EpochReport
    values::Matrix{Float64}
    samples::Vector{Int64}
    failed::Int
    turn::Int
    stopped::Bool
end

"""Bytes that may be allocated before a quick collection: less than Julia would wait for, so that memory stays flat."""
const PACE = 256 << 20

"""Who is told of an epoch: `hook(steps, values)` every `every` steps and `poll()` after each, which end it by true; a flag that ends it."""
struct Watch
    every::Int
    hook::Any
    poll::Any
    interrupt::Ptr{UInt8}
end

Watch(; every=0, hook=nothing, poll=nothing, interrupt=Ptr{UInt8}(0)) = Watch(every, hook, poll, interrupt)

"""
Tell them after step `done`; whether the epoch has to end. They are called without a look at what they are (`invokelatest`), so that
this stays compiled whatever other packages define.
"""
function tell(w::Watch, done::Int, numbers::Vector{Float64})
    if w.every > 0 && done % w.every == 0 && w.hook !== nothing
        answer = Base.invokelatest(w.hook, done, copy(numbers))
        Base.invokelatest(Bool, answer)::Bool && return true
    end
    w.poll === nothing || Base.invokelatest(Bool, Base.invokelatest(w.poll))::Bool && return true
    return w.interrupt != C_NULL && unsafe_load(w.interrupt) != 0
end

"""The data of an epoch: whole arrays, their order (0-based, or as they lie), and how they are cut."""
struct Epoch
    arrays::Vector{Any}
    samples::Int
    order::Union{Nothing,Vector{Int64}}
    batch::Int
end

function copies(arrays::Vector{Any})
    found = Vector{Any}(undef, length(arrays))
    foreach(i -> found[i] = dynamic(copy)(arrays[i]), eachindex(arrays))
    return found
end

samples_of(a::Array{T,N}) where {T,N} = N == 0 ? 0 : size(a, N)

function check(e::Epoch)
    e.batch > 0 || throw(PlanError("a batch of $(e.batch)"))
    all(a -> dynamic(samples_of)(a)::Int == e.samples, e.arrays) || throw(PlanError("expected $(e.samples) samples in every array"))
    e.order === nothing || length(e.order) == e.samples || throw(PlanError("an order of $(length(e.order)) for $(e.samples) samples"))
end

"""    run_epoch!(lesson, epoch, watch, rates) -> EpochReport: one pass; `rates` holds a learning rate per session and batch."""
function run_epoch!(l::Lesson, e::Epoch, watch::Watch, rates::Union{Nothing,Matrix{Float64}}=nothing)
    check(e)
    rates === nothing || size(rates) == (length(l.sessions), cld(e.samples, e.batch)) || throw(PlanError("$(size(rates)) learning rates"))
    begin!(l)
    parts, taken = Any[dynamic(Samples)(a) for a in e.arrays], Vector{Any}(undef, length(e.arrays))
    count, numbers, first_ = cld(e.samples, e.batch), zeros(width(l)), l.sessions[1]
    values, counts = Matrix{Float64}(undef, length(numbers), count), Vector{Int64}(undef, count)
    done, failed, turn, stopped, allocated = 0, 0, 0, false, Base.gc_bytes()
    carried = e.order === nothing  # shuffled samples have nothing to do with each other
    try
        while done < count && !stopped
            from = done * e.batch
            n = min(e.batch, e.samples - from)
            for i in eachindex(parts)
                taken[i] = dynamic(gather!)(parts[i], e.order, from, n)
            end
            rates!(l, rates, done + 1)
            turn = one_step!(l, taken, n, numbers, carried)
            if turn != 0
                failed, first_.failed = done + 1, copies(taken)
                break
            end
            done += 1
            counts[done] = n
            copyto!(values, (done - 1) * length(numbers) + 1, numbers, 1, length(numbers))
            stopped = tell(watch, done, numbers)
            done % 16 == 0 && (allocated = pace(allocated))
        end
        failed == 0 && l.train && finish!(l)
    finally
        at_rest!(first_.owner.mode)
    end
    return EpochReport(done == count ? values : values[:, 1:done], resize!(counts, done), failed, turn, stopped)
end

"""Not training, recorded, and without states of others."""
at_rest!(mode::Mode) = (mode.training = false; mode.recording = true; mode.carry = nothing)

"""One pass of one session."""
run_epoch!(s::Session, p::Program, e::Epoch, train::Bool, finite::Bool, watch::Watch, rates::Union{Nothing,Vector{Float64}}=nothing) =
    run_epoch!(Lesson(s, p, train, finite), e, watch, rates === nothing ? nothing : reshape(rates, (1, length(rates))))

"""A quick collection once PACE bytes were allocated since the last."""
function pace(allocated::Int)
    Base.gc_bytes() - allocated > PACE || return allocated
    GC.gc(false)
    return Base.gc_bytes()
end
