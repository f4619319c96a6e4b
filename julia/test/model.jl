# Models that Python saves, without Python: run, trained with losses by name, and written back.

const EXACT = (; shuffle=false)

"""A model's file as Python writes it: two dense layers, with a softmax at the end or scores."""
function written(path; kind="model", change=identity, arrays=identity, activation="identity")
    s = Sketch()
    x = input!(s, [nothing, 3])
    p = P.dense!(s, P.dense!(s, x, 3, 8; activation="tanh"), 8, 2; activation)
    s.steps[end]["shapes"] = [[nothing, 2]]
    forward = P.parse_json(plan_text(s, p))
    about = Dict{String,Any}("format" => "pyphoton-$kind-1", "model" => Dict("class" => "Sequential"), "frozen" => Any[], "dtype" => "float32",
        "plans" => Dict{String,Any}("forward" => forward, "training" => nothing, "limits" => Dict()))
    random = Xoshiro(1)
    made = Dict{String,Any}(k => randn(random, Float32, P.julia_size(v["shape"])...) ./ 2 for (k, v) in sort!(collect(forward["params"]); by=first))
    P.write_safetensors(path, P.json(change(about)), arrays(made))
    return path
end

said(f) = try f(); "nothing was wrong" catch error sprint(showerror, error) end

file = written(tempname())
random = Xoshiro(8)
data = randn(random, Float32, 3, 200)
labels = Int64[data[1, j] + data[2, j] > 0 for j in 1:200]
onehot = Float32[labels[j] == c for c in 0:1, j in 1:200]

m = load_model(file)
# the numbers are those of a formula in the open
W1, W2 = (only(a for (k, a) in weights(m) if endswith(k, "kernel") && size(a) == s) for s in ((8, 3), (2, 8)))
b1, b2 = (only(a for (k, a) in weights(m) if endswith(k, "bias") && size(a) == s) for s in ((8,), (2,)))
scores(x) = W2 * tanh.(W1 * x .+ b1) .+ b2
@test m(data) ≈ scores(data) && m(view(data, :, 3:5)) ≈ m(data)[:, 3:5]
@test m(Float64.(data)) == m(data)
@test inputs(m) == [((3, nothing), "float32")] && last.(layers(m)) == ["dense", "dense"]
@test sprint(show, m) == "Model(2 layers, 50 parameters; inputs (3, batch))"
@test occursin("expected size (3, batch), received (200, 3)", said(() -> m(permutedims(data))))
@test occursin("expected 1 arrays, received 2", said(() -> m(data, data)))

# losses by name: the first value of an epoch in one batch is the formula's
first_loss(name, y; path=file, batch=200) = fit!(Workout(load_model(path); loss=name, optimiser="sgd", lr=0), data, y; EXACT..., batch)[1]
p = scores(data)
mean_(v) = sum(v) / length(v)
logp = p .- log.(sum(exp.(p); dims=1))
@test first_loss("mse", onehot) ≈ mean_((p .- onehot) .^ 2) rtol = 1e-5
@test first_loss("mae", onehot) ≈ mean_(abs.(p .- onehot)) rtol = 1e-5
@test first_loss("pseudo_huber", onehot) ≈ mean_(sqrt.((p .- onehot) .^ 2 .+ 1) .- 1) rtol = 1e-5
@test first_loss("hinge", onehot) ≈ mean_(max.(0, 1 .- p .* (2 .* onehot .- 1))) rtol = 1e-5
@test first_loss("nll", labels) ≈ first_loss("logitcrossentropy", labels) ≈ first_loss("logitcrossentropy", onehot) ≈ -sum(logp .* onehot) / 200
@test first_loss("nll", reshape(labels, 1, :)) ≈ first_loss("nll", Float64.(labels)) ≈ first_loss("nll", labels)
@test first_loss("logitbinarycrossentropy", onehot) ≈ mean_(log1p.(exp.(p)) .- onehot .* p) rtol = 1e-5
soft = written(tempname(); activation="softmax")
@test first_loss("crossentropy", labels; path=soft) ≈ first_loss("categorical_crossentropy", onehot; path=soft) ≈ -sum(log.(exp.(logp) .+ 1e-7) .* onehot) / 200
@test first_loss("bce", onehot; path=soft) ≈ mean_(-log.(ifelse.(onehot .== 1, exp.(logp), 1 .- exp.(logp)) .+ 1e-7)) rtol = 1e-5
@test all(name -> isfinite(first_loss(name, onehot; path=soft)), [k for (k, v) in P.LOSSES if !(k == "nll")])
@test occursin("loss mes is not known; there are bce, ", said(() -> Workout(m; loss="mes")))
@test occursin("targets like the predictions, (2, 200), received size (3, 200)", said(() -> fit!(Workout(m; loss="mse"), data, data)))
@test occursin("class numbers", said(() -> fit!(Workout(m; loss="nll"), data, onehot)))
@test occursin("expected 1 inputs and a target", said(() -> fit!(Workout(m; loss="mse"), data)))
@test occursin("loss=\"mse\"", said(() -> Workout(m)))

