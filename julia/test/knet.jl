# Knet's steps against the core's, wherever Knet can be loaded: results, gradients, running states and training. The core is held to Flux's
# numbers, and Knet's steps to central differences by layers.jl (run with `PyPhoton.engine!("knet")`).

"""Results in evaluation and training, gradients by parameter and input, and parameters after them, of one plan on one engine."""
function measured(engine, texts, data)
    P.engine!(engine)
    try
        n, m = (make(text; random=Xoshiro(7)) for text in texts)
        values_, by_path, by_input = gradient(session(m), m, data...)
        return Any[only(outputs(n, data...)), only(outputs(n, data...; training=true)), values_, (n.parameters[k] for k in sort!(collect(keys(n.parameters))))...,
            (by_path[k] for k in sort!(collect(keys(by_path))))..., filter(!isnothing, by_input)...]
    finally
        P.engine!("native")
    end
end

"""`build(sketch, x...)` gives a step that both engines compute alike, in both types of floats."""
function alike(build, data...)
    for T in (Float32, Float64)
        s, xs = Sketch(lowercase(string(T))), [eltype(x) <: Integer ? x : T.(x) for x in data]
        ids = [input!(s, [nothing, P.python_shape(size(x))[2:end]...], lowercase(string(eltype(x)))) for x in xs]
        y = build(s, ids...)
        texts = plan_text(s, y), plan_text(s, step!(s, "sum", step!(s, "sin", step!(s, "mul", y, y)); rank=0))
        wanted, found = measured("native", texts, xs), measured("knet", texts, xs)
        @test length(wanted) == length(found)
        @test all(zip(wanted, found)) do (a, b)
            eltype(a) == eltype(b) && size(a) == size(b) && isapprox(a, b; rtol=T == Float32 ? 1e-4 : 1e-10, atol=T == Float32 ? 1e-5 : 1e-10)
        end
    end
end

function recurrent(s, x, kind, features; hidden=3, layers=1, both=false, last=true, dropout=0.0, nonlinearity="tanh")
    gates, ends, parameters = Dict("rnn" => 1, "lstm" => 4, "gru" => 3)[kind], both ? ("", "_reverse") : ("",), Pair{String,Vector{Int}}[]
    for n in 0:layers-1, e in ends
        append!(parameters, ("kernel_$n$e" => [n == 0 ? features : hidden * length(ends), gates * hidden], "recurrent_$n$e" => [hidden, gates * hidden], "bias_$n$e" => [gates * hidden]))
    end
    attrs = Dict("hidden" => hidden, "num_layers" => layers, "dropout" => dropout, "bidirectional" => both, "last_only" => last, "nonlinearity" => nonlinearity)
    return step!(s, kind, x; rank=last ? 2 : 3, attrs, parameters)
end

random = Xoshiro(11)
space = Dict(1 => (7,), 2 => (7, 6), 3 => (5, 4, 4))

function test_dense()
    for activation in ("identity", "relu", "tanh", "sigmoid", "softplus", "selu"), (flatten, size_) in ((false, (4, 5)), (false, (4, 3, 2)), (true, (2, 2, 5)))
        alike((s, x) -> P.dense!(s, x, 4, 3; flatten, activation), randn(random, size_...))
    end
    alike((s, x) -> step!(s, "dense", x; attrs=Dict("flatten" => false), parameters=("kernel" => [4, 3],)), randn(random, 4, 5))
    alike((s, x) -> step!(s, "embedding", x; rank=3, attrs=Dict("vocabulary" => 5), parameters=("table" => [5, 3],)), Int64[0 4; 2 2; 1 0])
end

"""Strides, padding that differs on both sides, dilation, groups, and all of them; output padding of a whole stride, too."""
function test_convolutions()
    for rank in 1:3, (strides, pads, dilation, groups, extra) in ((1, [0, 0], 1, 1, 0), (2, [1, 1], 1, 2, 1), (1, [2, 1], 2, 4, 1)), activation in ("identity", "relu")
        attrs = Dict("strides" => fill(strides, rank), "padding" => fill(pads, rank), "dilation" => fill(dilation, rank), "groups" => groups)
        alike((s, x) -> step!(s, "conv", x; rank=rank + 2, attrs, activation, parameters=("kernel" => [8, 4 ÷ groups, fill(2, rank)...], "bias" => [8])), randn(random, space[rank]..., 4, 3))
        for behind in (0, 1)
            up = merge(attrs, Dict("padding" => fill(behind, rank), "output_padding" => fill(extra, rank)))
            alike((s, x) -> step!(s, "conv_transpose", x; rank=rank + 2, attrs=up, activation, parameters=("kernel" => [4, 8 ÷ groups, fill(3, rank)...], "bias" => [8])), randn(random, space[rank]..., 4, 3))
        end
    end
end

