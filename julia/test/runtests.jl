# The tests of the Julia package: no Python in sight. With Flux in the environment its convolutions are compared too.

using Test
using PyPhoton
using Random: Xoshiro

const P = PyPhoton

include("helpers.jl")

@testset "PyPhoton" begin
    @testset "json" include("json.jl")
    @testset "layout" include("layout.jl")
    @testset "elementary functions" include("elementary.jl")
    @testset "primitives" include("primitives.jl")
    @testset "layers" include("layers.jl")
    @testset "optimisers" include("optimisers.jl")
    @testset "training" include("training.jl")
    @testset "golden plans" include("golden.jl")
    @testset "workout" include("workout.jl")
    @testset "engines" include("engines.jl")
end