# one step of gradient descent, by hand: only the last layer's bias is easy, and that is enough
m = load_model(file)
b2_name = only(k for (k, a) in weights(m) if a isa Vector && length(a) == 2)
before, slope = copy(weights(m, b2_name)), vec(sum(m(data) .- onehot; dims=2)) ./ 200
fit!(Workout(m; loss="mse", optimiser="sgd", lr=0.5), data, onehot; EXACT..., batch=200)
@test weights(m, b2_name) ≈ before .- 0.5f0 .* slope rtol = 1e-4

# training changes the model, which is written back and read again; frozen parameters stay
m = load_model(file)
w = Workout(m; loss="logitcrossentropy", lr=0.05, frozen=[b2_name])
kept, start = copy(weights(m, b2_name)), m(data)
losses = fit!(w, data, labels; epochs=10)
@test losses[end] < 0.5 * losses[1] && length(w.joined) == 1
@test m(data) == predict(w, data) != start && weights(m, b2_name) == kept
@test fit!(w, data, onehot; epochs=1)[1] < losses[1] && length(w.joined) == 2
@test Workout(load_model(file); loss="mse", seed=4).random == Workout(load_model(file); loss="mse", seed=4).random
for saved in (m, w)
    again = load_model(save_model(saved, tempname()))
    @test again(data) == m(data) && again.about == m.about
end
@test occursin("no parameter there to be frozen", said(() -> Workout(m; loss="mse", frozen=["there"])))
state = flux_state(m)
@test last.(state)[2].bias == weights(m, b2_name) && length(state) == 2
@test load_model(written(tempname(); kind="keras"))(data) == load_model(file)(data)
@test occursin("received a model: load_model reads it", said(() -> load_workout(file)))

# what is in the file and not in a formula here: what layers add to the loss
s = Sketch()
x = input!(s, [nothing, 3])
p_ = P.dense!(s, P.dense!(s, x, 3, 8; activation="tanh"), 8, 2)
extra = step!(s, "mean", step!(s, "square", step!(s, "parameter"; rank=1, attrs=Dict("name" => "bias"), parameters=("bias" => [8],), path=s.steps[1]["path"]); rank=1); rank=0)
added = written(tempname(); change=a -> (a["plans"]["added"] = P.parse_json(plan_text(s, p_, extra)); a))
@test first_loss("mse", onehot; path=added) ≈ mean_((p .- onehot) .^ 2) + mean_(abs2.(b1)) rtol = 1e-5
@test load_model(added)(data) ≈ p
hidden = written(tempname(); change=a -> (a["plans"]["added"] = nothing; a))
@test occursin("only Python can compute", said(() -> first_loss("mse", onehot; path=hidden)))

# files that are of no use here say why
wrong(; more...) = said(() -> load_model(written(tempname(); more...)))
@test occursin("an older PyPhoton wrote it: load it in Python", wrong(change=a -> (delete!(a, "plans"); a)))
@test occursin("only Python can open it", wrong(change=a -> (a["plans"]["forward"] = nothing; a)))
@test occursin("expected a model, received a weights", wrong(kind="weights"))
@test occursin("expected parameter", wrong(arrays=a -> (delete!(a, first(keys(a))); a)))
@test occursin("architecture=False", said(() -> save_model(load_model(written(tempname(); change=a -> (a["model"] = nothing; a))), tempname())))
@test startswith(said(() -> load_model(file * "x")), "PlanError: $(file)x: ")

# a file that Python wrote, with a loss of somebody's own: its predictions, and two epochs of training
folder = joinpath(@__DIR__, "..", "..", "tests", "golden", "saved")
if isdir(folder)
    told = P.parse_json(read(joinpath(folder, "model.json"), String))
    xs, ys, expected = (P.nested_array(Float32, told[k]) for k in ("x", "y", "predicted"))
    m = load_model(joinpath(folder, "model.safetensors"))
    @test size(xs) == (3, 8)
    @test m(xs) ≈ expected rtol = 1e-6
    @test fit!(Workout(m; optimiser="sgd", lr=0.1), xs, ys; epochs=2, batch=4, shuffle=false) ≈ Float64.(told["losses"]) rtol = 1e-5
else
    println("golden model: skipped, there is none in $folder")
end
