# Memory of somebody else as a Julia Array: a pointer, a shape in Python's order and a dtype. Nothing is copied and nothing
# is owned: the caller keeps the memory alive.

const DTYPES = Dict{String,DataType}(
    "float32" => Float32, "float64" => Float64, "float16" => Float16, "bool" => Bool,
    "int8" => Int8, "int16" => Int16, "int32" => Int32, "int64" => Int64,
    "uint8" => UInt8, "uint16" => UInt16, "uint32" => UInt32, "uint64" => UInt64,
)

"""The Julia type of a NumPy dtype's name."""
element_type(dtype::AbstractString) = get(() -> throw(PlanError("dtype $dtype is not known")), DTYPES, String(dtype))

"""    foreign(ptr, shape, dtype) -> Array over that memory"""
function foreign(ptr::Integer, shape, dtype::AbstractString)
    T = element_type(dtype)
    size = julia_size(shape)
    prod(size; init=1) == 0 && return Array{T}(undef, size)
    ptr == 0 && throw(PlanError("a null pointer for shape $(collect(shape))"))
    return wrapped(T, UInt(ptr), size)
end

wrapped(::Type{T}, ptr::UInt, size::Dims) where {T} = unsafe_wrap(Array, Ptr{T}(ptr), size; own=false)

foreign(spec::AbstractDict) = foreign(spec["ptr"], spec["shape"], spec["dtype"])
foreign(specs::AbstractVector) = Any[foreign(s) for s in specs]
