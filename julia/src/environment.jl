# Where the package runs: versions, threads of BLAS, and whether the project has the package that the engine needs.

"""Version of a package of the active project, without loading it; nothing where it is not there."""
function installed_version(name::String)
    id = Base.identify_package(name)
    path = id === nothing ? nothing : Base.locate_package(id)
    path === nothing && return nothing
    project = Base.parsed_toml(joinpath(dirname(dirname(path)), "Project.toml"))
    return get(project, "version", "")::String
end

"""Versions and places, for people and for `pyphoton doctor`."""
versions() = Dict{String,Any}(
    "julia" => string(VERSION), "executable" => joinpath(Sys.BINDIR, Base.julia_exename()), "project" => Base.active_project(),
    "threads" => BLAS.get_num_threads(), "packages" => Dict{String,Any}(name => installed_version(name) for name in PACKAGES),
)
const PACKAGES = ("Flux", "Knet", "AutoGrad", "NNlib", "Zygote", "Optimisers", "PythonCall", "CUDA")

"""engine => its package, and how a project gets it."""
const ENGINE_PACKAGES = Dict(
    "flux" => ("Flux", "Add it: julia --project=PROJECT -e 'using Pkg; Pkg.add(name=\"Flux\", version=\"0.16\")'"),
    "knet" => ("Knet", "Knet needs a Julia project of its own, without Flux: `python -m pyphoton install --engine knet` makes one. Then unset PYPHOTON_JULIA_PROJECT, or start the Julia that is the host with --project of it."),
)

"""package => the versions of it that an engine works with, "~major.minor" or "~major.minor.patch"; "julia" among them."""
function needed(engine::String)
    engine == "flux" && return Dict{String,Any}("Flux" => "~0.16")
    return Base.parsed_toml(joinpath(pkgdir(@__MODULE__), "engines", engine, "Project.toml"))["compat"]::Dict{String,Any}
end

"""Whether a version is of that minor version, and not older."""
function fits(version::VersionNumber, range_::String)
    least = VersionNumber(range_[nextind(range_, 1):end])
    return (version.major, version.minor) == (least.major, least.minor) && version >= least
end

"""
    check_project(engine)

Errors: PlanError, with the way out, when the project has not the package that the engine needs, when the versions do not fit each other, and when this
process, which may be a Julia script's, has loaded the other engine's package.
"""
function check_project(engine::String)
    (name, way), project = ENGINE_PACKAGES[engine], dirname(something(Base.active_project(), "/"))
    way = occursin("--project=PROJECT", way) ? replace(way, "PROJECT" => project; count=1) : way
    for (other, (package, _)) in ENGINE_PACKAGES
        other != engine && any(id -> id.name == package, keys(Base.loaded_modules)) && throw(PlanError("$package is loaded in this Julia process, and one process has one engine: $name needs another process. $way"))
    end
    installed_version(name) === nothing && throw(PlanError("the Julia project $project has no $name. $way"))
    for (package, range_) in sort!(collect(needed(engine)))
        found = package == "julia" ? string(VERSION) : installed_version(package)
        found in (nothing, "") || fits(VersionNumber(found), range_::String) || throw(PlanError("$(package == "julia" ? "this is" : "the Julia project $project has") $package $found, and $name needs $(range_[2:end]). $way"))
    end
    return nothing
end

"""
    open_door(threads, engine="flux") -> address of the door, for Python

The core computes what Flux computes, and Flux is loaded when it is needed; Knet is loaded here. Errors: those of `check_project`; PlanError for a
Knet that does not load.
"""
function open_door(threads::Integer, engine::String="flux")
    haskey(ENGINE_PACKAGES, engine) || throw(PlanError("there is no engine $engine; there are $(join(sort!(collect(keys(ENGINE_PACKAGES))), ", "))"))
    check_project(engine)
    engine == "knet" && load_engine(engine)
    BLAS.set_num_threads(threads)
    return door()
end

"""With the package of an engine comes the extension that offers it."""
function load_engine(engine::String)
    name, way = ENGINE_PACKAGES[engine]
    try
        Base.require(Base.identify_package(name))
    catch error
        throw(PlanError("$name of the Julia project $(Base.active_project()) did not load: $(first(sprint(showerror, error), 500)). $way"))
    end
    return Base.invokelatest(engine!, engine)
end
