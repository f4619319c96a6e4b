# A rehearsal while the package is installed: every stock layer, activation, loss and optimiser runs once on Float32, through
# the functions that Python calls. What Julia compiles here is kept, so that no stock model waits for the compiler.

"""A request and its answer, through the door: as Python asks."""
function asked(call; more...)
    found = parse_json(answer(json(Dict{String,Any}("call" => call, (String(k) => v for (k, v) in more)...))))::Dict{String,Any}
    haskey(found, "error") && throw(PlanError("$(call): $(found["error"])"))
    return found["value"]
end

"""Open, run, train, ask for gradients, save and go on: all that a model does, on made-up numbers."""
function rehearse(source::String, rule=Dict("kind" => "sgd"); samples=5)
    plan = read_plan(source)
    parameters, opening = module_spec(plan, size -> fill(0.1, size))
    data = Any[rehearsal_array(i, plan.T, samples) for i in plan.inputs]
    arrays, order = [described(a) for a in data], collect(Int64, 0:samples-1)
    GC.@preserve parameters data order begin
        number = parse_json(answer(json(opening)))["value"]
        id = asked("add_plan"; var"module"=number, plan=source)
        for training in (false, true)
            asked("run"; var"module"=number, plan=id, arrays, training)
        end
        limits = Dict{String,Any}(p.path => asked("add_plan"; var"module"=number, plan=unlimited(p, plan.T)) for p in first(plan.parameters, 1))
        s = asked("open_session"; var"module"=number, optimiser=rule, frozen=String[], limits)
        for (train, sequence) in ((true, Int(UInt(pointer(order)))), (false, nothing))
            asked("epoch"; sessions=[s], turns=[[id, [0]]], arrays, samples, order=sequence, batch=2, train, every=0, hook=nothing, poll=nothing, interrupt=nothing, finite=false, rates=nothing)
        end
        asked("step"; sessions=[s], turns=[[id, [0]]], arrays, samples, train=true, finite=false, begins=true, rates=[0.1])
        asked("finish"; sessions=[s])
        asked("gradient"; session=s, plan=id, arrays)
        asked("load"; session=s, arrays=[Dict{String,Any}("name" => name, a...) for (name, a) in asked("state"; session=s)])
        deck = asked("open_deck"; var"module"=number)
        taped = asked("run_taped"; deck, plan=id, arrays, training=true)["number"]
        slopes, into = outputs(OPEN[taped].program), Any[p for p in opening["parameters"] if p["role"] == "weight"]
        GC.@preserve slopes asked("slopes_back"; number=taped, slopes=Any[described(a) for a in slopes], wanted=fill(false, length(arrays)), into)
        asked("drop_taped"; number=taped)
        asked("drop_plan"; var"module"=number, plan=id)
        foreach(n -> asked("close"; number=n), (s, deck, number))
    end
    return nothing
end

"""The plan of a constraint that leaves a parameter as it is."""
function unlimited(p::PlanParameter, ::Type{T}) where {T}
    s, words = Sketch(dtype_name(T)), rsplit(p.path, "."; limit=2)
    return plan_text(s, step!(s, "parameter"; rank=length(p.shape), attrs=Dict("name" => words[2]), parameters=(words[2] => p.shape,), path=words[1]))
end

function rehearsal_array(i::PlanInput, ::Type{T}, samples) where {T}
    size = julia_size([n === nothing ? samples : n for n in i.shape])
    return startswith(i.dtype, "float") ? fill(T(0.5), size) : zeros(Int64, size)
end

"""A plan of one kind of layer on an input of this shape, and the mean of its squares. `build(sketch, x)` gives the layer's number."""
function rehearse_layer(build, shape...; dtype="float32", rule=Dict("kind" => "sgd"))
    s = Sketch()
    x = input!(s, [nothing, shape...], dtype)
    y = build(s, x)
    loss = step!(s, "mean", step!(s, "square", y); rank=0)
    rehearse(plan_text(s, loss), rule)
end

