# Columns: element-wise steps as one, against the formulas written out and their differences.

const WHOLE = [nothing, nothing, nothing]

"""A program of one group on (features, batch) arrays: `build(sketch, inputs...)` gives its outputs; `rows` are inputs that all samples share."""
function group(build, widths; rows=())
    s = Sketch("float64")
    xs = [input!(s, n in rows ? [n] : [nothing, n]) for n in widths]
    outputs = build(s, xs...)
    plan = P.read_plan(plan_text(s, outputs...))
    return P.Program{Float64}(plan, Dict{String,P.Weight{Float64}}(); whole=true, body=true)
end

wide(s, op, n, xs...; more...) = step!(s, op, xs...; shape=[nothing, n], more...)
part(s, x, low, high) = wide(s, "getitem", high - low, x; attrs=Dict("index" => [WHOLE, [low, high, nothing]]))
together(s, n, xs...) = wide(s, "concat", n, xs...; attrs=Dict("axis" => 1))

"""The group's outputs, and the gradients of the sum of weights .* outputs, equal the formula's."""
function check(formula, program, xs...)
    mode = P.Mode(1)
    P.forward!(program, mode, xs)
    wanted = formula(xs...)
    found = [copy(program.registers[i]) for i in program.plan.outputs]
    @test length(program.steps) == 1 && program.steps[1].op isa P.Columns
    @test all(isapprox.(found, wanted))
    weights_ = [randn(Xoshiro(i), size(y)) for (i, y) in enumerate(wanted)]
    fill!(program.slopes, nothing)
    foreach((i, w) -> P.seed!(program.slopes, i, copy(w), nothing), program.plan.outputs, weights_)
    P.descend!(program, P.route_from(program, [i.id for i in program.plan.inputs]))
    total() = sum(sum(w .* y) for (w, y) in zip(weights_, formula(xs...)))
    for (i, x) in zip(program.plan.inputs, xs)
        @test program.slopes[i.id] ≈ slopes(total, x; h=1e-6) rtol = 1e-6 atol = 1e-7
    end
end

sigma(x) = 1 / (1 + exp(-x))
numbers(seed, size...) = randn(Xoshiro(seed), size...)

@testset "gates, for less than a tile, a tile, and many: $N samples" for N in (1, 5, 16, 50)
    gates = group([12, 3]) do s, z, c
        a, new = wide(s, "sigmoid", 9, part(s, z, 0, 9)), wide(s, "tanh", 3, part(s, z, 9, 12))
        c2 = wide(s, "add", 3, wide(s, "mul", 3, part(s, a, 0, 3), c), wide(s, "mul", 3, part(s, a, 3, 6), new))
        (wide(s, "mul", 3, part(s, a, 6, 9), wide(s, "tanh", 3, c2)), c2)
    end
    check(gates, numbers(1, 12, N), numbers(2, 3, N)) do z, c
        a, new = sigma.(z[1:9, :]), tanh.(z[10:12, :])
        c2 = a[1:3, :] .* c .+ a[4:6, :] .* new
        [a[7:9, :] .* tanh.(c2), c2]
    end
end

@testset "values that are read twice, that are parts, and that others read" begin
    program = group([4, 4]) do s, x, y
        double = wide(s, "add", 4, x, x)
        sum_ = wide(s, "add", 4, double, y)
        half = part(s, sum_, 1, 3)
        (wide(s, "mul", 2, half, half), half, wide(s, "sub", 4, sum_, y), sum_)
    end
    check(program, numbers(3, 4, 20), numbers(4, 4, 20)) do x, y
        [(2x .+ y)[2:3, :] .^ 2, (2x .+ y)[2:3, :], 2x, 2x .+ y]
    end
end

@testset "columns that nobody reads have no gradient" begin
    program = group([6]) do s, x
        y = wide(s, "exp", 6, x)
        (wide(s, "neg", 2, part(s, y, 2, 4)),)
    end
    check(x -> [-exp.(x[3:4, :])], program, numbers(5, 6, 9))
