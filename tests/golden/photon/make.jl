# Workouts saved by real Photon.jl 0.9 on real Knet, and what Photon computes with them.
#
#     julia --project=<a project with Knet 1.4 and Photon 0.9> tests/golden/photon/make.jl
#
# writes a *.dat for each case, and numbers.json: the inputs, Photon's predictions, and the losses of three more steps
# of training. tests/unit/test_photon_file.py holds the engine of the run to them. Random numbers differ between
# versions of Julia, so all files are written anew together.

using Photon, Random, Serialization
import Knet, AutoGrad
using Photon.Callbacks: SilentMeter
using Photon.Layers, Photon.Losses, Photon.Metrics, Photon.Optimisers
using Photon.Layers: AvgPool, MaxPool, Recurrent, Residual, Reshape
using Photon: batchlast

include("../flux/json.jl")
include("../flux/numbers.jl")
include("cases.jl")
include("refused.jl")

const VERSIONS = [
    "julia" => string(VERSION), "photon" => "0.9.0", "knet" => string(pkgversion(Knet)),
    "autograd" => string(pkgversion(AutoGrad)), "serialization" => Int(Serialization.ser_version),
]

saved(name, workout) = saveworkout(workout, joinpath(@__DIR__, "$name.dat"))

"""Three steps in each of two epochs, saved; the prediction then, and the losses of three steps that follow."""
function record(name, case)
    numbers = Numbers(name)
    x, y = case.x(numbers), case.y(numbers)
    workout = Workout(case.model, case.loss, case.opt; case.options...)
    workout.model(x)                                        # builds the layers
    case.prepare(workout)
    case.train && train!(workout, [(x, copy(y)) for _ in 1:3], [(x, copy(y))]; epochs=2, cb=SilentMeter())
    saved(name, workout)
    found = Pair{String,Any}[
        "x" => x, "y" => counted_from_zero(y), "steps" => workout.steps, "epochs" => workout.epochs, "prediction" => workout.model(x),
    ]
    push!(found, "loss" => Float64(workout.loss(workout.model(x), copy(y))))
    append!(found, case.more(workout, x))
    if case.train
        push!(found, "history" => measured(workout, :loss), "validation" => measured(workout, :val_loss))
        train!(workout, [(x, copy(y)) for _ in 1:3]; cb=SilentMeter())
        push!(found, "losses" => measured(workout, :loss)[end-2:end], "after" => workout.model(x))
    end
    return name => found
end

"""Knet counts classes from one, PyPhoton from zero."""
counted_from_zero(y::Array{Int}) = y .- 1
counted_from_zero(y::Array) = y

measured(workout, name) = Float64.(Photon.history(workout, name)[2])

Random.seed!(20)
for name in readdir(@__DIR__)
    endswith(name, ".dat") && rm(joinpath(@__DIR__, name))
end
const FOUND = Pair{String,Any}[record(name, case) for (name, case) in CASES]
foreach(pair -> saved(pair...), refused())
open(io -> write_json(io, ["made by" => VERSIONS, "cases" => FOUND]), joinpath(@__DIR__, "numbers.json"), "w")
println(length(FOUND), " cases, ", sum(filesize, readdir(@__DIR__; join=true)), " bytes")
