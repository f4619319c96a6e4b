# CuArrays that share their memory with CUDA tensors of Python, for CUDA.jl 5 and 6; with CUDA.jl 3, Knet's, Julia's arrays in Python only.
# Not run on a GPU yet.
module PyPhotonCUDAExt

using CUDA: CUDA, CuArray, CuPtr
using PyPhoton: PyPhoton, Exposed, KINDS, KIND_OF, julia_size, python_shape

# Where the functions of the driver are: CUDA.jl 6 is several packages.
const Driver = isdefined(CUDA, :CUDACore) ? CUDA.CUDACore : CUDA

# The owner belongs to the memory, which reshapes and views share, and not to one CuArray. Before the owner is let go of, what
# Julia has queued on its memory is finished: Python's allocator gives the memory away at once.
function PyPhoton.borrowed_cuda(pointer::UInt, kind::Integer, shape, keep::F) where {F}
    isdefined(Driver.GPUArrays, :DataRef) || throw(ArgumentError("CUDA.jl $(pkgversion(CUDA)) has no owner of memory that reshapes and views share: a tensor's memory cannot be lent to it. to_julia(x.cpu()) shares a copy on the processor"))
    T, size = KINDS[kind], julia_size(shape)
    0 in size && return CuArray{T}(undef, size)
    managed = unsafe_wrap(CuArray, CuPtr{T}(pointer), size).data[]
    release = keep(prod(size) * sizeof(T))
    done(_...) = (finish(managed.stream); release())
    return CuArray{T,length(size)}(Driver.GPUArrays.DataRef(done, managed), size)
end

finish(stream) = (Driver.isvalid(stream) && Driver.cuStreamSynchronize(stream); nothing)

function PyPhoton.exposed(a::CuArray{T}) where {T}
    haskey(KIND_OF, T) || return PyPhoton.NO_TYPE
    device = CUDA.deviceid(CUDA.device(a))
    return Exposed(UInt(pointer(a)), KIND_OF[T], (2, device), python_shape(size(a)), a)
end

"""The current device, and the address of the current stream."""
here() = Dict{String,Any}("device" => CUDA.deviceid(CUDA.device()), "stream" => Int(UInt(CUDA.stream().handle)))

"""Let the stream at an address wait for everything that is queued in Julia now."""
function order(stream::Int)
    CUDA.is_capturing() && throw(ArgumentError("arrays cannot be shared while a CUDA graph is captured"))
    event = CUDA.CuEvent(CUDA.EVENT_DISABLE_TIMING)
    CUDA.record(event, CUDA.stream())
    Driver.cuStreamWaitEvent(reinterpret(Driver.CUstream, UInt(stream)), event, 0)
    return nothing
end

function __init__()
    PyPhoton.CALLS["cuda"] = _ -> here()
    PyPhoton.CALLS["cuda_order"] = d -> order(PyPhoton.whole(d, "stream"))
    PyPhoton.CALLS["cuda_settle"] = _ -> (CUDA.device_synchronize(); nothing)
    return nothing
end

end
