# Dense, Embedding, Dropout, Flatten and the activations.

const DENSE = ["kernel" => m -> m.weight, "bias" => m -> m.bias]
"""The parameters of a layer at a place in a Chain or Parallel, as PyPhoton names them: counted from zero."""
within(place::Int, named) = ["$(place - 1).$name" => m -> find(m.layers[place]) for (name, find) in named]

# PyPhoton's gelu is the exact one, in Flux gelu_erf; Flux's gelu is the approximation by tanh.
const ACTIVATIONS = [
    "relu" => relu, "tanh" => tanh, "sigmoid" => sigmoid, "softplus" => softplus,
    "gelu" => Flux.NNlib.gelu_erf, "swish" => swish, "selu" => selu, "elu" => elu,
    "leaky_relu" => leakyrelu, "softsign" => softsign,
]

function simple()
    flat = (5, 3)
    cases = Pair{String,Any}[record("dense", Dense(5 => 4), flat; parameters=DENSE)]
    add(name, model, input; kw...) = push!(cases, record(name, model, input; kw...))
    for (name, f) in ACTIVATIONS
        add("dense-$name", Dense(5 => 4, f), flat; parameters=DENSE)
        add("activation-$name", Chain(x -> f.(x)), (size=flat, range=(-4, 4)))
    end
    add("dense-no-bias", Dense(5 => 4; bias=false), flat; parameters=DENSE[1:1])
    add("dense-flattens", Chain(Flux.flatten, Dense(12 => 4, relu)), (2, 2, 3, 2); parameters=within(2, DENSE))
    add("dense-last-axis", Dense(5 => 4), (5, 3, 2); parameters=DENSE)
    add("dense-tanh-float32", Dense(5 => 4, tanh), flat; parameters=DENSE, T=Float32)
    add("dense-sigmoid-float32", Dense(5 => 4, sigmoid), flat; parameters=DENSE, T=Float32)
    # PyPhoton's hard_sigmoid is Keras's, clip(0.2 x + 0.5, 0, 1); Flux's is clip(x / 6 + 0.5, 0, 1): the same at 1.2 x.
    add("activation-hard_sigmoid", Chain(x -> Flux.NNlib.hardsigmoid.(1.2 .* x)), (size=flat, range=(-4, 4)))
    add("softmax", Chain(softmax), flat)
    add("log-softmax", Chain(logsoftmax), flat)
    add("softmax-axis1", Chain(x -> softmax(x; dims=2)), (4, 3, 2))
    add("log-softmax-axis1", Chain(x -> logsoftmax(x; dims=2)), (4, 3, 2))
    table = ["table" => m -> m.weight]
    add("embedding", Embedding(6 => 3), (size=(4, 2), below=6); parameters=table)
    add("embedding-one-axis", Embedding(6 => 3), (size=(5,), below=6); parameters=table)
    add("dropout-of-prediction", Dropout(0.4), flat; slopes=false)  # in training both draw numbers of their own
    add("flatten", Chain(Flux.flatten), (2, 2, 3, 2))
    return cases
end