"""The sum of a step's results, and its gradients by parameter and by `x`, on one engine."""
function slopes_of(engine, x, kind; attrs, parameters=())
    P.engine!(engine)
    try
        s = Sketch()
        y = step!(s, kind, input!(s, [nothing, P.python_shape(size(x))[2:end]...]); rank=ndims(x), attrs, parameters)
        m = make(plan_text(s, step!(s, "sum", y; rank=0)); random=Xoshiro(3))
        values_, by_path, by_input = gradient(session(m), m, x)
        return Any[values_, (by_path[k] for k in sort!(collect(keys(by_path))))..., by_input...]
    finally
        P.engine!("native")
    end
end

convolution(groups, padding=[[0, 0], [0, 0]]) = Dict("strides" => [1, 1], "padding" => padding, "output_padding" => [0, 0], "dilation" => [1, 1], "groups" => groups)

"""A minibatch of no samples has gradients of zero; the memory of a kernel's is written, too."""
function test_no_samples()
    x = zeros(Float32, 5, 4, 2, 0)
    for groups in (1, 2)
        kernel = ("kernel" => [2, 2 ÷ groups, 2, 2],)
        @test all(all(iszero, g) for g in slopes_of("knet", x, "conv"; attrs=convolution(groups), parameters=kernel))
        @test all(all(iszero, g) for g in slopes_of("knet", x, "conv_transpose"; attrs=convolution(groups, [0, 0]), parameters=kernel))
    end
    @test all(all(iszero, g) for g in slopes_of("knet", x, "layer_norm"; attrs=Dict("epsilon" => 1e-3), parameters=("scale" => [5], "shift" => [5])))
    @test all(all(iszero, g) for g in slopes_of("knet", x, "dense"; attrs=Dict("flatten" => false), parameters=("kernel" => [5, 3], "bias" => [3])))
end

"""What is not finite stays in the windows and groups that have it, as in the core."""
function test_not_finite()
    for bad in (NaN32, Inf32, -Inf32)
        x = randn(random, Float32, 5, 4, 2, 2)
        x[3], x[end] = bad, -Inf32
        wanted, found = (slopes_of(engine, x, "conv"; attrs=convolution(2), parameters=("kernel" => [4, 1, 2, 2],)) for engine in ("native", "knet"))
        @test all(isapprox(a, b; nans=true, rtol=1e-4) for (a, b) in zip(wanted, found))
    end
end

"""The largest number has the gradient, however near the next one is; NaN is the largest; windows may be larger than the image."""
function test_pools()
    row(numbers...) = reshape(Float32[numbers...], length(numbers), 1, 1)
    pool(size, stride, pad, inside=true) = Dict("pool_size" => [size], "strides" => [stride], "padding" => [[pad, pad]], "include_padding" => inside)
    @test vec(slopes_of("knet", row(1, 1.0001, 2.0001, 2), "max_pool"; attrs=pool(2, 2, 0))[2]) == [0, 1, 1, 0]
    @test isnan(only(slopes_of("knet", row(1, NaN, 2, 2), "max_pool"; attrs=pool(2, 2, 0))[1]))
    @test only(slopes_of("knet", row(-Inf, -Inf), "max_pool"; attrs=pool(2, 2, 0))[1]) == -Inf
    @test vec(slopes_of("knet", row(1, 3, 2), "max_pool"; attrs=pool(5, 1, 2))[2]) == [0, 3, 0]
    @test vec(slopes_of("knet", row(1, 3, 2), "avg_pool"; attrs=pool(5, 1, 2, true))[2]) ≈ fill(3 / 5, 3)
    @test vec(slopes_of("knet", row(1, 3, 2), "avg_pool"; attrs=pool(5, 1, 2, false))[2]) ≈ fill(1, 3)
    @test vec(slopes_of("knet", row(1, 3, 2), "adaptive_avg_pool"; attrs=Dict("size" => [2]))[2]) ≈ [1 / 2, 1, 1 / 2]
end

function test_norms()
    for size_ in ((3, 5), (4, 3, 6), (4, 2, 3, 5), (2, 3, 2, 3, 4)), names in (("scale", "shift"), ("shift",), ()), activation in ("identity", "relu")
        channels, rank, own = size_[end-1], length(size_), [name => n for name in names for n in (0,)]
        norm(s, x) = step!(s, "batch_norm", x; rank, activation, attrs=Dict("momentum" => 0.3, "epsilon" => 1e-3),
            parameters=[[name => [channels] for (name, _) in own]; "mean" => [channels]; "variance" => [channels]])
        alike(norm, randn(random, size_...))
        alike((s, x) -> step!(s, "layer_norm", x; rank, activation, attrs=Dict("epsilon" => 1e-3), parameters=[name => [size_[1]] for (name, _) in own]), randn(random, size_...))
    end
end

