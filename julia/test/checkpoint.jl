# Saved workouts without Python: a file as Python writes it, opened, trained, written back; and files that are none.

function written(path; change=identity, arrays=nothing)
    s = Sketch()
    x, y = input!(s, [nothing, 3]), input!(s, [nothing], "int64")
    p = P.dense!(s, P.dense!(s, x, 3, 8; activation="relu"), 8, 2)
    loss = step!(s, "mean", step!(s, "cross_entropy", p, y; rank=1); rank=0)
    training = P.parse_json(plan_text(s, loss))
    s.inputs, s.steps = s.inputs[1:1], s.steps[1:2]
    about = Dict{String,Any}(
        "format" => "pyphoton-workout-1", "seed" => 3, "steps" => 0, "epochs" => 0, "frozen" => Any[],
        "optimiser" => Dict("class" => "Adam", "args" => Dict("lr" => 0.02)), "plans" => Dict{String,Any}("training" => training, "forward" => P.parse_json(plan_text(s, p))),
    )
    random = Xoshiro(1)
    made = Dict{String,Any}("parameters/$k" => randn(random, Float32, P.julia_size(v["shape"])...) ./ 3 for (k, v) in training["params"])
    made["state/step"] = fill(Int64(0))
    made["history/steps/loss/at"], made["history/steps/loss/values"] = Int64[], Float64[]
    P.write_safetensors(path, P.json(something(change(about), about)), something(arrays, identity)(made))
end

file = tempname()
written(file)
random = Xoshiro(8)
data = randn(random, Float32, 3, 200)
labels = Int64[data[1, j] + data[2, j] > 0 for j in 1:200]

w = load_workout(file)
before = predict(w, data)
@test size(before) == (2, 200)
losses = fit!(w, data, labels; epochs=3)
@test losses[end] < losses[1] && w.session.steps == 21
@test save_workout(w, file) == file
again = load_workout(file)
@test predict(again, data) == predict(w, data) != before
@test again.session.steps == 21 && again.session.slots == w.session.slots
@test P.CHECKPOINTS[again].about["epochs"] == 3 && P.CHECKPOINTS[again].history["epochs/loss/values"] == losses
@test P.CHECKPOINTS[again].history["epochs/steps/values"] == [7, 14, 21]
@test fit!(again, data, labels; shuffle=false) == fit!(load_workout(file), data, labels; shuffle=false)
@test_throws P.PlanError save_workout(Workout(P.json(P.CHECKPOINTS[w].about["plans"]["training"])), file)

# a schedule is Python's: the rate has to be given then
written(file; change=about -> (about["optimiser"] = Dict("class" => "Adam", "args" => Dict("lr" => 0.02, "schedule" => Dict("class" => "CosineDecay", "args" => Dict("length" => 10)))); about))
paced = load_workout(file)
@test_throws P.PlanError fit!(paced, data, labels)
@test length(fit!(paced, data, labels; lr=0.02)) == 1 && paced.session.rate == 0.02
written(file)

# a checksum that zlib gives
@test P.crc32(codeunits("123456789")) == 0xcbf43926 && P.crc32(codeunits("789"), P.crc32(codeunits("123456"))) == 0xcbf43926

# a bit anywhere, or a file that ends: other content is never loaded
whole_ = read(file)
flipped = 0
for at in 1:101:length(whole_)
    bytes = copy(whole_)
    bytes[at] ⊻= 0x10
    write(file, bytes)
    try
        predict(load_workout(file), data) == predict(again, data) || error("another content")
    catch error
        error isa P.PlanError || rethrow()
        global flipped += 1
    end
end
@test flipped > 20
for n in (0, 7, 8, 100, length(whole_) - 1)
    write(file, whole_[1:n])
    @test_throws P.PlanError load_workout(file)
end
write(file, [reinterpret(UInt8, [typemax(UInt64)]); whole_[9:end]])
@test_throws P.PlanError load_workout(file)
@test_throws P.PlanError load_workout(tempname())
@test_throws P.PlanError load_workout(tempdir())