dense!(s, x, from, to; flatten=false, activation="identity") =
    step!(s, "dense", x; attrs=Dict("flatten" => flatten), parameters=("kernel" => [from, to], "bias" => [to]), activation)

function rehearse_layers()
    for activation in ("identity", "relu", "tanh", "sigmoid", "softplus", "gelu", "swish", "selu")
        rehearse_layer((s, x) -> dense!(s, x, 4, 3; activation), 4)
    end
    rehearse_layer((s, x) -> dense!(s, dense!(s, x, 12, 3; flatten=true, activation="relu"), 3, 2), 3, 2, 2)
    rehearse_layer((s, x) -> dense!(s, x, 4, 3; activation="relu"), 2, 4)
    rehearse_layer((s, x) -> dense!(s, step!(s, "embedding", x; rank=3, attrs=Dict("vocabulary" => 3), parameters=("table" => [3, 4],)), 8, 2; flatten=true), 2; dtype="int64")
    for shape in ((3,), (3, 4), (3, 4, 4))
        channels, last = shape[1], shape[end]
        rank, weight = length(shape) + 1, ("kernel" => [prod(shape), 2], "bias" => [2])
        for kind in (
            (s, x) -> step!(s, "dropout", x; rank, attrs=Dict("rate" => 0.5)),
            (s, x) -> step!(s, "noise", x; rank, attrs=Dict("std" => 0.5, "multiply" => false)),
            (s, x) -> step!(s, "batch_norm", x; rank, activation="relu", attrs=Dict("momentum" => 0.1, "epsilon" => 1e-5),
                parameters=("scale" => [channels], "shift" => [channels], "mean" => [channels], "variance" => [channels])),
            (s, x) -> step!(s, "layer_norm", x; rank, activation="relu", attrs=Dict("epsilon" => 1e-5), parameters=("scale" => [last], "shift" => [last])),
        )
            rehearse_layer((s, x) -> step!(s, "dense", kind(s, x); attrs=Dict("flatten" => rank > 2), parameters=weight), shape...)
        end
    end
    for kind in ("rnn", "lstm", "gru"), (both, last, shape) in ((false, true, (4, 3)), (true, false, (4, 3)), (true, true, (4,)))
        rehearse_layer((s, x) -> recurrent!(s, x, kind, length(shape) == 1 ? 1 : 3, both, last), shape...)
    end
    for rank in 1:3, kind in ("max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool")
        attrs = Dict("pool_size" => fill(2, rank), "strides" => fill(2, rank), "padding" => fill([0, 0], rank), "include_padding" => true, "size" => fill(1, rank))
        rehearse_layer((s, x) -> dense!(s, step!(s, kind, dense!(s, x, 4, 4); rank=rank + 2, attrs, activation=kind == "max_pool" ? "relu" : "identity"), kind[1] == 'a' && kind != "avg_pool" ? 2 : 2 * 2^rank, 2; flatten=true), 2, fill(4, rank)...)
    end
end

function recurrent!(s, x, kind, features, both, last)
    gates, ends, parameters = Dict("rnn" => 1, "lstm" => 4, "gru" => 3)[kind], both ? ("", "_reverse") : ("",), Pair{String,Vector{Int}}[]
    for n in 0:1, e in ends
        append!(parameters, ("kernel_$n$e" => [n == 0 ? features : 2 * length(ends), 2gates], "recurrent_$n$e" => [2, 2gates], "bias_$n$e" => [2gates]))
    end
    attrs = Dict("hidden" => 2, "num_layers" => 2, "dropout" => 0.5, "bidirectional" => both, "last_only" => last, "nonlinearity" => "tanh")
    return step!(s, kind, x; rank=last ? 2 : 3, attrs, parameters)
end

function rehearse_activations(ops)
    for shape in ((3,), (3, 2), (3, 2, 2)), op in ops
        length(shape) == 1 || !(op in ("sin", "cos", "sqrt", "log")) || continue
        rehearse_layer((s, x) -> step!(s, op, dense!(s, x, shape[end], 2)), shape...)
    end
end

