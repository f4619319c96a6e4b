# Arrays between Julia and Python in one process: C functions that take and give Python objects. Python's side is
# pyphoton/backends/julia/crossing.py. Everything runs in Julia's thread with Python's lock held.
#
# An owner in Python is held by its address and one reference, and not as a `Py`: Julia's collector looks for dead objects before it
# looks at what finalizers keep, so that a `Py` that only a finalizer keeps is let go of while its array is still in use.
module PyPhotonPythonCallExt

using PyPhoton: PyPhoton, Exposed, Refusal
using PythonCall: PythonCall, Py, C, getptr, pydel!, pyjl, pyjlvalue, pynew

const PyPtr = C.PyPtr

"""Called when nothing in Julia uses the owner's memory any more. PythonCall lets go of the owner now or, without Python's lock, later."""
struct Release
    owner::PyPtr
    bytes::Int
end

function (r::Release)(_...)
    Threads.atomic_sub!(BORROWED, r.bytes)
    PythonCall.GC.enqueue(r.owner)
    return nothing
end

"""    keep(owner, bytes) -> the finalizer that lets go of the owner"""
function keep(owner::PyPtr, bytes::Int)
    C.Py_IncRef(owner)
    Threads.atomic_add!(BORROWED, bytes)
    return Release(owner, bytes)
end

# Julia's collector does not see how large Python's memory is. It is called when what is borrowed has doubled since the last time,
# and so that it takes a twentieth of the time at most.
const BORROWED = Threads.Atomic{Int}(0)
const LIMIT = Ref(2^30)
const NEXT = Ref(0.0)

function collect_garbage()
    spent = @elapsed GC.gc(false)
    BORROWED[] > LIMIT[] && (spent += @elapsed GC.gc())
    LIMIT[] = max(2^30, 2 * BORROWED[])
    NEXT[] = time() + 20 * spent
    return nothing
end

# ---- the functions -----------------------------------------------------------------------------------------------------------

"""A new reference for Python to what `f()` gives, or after an error to what `failed()` gives."""
function answer(f::F, failed::G=raised) where {F,G}
    try
        return reference(f()::Py)
    catch
        return failed()
    end
end

function reference(object::Py)
    pointer = getptr(object)
    C.Py_IncRef(pointer)
    pydel!(object)
    return pointer
end

"""The error that is being handled, as a RuntimeError of Python; or all that is known of it, as JSON."""
function raised()
    C.PyErr_SetString(C.POINTERS.PyExc_RuntimeError, "Julia: " * sprint(showerror, last(current_exceptions()).exception))
    return C.PyNULL
end
described() = reference(Py(PyPhoton.json(PyPhoton.failure(current_exceptions()))))

"""The Julia value behind a Python object that juliacall made."""
function unwrapped(object::PyPtr)
    C.Py_IncRef(object)
    held = pynew(object)
    value = pyjlvalue(held)
    pydel!(held)
    return value
end

"""    PyObject *lay(size_t pointer, int kind, int device, int rank, const int64_t *shape, PyObject *owner): an array over memory of Python"""
lay_array(pointer::UInt, kind::Cint, device::Cint, rank::Cint, shape::Ptr{Int64}, owner::PyPtr) = answer() do
    BORROWED[] > LIMIT[] && time() > NEXT[] && collect_garbage()
    lay = device == 1 ? PyPhoton.borrowed : PyPhoton.borrowed_cuda
    return pyjl(lay(pointer, kind, numbers(shape, rank), bytes -> keep(owner, bytes)))
end

"""As many as `room` has place for: MOST_AXES of crossing.py"""
const MOST_AXES = 64

numbers(shape::Ptr{Int64}, rank::Cint) = Int64[unsafe_load(shape, i) for i in 1:rank]

"""
    PyObject *show(PyObject *value, int64_t *room)

What keeps the elements where they are, and into `room`: 0, their address, kind, device type, device number, number of axes, shape. Or the
name of the type, and into `room` the Refusal.
"""
show_array(object::PyPtr, room::Ptr{Int64}) = answer() do
    value = unwrapped(object)
    found = PyPhoton.exposed(value)
    return written(found, value, room)
end

function written(found::Refusal, @nospecialize(value), room)
    unsafe_store!(room, Int(found))
    return Py(string(typeof(value)))
end
function written(found::Exposed, @nospecialize(value), room)
    length(found.shape) <= MOST_AXES || throw(DimensionMismatch("$(length(found.shape)) axes; NumPy has at most $MOST_AXES"))
    fields = (0, found.pointer % Int, found.kind, found.device..., length(found.shape), found.shape...)
    for (i, n) in enumerate(fields)
        unsafe_store!(room, n, i)
    end
    return pyjl(found.anchor)
end

"""    PyObject *copy(PyObject *value): a dense array of its own"""
copy_array(object::PyPtr) = answer(() -> pyjl(PyPhoton.densely(unwrapped(object))))

include("pulled_calls.jl")

addresses() = Dict{String,Any}(
    "lay" => Int(@cfunction(lay_array, PyPtr, (UInt, Cint, Cint, Cint, Ptr{Int64}, PyPtr))),
    "show" => Int(@cfunction(show_array, PyPtr, (PyPtr, Ptr{Int64}))),
    "copy" => Int(@cfunction(copy_array, PyPtr, (PyPtr,))),
    "apply" => Int(@cfunction(apply, PyPtr, (PyPtr, Ptr{Int64}, PyPtr))),
    "back" => Int(@cfunction(back, PyPtr, (PyPtr, Ptr{Int64}, PyPtr))),
)

function __init__()
    PyPhoton.CALLS["exchange"] = _ -> addresses()
    PyPhoton.CALLS["load_cuda"] = _ -> (Base.require(Main, :CUDA); nothing)
    PyPhoton.CALLS["load_flux"] = _ -> (Base.require(Main, :Flux); nothing)
    return nothing
end

precompile(lay_array, (UInt, Cint, Cint, Cint, Ptr{Int64}, PyPtr))
precompile(show_array, (PyPtr, Ptr{Int64}))
precompile(apply, (PyPtr, Ptr{Int64}, PyPtr))
precompile(back, (PyPtr, Ptr{Int64}, PyPtr))
for T in values(PyPhoton.KINDS), N in 0:5
    precompile(PyPhoton.wrapped, (Type{T}, UInt, Dims{N}))
    precompile(PyPhoton.exposed, (Array{T,N},))
    precompile(pyjl, (Array{T,N},))
end

end