# what somebody wrote in order to harm
plan(a, name="training") = a["plans"][name]
for (change, word) in (
    (a -> (a["format"] = "pyphoton-workout-2"; a), "newer"),
    (a -> (a["format"] = "pyphoton-model-1"; a), "model"),
    (a -> (delete!(a, "plans"); a), "damaged"),
    (a -> (plan(a)["inputs"][1]["id"] = 10^12; a), "numbers"),
    (a -> (plan(a)["steps"][1]["inputs"][1] = -5; a), "numbers"),
    (a -> (plan(a)["steps"][1]["op"] = "run"; a), "run"),
    (a -> (plan(a)["steps"][1]["attrs"]["strides"] = Any[Any[0]]; a), "strides"),
    (a -> (plan(a)["params"]["dense_1.kernel"] = Dict("shape" => [10^9, 10^9], "role" => "weight", "fans" => [1, 1], "init" => Dict()); a), "parameter"),
    (a -> (a["optimiser"] = Dict("class" => "Evil", "args" => Dict()); a), "evil"),
    (a -> (a["optimiser"] = Dict("yours" => "mine"); a), "own"),
    (a -> (a["plans"] = Dict("training" => nothing, "forward" => nothing); a), "Python"),
    (a -> (a["seed"] = "x"; a), "damaged"),
)
    written(file; change)
    message = try
        load_workout(file)
        "it was loaded"
    catch error
        sprint(showerror, error)
    end
    @test startswith(message, "PlanError: $file") && occursin(word, lowercase(message) * message)
end
# parameters that fit their plan, and not each other
function narrow(a)
    for p in values(a["plans"])
        p["params"]["$(p["steps"][2]["path"]).bias"]["shape"] = Any[1]
    end
    return a
end
bias(a) = (k = only(k for k in keys(a) if endswith(k, "bias") && size(a[k]) == (2,)); a[k] = Float32[1]; a)
written(file; change=narrow, arrays=bias)
message = try predict(load_workout(file), data) catch error sprint(showerror, error) end
@test occursin("1 numbers for 2 features", message)

written(file; arrays=a -> (a["state/step"] = Int64[1, 2]; a))
@test_throws P.PlanError load_workout(file)
written(file; change=a -> (a["plans"]["training"] = nothing; a))
@test size(predict(load_workout(file), data)) == (2, 200)
@test_throws P.PlanError fit!(load_workout(file), data, labels)
@test_throws P.PlanError P.parse_json("["^100_000)
@test_throws P.PlanError P.parse_json("{\"a\": 1, \"a\": 2}")

# Flux's names
written(file)
w = load_workout(file)
state = flux_state(w)
@test length(state) == 2 && size(state[1][2].weight) == (8, 3) && state[1][2].bias == weights(w, state[1][1] * ".bias")
tree = (layers=((weight=zeros(Float32, 8, 3), bias=zeros(Float32, 8), σ=()), (), (weight=zeros(Float32, 2, 8), bias=zeros(Float32, 2), σ=())),)
filled = flux_state(w, tree)
@test filled.layers[3].weight == state[2][2].weight && filled.layers[2] == ()
kept = deepcopy(weights(w))
load_flux_state!(w, tree)
@test all(iszero, weights(w, state[1][1] * ".kernel"))
load_flux_state!(w, filled)
@test weights(w) == kept
@test_throws P.PlanError flux_state(w, (layers=tree.layers[1:1],))
@test_throws P.PlanError load_flux_state!(w, (layers=tree.layers[1:2],))
@test_throws P.PlanError flux_state(w, (layers=(tree.layers[3], (), tree.layers[1]),))
kernel = reshape(collect(1.0:12.0), 2, 3, 2, 1)
@test P.turned_kernel(kernel)[1, 1, 2, 1] == kernel[2, 3, 2, 1] && P.turned_kernel(P.turned_kernel(kernel)) == kernel
