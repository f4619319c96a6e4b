# Golden numbers computed by real Flux: its own layers, losses and activations, the rules of Optimisers.jl, gradients by
# Zygote.
#
#     julia --project=<a project with Flux 0.16> tests/golden/flux/make.jl [names of files]
#
# writes the *.json beside this file (in some minutes, in which Julia compiles); tests/conformance/test_flux_golden.py
# holds every backend to them. Inputs and parameters are made by a formula, so that a second run changes a file only
# where Flux's numbers have changed. Where Flux means something else than PyPhoton (docs/semantics.md), the case says
# beside it which arguments make both the same, or why it is left out.

using Flux

include("json.jl")
include("numbers.jl")
include("record.jl")
include("simple.jl")
include("convolutions.jl")
include("pools.jl")
include("norms.jl")
include("recurrent.jl")
include("models.jl")
include("losses.jl")
include("optimisers.jl")

const VERSIONS = [
    "julia" => string(VERSION), "flux" => string(pkgversion(Flux)), "zygote" => string(pkgversion(Flux.Zygote)),
    "nnlib" => string(pkgversion(Flux.NNlib)), "optimisers" => string(pkgversion(Flux.Optimisers)),
]

const FILES = [
    "simple" => simple, "convolutions" => convolutions, "pools" => pools, "norms" => norms, "recurrent" => recurrent,
    "models" => models, "losses" => losses, "optimisers" => optimisers,
]

write_files(@__DIR__, VERSIONS, FILES)
