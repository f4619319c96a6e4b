# The tests of the Julia package: no Python in sight. With Flux in the environment its convolutions are compared too.

using Test
using PyPhoton

"""Run a file in a module of its own, which has the helpers."""
function run_file(name)
    place = Module()
    Core.eval(place, :(using Test, PyPhoton; using Random: Xoshiro; const P = PyPhoton; include(path) = Base.include($place, path)))
    Base.include(place, joinpath(@__DIR__, "helpers.jl"))
    Base.include(place, joinpath(@__DIR__, name))
end

@testset "PyPhoton" begin
    for name in ("json", "layout", "elementary", "primitives", "layers", "optimisers", "training", "door", "sharing", "golden", "workout", "checkpoint", "model", "scan", "columns", "environment", "engines", "knet", "python", "code_layers")
        @testset "$name" begin
            run_file("$name.jl")
        end
    end
end
