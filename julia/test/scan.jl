# Scan: a body with a state, against a loop written out, and its gradients against differences.

"""h = tanh(x W + h U + b), as a plan whose body has these steps; and the loss: the mean of the squares of all h."""
function recurrence(; steps=4, carried=false, backwards=false, train=false)
    s = Sketch("float64")
    x = input!(s, [nothing, steps, 3])
    start = step!(s, "parameter"; rank=1, attrs=Dict("name" => "h"), parameters=("h" => [2],), path="net")
    b = Sketch("float64")
    xt, h = input!(b, [nothing, 3]), input!(b, [nothing, 2])
    W = step!(b, "parameter"; attrs=Dict("name" => "W"), parameters=("W" => [3, 2],), path="net")
    U = step!(b, "parameter"; attrs=Dict("name" => "U"), parameters=("U" => [2, 2],), path="net")
    new = step!(b, "tanh", step!(b, "add", step!(b, "matmul", xt, W), step!(b, "matmul", h, U)))
    merge!(s.parameters, b.parameters)
    body = P.parse_json(plan_text(b, new, new))
    body["params"] = Dict{String,Any}()
    id = P.next!(s)
    push!(s.steps, Dict("op" => "scan", "path" => "net", "inputs" => [x, start], "outputs" => [id], "shapes" => [fill(1, 3)], "attrs" =>
        Dict("steps" => steps, "sequences" => 1, "held" => 0, "carried" => carried, "backwards" => backwards), "params" => Dict("net.W" => "net.W", "net.U" => "net.U"), "activation" => "identity", "body" => body))
    loss = step!(s, "mean", step!(s, "square", id; rank=3); rank=0)
    return train ? plan_text(s, loss) : plan_text(s, loss, id)
end

function by_hand(p, x; backwards=false, h=repeat(p["net.h"], 1, size(x, 3)))
    y = zeros(2, size(x, 2), size(x, 3))
    for t in (backwards ? reverse(axes(x, 2)) : axes(x, 2))
        h = tanh.(p["net.W"] * x[:, t, :] + p["net.U"] * h)
        y[:, t, :] = h
    end
    return y, h
end

for backwards in (false, true)
    m = make(recurrence(; backwards))
    random = Xoshiro(2)
    foreach(v -> copyto!(v, randn(random, size(v)...)), values(m.parameters))
    x = randn(random, 3, 4, 5)
    y, _ = by_hand(m.parameters, x; backwards)
    P.run!(m.handle, m.id, Any[x])
    @test P.outputs(P.program(m.handle, m.id))[2] ≈ y
    training = P.add_program!(m.handle, P.read_plan(recurrence(; backwards, train=true)))
    s = P.Session(m.handle, P.optimiser("sgd", Dict("lr" => 0.1)), String[])
    _, by_path, by_input = P.gradients!(s, P.program(m.handle, training), Any[x])
    loss() = sum(abs2, by_hand(m.parameters, x; backwards)[1]) / length(y)
    for (a, g) in (("net.W" => m.parameters["net.W"], by_path["net.W"]), ("net.U" => m.parameters["net.U"], by_path["net.U"]), ("net.h" => m.parameters["net.h"], by_path["net.h"]), ("x" => x, by_input[1]))
        array_ = a.second
        differences = map(eachindex(array_)) do i
            old = array_[i]
            array_[i] = old + 1e-6; up = loss()
            array_[i] = old - 1e-6; down = loss()
            array_[i] = old
            (up - down) / 2e-6
        end
        @test vec(g) ≈ differences rtol = 1e-6
    end
end

@testset "states go on where they are asked to" begin
    m = make(recurrence(; carried=true))
    x = randn(Xoshiro(4), 3, 4, 5)
    first_, h = by_hand(m.parameters, x)
    second, _ = by_hand(m.parameters, x; h)
    shown(carried) = (P.run!(m.handle, m.id, Any[x], false, carried); P.outputs(P.program(m.handle, m.id))[2])
    @test shown(true) ≈ first_ && shown(true) ≈ second && shown(false) ≈ first_
    P.run!(m.handle, m.id, Any[x[:, :, 1:2]], false, true)
    @test shown(true) ≈ first_
    empty!(m.handle.carry)
    @test shown(true) ≈ first_
end

@testset "bodies that do not fit are refused before they run" begin
    about(change) = (plan = P.parse_json(recurrence()); change(only(filter(s -> s["op"] == "scan", plan["steps"]))); Dict{String,Any}("plans" => Dict{String,Any}("forward" => plan)))
    @test P.plan_in(about(s -> nothing), "forward") isa P.Plan
    for change in (
        s -> (s["attrs"]["sequences"] = 2), s -> (s["attrs"]["steps"] = 0), s -> (s["attrs"]["held"] = -1), s -> delete!(s, "body"), s -> delete!(s["attrs"], "carried"),
        s -> (s["body"]["outputs"] = Any[0]), s -> (s["body"]["outputs"] = Any[99, 99]), s -> (s["body"]["steps"][end]["inputs"] = Any[10^9]), s -> (s["op"] = "tanh"),
    )
        @test_throws P.PlanError P.plan_in(about(change), "forward")
    end
end