function rehearse_primitives()
    rehearse_activations(("neg", "abs", "exp", "log", "sqrt", "square", "sin", "cos", "tanh", "sigmoid", "relu", "softplus", "gelu", "swish", "selu", "elu", "leaky_relu", "clip", "softmax", "log_softmax", "flatten"))
    for op in ("add", "sub", "mul", "div", "pow", "mod", "maximum", "minimum"), other in (:same, :row, :left, :right)
        rehearse_layer(3) do s, x
            y = dense!(s, x, 3, 3)
            other == :left ? step!(s, op, Literal(2.0), y) : step!(s, op, y, other == :right ? Literal(2.0) : other == :row ? Literal([[1.0, 2.0, 3.0]]) : x)
        end
    end
    for (axis, keep) in ((nothing, false), (1, false), (-1, true)), op in ("sum", "mean", "max", "min", "prod"), shape in ((3,), (3, 4))
        rehearse_layer((s, x) -> step!(s, op, dense!(s, x, shape[end], 3); attrs=Dict("axis" => axis, "keepdims" => keep), rank=axis === nothing ? 0 : length(shape) + keep), shape...)
    end
    rehearse_layer((s, x) -> step!(s, "concat", dense!(s, x, 3, 2), x; attrs=Dict("axis" => 1)), 3)
    rehearse_layer((s, x) -> step!(s, "add", step!(s, "reshape", dense!(s, x, 4, 4); rank=3, attrs=Dict("shape" => [nothing, 2, 2])), Literal(1.0)), 4)
    rehearse_layer((s, x) -> step!(s, "transpose", dense!(s, x, 4, 4); rank=3, attrs=Dict("axes" => [0, 2, 1])), 2, 4)
    rehearse_layer((s, x) -> step!(s, "getitem", dense!(s, x, 4, 4); attrs=Dict("index" => [[nothing, nothing, nothing], 0])), 2, 4)
    rehearse_layer((s, x) -> step!(s, "matmul", dense!(s, x, 4, 4), Literal([[1.0], [2.0], [3.0], [4.0]])), 4)
end

"""Losses and metrics: `build(sketch, prediction, target)` gives the elements."""
function rehearse_loss(build, rule; labels=false)
    s = Sketch()
    x, y = input!(s, [nothing, 4]), labels ? input!(s, [nothing], "int64") : input!(s, [nothing, 3])
    p = dense!(s, x, 4, 3)
    loss = step!(s, "mean", build(s, p, y); rank=0)
    best = step!(s, "argmax", p; attrs=Dict("axis" => -1), rank=1)
    right = labels ? step!(s, "eq", best, y; rank=1) : step!(s, "eq", best, step!(s, "argmax", y; attrs=Dict("axis" => -1), rank=1); rank=1)
    accuracy = step!(s, "mean", step!(s, "cast", right; attrs=Dict("dtype" => "float32"), rank=1); rank=0)
    above = step!(s, "eq", step!(s, "gt", p, Literal(0.5)), step!(s, "gt", labels ? p : y, Literal(0.5)))
    share = step!(s, "mean", step!(s, "cast", above; attrs=Dict("dtype" => "float32")); rank=0)
    rehearse(plan_text(s, loss, accuracy, share), rule)
end

