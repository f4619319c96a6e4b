# A JSON writer of a few lines. An object is a vector of pairs. An array lies in Julia's memory as it does in Python's
# with the dimensions reversed, so its numbers are written as they lie, with the digits that the tests look at.

const DIGITS = 11

const Object = Vector{<:Pair{String}}

"""Objects are indented to the level of one array per line."""
function write_json(io::IO, object::Object, level::Int=0)
    isempty(object) && return print(io, "{}")
    println(io, "{")
    for (i, (key, value)) in enumerate(object)
        print(io, " "^(level + 1))
        write_json(io, key)
        print(io, ": ")
        write_json(io, value, level + 1)
        println(io, i == length(object) ? "" : ",")
    end
    print(io, " "^level, "}")
    level == 0 && println(io)
    return nothing
end

write_json(io::IO, text::AbstractString, level::Int=0) = print(io, '"', escape_string(text), '"')

function write_json(io::IO, number::Real, level::Int=0)
    isfinite(number) || throw(ArgumentError("expected a finite number, received $number"))
    print(io, number isa AbstractFloat ? round(number; sigdigits=DIGITS) : number)
end

"""As {"float64[2,3]": [numbers]}, with Python's shape."""
function write_json(io::IO, array::AbstractArray{T}, level::Int=0) where {T<:Real}
    print(io, "{\"", lowercase(string(T)), "[")
    join(io, reverse(size(array)), ",")
    print(io, "]\": [")
    for (i, number) in enumerate(array)
        i == 1 || print(io, ",")
        write_json(io, number)
    end
    print(io, "]}")
end

"""The files name => function that computes its cases: those that the command line names, or all."""
function write_files(folder, versions, files)
    for (name, compute) in files
        isempty(ARGS) || name in ARGS || continue
        cases, file = compute(), joinpath(folder, "$name.json")
        open(io -> write_json(io, ["made by" => versions, "cases" => cases]), file, "w")
        println("$name.json: $(length(cases)) cases, $(filesize(file)) bytes")
    end
end
