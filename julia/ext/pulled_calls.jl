# A callable and its pullback as C functions: a crossing forwards and one backwards, arrays by pointer. Python's side is
# pyphoton/backends/julia/pulling.py. Arrays come and go as runs of numbers in `room`:
#
#     kind, rank, pointer, device type, device number, shape...
#
# `kind` 0: none. To Julia, a rank of NUMBER is one number at that address, and of VALUE what juliacall shows as the owner.

const NUMBER, VALUE = -1, -2
const ROOM = 4096

"""What Python keeps between the way forward and the way back."""
struct Pullback
    back::Any
end

"""Arrays from `room[at]` on; their owners stand in a tuple of Python."""
function received(room::Ptr{Int64}, at::Int, count::Int, owners::PyPtr)
    found = Vector{Any}(nothing, count)
    for k in 1:count
        kind, rank, pointer, device = (unsafe_load(room, at + j) for j in 0:3)
        owner = C.PyTuple_GetItem(owners, k - 1)  # borrowed
        kind == 0 || (found[k] = one_received(kind, rank, pointer % UInt, device, room + 8 * (at + 4), owner))
        at += 5 + max(rank, 0)
    end
    return found
end

function one_received(kind, rank, pointer::UInt, device, shape::Ptr{Int64}, owner::PyPtr)
    rank == VALUE && return unwrapped(owner)
    rank == NUMBER && return unsafe_load(Ptr{PyPhoton.KINDS[kind]}(pointer))
    return PyPhoton.borrowed(pointer, kind, numbers(shape, Cint(rank)), bytes -> keep(owner, bytes))
end

"""Write arrays from `room[at]` on; what keeps each, in a tuple of Python after `first`."""
function handed(room::Ptr{Int64}, at::Int, arrays::Vector{Any}, first::Vector{Py})
    for a in arrays
        found = a === nothing ? nothing : PyPhoton.exposed(a)
        found isa Refusal && throw(ArgumentError("a result that cannot be shown to Python: $(typeof(a))"))
        rank = found === nothing ? 0 : length(found.shape)
        at + 5 + rank <= ROOM || throw(ArgumentError("too many results: $(length(arrays))"))
        fields = found === nothing ? (0, 0, 0, 0, 0) : (found.kind, rank, found.pointer % Int, found.device...)
        foreach(j -> unsafe_store!(room, fields[j], at + j - 1), 1:5)
        found === nothing || foreach(j -> unsafe_store!(room, found.shape[j], at + 4 + j), 1:rank)
        push!(first, found === nothing ? Py(nothing) : pyjl(found.anchor))
        at += 5 + rank
    end
    return PythonCall.pytuple(first)
end

"""
    PyObject *apply(PyObject *callable, int64_t *room, PyObject *owners)

In: whether to differentiate, training (-1: as it is), the number of inputs, the inputs. Out: whether the result was no tuple, the number of
results, the results. Gives (pullback, what keeps each result...), or the error as JSON.
"""
apply(callable::PyPtr, room::Ptr{Int64}, owners::PyPtr) = answer(described) do
    BORROWED[] > LIMIT[] && time() > NEXT[] && collect_garbage()
    differentiate, training, count = (unsafe_load(room, j) for j in 1:3)
    xs = received(room, 4, count, owners)
    mode = training < 0 ? nothing : training == 1
    found = Base.invokelatest(PyPhoton.pulled, unwrapped(callable), xs; training=mode, differentiate=differentiate == 1)
    unsafe_store!(room, found.single, 1)
    unsafe_store!(room, length(found.ys), 2)
    return handed(room, 3, found.ys, Py[pyjl(Pullback(found.back))])
end

"""
    PyObject *back(PyObject *pullback, int64_t *room, PyObject *owners)

In: the number of gradients of results, these. Out: the gradients of leaves and then of inputs. Gives (None, what keeps each...), or the
error as JSON.
"""
back(pullback::PyPtr, room::Ptr{Int64}, owners::PyPtr) = answer(described) do
    dys = received(room, 2, unsafe_load(room, 1), owners)
    by_leaf, by_input = Base.invokelatest((unwrapped(pullback)::Pullback).back, dys)
    return handed(room, 1, Any[by_leaf; by_input], Py[Py(nothing)])
end
