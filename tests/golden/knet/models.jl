# Models as Knet's tutorial writes them: structs that are called, a chain with a loss, and an optimiser that is an iterator of losses.

struct Layer; w; b; f; end
(d::Layer)(x) = d.f.(d.w * mat(x) .+ d.b)

struct Convolution; w; b; f; end
(c::Convolution)(x) = pool(c.f.(conv4(c.w, x) .+ c.b))

struct Network; layers; end
(n::Network)(x) = (for l in n.layers; x = l(x); end; x)
(n::Network)(x, y) = nll(n(x), y)

drawn(numbers, size...) = Param(draw!(numbers, Float64, size...; low=-0.7, high=0.7))
dense(numbers, out, in, f) = Layer(drawn(numbers, out, in), drawn(numbers, out), f)

function models()
    numbers = Numbers("models")
    perceptron = Network((dense(numbers, 5, 4, relu), dense(numbers, 3, 5, identity)))
    image = Network((Convolution(drawn(numbers, 3, 3, 1, 2), drawn(numbers, 1, 1, 2, 1), relu), dense(numbers, 4, 8, tanh), dense(numbers, 3, 4, identity)))
    return Pair{String,Any}[
        trained("perceptron-sgd", perceptron, numbers, (4, 9), sgd; lr=0.1),
        trained("image-adam", image, numbers, (6, 6, 1, 9), adam; lr=0.02),
    ]
end

"""Three epochs of minibatches of three, in their order: the loss before each update, and the weights after the last."""
function trained(name, model, numbers, size_, optimiser; lr)
    x, y = draw!(numbers, Float64, size_...), draw!(numbers, Int, size_[end]; highest=3)
    weights() = Pair{String,Any}["$i.$part" => copy(value(getfield(layer, part))) for (i, layer) in enumerate(model.layers) for part in (:w, :b)]
    found = Pair{String,Any}["knet" => "$optimiser(model, repeated batches; lr=$lr)", "lr" => lr, "input" => x, "labels" => y, "weights" => weights(), "output" => model(x)]
    batches = minibatch(x, y, 3; xtype=Array{Float64})
    losses = [loss for _ in 1:3 for loss in optimiser(model, batches; lr)]
    return name => append!(found, ["losses" => losses, "trained" => weights(), "accuracy" => accuracy(model(x), y)])
end
