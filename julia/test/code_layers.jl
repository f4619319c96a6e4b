# Layers that are Julia code, without Python: gradients, what an object measures, errors, and trust.

coded(source; params=[], arrays=[], file=nothing, text=nothing) =
    Dict{String,Any}("source" => source, "file" => file, "text" => text, "params" => params, "arrays" => arrays, "batch" => 0)

function coded_step!(s, source, shape, xs...; parameters=(), arrays=(), more...)
    attrs = coded(source; params=first.(collect(parameters)), arrays=first.(collect(arrays)), more...)
    return step!(s, "julia", xs...; shape, attrs, parameters=(parameters..., arrays...), path="mine")
end

"""A workout whose loss is the sum of squares of what the code makes of its input."""
function trained(source, features; safe_mode=false, state=(), more...)
    s = Sketch("float64")
    x = input!(s, [nothing, 3])
    y = coded_step!(s, source, [nothing, features], x; more...)
    foreach(name -> s.parameters["mine.$name"]["role"] = "state", state)
    return Workout(plan_text(s, step!(s, "sum", step!(s, "mul", y, y); rank=0)); safe_mode, optimiser="sgd", lr=0.01)
end

allowed(build, xs...) = P.allowing_code(() -> check(build, xs...), true)

message(f) = try
    f()
    ""
catch error
    sprint(showerror, error)
end

if Base.identify_package("Flux") === nothing
    println("code_layers: skipped, Flux is not in this environment")
    @test occursin("`using Flux` first", message(() -> trained("x -> x", 3)))
else
    Base.require(Base.identify_package("Flux"))
    random = Xoshiro(8)
    x, y = randn(random, 3, 5), randn(random, 2, 5)
    @test !P.CODE_ALLOWED[]
    @test occursin("(x, w) -> x .* w", message(() -> trained("(x, w) -> x .* w", 3; safe_mode=true, parameters=("w" => [3],))))

    for (source, shape, parameters) in (
        ("(x, w, b) -> tanh.(w .* x) .+ b .^ 2", [nothing, 3], ("w" => [3], "b" => [3])), ("(x, w) -> w * x .* sin.(x[1:2, :])", [nothing, 2], ("w" => [3, 2],)),
        ("x -> x ./ (1 .+ sum(abs2, x; dims=1))", [nothing, 3], ()),
    )
        allowed((s, x) -> coded_step!(s, source, shape, x; parameters), x)
    end
    allowed((s, x, y) -> coded_step!(s, "(x, y, w) -> (w * x) .* y", [nothing, 2], x, y; parameters=("w" => [3, 2],)), x, y)
    allowed((s, x) -> coded_step!(s, "Flux.Chain(Flux.Dense(3 => 4, tanh), Flux.Dense(4 => 2))", [nothing, 2], x;
            arrays=("a" => [3, 4], "b" => [4], "c" => [4, 2], "d" => [2])), x)

    w = trained("Flux.BatchNorm(3; momentum=0.5f0)", 3; arrays=("beta" => [3], "gamma" => [3], "mean" => [3], "variance" => [3]), state=("mean", "variance"))
    weights!(w, Dict("mine.variance" => ones(3), "mine.mean" => zeros(3)))
    P.gradients!(w.session, P.program(w.handle, 1), Any[x])
    @test weights(w, "mine.mean") == zeros(3)  # a gradient moves nothing

    w = trained("(x, w) -> w .* x", 3; parameters=("w" => [3],))
    losses = fit!(w, x; epochs=3, batch=2)
    @test losses[3] < losses[1]

    lines = "f(x) = x\n\nfunction late(x)\n    size(x, 2) > 3 && error(\"no\")\n    x\nend\n"
    w = trained("late", 3; file="lines.jl", text=lines)
    @test occursin("lines.jl:4: no", message(() -> fit!(w, x; batch=5)))
    @test fit!(w, x; batch=2) isa Vector
    @test occursin("lines.jl", message(() -> trained("f", 3; file="lines.jl", text="f(x = x\n")))
    @test occursin("(5, 3), received (5, 2)", message(() -> fit!(trained("x -> x[1:2, :]", 3), x; batch=5)))
    before = copy(x)
    @test occursin("in place", message(() -> fit!(trained("x -> (x .= 1; x)", 3), x; batch=5)))
    @test x == before
end
