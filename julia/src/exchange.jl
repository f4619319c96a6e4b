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