function test_recurrent()
    for kind in ("rnn", "lstm", "gru"), layers in (1, 2), both in (false, true), last in (true, false)
        alike((s, x) -> recurrent(s, x, kind, 2; layers, both, last), randn(random, 2, 4, 3))
    end
    for kind in ("rnn", "lstm", "gru")
        alike((s, x) -> recurrent(s, x, kind, 1), randn(random, 4, 3))
        alike((s, x) -> recurrent(s, x, kind, 2; layers=2, dropout=0.4, nonlinearity="relu"), randn(random, 2, 4, 3))
    end
end

function test_losses()
    for axis in (-1, 0, 1), kind in ("softmax", "log_softmax")
        alike((s, x) -> step!(s, kind, x; rank=3, attrs=Dict("axis" => axis)), randn(random, 3, 4, 5))
    end
    alike((s, x, labels) -> step!(s, "cross_entropy", x, labels; rank=1), randn(random, 3, 5), Int64[0, 2, 1, 2, 2])
    alike((s, x) -> step!(s, "dropout", P.dense!(s, x, 3, 8); attrs=Dict("rate" => 0.4)), randn(random, 3, 5))
end

"""What Knet cannot do is refused, with the reason: when the plan is added, or where it depends on what arrives."""
function test_refusals()
    P.engine!("knet")
    for (kind, reason, build) in (("rnn", "tanh or relu", (s, x) -> recurrent(s, x, "rnn", 4; nonlinearity="sigmoid")), ("julia", "Zygote", (s, x) -> step!(s, "julia", x; rank=3)))
        s = Sketch()
        error = try make(plan_text(s, build(s, input!(s, [nothing, 2, 4])))) catch e; e end
        @test error isa P.UnsupportedStep && error.op == kind && occursin(reason, sprint(showerror, error))
    end
    for kind in ("rnn", "lstm", "gru"), last in (true, false)
        s = Sketch()
        m = make(plan_text(s, recurrent(s, input!(s, [nothing, nothing, 2]), kind, 2; last)))
        error = try outputs(m, zeros(Float32, 2, 0, 3)) catch e; e end
        @test error isa P.StepError && error.cause isa DimensionMismatch && occursin("at least one step", sprint(showerror, error))
    end
    P.engine!("native")
end

"""The core's loop and optimiser over Knet's steps: a classifier of images, and one of sequences."""
function test_training()
    s = Sketch("float64")
    x, y = input!(s, [nothing, 1, 8, 8]), input!(s, [nothing], "int64")
    attrs = Dict("strides" => [1, 1], "padding" => [[1, 1], [1, 1]], "dilation" => [1, 1], "groups" => 1)
    c = step!(s, "conv", x; rank=4, attrs, parameters=("kernel" => [4, 1, 3, 3],))  # no bias: its gradient before a batch norm is noise, which Adam makes large
    n = step!(s, "batch_norm", c; rank=4, activation="relu", attrs=Dict("momentum" => 0.1, "epsilon" => 1e-5), parameters=("scale" => [4], "shift" => [4], "mean" => [4], "variance" => [4]))
    m = step!(s, "max_pool", n; rank=4, attrs=Dict("pool_size" => [2, 2], "strides" => [2, 2], "padding" => [[0, 0], [0, 0]]))
    images = plan_text(s, step!(s, "mean", step!(s, "cross_entropy", P.dense!(s, m, 64, 2; flatten=true), y; rank=1); rank=0))
    s = Sketch("float64")
    x, y = input!(s, [nothing, 6, 3]), input!(s, [nothing], "int64")
    sequences = plan_text(s, step!(s, "mean", step!(s, "cross_entropy", P.dense!(s, recurrent(s, x, "lstm", 3; hidden=8), 8, 2), y; rank=1); rank=0))
    for (text, size_) in ((images, (8, 8, 1)), (sequences, (3, 6)))
        data = randn(random, size_..., 64)
        labels = Int64[sum(view(data, axes(data)[1:end-1]..., j)) > 0 for j in 1:64]
        trained = map(("native", "knet")) do engine
            P.engine!(engine)
            w = Workout(text; optimiser="adam", lr=0.01, seed=1)
            fit!(w, data, labels; epochs=3), deepcopy(weights(w))
        end
        P.engine!("native")
        (a, wa), (b, wb) = trained
        @test isapprox(a, b; rtol=1e-6) && b[end] < b[1]
        @test all(isapprox(wa[k], wb[k]; rtol=1e-5, atol=1e-7) for k in keys(wa))
    end
end

if Base.identify_package("Knet") === nothing
    println("knet: skipped, Knet is not in this environment")
else
    Base.require(Base.identify_package("Knet"))
    for f in (test_dense, test_convolutions, test_no_samples, test_not_finite, test_pools, test_norms, test_recurrent, test_losses, test_refusals, test_training)
        @testset "$(nameof(f))" begin
            Base.invokelatest(f)
        end
    end
end
