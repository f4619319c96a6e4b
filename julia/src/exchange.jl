# Memory of somebody else as a Julia Array: a pointer, a shape in Python's order and a dtype. Nothing is copied and nothing
# is owned: the caller keeps the memory alive.

const DTYPES = Dict{String,DataType}(
    "float32" => Float32, "float64" => Float64, "float16" => Float16, "bool" => Bool,
    "int8" => Int8, "int16" => Int16, "int32" => Int32, "int64" => Int64,
    "uint8" => UInt8, "uint16" => UInt16, "uint32" => UInt32, "uint64" => UInt64,
)

"""The NumPy name of a Julia type."""
dtype_name(::Type{T}) where {T} = lowercase(string(nameof(T)))

"""The Julia type of a NumPy dtype's name."""
element_type(dtype::AbstractString) = get(() -> throw(PlanError("dtype $dtype is not known")), DTYPES, String(dtype))

"""    foreign(ptr, shape, dtype) -> Array over that memory"""
function foreign(ptr::Integer, shape, dtype::AbstractString)
    T = element_type(dtype)
    size = julia_size(shape)
    0 in size && return Array{T}(undef, size)
    ptr == 0 && throw(PlanError("a null pointer for shape $(collect(shape))"))
    return wrapped(T, UInt(ptr), size)
end

wrapped(::Type{T}, ptr::UInt, size::Dims) where {T} = unsafe_wrap(Array, Ptr{T}(ptr), size; own=false)

foreign(spec::Dict{String,Any}) = foreign(spec["ptr"]::Int, spec["shape"]::Vector, spec["dtype"]::String)
function foreign(specs::Vector{Any})
    found = Vector{Any}(undef, length(specs))
    for i in eachindex(specs)
        found[i] = foreign(specs[i]::Dict{String,Any})
    end
    return found
end

# ---- arrays that Julia and Python share; how they cross stands in ext/PyPhotonPythonCallExt.jl -----------------------------

"""DLPack's code and bits of an element type, as two bytes of one number => the Julia type"""
const KINDS = Dict{Int,DataType}(
    0x0608 => Bool, 0x0008 => Int8, 0x0010 => Int16, 0x0020 => Int32, 0x0040 => Int64,
    0x0108 => UInt8, 0x0110 => UInt16, 0x0120 => UInt32, 0x0140 => UInt64,
    0x0210 => Float16, 0x0220 => Float32, 0x0240 => Float64, 0x0410 => BFloat16, 0x0540 => ComplexF32, 0x0580 => ComplexF64,
)
const KIND_OF = Dict{DataType,Int}(T => kind for (kind, T) in KINDS)

"""
    borrowed(pointer, kind, shape, keep) -> Array over that memory

`keep(bytes)` holds the owner and gives the function that lets go of it; that is called when no array uses the memory any more.
"""
function borrowed(pointer::UInt, kind::Integer, shape, keep::F) where {F}
    T, size = KINDS[kind], julia_size(shape)
    0 in size && return Array{T}(undef, size)
    array = wrapped(T, pointer, size)
    finalizer(keep(sizeof(array)), memory(array))
    return array
end

"""    borrowed_cuda(pointer, kind, shape, keep) -> CuArray over that memory: ext/PyPhotonCUDAExt.jl"""
function borrowed_cuda end

"""
    memory(a::Array) -> what goes away only after the array and all its reshapes and views

    anchor(a::Array) -> what keeps an array's elements where they are. Before Julia 1.11 a vector cannot be resized from then on.
"""
memory, anchor

@static if VERSION >= v"1.11"
    const Root = Union{Array,Memory}
    memory(a::Array) = a.ref.mem
    anchor(a::Array) = a.ref.mem
    anchor(a::Memory) = a
else
    const Root = Array
    memory(a::Array) = a
    anchor(a::Array) = a
    anchor(a::Vector) = reshape(a, length(a), 1)
end

"""What Python is told of an array: `device` is DLPack's type and number, `shape` Python's; the elements stay while `anchor` lives."""
struct Exposed
    pointer::UInt
    kind::Int
    device::Tuple{Int,Int}
    shape::Vector{Int}
    anchor::Any
end

@enum Refusal NO_ARRAY = 1 NO_TYPE = 2 NOT_DENSE = 3

"""    exposed(a) -> Exposed, or the Refusal"""
exposed(@nospecialize(x)) = NO_ARRAY
function exposed(a::AbstractArray{T}) where {T}
    haskey(KIND_OF, T) || return NO_TYPE
    isdense(a) || return NOT_DENSE
    return Exposed(UInt(pointer(a)), KIND_OF[T], (1, 0), python_shape(size(a)), anchor(root(a)))
end

root(a::AbstractArray) = (p = parent(a); p === a ? a : root(p))

"""Whether elements lie one after the other in the memory of an Array, aligned. Strides of single elements mean nothing."""
isdense(a::Root) = true
function isdense(a::AbstractArray)
    root(a) isa Root && a isa StridedArray || return false
    expected = 1
    for (n, step) in zip(size(a), strides(a))
        n == 1 || step == expected || return isempty(a)
        expected *= n
    end
    return UInt(pointer(a)) % Base.datatype_alignment(eltype(a)) == 0
end

"""    densely(a) -> a dense copy, on the device that the array is on"""
function densely(a::AbstractArray)
    made = similar(a, eltype(a), size(a))
    return made isa DenseArray ? copyto!(made, a) : Array(a)
end
densely(x) = x
