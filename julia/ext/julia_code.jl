# The one place where code of a user's is evaluated: an expression, after the user's file that it may come with, in a module of its own.
# Its value is kept: layers of the same code have one function, which is compiled once. Who asks has made sure that the code is trusted.

using Random: Random

"""Code of a layer: an expression, and the name and text of the file that is read before it, empty where there is none."""
struct Code
    source::String
    file::String
    text::String
end

Code(d::Dict{String,Any}) = Code(PyPhoton.text(d, "source"), something(d["file"], ""), something(d["text"], ""))

"""What stands in Julia's tracebacks for the file of the expression itself."""
const EXPRESSION = "Julia code"

"""What stands there for the user's file: its name, told apart from a file of Julia's own of that name."""
label(c::Code) = isfile(joinpath(Sys.BINDIR, Base.DATAROOTDIR, "julia", "base", c.file)) ? "your $(c.file)" : c.file

"""code => the module in which it was evaluated, and its value"""
const EVALUATED = Dict{Tuple{String,String,String},Tuple{Module,Any}}()

"""An error of a user's code: the file and line in it, "" where that is not known, and what it was."""
struct CodeError <: Exception
    place::String
    cause::Any
end

Base.showerror(io::IO, e::CodeError) = (isempty(e.place) || print(io, e.place, ": "); showerror(io, e.cause))

"""    value_of(code) -> what the expression gives. Errors: CodeError."""
value_of(c::Code) = evaluated(c)[2]

function evaluated(c::Code)
    key = (c.source, c.file, c.text)
    haskey(EVALUATED, key) && return EVALUATED[key]
    place = Module(:JuliaLayer)
    isempty(c.file) || run_in(place, c, c.text, label(c))
    parsed = Meta.parseall(c.source; filename=EXPRESSION)
    foreach(name -> load_package(place, name), named_modules!(Symbol[], parsed))
    value = run_in(place, c, c.source, EXPRESSION)
    Base.invokelatest(isempty, Base.invokelatest(methods, value)) && throw(CodeError("", ArgumentError("expected a function or a layer from `$(c.source)`, received a $(typeof(value))")))
    return EVALUATED[key] = (place, value)
end

"""Whether it was evaluated before: what was allowed once is allowed to whatever lowers a plan of it again."""
has_run(c::Code) = haskey(EVALUATED, (c.source, c.file, c.text))

"""    seeded(code, seed) -> the expression's value again, with Julia's random numbers from a seed; they go on as before afterwards"""
function seeded(c::Code, seed::Int)
    place = evaluated(c)[1]
    before = copy(Random.default_rng())
    Random.seed!(seed)
    try
        return run_in(place, c, c.source, EXPRESSION)
    finally
        copy!(Random.default_rng(), before)
    end
end

function run_in(place::Module, c::Code, text::String, file::String)
    try
        return Base.include_string(place, text, file)
    catch error
        error isa InterruptException && rethrow()
        found = place_in(c, catch_backtrace())
        line = error isa LoadError && isempty(found) ? "$(error.file):$(error.line)" : found
        cause = error isa LoadError ? error.error : error
        throw(CodeError(line, cause isa UndefVarError ? Unknown(cause) : cause))
    end
end

"""A name that there is not, with what may be missing."""
struct Unknown <: Exception
    cause::UndefVarError
end

function Base.showerror(io::IO, e::Unknown)
    showerror(io, e.cause)
    print(io, ". If it stands in a file of yours, name that: file=. If it is a package, add it to Julia's project, ", something(Base.active_project(), "which is not set"), ": import Pkg; Pkg.add(\"", e.cause.var, "\")")
end

"""Names that stand before a dot: those of packages among them are to be loaded."""
function named_modules!(found::Vector{Symbol}, x)
    x isa Expr || return found
    if x.head === :. && length(x.args) == 2 && x.args[1] isa Symbol && x.args[2] isa QuoteNode
        push!(found, x.args[1])
    end
    foreach(part -> named_modules!(found, part), x.args)
    return unique!(found)
end

function load_package(place::Module, name::Symbol)
    isdefined(place, name) || Base.identify_package(String(name)) === nothing || Core.eval(place, Expr(:import, Expr(:., name)))
    return nothing
end

"""    running(f, code) -> f(), whose errors say where in the code they arose"""
function running(f::F, c::Code) where {F}
    try
        return f()
    catch error
        error isa Union{InterruptException,CodeError,OutputShape} && rethrow()
        throw(CodeError(place_in(c, catch_backtrace()), error))
    end
end

"""File and line of the innermost frame of a backtrace that lies in the code; "" when none does."""
function place_in(c::Code, trace)
    own = isempty(c.file) ? (EXPRESSION,) : (EXPRESSION, label(c))
    for f in stacktrace(trace)
        file = chopprefix(String(f.file), "./")
        file in own && return "$file:$(f.line)"
    end
    return ""
end
