# Every layer kind: gradients of parameters and inputs against central differences, in Float64.

random = Xoshiro(4)
dense(s, x, from, to; flatten=false, activation="identity") = P.dense!(s, x, from, to; flatten, activation)

for activation in ("identity", "relu", "tanh", "sigmoid", "softplus", "gelu", "swish", "selu")
    check((s, x) -> dense(s, x, 4, 3; activation), randn(random, 4, 5))
end
check((s, x) -> dense(s, x, 12, 3; flatten=true, activation="relu"), randn(random, 2, 3, 2, 4))
check((s, x) -> dense(s, x, 4, 3; activation="tanh"), randn(random, 4, 2, 3))
check((s, x) -> dense(s, dense(s, x, 3, 3), 3, 3), randn(random, 3, 2))
check((s, x) -> step!(s, "embedding", x; rank=3, attrs=Dict("vocabulary" => 5), parameters=("table" => [5, 3],)), Int64[0 4; 2 2; 1 0])

for shape in ((3, 5), (4, 2, 3), (2, 3, 2, 3)), (scale, shift) in ((true, true), (false, true), (false, false)), activation in ("identity", "relu")
    rank, channels = length(shape), shape[end-1]
    named(c) = [name => [c] for (name, on) in ("scale" => scale, "shift" => shift) if on]
    check((s, x) -> step!(s, "batch_norm", x; rank, activation, attrs=Dict("momentum" => 0.3, "epsilon" => 0.1),
            parameters=[named(channels); "mean" => [channels]; "variance" => [channels]]), randn(random, shape...))
    check((s, x) -> step!(s, "layer_norm", x; rank, activation, attrs=Dict("epsilon" => 0.1), parameters=named(shape[1])), randn(random, shape...))
end

@testset "batch norm's running state" begin
    s = Sketch("float64")
    y = step!(s, "batch_norm", input!(s, [nothing, 2]); attrs=Dict("momentum" => 0.3, "epsilon" => 1e-5), parameters=("shift" => [2], "mean" => [2], "variance" => [2]))
    m = make(plan_text(s, y))
    before = deepcopy(m.parameters)
    mean, variance = only(k for k in keys(before) if endswith(k, "mean")), only(k for k in keys(before) if endswith(k, "variance"))
    shift = only(k for k in keys(before) if endswith(k, "shift"))
    @test only(outputs(m, [1.0; 2.0;;]; training=true)) ≈ before[shift]
    @test m.parameters == before
    x = randn(random, 2, 5)
    outputs(m, x; training=true)
    average = sum(x; dims=2) ./ 5
    @test m.parameters[mean] ≈ 0.7 .* before[mean] .+ 0.3 .* vec(average)
    @test m.parameters[variance] ≈ 0.7 .* before[variance] .+ 0.3 .* vec(sum(abs2, x .- average; dims=2)) ./ 4
    after = deepcopy(m.parameters)
    outputs(m, x)
    @test m.parameters == after
end

function recurrent(s, x, kind, features; hidden=2, layers=1, both=false, last=true, nonlinearity="tanh")
    gates, ends, parameters = Dict("rnn" => 1, "lstm" => 4, "gru" => 3)[kind], both ? ("", "_reverse") : ("",), Pair{String,Vector{Int}}[]
    for n in 0:layers-1, e in ends
        append!(parameters, ("kernel_$n$e" => [n == 0 ? features : hidden * length(ends), gates * hidden], "recurrent_$n$e" => [hidden, gates * hidden], "bias_$n$e" => [gates * hidden]))
    end
    attrs = Dict("hidden" => hidden, "num_layers" => layers, "dropout" => 0.0, "bidirectional" => both, "last_only" => last, "nonlinearity" => nonlinearity)
    return step!(s, kind, x; rank=last ? 2 : 3, attrs, parameters)
end

for kind in ("rnn", "lstm", "gru"), layers in (1, 2), both in (false, true), last in (true, false)
    check((s, x) -> recurrent(s, x, kind, 3; layers, both, last), randn(random, 3, 4, 2))
end
for kind in ("rnn", "lstm", "gru")
    check((s, x) -> recurrent(s, x, kind, 1), randn(random, 4, 2))
    check((s, x) -> recurrent(s, x, kind, 3; both=true), randn(random, 3, 1, 2))