function rehearse_losses()
    rules = [
        Dict("kind" => kind, "gclip" => clip, "clip_value" => clip, "clip_norm" => clip, "weight_decay" => clip, "accumulate" => 1 + Int(clip))
        for kind in sort!(collect(keys(RULES))) for clip in (0.0, 1.0)
    ]
    for rule in rules
        rehearse_loss((s, p, y) -> step!(s, "cross_entropy", p, y; rank=1), rule; labels=true)
    end
    l(v) = Literal(v)
    logs(s, p) = step!(s, "log", step!(s, "add", p, l(1e-7)))
    minus(s, p) = step!(s, "sub", l(1.0), p)
    across(s, a, b) = step!(s, "neg", step!(s, "sum", step!(s, "mul", a, b); rank=1, attrs=Dict("axis" => 1)); rank=1)
    hot(s, y) = step!(s, "one_hot", y; attrs=Dict("classes" => 3, "dtype" => "float32"))
    for (build, labels) in (
        ((s, p, y) -> step!(s, "square", step!(s, "sub", p, y)), false),
        ((s, p, y) -> step!(s, "pow", step!(s, "abs", step!(s, "sub", p, y)), l(2)), false),
        ((s, p, y) -> step!(s, "mul", step!(s, "sub", step!(s, "sqrt", step!(s, "add", step!(s, "square", step!(s, "div", step!(s, "sub", p, y), l(1.0))), l(1.0))), l(1.0)), l(1.0)), false),
        ((s, p, y) -> (q = step!(s, "sigmoid", p); step!(s, "sub", step!(s, "neg", step!(s, "mul", y, logs(s, q))), step!(s, "mul", minus(s, y), logs(s, minus(s, q))))), false),
        ((s, p, y) -> step!(s, "sub", step!(s, "softplus", p), step!(s, "mul", y, p)), false),
        ((s, p, y) -> step!(s, "maximum", step!(s, "sub", l(1.0), step!(s, "mul", p, step!(s, "where", step!(s, "lt", y, l(1.0)), l(-1.0), y))), l(0.0)), false),
        ((s, p, y) -> across(s, hot(s, y), logs(s, step!(s, "softmax", p))), true),
        ((s, p, y) -> across(s, y, step!(s, "log_softmax", p)), false),
        ((s, p, y) -> step!(s, "mul", step!(s, "mul", y, step!(s, "pow", minus(s, p), l(2.0))), logs(s, p)), false),
    )
        rehearse_loss(build, Dict("kind" => "adam"); labels)
    end
end

own_array!(s, name, shape) = step!(s, "parameter"; attrs=Dict("name" => name), parameters=(name => shape,), path="net", rank=length(shape))
taken!(s, x, index...; rank=2) = step!(s, "getitem", x; attrs=Dict("index" => collect(Any, index)), rank)
joined!(s, axis, xs...; rank=2) = step!(s, "concat", xs...; attrs=Dict("axis" => axis), rank)
reshaped!(s, x, lengths...) = step!(s, "reshape", x; attrs=Dict("shape" => [nothing, lengths...]), rank=1 + length(lengths))
const WHOLE_AXIS = [nothing, nothing, nothing]

"""Recurrences as equations: an LSTM with its products outside and side by side, as Python plans it, and one that joins x and h in its body."""
function rehearse_scans()
    for backwards in (false, true)
        rehearse_layer(3, 4) do s, x
            W = joined!(s, 1, own_array!(s, "W1", [4, 6]), step!(s, "transpose", own_array!(s, "W2", [2, 4]); attrs=Dict("axes" => [1, 0])))
            U, b_ = own_array!(s, "U", [2, 8]), step!(s, "concat", own_array!(s, "b1", [6]), own_array!(s, "b2", [2]); attrs=Dict("axis" => 0), shape=[8])
            z = step!(s, "add", step!(s, "matmul", x, W; shape=[nothing, 3, 8]), b_; shape=[nothing, 3, 8])
            scan!((b, z, u, h, c) -> lstm_body!(b, z, u, h, c, 2), s, 3, [(z, 8)], [(U, [2, 8])], [2, 2]; backwards)
        end
    end
    rehearse_layer(3, 4) do s, x
        scan!(s, 3, [(x, 4)], [], [2]) do b, xt, h
            h2 = step!(b, "sigmoid", step!(b, "dense", joined!(b, 1, xt, h); attrs=Dict("flatten" => true), parameters=("kernel" => [6, 2], "bias" => [2])))
            (step!(b, "relu", h2), h2)
        end
    end
end

