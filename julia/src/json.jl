# JSON, read and written: the core has no dependencies, and a plan is read once.
# Objects become Dict{String,Any}, arrays Vector{Any}, whole numbers Int, others Float64, null `nothing`.
# NaN, Infinity and -Infinity are read too, because Python writes them.

mutable struct Reader
    text::Vector{UInt8}
    at::Int
    depth::Int
end

const DEEPEST_JSON = 500

"""    parse_json(text) -> Dict, Vector, String, number, Bool or nothing"""
function parse_json(text::AbstractString)
    r = Reader(Vector{UInt8}(codeunits(String(text))), 1, 0)
    value = read_value(r)
    blank(r)
    r.at > length(r.text) || broken(r, "the end")
    return value
end

broken(r::Reader, wanted) = throw(PlanError("JSON: expected $wanted at byte $(r.at)"))
peek_byte(r::Reader) = r.at <= length(r.text) ? @inbounds(r.text[r.at]) : 0x00

function blank(r::Reader)
    while r.at <= length(r.text) && r.text[r.at] in (0x20, 0x09, 0x0a, 0x0d)
        r.at += 1
    end
end

function expect(r::Reader, c::Char)
    blank(r)
    peek_byte(r) == UInt8(c) || broken(r, "'$c'")
    r.at += 1
end

function read_value(r::Reader)
    blank(r)
    c = Char(peek_byte(r))
    c == '{' && return nested(read_object, r)
    c == '[' && return nested(read_list, r)
    c == '"' && return read_string(r)
    for (word, value) in WORDS
        if startswith_at(r, word)
            r.at += sizeof(word)
            return value
        end
    end
    return read_number(r)
end

function nested(read, r::Reader)
    (r.depth += 1) <= DEEPEST_JSON || broken(r, "at most $DEEPEST_JSON lists and objects inside one another")
    found = read(r)
    r.depth -= 1
    return found
end

const WORDS = ("true" => true, "false" => false, "null" => nothing, "NaN" => NaN, "Infinity" => Inf, "-Infinity" => -Inf)

function startswith_at(r::Reader, word::String)
    r.at + sizeof(word) - 1 <= length(r.text) || return false
    return all(r.text[r.at + i - 1] == codeunit(word, i) for i in 1:sizeof(word))
end

function read_object(r::Reader)
    found = Dict{String,Any}()
    expect(r, '{')
    blank(r)
    while peek_byte(r) != UInt8('}')
        isempty(found) || expect(r, ',')
        blank(r)
        key = read_string(r)
        expect(r, ':')
        haskey(found, key) && broken(r, "another name than $(first(key, 80)) again")
        found[key] = read_value(r)
        blank(r)
    end
    r.at += 1
    return found
end

function read_list(r::Reader)
    found = Any[]
    expect(r, '[')
    blank(r)
    while peek_byte(r) != UInt8(']')
        isempty(found) || expect(r, ',')
        push!(found, read_value(r))
        blank(r)
    end
    r.at += 1
    return found
end

function read_string(r::Reader)
    expect(r, '"')
    out = IOBuffer()
    while true
        r.at <= length(r.text) || broken(r, "'\"'")
        c = r.text[r.at]
        r.at += 1
        c == UInt8('"') && return String(take!(out))
        c == UInt8('\\') ? print(out, read_escape(r)) : write(out, c)
    end
end

const ESCAPES = Dict('n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', '"' => '"', '\\' => '\\', '/' => '/')

function read_escape(r::Reader)
    c = Char(peek_byte(r))
    r.at += 1
    haskey(ESCAPES, c) && return ESCAPES[c]
    c == 'u' || broken(r, "an escape")
    code = read_hex(r)
    if 0xd800 <= code < 0xdc00  # the first half of a pair
        r.at += 2
        code = 0x10000 + ((code - 0xd800) << 10) + (read_hex(r) - 0xdc00)
    end
    return Char(code)
end

function read_hex(r::Reader)
    r.at + 3 <= length(r.text) && all(k -> isxdigit(Char(r.text[k])), r.at:r.at+3) || broken(r, "four hexadecimal digits")
    code = parse(UInt32, String(r.text[r.at:r.at+3]); base=16)
    r.at += 4
    return code
end

function read_number(r::Reader)
    start = r.at
    while r.at <= length(r.text) && Char(r.text[r.at]) in "+-0123456789.eE"
        r.at += 1
    end
    word = String(r.text[start:r.at-1])
    value = something(tryparse(Int, word), tryparse(Float64, word), Some(nothing))
    return value === nothing ? broken(r, "a value") : value
end

"""    json(value) -> String"""
json(value) = sprint(write_json, value)

write_json(io::IO, ::Nothing) = print(io, "null")
write_json(io::IO, x::Union{Bool,Integer}) = print(io, x)
write_json(io::IO, x::AbstractFloat) = print(io, isnan(x) ? "NaN" : isinf(x) ? (x > 0 ? "Infinity" : "-Infinity") : Float64(x))
write_json(io::IO, x::Symbol) = write_json(io, String(x))

function write_json(io::IO, x::AbstractString)
    print(io, '"')
    for c in x
        c == '"' || c == '\\' ? print(io, '\\', c) : c < ' ' ? print(io, "\\u", string(UInt16(c); base=16, pad=4)) : print(io, c)
    end
    print(io, '"')
end

function write_json(io::IO, x::Union{AbstractVector,Tuple})
    print(io, '[')
    foreach(((i, v),) -> (i > 1 && print(io, ','); write_json(io, v)), enumerate(x))
    print(io, ']')
end

function write_json(io::IO, x::AbstractDict)
    print(io, '{')
    foreach(((i, k),) -> (i > 1 && print(io, ','); write_json(io, string(k)); print(io, ':'); write_json(io, x[k])), enumerate(sort!(collect(keys(x)); by=string)))
    print(io, '}')
end
