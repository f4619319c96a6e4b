# Dense layers, mat, bmm, embeddings, activations, softmax and dropout.

"""A function of x by itself, on numbers from -4 to 4."""
activation(name, f) = record("activation-$name", f, draw!(Numbers(name), Float64, 5, 3; low=-4.0, high=4.0))

function layers()
    cases = Pair{String,Any}[]
    add(name, f, x, sizes...; kw...) = push!(cases, record(name, f, x, sizes...; kw...))
    add("dense", @knet((x, w, b) -> w * x .+ b), (5, 3), "w" => (4, 5), "b" => (4,))
    add("dense-no-bias", @knet((x, w) -> w * x), (5, 3), "w" => (4, 5))
    add("dense-mat", @knet((x, w, b) -> relu.(w * mat(x) .+ b)), (2, 2, 3, 2), "w" => (4, 12), "b" => (4,))
    add("dense-mat-dims-1", @knet((x, w, b) -> reshape(w * mat(x; dims=1) .+ b, (4, 3, 2))), (5, 3, 2), "w" => (4, 5), "b" => (4,))
    add("mat", @knet(x -> mat(x)), (2, 2, 3, 2))
    add("embedding", @knet((ids, w) -> w[:, ids]), draw!(Numbers("embedding"), Int, 4, 2; highest=6), "w" => (3, 6))
    add("bmm", @knet((x, y) -> bmm(x, y)), (2, 3, 4), "y" => (3, 2, 4))
    add("bmm-transposed", @knet((x, y) -> bmm(x, y; transA=true)), (3, 2, 4), "y" => (3, 2, 4))
    for (name, f) in ("relu" => @knet(x -> relu.(x)), "tanh" => @knet(x -> tanh.(x)), "sigm" => @knet(x -> sigm.(x)), "elu" => @knet(x -> elu.(x)),
        "selu" => @knet(x -> selu.(x)), "gelu" => @knet(x -> gelu(x)), "swish" => @knet(x -> swish(x)), "hardsigmoid" => @knet(x -> hardsigmoid(x)),
        "hardswish" => @knet(x -> hardswish(x)), "leaky-relu" => @knet(x -> Knet.Ops21.relu(x; negative_slope=0.2)),
        "relu-6" => @knet(x -> Knet.Ops21.relu(x; max_value=3)))
        push!(cases, activation(name, f))
    end
    normalised!(add)
    dropped!(cases, add)
    return cases
end

"""Over the features of a sample, over another dimension, and, where no dimension is said, over the whole array."""
function normalised!(add)
    add("softmax", @knet(x -> softmax(x; dims=1)), (4, 3))
    add("softmax-dims-2", @knet(x -> softmax(x; dims=2)), (4, 3, 2))
    add("softmax-all", @knet(x -> softmax(x)), (4, 3))
    add("logsoftmax", @knet(x -> logsoftmax(x; dims=1)), (4, 3))
    add("logsoftmax-dims-2", @knet(x -> logsoftmax(x; dims=2)), (4, 3, 2))
    add("logsoftmax-all", @knet(x -> logsoftmax(x)), (4, 3))
end

"""Outside `@diff` nothing is dropped. What is kept in training is multiplied by a number, which is in the file; which ones are kept is chance."""
function dropped!(cases, add)
    add("dropout", @knet(x -> dropout(x, 0.4)), (5, 3); slopes=false)
    x = ones(100, 10)
    y = value(@diff sum(dropout(x, 0.4)))
    kept = unique(filter(!=(0), dropout(x, 0.4; drop=true)))
    push!(cases, "dropout-in-training" => Pair{String,Any}["knet" => "dropout(x, 0.4; drop=true)", "kept" => only(kept), "acts inside @diff" => Int(y != sum(x))])
end