end
check((s, x) -> recurrent(s, x, "rnn", 3; nonlinearity="relu"), randn(random, 3, 4, 2))

"""Cross-correlation, written out for two space axes."""
function slow_conv(x, w, strides, pad, dilation, groups)
    W, H, C, N = size(x)
    kw, kh, per, out = size(w)
    z = zeros(W + pad[1] + pad[2], H + pad[3] + pad[4], C, N)
    z[pad[1]+1:pad[1]+W, pad[3]+1:pad[3]+H, :, :] = x
    lengths = [fld(size(z, d) - dilation[d] * (size(w, d) - 1) - 1, strides[d]) + 1 for d in 1:2]
    return [sum(z[(a-1)*strides[1]+(i-1)*dilation[1]+1, (b-1)*strides[2]+(j-1)*dilation[2]+1, ((o-1)÷(out÷groups))*per+c, n] * w[i, j, c, o] for i in 1:kw, j in 1:kh, c in 1:per)
            for a in 1:lengths[1], b in 1:lengths[2], o in 1:out, n in 1:N]
end

space = Dict(1 => (5,), 2 => (5, 4), 3 => (4, 3, 3))
for rank in 1:3, (strides, pad, dilation, groups, activation) in ((1, [0, 0], 1, 1, "identity"), (2, [1, 2], 1, 1, "relu"), (1, [2, 2], 2, 2, "tanh"))
    attrs = Dict("strides" => fill(strides, rank), "padding" => fill(pad, rank), "dilation" => fill(dilation, rank), "groups" => groups)
    check((s, x) -> step!(s, "conv", x; rank=rank + 2, attrs, activation, parameters=("kernel" => [4, 2 ÷ groups, fill(2, rank)...], "bias" => [4])), randn(random, space[rank]..., 2, 2))
    up = merge(attrs, Dict("padding" => fill(1, rank), "output_padding" => fill(strides - 1, rank)))
    check((s, x) -> step!(s, "conv_transpose", x; rank=rank + 2, attrs=up, activation, parameters=("kernel" => [2, 4 ÷ groups, fill(3, rank)...], "bias" => [4])), randn(random, fill(2, rank)..., 2, 2))
end
let x = randn(random, 6, 5, 4, 2), s = Sketch("float64")
    attrs = Dict("strides" => [1, 2], "padding" => [[1, 0], [2, 1]], "dilation" => [2, 1], "groups" => 2)
    m = make(plan_text(s, step!(s, "conv", input!(s, [nothing, 4, 5, 6]); rank=4, attrs, parameters=("kernel" => [6, 2, 2, 3],))))
    w = only(values(m.parameters))
    @test only(outputs(m, x)) ≈ slow_conv(x, w, (2, 1), (2, 1, 1, 0), (1, 2), 2)
end

for rank in 1:3, kind in ("max_pool", "avg_pool"), (size_, strides, pad, inside) in ((2, 2, [0, 0], true), (3, 1, [1, 0], false), (2, 1, [1, 1], true))
    attrs = Dict("pool_size" => fill(size_, rank), "strides" => fill(strides, rank), "padding" => fill(pad, rank), "include_padding" => inside)
    check((s, x) -> step!(s, kind, x; rank=rank + 2, attrs, activation=kind == "max_pool" ? "relu" : "identity"), randn(random, space[rank]..., 2, 2))
end
for rank in 1:3, kind in ("adaptive_max_pool", "adaptive_avg_pool"), size_ in (1, 2, 7)
    check((s, x) -> step!(s, kind, x; rank=rank + 2, attrs=Dict("size" => fill(size_, rank))), randn(random, space[rank]..., 2, 2))
end

@testset "dropout" begin
    s = Sketch()
    m = make(plan_text(s, step!(s, "dropout", input!(s, [nothing, 100]); attrs=Dict("rate" => 0.25))))
    x = ones(Float32, 100, 100)
    y = only(outputs(m, x; training=true))
    @test abs(count(==(0), y) / 1e4 - 0.25) < 0.03 && all(v -> v == 0 || v ≈ 1 / 0.75, y)
    @test only(outputs(m, x)) == x
    @test only(outputs(m, x; training=true)) != y
    again = make(plan_text(s, 1))
    @test only(outputs(again, x; training=true)) == y
end
