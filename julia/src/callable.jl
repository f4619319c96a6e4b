# Callables that Python writes down: source text, or the name of what a package has.

"""
    callable(text; file="text from Python") -> what the text stands for

A dotted name ("MyPkg.f") is looked up in Main and among the packages of the project, which are loaded; everything else is evaluated, in a
module of its own that may load packages, too, and its last value is it. Errors: PlanError for a name that is not there, and what Julia says
of the text.
"""
function callable(text::AbstractString; file::AbstractString="text from Python")
    words = split(strip(text), '.')
    return all(w -> Base.isidentifier(w), words) ? named(Symbol.(words)) : include_string(last(push!(TEXTS, Module(:PyPhotonText))), text, file)
end

"""The modules of texts: what is defined there does not keep them."""
const TEXTS = Module[]

function named(words::Vector{Symbol})
    found = owner_of(first(words))
    for (k, word) in enumerate(words)
        isdefined(found, word) || throw(PlanError("there is no $(join(words[1:k], '.')) in Julia"))
        found = getproperty(found, word)
    end
    return found
end

"""The module that has a name: Main, or the package of that name once it is loaded."""
function owner_of(word::Symbol)
    isdefined(Main, word) && return Main
    id = Base.identify_package(string(word))
    id === nothing || Base.require(Main, word)
    return Main
end