"""The body of an LSTM of `n` units with f, i, o, g side by side, but that it keeps what f does not."""
function lstm_body!(b, z, u, h, c, n::Int)
    wide(op, m, xs...; more...) = step!(b, op, xs...; shape=[nothing, m], more...)
    part(y, low, high) = wide("getitem", high - low, y; attrs=Dict("index" => [WHOLE_AXIS, [low, high, nothing]]))
    g = wide("add", 4n, z, wide("matmul", 4n, h, u))
    gates, new = wide("sigmoid", 3n, part(g, 0, 3n)), wide("tanh", n, part(g, 3n, 4n))
    kept = wide("mul", n, wide("sub", n, Literal(1), part(gates, 0, n)), c)
    c2 = wide("add", n, kept, wide("mul", n, part(gates, n, 2n), new))
    h2 = wide("mul", n, part(gates, 2n, 3n), wide("tanh", n, c2))
    return h2, h2, c2
end

"""A recurrence that looks at all steps of its input, with two outputs in one row: attention as equations, as Python plans it."""
function rehearse_attention()
    rehearse_layer(3, 4) do s, x
        keys = joined!(s, -1, x, dense!(s, x, 4, 2); rank=3)
        seen = step!(s, "matmul", keys, own_array!(s, "Wk", [6, 5]); rank=3)
        owned = [(own_array!(s, name, shape), shape) for (name, shape) in ("Wh" => [2, 5], "v" => [5], "kernel" => [10, 2], "bias" => [2])]
        y = scan!(s, 3, [(x, 4)], [(seen, [nothing, 3, 5]), (keys, [nothing, 3, 6]), owned...], [2]) do b, xt, k, all, Wh, v, kernel, bias, h
            where_ = step!(b, "tanh", step!(b, "add", k, taken!(b, step!(b, "matmul", h, Wh), WHOLE_AXIS, "new"; rank=3); rank=3); rank=3)
            weights = step!(b, "softmax", step!(b, "matmul", where_, v); attrs=Dict("axis" => -1))
            context = taken!(b, step!(b, "matmul", taken!(b, weights, WHOLE_AXIS, "new"; rank=3), all; rank=3), WHOLE_AXIS, 0)
            h2 = step!(b, "tanh", step!(b, "add", step!(b, "matmul", joined!(b, 1, xt, context), kernel), bias))
            (joined!(b, 1, reshaped!(b, h2, 2), reshaped!(b, weights, 3)), h2)
        end
        h, weights = (reshaped!(s, taken!(s, y, WHOLE_AXIS, WHOLE_AXIS, [low, high, nothing]; rank=3), 3, high - low) for (low, high) in ((0, 2), (2, 5)))
        total(y) = step!(s, "sum", step!(s, "sum", y; attrs=Dict("axis" => [1, 2]), rank=1); rank=0)
        step!(s, "add", total(h), total(weights); rank=0)
    end
end

"""An attack: x moved along the signs of a gradient that stands in the model."""
function rehearse_gradients()
    rehearse_layer(4) do s, x
        g = gradient!(s, (b, z) -> step!(b, "sum", step!(b, "square", dense!(b, z, 4, 3; activation="relu")); rank=0), x, [nothing, 4])
        moved = step!(s, "clip", step!(s, "add", x, step!(s, "mul", step!(s, "sign", g), Literal(0.1))); attrs=Dict("low" => 0.0, "high" => 1.0))
        dense!(s, moved, 4, 2)
    end
end

"""Two sessions: one after the other in a step, and both by one gradient."""
function rehearse_turns()
    s = Sketch()
    loss = step!(s, "mean", step!(s, "square", dense!(s, dense!(s, input!(s, [nothing, 4]), 4, 3), 3, 2)); rank=0)
    source = plan_text(s, loss)
    parameters, opening = module_spec(read_plan(source), size -> fill(0.1, size))
    x, rates = fill(0.5f0, 4, 5), fill(0.1, 2, 3)
    GC.@preserve parameters x rates begin
        number = parse_json(answer(json(opening)))["value"]
        id, arrays = asked("add_plan"; var"module"=number, plan=source), [described(x)]
        sessions = [asked("open_session"; var"module"=number, optimiser=Dict("kind" => kind), frozen) for (kind, frozen) in (("sgd", ["dense0.kernel"]), ("adam", String[]))]
        turns = [[id, [0]], [id, [0, 1]]]
        asked("epoch"; sessions, turns, arrays, samples=5, order=nothing, batch=2, train=true, every=0, hook=nothing, poll=nothing, interrupt=nothing, finite=true, rates=Int(UInt(pointer(rates))))
        asked("step"; sessions, turns, arrays, samples=5, train=true, finite=true, begins=true, rates=nothing)
        foreach(n -> asked("close"; number=n), (sessions..., number))
    end
