# Every optimiser, ten steps along changing gradients, against its formula written out.

function by_formula(kind, p, gs; clip=0.0, value=0.0, decay=0.0, rate=nothing)
    d = (; (Symbol(k) => v for (k, v) in P.DEFAULTS[kind])...)
    lr = rate === nothing ? d.lr : rate
    a, b = zero(p), zero(p)
    for (k, g) in enumerate(gs)
        value > 0 && (g = clamp.(g, -value, value))
        norm = sqrt(sum(abs2, g))
        clip > 0 && norm > clip && (g = g * clip / norm)
        kind == "adamw" || (g = g + decay * p)
        if kind == "sgd"
            p = p - lr * g
        elseif kind == "momentum"
            a = d.gamma * a - lr * g
            p = p + a
        elseif kind == "nesterov"
            old = a
            a = d.gamma * a - lr * g
            p = p + (1 + d.gamma) * a - d.gamma * old
        elseif kind == "adagrad"
            a = a + g .^ 2
            p = p - lr * g ./ sqrt.(a .+ d.eps)
        elseif kind == "rmsprop"
            a = d.rho * a + (1 - d.rho) * g .^ 2
            p = p - lr * g ./ sqrt.(a .+ d.eps)
        elseif kind == "adadelta"
            b = d.rho * b + (1 - d.rho) * g .^ 2
            step = g .* sqrt.(a .+ d.eps) ./ sqrt.(b .+ d.eps)
            a = d.rho * a + (1 - d.rho) * step .^ 2
            p = p - lr * step
        elseif kind == "adamax"
            a = d.beta1 * a + (1 - d.beta1) * g
            b = max.(d.beta2 * b, abs.(g))
            p = p - lr / (1 - d.beta1^k) * a ./ (b .+ d.eps)
        elseif kind == "nadam"
            u(t) = d.beta1 * (1 - 0.5 * 0.96^t)
            seen = prod(u, 1:k)
            a = d.beta1 * a + (1 - d.beta1) * g
            b = d.beta2 * b + (1 - d.beta2) * g .^ 2
            m = u(k + 1) * a / (1 - seen * u(k + 1)) + (1 - u(k)) * g / (1 - seen)
            p = p - lr * m ./ (sqrt.(b / (1 - d.beta2^k)) .+ d.eps)
        else
            kind == "adamw" && (p = p - lr * d.weight_decay * p)
            a = d.beta1 * a + (1 - d.beta1) * g
            b = d.beta2 * b + (1 - d.beta2) * g .^ 2
            p = p - lr * (a / (1 - d.beta1^k)) ./ (sqrt.(b / (1 - d.beta2^k)) .+ d.eps)
        end
    end
    return p
end

for kind in keys(P.RULES), (clip, value, decay, rate) in ((0.0, 0.0, 0.0, nothing), (0.7, 0.0, 0.0, nothing), (0.7, 0.4, 0.2, 0.03))
    random = Xoshiro(3)
    p, gs = randn(random, 6), [randn(random, 6) for _ in 1:10]
    options = Dict("gclip" => clip, "clip_value" => value)
    kind == "adamw" || (options["weight_decay"] = decay)
    rule, q = P.optimiser(kind, options), copy(p)
    slots = Vector{Float64}[zeros(6) for _ in P.slot_names(rule)]
    foreach(((k, g),) -> P.update!(rule, q, copy(g), slots, k, rate === nothing ? rule.lr : rate), enumerate(gs))
    @test q ≈ by_formula(kind, p, gs; clip, value, decay, rate) rtol = 1e-10
end
@test P.read_optimiser(Dict{String,Any}("kind" => "adam", "lr" => 0.5)).lr == 0.5

@testset "Adam's other epsilon" begin
    p, g = [1.0, -2.0], [0.3, 0.0002]
    rule, q = P.optimiser("adam", Dict("lr" => 0.1, "eps" => 1e-3, "eps_hat" => 1.0)), copy([1.0, -2.0])
    P.update!(rule, q, copy(g), [zeros(2), zeros(2)], 1, 0.1)
    m, v = 0.1 * g, 0.001 * g .^ 2
    @test q ≈ p - 0.1 * sqrt(1 - 0.999) / (1 - 0.9) * m ./ (sqrt.(v) .+ 1e-3)
end
@test_throws P.PlanError P.read_optimiser(Dict{String,Any}("kind" => "nothing"))
@test_throws P.PlanError P.read_optimiser(Dict{String,Any}("kind" => "sgd", "rho" => 0.5))
