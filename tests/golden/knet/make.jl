# Golden numbers computed by real Knet: its own functions, written as its users write them, gradients by AutoGrad, its optimisers.
#
#     julia --project=<a project with Knet 1.4> tests/golden/knet/make.jl [names of files]
#
# writes the *.json beside this file; tests/conformance/test_knet_golden.py holds every backend to them. All arrays, labels and weight vectors
# are those that Knet has: what they are in PyPhoton's words is said in tests/conformance/knet_golden.py, and only there. Inputs and
# weights are made by a formula, so that a second run changes a file only where Knet's numbers have changed.

using Knet
using Knet.Ops21: gelu, hardsigmoid, hardswish, swish

include("../flux/json.jl")
include("../flux/numbers.jl")
include("record.jl")
include("layers.jl")
include("convolutions.jl")
include("pools.jl")
include("norms.jl")
include("recurrent.jl")
include("losses.jl")
include("optimisers.jl")
include("models.jl")

const VERSIONS = ["julia" => string(VERSION), "knet" => string(pkgversion(Knet)), "autograd" => string(pkgversion(AutoGrad))]

const FILES = [
    "layers" => layers, "convolutions" => convolutions, "pools" => pools, "norms" => norms, "recurrent" => recurrent, "losses" => losses,
    "optimisers" => optimisers, "models" => models,
]

write_files(@__DIR__, VERSIONS, FILES)