end

"""A function of Python's that gives back what it is given: the result is its first input, the gradient of every input that of the result."""
function echo(room::Ptr{Int})
    at, count = 6, unsafe_load(room, 5)
    if unsafe_load(room, 1) == FORWARD
        for _ in 1:count
            at += 3 + unsafe_load(room, at + 2)
        end
        foreach(k -> unsafe_store!(room, unsafe_load(room, 6 + k), at + k), 0:2+unsafe_load(room, 8))
    else
        slope = at + count + 1 + unsafe_load(room, at + count)
        foreach(k -> unsafe_store!(room, unsafe_load(room, slope) * unsafe_load(room, at + k), slope + 3 + unsafe_load(room, slope + 2) + k), 0:count-1)
    end
    return Cint(0)
end

"""Steps that Python computes: a layer, a loss and a metric."""
function rehearse_python()
    PYTHON[] = @cfunction(echo, Cint, (Ptr{Int},))
    for dtype in ("float32", "float64")
        s = Sketch(dtype)
        x = input!(s, [nothing, 3])
        y = step!(s, "python", dense!(s, x, 3, 3); attrs=Dict("call" => 1), parameters=("weight" => [2],))
        loss, metric = (step!(s, "python", step!(s, op, y; rank=0), x; attrs=Dict("call" => 1), rank=0) for op in ("mean", "sum"))
        rehearse(plan_text(s, loss, metric))
    end
    PYTHON[] = C_NULL
end

function rehearse_convolutions()
    for rank in 1:3, activation in ("relu", "identity"), kind in ("conv", "conv_transpose")
        attrs = Dict("strides" => fill(1, rank), "padding" => kind == "conv" ? fill([0, 0], rank) : fill(0, rank), "output_padding" => fill(0, rank), "dilation" => fill(1, rank), "groups" => 1)
        kernel = kind == "conv" ? [3, 2, fill(2, rank)...] : [2, 3, fill(2, rank)...]
        length_ = kind == "conv" ? 2 : 4
        rehearse_layer(2, fill(3, rank)...) do s, x
            y = step!(s, kind, dense!(s, x, 3, 3); rank=rank + 2, attrs, activation, parameters=("kernel" => kernel, "bias" => [3]))
            dense!(s, y, 3 * length_^rank, 2; flatten=true)
        end
    end
end

"""A model's file: read, run, trained with losses by name, written."""
function rehearse_files()
    s = Sketch()
    y = dense!(s, input!(s, [nothing, 3]), 3, 2)
    s.steps[end]["shapes"] = [[nothing, 2]]
    forward = parse_json(plan_text(s, y))
    about = Dict("format" => "pyphoton-model-1", "model" => Dict(), "frozen" => [], "plans" => Dict("forward" => forward, "training" => nothing, "limits" => Dict()))
    arrays = Dict{String,Any}(path => ones(Float32, julia_size(p["shape"])) for (path, p) in forward["params"])
    mktempdir() do folder
        m = load_model(write_safetensors(joinpath(folder, "m"), json(about), arrays))
        x = ones(Float32, 3, 4)
        m(x)
        fit!(Workout(m; loss="mse", lr=0.01), x, ones(Float32, 2, 4); batch=2)
        fit!(Workout(m; loss="logitcrossentropy", optimiser="sgd"), x, [0, 1, 0, 1]; shuffle=false)
        save_model(m, joinpath(folder, "n"))
        sprint(show, m)
    end
end

if ccall(:jl_generating_output, Cint, ()) == 1
    rehearse_layers()
    rehearse_scans()
    rehearse_attention()
    rehearse_gradients()
    rehearse_turns()
    rehearse_python()
    rehearse_convolutions()
    rehearse_primitives()
    rehearse_losses()
    rehearse_files()
end
