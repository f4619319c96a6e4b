# A step that a function of Python computes: a loss that cannot be traced, a module of torch. The other side is
# pyphoton/backends/julia/python_steps.py. One C function is called, with a row of whole numbers, the `room`: first what is asked, then the
# arrays, then place for the answer.
#
# What Python gives lies in Python's memory, which stays until the same op runs forward again or its plan is dropped: as long as the
# results of other ops do. Python has copied what it was given before it returns.

"""`int call(int64_t *room)`: 0, or not when the function raised. Python keeps what it raised."""
const PYTHON = Ref(Ptr{Cvoid}(0))

"""A function of Python's failed. Python knows how."""
struct PythonError <: Exception end
Base.showerror(io::IO, ::PythonError) = print(io, "PythonError: a function of Python raised an error")

const FORWARD, BACKWARD = 1, 2
const MOST_AXES = 64

"""`number` is Python's for the function, `instance` that of this op: a scan has one for each step of its sequence."""
struct PythonStep{T} <: ManyInputs
    number::Int
    instance::Int
    weights::Vector{Weight{T}}
end

const INSTANCES = Ref(0)

BUILDERS["python"] = function (::Type{T}, step, weights, activation) where {T}
    haskey(step.attrs, "call") && PYTHON[] != C_NULL || throw(UnsupportedStep(step.op, step.path))
    return PythonStep{T}(whole(step.attrs, "call"), INSTANCES[] += 1, Weight{T}[weights[name] for name in sort!(collect(String, keys(weights)))])
end

"""Pointer, type, number of axes and shape."""
describe!(room::Vector{Int}, a::Array{T}) where {T} = append!(room, (Int(UInt(pointer(a))), KIND_OF[T], ndims(a)), python_shape(size(a)))

"""Python's answer in `place` numbers behind the question. What Python does with this module meanwhile leaves `mode` as it was."""
function ask_python(room::Vector{Int}, place::Int, mode::Mode, arrays::Vector{Any})
    asked_ = length(room)
    append!(room, zeros(Int, place))
    kept = mode.training, mode.moving, mode.carry
    failed = GC.@preserve room arrays ccall(PYTHON[], Cint, (Ptr{Int},), room)
    mode.training, mode.moving, mode.carry = kept
    failed == 0 || throw(PythonError())
    return view(room, asked_+1:length(room))
end

function forward(op::PythonStep{T}, mode::Mode, xs::Vector{Any}) where {T}
    arrays = Any[x isa Number ? fill(dynamic(as)(T, x)) : x for x in xs]
    room = Int[FORWARD, op.number, op.instance, mode.training, length(arrays)]
    foreach(a -> dynamic(describe!)(room, a), arrays)
    found = ask_python(room, 3 + MOST_AXES, mode, arrays)
    return dynamic(received)(KINDS[found[2]], UInt(found[1]), julia_size(found[4:3+found[3]])), (Dims[size(a) for a in arrays], mode)
end

received(::Type{T}, at::UInt, size::Dims) where {T} = 0 in size ? Array{T}(undef, size) : wrapped(T, at, size)

function backward(op::PythonStep{T}, (sizes, mode)::Tuple{Vector{Dims},Mode}, dy::Array{T}, want::Int) where {T}
    room = Int[BACKWARD, op.number, op.instance, mode.training, length(sizes)]
    append!(room, (wanted(want, i) for i in eachindex(sizes)), (length(op.weights),), (w.trained for w in op.weights))
    describe!(room, dy)
    found = ask_python(room, length(sizes) + length(op.weights), mode, Any[dy])
    for (w, at) in zip(op.weights, found[length(sizes)+1:end])
        at == 0 || add_to!(w, wrapped(T, UInt(at), (length(w.values),)))
    end
    return Tuple(Any[found[i] == 0 ? nothing : dynamic(received)(T, UInt(found[i]), sizes[i]) for i in eachindex(sizes)])
end

function add_to!(w::Weight{T}, slope::Vector{T}) where {T}
    g = summed!(w)
    @inbounds @simd ivdep for i in eachindex(g, slope)
        g[i] += slope[i]
    end
end
