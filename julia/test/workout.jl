# The native face, on a plan file.

s = Sketch()
x, y = input!(s, [nothing, 3]), input!(s, [nothing], "int64")
p = P.dense!(s, P.dense!(s, x, 3, 8; activation="relu"), 8, 2)
loss = step!(s, "mean", step!(s, "cross_entropy", p, y; rank=1); rank=0)
file = tempname()
write(file, plan_text(s, loss))
s.inputs, model = s.inputs[1:1], Sketch()
model_text = (keep = s.steps; s.steps = keep[1:2]; t = plan_text(s, p); s.steps = keep; t)

w = Workout(file; optimiser="adam", lr=0.02, seed=1)
random = Xoshiro(8)
data = randn(random, Float32, 3, 200)
labels = Int64[data[1, j] + data[2, j] > 0 for j in 1:200]
losses = fit!(w, data, labels; epochs=20)
@test length(losses) == 20 && losses[end] < 0.3 * losses[1] && w.history == losses
add!(w, model_text)
scores = predict(w, data)
@test size(scores) == (2, 200) && sum((scores[2, :] .> scores[1, :]) .== labels) > 190
@test [k for (_, k) in layers(w)] == ["dense", "dense"] && inputs(w) == [((3, nothing), "float32"), ((nothing,), "int64")]
kept = deepcopy(weights(w))
@test length(weights(w, first(first(layers(w))))) == 2
fit!(w, data, labels)
@test weights(w) != kept
weights!(w, kept)
@test weights(w) == kept && predict(w, data) == scores
@test_throws P.PlanError weights!(w, Dict("nothing" => [1]))
@test_throws P.PlanError Workout(file; rho=2)
@test occursin("2 layers", string(w))
