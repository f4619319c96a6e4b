# safetensors files: 8 bytes with the length of a JSON header, the header (name => dtype, shape, place), the arrays' bytes without
# gaps. What a file says of itself is checked before anything of that size is read; a checksum in its metadata is checked then.

const ELEMENT_TYPES = Dict(
    "F64" => Float64, "F32" => Float32, "F16" => Float16, "I64" => Int64, "I32" => Int32, "I16" => Int16, "I8" => Int8,
    "U64" => UInt64, "U32" => UInt32, "U16" => UInt16, "U8" => UInt8, "BOOL" => Bool,
)
const TYPE_NAMES = Dict(T => name for (name, T) in ELEMENT_TYPES)
const LONGEST_HEADER = 100_000_000

"""One array of a file: its type, its shape as the file has it, and where its bytes begin and end."""
struct Entry
    name::String
    dtype::String
    shape::Vector{Int}
    first::Int
    last::Int
end

const CRC_TABLE = let polynomial = 0xedb88320
    map(UInt32(0):UInt32(255)) do n
        for _ in 1:8
            n = isodd(n) ? (n >> 1) ⊻ polynomial : n >> 1
        end
        n
    end
end

"""CRC-32 (as in zlib) of bytes, going on from another one."""
function crc32(bytes::AbstractVector{UInt8}, before::UInt32=0x00000000)
    c = ~before
    for b in bytes
        @inbounds c = CRC_TABLE[(c ⊻ b) & 0xff + 1] ⊻ (c >> 8)
    end
    return ~c
end

line(e::Entry) = codeunits("$(e.name) $(e.dtype) $(join(e.shape, ','))\n")

"""    read_safetensors(path) -> (text in the metadata, name => array). Errors: PlanError."""
function read_safetensors(path::AbstractString)
    isfile(path) || throw(PlanError("no such file"))
    return open(path) do io
        size_ = filesize(io)
        size_ >= 8 || throw(PlanError("expected a safetensors file, received $size_ bytes"))
        length_ = read(io, UInt64)
        length_ <= min(size_ - 8, LONGEST_HEADER) || throw(PlanError("a header of $length_ bytes in a file of $size_"))
        header = parse_json(String(read(io, Int(length_))))
        header isa Dict{String,Any} || throw(PlanError("a header that is no object"))
        metadata = pop!(header, "__metadata__", Dict{String,Any}())
        metadata isa Dict{String,Any} && get(metadata, "pyphoton", nothing) isa String || throw(PlanError("a file without a PyPhoton header"))
        rest = Int(size_) - 8 - Int(length_)
        entries = read_entries(header, rest)
        bytes = read(io, rest)
        length(bytes) == rest || throw(PlanError("a file that ends too early"))
        text_ = metadata["pyphoton"]::String
        check = get(metadata, "check", nothing)
        check === nothing || check == checksum(text_, entries, e -> view(bytes, e.first+1:e.last)) ||
            throw(PlanError("its checksum differs: it was changed after it was written"))
        return text_, Dict{String,Any}(e.name => array_of(e, bytes) for e in entries)
    end
end

function read_entries(header, size_::Int)
    found = [read_entry(name, e) for (name, e) in header]
    in_order!(found)
    at = 0
    for e in found
        e.first == at || throw(PlanError("array $(first(e.name, 80)) at $(e.first), and not at $at"))
        at = e.last
    end
    at == size_ || throw(PlanError("arrays of $at bytes in $size_"))
    return found
end

function read_entry(name, e)
    dtype, shape, place_ = e["dtype"]::String, wholes(e["shape"]), wholes(e["data_offsets"])
    haskey(ELEMENT_TYPES, dtype) && length(place_) == 2 && length(shape) <= 32 && all(>=(0), shape) && 0 <= place_[1] <= place_[2] ||
        throw(PlanError("array $(first(name, 80)) of $dtype $shape"))
    foldl(Base.checked_mul, shape; init=sizeof(ELEMENT_TYPES[dtype])) == place_[2] - place_[1] ||
        throw(PlanError("array $(first(name, 80)) of shape $shape in $(place_[2] - place_[1]) bytes"))
    return Entry(name, dtype, shape, place_[1], place_[2])
end

array_of(e::Entry, bytes) = reshape(collect(reinterpret(ELEMENT_TYPES[e.dtype], bytes[e.first+1:e.last])), julia_size(e.shape))

"""As the arrays lie in the file; empty ones of one place by name."""
in_order!(entries) = sort!(entries; by=e -> (e.first, e.last, e.name))

"""The checksum: of the text, and of each array's name, dtype, shape and bytes in the order of the file."""
function checksum(text_, entries, bytes_of)
    value = crc32(codeunits(text_))
    for e in entries
        value = crc32(bytes_of(e), crc32(line(e), value))
    end
    return string(value; base=16, pad=8)
end

"""    write_safetensors(path, text, name => array): through a temporary file that takes the place of `path` when it is whole."""
function write_safetensors(path::AbstractString, text_::String, arrays::Dict{String,Any})
    names = sort!(collect(keys(arrays)); by=name -> (-sizeof(eltype(arrays[name])), name))
    entries, at = Entry[], 0
    for name in names
        a = arrays[name]
        push!(entries, Entry(name, TYPE_NAMES[eltype(a)], python_shape(size(a)), at, at + sizeof(a)))
        at += sizeof(a)
    end
    in_order!(entries)
    bytes_of(e) = collect(reinterpret(UInt8, vec(arrays[e.name])))
    header = Dict{String,Any}(e.name => Dict("dtype" => e.dtype, "shape" => e.shape, "data_offsets" => [e.first, e.last]) for e in entries)
    header["__metadata__"] = Dict("pyphoton" => text_, "check" => checksum(text_, entries, bytes_of))
    head = json(header)
    head *= " "^mod(-sizeof(head), 8)
    temporary, io = mktemp(dirname(abspath(path)))
    try
        write(io, UInt64(sizeof(head)), head)
        foreach(e -> write(io, bytes_of(e)), entries)
        flush(io)
        ccall(:fsync, Cint, (Cint,), fd(io)) == 0 || throw(SystemError("fsync"))
        close(io)
        chmod(temporary, 0o644)
        mv(temporary, path; force=true)
    catch
        close(io)
        rm(temporary; force=true)
        rethrow()
    end
    return path
end
