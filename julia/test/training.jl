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

function epoch(s, m, x, y; order=nothing, batch=3, train=true, finite=true, watch...)
    r = P.run_epoch!(s, P.program(m.handle, m.id), P.Epoch(Any[x, y], 7, order, batch), train, finite, P.Watch(; watch...))
    return r.values, r.samples, r.failed, r.stopped
end

for order in (nothing, Int64[4, 2, 6, 0, 1, 5, 3])
    (one, x, y), (other, _, _) = regression(), regression()
    s = session(one; lr=0.1)
    values, samples, failed, stopped = epoch(s, one, x, y; order)
    @test samples == [3, 3, 1] && failed == 0 && !stopped && size(values) == (2, 3)
    hand, rows, losses = session(other; lr=0.1), something(order, 0:6), Float64[]
    for part in (1:3, 4:6, 7:7)
        a, b = x[:, rows[part].+1], y[:, rows[part].+1]
        v, gradients, _ = gradient(hand, other, a, b)
        push!(losses, v[1])
        foreach(k -> other.parameters[k] .-= 0.1 .* gradients[k], keys(gradients))
    end
    @test values[1, :] ≈ losses
    @test all(one.parameters[k] ≈ other.parameters[k] for k in keys(one.parameters))
end

@testset "evaluation, hooks, polls and flags" begin
    m, x, y = regression(batch_norm=true)
    before, s = deepcopy(m.parameters), session(m)
    epoch(s, m, x, y; train=false)
    @test m.parameters == before
    calls, polls = [], Ref(0)
    values, _, _, stopped = epoch(s, m, x, y; batch=1, every=2, hook=(k, v) -> (push!(calls, (k, v[1])); k == 4), poll=() -> (polls[] += 1; false))
    @test stopped && first.(calls) == [2, 4] && last.(calls) == values[1, [2, 4]] && size(values, 2) == 4 && polls[] == 3
    flag = UInt8[1]
    values, _, _, stopped = epoch(s, m, x, y; interrupt=pointer(flag))
    @test stopped && size(values, 2) == 1
    @test_throws ErrorException epoch(s, m, x, y; poll=() -> error("from outside"))
    @test !m.handle.mode.training
end

@testset "a loss that is not finite" begin
    m, x, y = regression()
    x[:, 5] .= NaN
    s = session(m; lr=0.1)
    values, samples, failed, _ = epoch(s, m, x, y)
    @test size(values, 2) == 1 && failed == 2 && any(isnan, s.failed[1]) && size(s.failed[1]) == (3, 3)
    @test !any(isnan, m.parameters |> Base.values |> first)
    values, _, failed, _ = epoch(s, m, x, y; finite=false)
    @test failed == 0 && size(values, 2) == 3 && all(v -> all(isnan, v), Base.values(m.parameters))
    numbers = zeros(2)
    bad = P.one_step!(P.Lesson(s, P.program(m.handle, m.id), true, true), Any[x, y], 7, numbers, false)
    @test bad == 1 && isnan(numbers[1])
end

@testset "freezing, gradients and states" begin
    m, x, y = regression(batch_norm=true)
    name = first(sort!(filter(k -> endswith(k, "kernel"), collect(keys(m.parameters)))))
    before, s = deepcopy(m.parameters), session(m, "adam"; frozen=[name])
    epoch(s, m, x, y)
    @test m.parameters[name] == before[name] && all(m.parameters[k] != before[k] for k in keys(before) if k != name)
    kept, state = deepcopy(m.parameters), deepcopy(P.session_state(s))
    _, by_path, by_input = gradient(s, m, x, y)
    @test !haskey(by_path, name) && !any(k -> endswith(k, "variance"), keys(by_path)) && size(by_input[1]) == size(x)
    @test m.parameters == kept && P.session_state(s) == state
    @test state["step"][] == 3 && all(haskey(state, "$k/mean") for k in keys(by_path))
    epoch(s, m, x, y)
    ahead = deepcopy(m.parameters)
    foreach(k -> m.parameters[k] .= kept[k], keys(kept))
    again = session(m, "adam"; frozen=[name])
    P.load_session!(again, state)
    epoch(again, m, x, y)
    @test m.parameters == ahead && P.session_state(again) == P.session_state(s)
end

@testset "Float32, and errors that name the step" begin
    m, x, y = regression(dtype="float32")
    s = session(m, "adam"; lr=0.05)
    first_values = epoch(s, m, x, y)[1]
    for _ in 1:100
        epoch(s, m, x, y)
    end
    @test epoch(s, m, x, y)[1][1, 1] < 0.1 * first_values[1, 1]
    wrong = randn(Float32, 5, 7)
    error = try
        outputs(m, wrong, y)
    catch e
        e
    end
    @test error isa P.StepError && error.op == "dense" && occursin("dense0 dense", sprint(showerror, error))
    @test_throws P.PlanError P.run!(m.handle, 99, [])
    P.drop_program!(m.handle, m.id)
    @test_throws P.PlanError outputs(m, x, y)
    @test_throws P.PlanError P.read_plan("{\"format\": 2}")
end