end

@testset "joined parts, and rows and numbers that are the same for every sample" begin
    program = group([3, 2, 5]; rows=(5,)) do s, x, y, row
        all_ = together(s, 5, wide(s, "tanh", 3, x), wide(s, "square", 2, y))
        scaled = wide(s, "mul", 5, all_, row)
        (wide(s, "div", 5, wide(s, "add", 5, row, scaled), Literal(4.0)), together(s, 5, part(s, scaled, 3, 5), x))
    end
    check(program, numbers(6, 3, 17), numbers(7, 2, 17), numbers(8, 5)) do x, y, row
        all_ = vcat(tanh.(x), y .^ 2)
        [(row .+ all_ .* row) ./ 4, vcat((all_ .* row)[4:5, :], x)]
    end
end

@testset "a sum that only its readers compute, of two arrays, a row and a number" begin
    program = group([3, 3, 6]; rows=(6,)) do s, x, y, row
        both, joined = wide(s, "add", 3, x, y), together(s, 6, x, y)
        shifted = wide(s, "add", 6, wide(s, "exp", 6, wide(s, "add", 6, row, joined)), Literal(0.5))
        (together(s, 3, wide(s, "sigmoid", 1, part(s, both, 0, 1)), wide(s, "tanh", 2, part(s, both, 1, 3))), wide(s, "tanh", 6, shifted))
    end
    @test count(f -> f.code > P.OF_SUM, program.steps[1].op.ascent) == 4
    check(program, numbers(12, 3, 19), numbers(13, 3, 19), numbers(14, 6)) do x, y, row
        z = x .+ y
        [vcat(sigma.(z[1:1, :]), tanh.(z[2:3, :])), tanh.(exp.(row .+ vcat(x, y)) .+ 0.5)]
    end
end

@testset "a sum of products is one formula, but not where a product is read again: $again" for again in (false, true)
    program = group([3, 3, 3]) do s, x, y, z
        p, q = wide(s, "mul", 3, x, y), wide(s, "mul", 3, y, z)
        (wide(s, "add", 3, p, q), again ? wide(s, "square", 3, p) : x)[1:1+again]
    end
    @test any(f -> f.code == P.SUM_OF_PRODUCTS, program.steps[1].op.ascent) == !again
    check((x, y, z) -> [x .* y .+ y .* z, (x .* y) .^ 2][1:1+again], program, numbers(15, 3, 19), numbers(16, 3, 19), numbers(17, 3, 19))
end

@testset "every kind with a slope: $name" for name in ("add", "sub", "mul", "div", "maximum", "minimum")
    f = Dict("add" => +, "sub" => -, "mul" => *, "div" => /, "maximum" => max, "minimum" => min)[name]
    program = group((s, a, b) -> (y = wide(s, name, 3, wide(s, "tanh", 3, a), b); (wide(s, "square", 3, y), y)), [3, 3])
    check((a, b) -> (y = f.(tanh.(a), b); [y .^ 2, y]), program, numbers(9, 3, 21), numbers(10, 3, 21))
end

@testset "every kind of one number: $(row[1])" for row in P.UNARIES
    program = group((s, x) -> (y = wide(s, row[1], 3, x); (wide(s, "mul", 3, y, x), y)), [3])
    x = row[1] in ("log", "sqrt") ? 1 .+ numbers(11, 3, 21) .^ 2 : numbers(11, 3, 21)
    check(x -> (y = row[2].(x); [y .* x, y]), program, x)
end

@testset "arrays of other sizes are refused" begin
    program = group((s, x, y) -> (wide(s, "square", 3, wide(s, "add", 3, x, y)),), [3, 3])
    @test_throws P.StepError P.forward!(program, P.Mode(1), (numbers(1, 3, 4), numbers(2, 3, 5)))
    @test_throws P.StepError P.forward!(program, P.Mode(1), (numbers(1, 2, 4), numbers(2, 3, 4)))
end
