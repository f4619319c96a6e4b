# Where the package runs: versions, threads of BLAS, and whether the project has Flux.

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
const PACKAGES = ("Flux", "NNlib", "Zygote", "Optimisers", "PythonCall", "CUDA")

"""    open_door(threads) -> address of the door, for Python. Errors: PlanError when the project has not the Flux that is needed."""
function open_door(threads::Integer)
    flux, project = installed_version("Flux"), dirname(something(Base.active_project(), "/"))
    way = "Add it: julia --project=$project -e 'using Pkg; Pkg.add(name=\"Flux\", version=\"0.16\")'"
    flux === nothing && throw(PlanError("the Julia project $project has no Flux. $way"))
    startswith(flux, "0.16.") || throw(PlanError("the Julia project $project has Flux $flux, expected 0.16. $way"))
    BLAS.set_num_threads(threads)
    return door()
end