@testset "several minibatches make one update" begin
    m, x, y = regression()
    before = Dict(k => copy(v) for (k, v) in m.parameters)
    s = P.Session(m.handle, P.optimiser("sgd", Dict("lr" => 0.1, "accumulate" => 3.0)), String[])
    epoch(s, m, x, y)
    together = Dict(k => copy(v) for (k, v) in m.parameters)
    @test s.steps == 1 && s.gathered.count == 0
    foreach(k -> copyto!(m.parameters[k], before[k]), keys(before))
    one = P.Session(m.handle, P.optimiser("sgd", Dict("lr" => 0.1)), String[])
    epoch(one, m, x, y; batch=7)
    @test all(k -> together[k] ≈ m.parameters[k], keys(before)) && any(k -> !(together[k] ≈ before[k]), keys(before))
    rates = [0.1, 0.2, 0.4]
    P.run_epoch!(one, P.program(m.handle, m.id), P.Epoch(Any[x, y], 7, nothing, 3), true, true, P.Watch(), rates)
    @test one.rate == 0.4
    @test_throws P.PlanError P.run_epoch!(one, P.program(m.handle, m.id), P.Epoch(Any[x, y], 7, nothing, 3), true, true, P.Watch(), rates[1:2])
end

@testset "sessions take turns" begin
    m, x, y = regression()
    (other, _, _) = regression()
    names = sort!(collect(keys(m.parameters)))
    first_, last_ = filter(startswith("dense0"), names), filter(!startswith("dense0"), names)
    rule(; more...) = P.optimiser("sgd", Dict("lr" => 0.1, (String(k) => v for (k, v) in more)...))
    a, b = P.Session(m.handle, rule(), last_), P.Session(m.handle, rule(clip_norm=0.01), first_)
    p = P.program(m.handle, m.id)
    before = Dict(k => copy(v) for (k, v) in m.parameters)
    r = P.run_epoch!(P.Lesson([a, b], [P.Turn(p, [b])], true, true), P.Epoch(Any[x, y], 7, nothing, 7), P.Watch())
    @test r.turn == 0 && (a.steps, b.steps) == (0, 1) && isempty(a.slots)
    @test all(k -> m.parameters[k] == before[k], first_) && all(k -> m.parameters[k] != before[k], last_)
    foreach(k -> copyto!(m.parameters[k], before[k]), names)
    # one turn of both is a gradient for both; clipping is each session's own
    hand = P.Session(other.handle, rule(), String[])
    _, gradients, _ = gradient(hand, other, x, y)
    r = P.run_epoch!(P.Lesson([a, b], [P.Turn(p, [a, b])], true, true), P.Epoch(Any[x, y], 7, nothing, 7), P.Watch())
    norm = sqrt(sum(k -> sum(abs2, gradients[k]), last_))
    @test norm > 0.01
    @test all(k -> m.parameters[k] ≈ before[k] .- 0.1 .* gradients[k], first_)
    @test all(k -> m.parameters[k] ≈ before[k] .- 0.1 .* gradients[k] .* (0.01 / norm), last_)
    # a weight of both: each gets the gradient as it was
    foreach(k -> copyto!(m.parameters[k], before[k]), names)
    both = [P.Session(m.handle, rule(clip_norm=0.01), String[]), P.Session(m.handle, rule(), String[])]
    P.run_epoch!(P.Lesson(both, [P.Turn(p, both)], true, true), P.Epoch(Any[x, y], 7, nothing, 7), P.Watch())
    whole_ = sqrt(sum(k -> sum(abs2, gradients[k]), names))
    @test all(k -> m.parameters[k] ≈ before[k] .- 0.1 .* gradients[k] .* (1 + 0.01 / whole_), names)
    # routes are kept while sessions alternate
    l = P.Lesson([a, b], [P.Turn(p, [a]), P.Turn(p, [b]), P.Turn(p, [a, b])], true, true)
    P.run_epoch!(l, P.Epoch(Any[x, y], 7, nothing, 3), P.Watch())
    routes, versions = Dict(p.routes), m.handle.versions
    P.run_epoch!(l, P.Epoch(Any[x, y], 7, nothing, 3), P.Watch())
    @test m.handle.versions == versions && keys(routes) == keys(p.routes) && all(k -> routes[k] === p.routes[k], keys(routes))
    @test_throws P.PlanError P.run_epoch!(l, P.Epoch(Any[x, y], 7, nothing, 3), P.Watch(), fill(0.1, 1, 3))
end

@testset "a gradient inside" begin
    s = Sketch("float64")
    x = input!(s, [nothing, 3])
    g = P.gradient!(s, (b, z) -> step!(b, "sum", step!(b, "square", P.dense!(b, z, 3, 2)); rank=0), x, [nothing, 3])
    m = make(plan_text(s, step!(s, "sum", step!(s, "mul", g, x); rank=0)))
    X, W, b = randn(Xoshiro(2), 3, 5), m.parameters["dense0.kernel"], m.parameters["dense0.bias"]
    slope = 2 .* W' * (W * X .+ b)
    hand = session(m; lr=0.1)
    values, by_path, by_input = gradient(hand, m, X)
    @test values[1] ≈ sum(slope .* X)
    @test by_input[1] ≈ slope  # what is around it takes it as a constant
    @test all(g -> all(iszero, g), Base.values(by_path)) && length(by_path) == 2
    @test all(w -> w.trained, Base.values(m.handle.weights)) && all(w -> isempty(w.gradient), Base.values(m.handle.weights))
    before = copy(W)
    P.run_epoch!(hand, P.program(m.handle, m.id), P.Epoch(Any[X], 5, nothing, 2), true, true, P.Watch())
    @test W == before && !m.handle.mode.training
end
