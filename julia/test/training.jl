# Sessions: an epoch is a hand loop, and everything that the Python side is promised.

"""A regression: two dense layers on seven samples."""
function regression(; dtype="float64", batch_norm=false)
    s = Sketch(dtype)
    x, y = input!(s, [nothing, 3]), input!(s, [nothing, 2])
    h = P.dense!(s, x, 3, 4; activation="tanh")
    batch_norm && (h = step!(s, "batch_norm", h; attrs=Dict("momentum" => 0.1, "epsilon" => 1e-5), parameters=("mean" => [4], "variance" => [4])))
    p = P.dense!(s, h, 4, 2)
    e = step!(s, "sub", p, y)
    loss = step!(s, "mean", step!(s, "square", e); rank=0)
    m = make(plan_text(s, loss, step!(s, "mean", step!(s, "abs", e); rank=0)))
    random, T = Xoshiro(5), m.plan.T
    return m, randn(random, T, 3, 7), randn(random, T, 2, 7)
end

spec(m, x, y; order=nothing, batch=3, train=true, every=0, interrupt=nothing, finite=true) = P.json(Dict(
    "plan" => m.id, "arrays" => [P.described(x), P.described(y)], "samples" => 7, "order" => order === nothing ? nothing : Int(UInt(pointer(order))),
    "batch" => batch, "train" => train, "every" => every, "interrupt" => interrupt === nothing ? nothing : Int(UInt(pointer(interrupt))), "finite" => finite))

for order in (nothing, Int64[4, 2, 6, 0, 1, 5, 3])
    (one, x, y), (other, _, _) = regression(), regression()
    s = session(one; lr=0.1)
    values, samples, failed, stopped = GC.@preserve x y order P.epoch(s, spec(one, x, y; order))
    @test samples == [3, 3, 1] && failed == 0 && !stopped && size(values) == (2, 3)
    hand, rows, losses = session(other; lr=0.1), something(order, 0:6), Float64[]
    for part in (1:3, 4:6, 7:7)
        a, b = x[:, rows[part].+1], y[:, rows[part].+1]
        v, gradients, _ = GC.@preserve a b P.gradient(hand, other.id, arrays((a, b)))
        push!(losses, v[1])
        foreach(k -> other.parameters[k] .-= 0.1 .* gradients[k], keys(gradients))
    end
    @test values[1, :] ≈ losses
    @test all(one.parameters[k] ≈ other.parameters[k] for k in keys(one.parameters))
end

@testset "evaluation, hooks, polls and flags" begin
    m, x, y = regression(batch_norm=true)
    before, s = deepcopy(m.parameters), session(m)
    GC.@preserve x y P.epoch(s, spec(m, x, y; train=false))
    @test m.parameters == before
    calls, polls = [], Ref(0)
    values, _, _, stopped = GC.@preserve x y P.epoch(s, spec(m, x, y; batch=1, every=2), (k, v) -> (push!(calls, (k, v[1])); k == 4), () -> polls[] += 1)
    @test stopped && first.(calls) == [2, 4] && last.(calls) == values[1, [2, 4]] && size(values, 2) == 4 && polls[] == 3
    flag = UInt8[1]
    values, _, _, stopped = GC.@preserve x y flag P.epoch(s, spec(m, x, y; interrupt=flag))
    @test stopped && size(values, 2) == 1
    @test_throws ErrorException GC.@preserve x y P.epoch(s, spec(m, x, y), nothing, () -> error("from outside"))
    @test !m.handle.mode.training
end

@testset "a loss that is not finite" begin
    m, x, y = regression()
    x[:, 5] .= NaN
    s = session(m; lr=0.1)
    values, samples, failed, _ = GC.@preserve x y P.epoch(s, spec(m, x, y))
    @test size(values, 2) == 1 && failed == 2 && any(isnan, P.failed_arrays(s)[1]) && size(P.failed_arrays(s)[1]) == (3, 3)
    @test !any(isnan, m.parameters |> Base.values |> first)
    values, _, failed, _ = GC.@preserve x y P.epoch(s, spec(m, x, y; finite=false))
    @test failed == 0 && size(values, 2) == 3 && all(v -> all(isnan, v), Base.values(m.parameters))
    numbers, bad = GC.@preserve x y P.step(s, m.id, arrays((x, y)), true, true)
    @test bad && isnan(numbers[1])
end

@testset "freezing, gradients and states" begin
    m, x, y = regression(batch_norm=true)
    name = first(sort!(filter(k -> endswith(k, "kernel"), collect(keys(m.parameters)))))
    before, s = deepcopy(m.parameters), session(m, "adam"; frozen=[name])
    GC.@preserve x y P.epoch(s, spec(m, x, y))
    @test m.parameters[name] == before[name] && all(m.parameters[k] != before[k] for k in keys(before) if k != name)
    kept, state = deepcopy(m.parameters), deepcopy(P.state(s))
    _, by_path, by_input = GC.@preserve x y P.gradient(s, m.id, arrays((x, y)))
    @test !haskey(by_path, name) && !any(k -> endswith(k, "variance"), keys(by_path)) && size(by_input[1]) == size(x)
    @test m.parameters == kept && P.state(s) == state
    @test state["step"][] == 3 && all(haskey(state, "$k/mean") for k in keys(by_path))
    GC.@preserve x y P.epoch(s, spec(m, x, y))
    ahead = deepcopy(m.parameters)
    foreach(k -> m.parameters[k] .= kept[k], keys(kept))
    again = session(m, "adam"; frozen=[name])
    GC.@preserve state P.load_state!(again, P.json([P.described(v; name=k) for (k, v) in state]))
    GC.@preserve x y P.epoch(again, spec(m, x, y))
    @test m.parameters == ahead && P.state(again) == P.state(s)
end

@testset "Float32, and errors that name the step" begin
    m, x, y = regression(dtype="float32")
    s = session(m, "adam"; lr=0.05)
    first_values = GC.@preserve x y P.epoch(s, spec(m, x, y))[1]
    for _ in 1:100
        GC.@preserve x y P.epoch(s, spec(m, x, y))
    end
    @test GC.@preserve(x, y, P.epoch(s, spec(m, x, y))[1])[1, 1] < 0.1 * first_values[1, 1]
    wrong = randn(Float32, 5, 7)
    error = try
        outputs(m, wrong, y)
    catch e
        e
    end
    @test error isa P.StepError && error.op == "dense" && occursin("dense0 dense", sprint(showerror, error))
    @test_throws P.PlanError P.run(m.handle, 99, "[]")
    P.drop_plan(m.handle, m.id)
    @test_throws P.PlanError outputs(m, x, y)
    @test_throws P.PlanError P.read_plan("{\"format\": 2}")
end
