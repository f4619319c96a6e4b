# Values against Julia's own arithmetic where it has any, and every backward rule against central differences.

random = Xoshiro(2)
x, above = randn(random, 2, 3, 2), rand(random, 2, 3, 2) .* 2 .+ 0.3

for op in ("neg", "abs", "exp", "square", "sin", "cos", "tanh", "sigmoid", "relu", "softplus", "gelu", "swish", "selu", "elu", "leaky_relu", "clip")
    attrs = op == "clip" ? Dict("low" => -0.5, "high" => nothing) : op == "elu" ? Dict("alpha" => 0.3) : Dict()
    check((s, a) -> step!(s, op, a; rank=3, attrs), x)
end
for op in ("log", "sqrt")
    check((s, a) -> step!(s, op, a; rank=3), above)
end
check((s, a) -> step!(s, "add", step!(s, "sign", a; rank=3), step!(s, "round", a; rank=3); rank=3), x)

for op in ("add", "sub", "mul", "div", "pow", "mod", "maximum", "minimum")
    a, b = copy(above), rand(random, 2, 3, 2) .+ 0.4
    check((s, p, q) -> step!(s, op, p, q; rank=3), a, b)
    check((s, p, q) -> step!(s, op, p, step!(s, "reshape", q; attrs=Dict("shape" => [2, 1, 2]), rank=3); rank=3), a, rand(random, 2, 2) .+ 0.4)
    check((s, p, q) -> step!(s, op, step!(s, "sum", p; attrs=Dict("axis" => 0), rank=1), q; rank=3), rand(random, 2, 4) .+ 0.1, b)
    check((s, p) -> step!(s, op, p, Literal(1.7); rank=3), a)
    check((s, p) -> step!(s, op, Literal(1.7), p; rank=3), a)
end
check((s, p) -> step!(s, "pow", p, Literal(3)), randn(random, 3, 2))
check((s, p, q) -> step!(s, "where", step!(s, "gt", p, q; rank=3), p, q; rank=3), x, randn(random, 2, 3, 2))
check((s, p) -> step!(s, "where", step!(s, "lt", p, Literal(0.1); rank=3), Literal(-1.0), p; rank=3), x)

for op in ("sum", "mean", "max", "min", "prod"), (axis, keep) in ((nothing, false), (1, false), (-1, true), ([0, -1], false), ([0, 2], true), (nothing, true))
    check((s, a) -> step!(s, op, a; rank=3, attrs=Dict("axis" => axis, "keepdims" => keep)), x)
end
let y = copy(x)
    y[1] = 0.0
    y[5] = 0.0
    check((s, a) -> step!(s, "prod", a; rank=2, attrs=Dict("axis" => 1)), y)
end
for op in ("softmax", "log_softmax"), axis in (0, 1, -1)
    check((s, a) -> step!(s, op, a; rank=3, attrs=Dict("axis" => axis)), x)
end

check((s, a) -> step!(s, "reshape", a; rank=2, attrs=Dict("shape" => [nothing, 6])), x)
check((s, a) -> step!(s, "flatten", a; attrs=Dict("start" => 1)), x)
for axes in ([0, 2, 1], [2, 0, 1], [0, -1, 1])
    check((s, a) -> step!(s, "transpose", a; rank=3, attrs=Dict("axes" => axes)), randn(random, 2, 3, 4))
end
check((s, a, b) -> step!(s, "concat", a, b; attrs=Dict("axis" => 1)), randn(random, 2, 4), randn(random, 3, 4))
check((s, a, b) -> step!(s, "concat", a, a, b; attrs=Dict("axis" => 0)), randn(random, 2, 3), randn(random, 2, 3))
all_ = [nothing, nothing, nothing]
for index in ([1], [-1], [all_, [1, 3, nothing]], [all_, [nothing, nothing, -1]], ["...", -1], [all_, "new"], [all_, all_, [3, nothing, -2]], [[nothing, nothing, -1], "...", 0])
    check((s, a) -> step!(s, "getitem", a; rank=3, attrs=Dict("index" => index)), randn(random, 4, 3, 2))
end
for (a, b) in (((3, 2), (4, 3)), ((4, 3, 2), (2, 4)), ((4, 3, 2), (2, 4, 2)), ((3, 2), (3,)), ((3,), (2, 3)), ((3,), (3,)), ((4, 3, 1), (2, 4, 5)))
    check((s, p, q) -> step!(s, "matmul", p, q), randn(random, a...), randn(random, b...))
end
check((s, a, y) -> step!(s, "cross_entropy", a, y; rank=1), randn(random, 3, 4), Int64[0, 2, 1, 1])
check((s, a, y) -> step!(s, "mul", a, step!(s, "one_hot", y; attrs=Dict("classes" => 3, "dtype" => "float32"))), randn(random, 3, 4), Int64[0, 2, 1, 1])

"""The value of one primitive."""
function value(op, xs...; attrs=Dict(), dtype="float32")
    s = Sketch(dtype)
    ids = [a isa Array ? input!(s, P.python_shape(size(a)), lowercase(string(eltype(a)))) : Literal(a) for a in xs]
    m = make(plan_text(s, step!(s, op, ids...; attrs)))
    return only(outputs(m, filter(a -> a isa Array, collect(xs))...))
end

f = Float32[3 -1; 2 5]
@test value("argmax", f; attrs=Dict("axis" => -1)) == [0, 1] && eltype(value("argmax", f)) == Int64
@test value("eq", f, 2.0) == [false false; true false]
@test value("sum", Int64[1 2; 3 4]; attrs=Dict("axis" => 0)) == [3, 7]
@test value("mean", [true, false, true, true])[] === 0.75f0
@test value("add", Int64[1, 2], 1) == [2, 3] && eltype(value("add", Int64[1, 2], 0.5)) == Float32
@test value("cast", Float32[-1.5, 2.7]; attrs=Dict("dtype" => "int64")) == [-1, 2]
@test value("logical_not", Float32[0, 2]) == [true, false]
@test value("mod", Float32[-4, 3], -1.3f0) ≈ mod.(Float32[-4, 3], -1.3f0)
@test isnan(value("log", Float32[-1])[1]) && isnan(value("relu", Float32[NaN])[1])
@test_throws P.UnsupportedStep value("python", f)
@test_throws P.StepError value("add", Float32[1, 2], Float32[1, 2, 3])
