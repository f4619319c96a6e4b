# The workouts that are read: each kind of layer, loss, optimiser and metric of Photon's.

nothing_more(workout, x) = Pair{String,Any}[]

"""A case: how the data are drawn, what is done before training, and what more is recorded."""
case(model, loss, opt, x, y; metrics=(;), mover=Photon.SmartMover(), prepare=identity, more=nothing_more, train=true) =
    (; model, loss, opt, x, y, options=(; mover, metrics...), prepare, more, train)

drawn(size...; T=Float32, options...) = numbers -> draw!(numbers, T, size...; options...)

"""One class of three for each sample, as columns of a one at its place."""
function classes(count)
    return function (numbers)
        found = zeros(Float32, 3, count)
        for (i, class) in enumerate(draw!(numbers, Int, count; highest=3))
            found[class, i] = 1
        end
        return found
    end
end

class_numbers(numbers) = draw!(numbers, Int, 6; highest=3)

"""0 or 1; or -1 or 1."""
truth(low, size...) = numbers -> Float32.(ifelse.(draw!(numbers, Float32, size...) .> 0, 1, low))

const FEATURES, THREE = drawn(4, 6), drawn(3, 6)            # six samples
const DOUBLE = drawn(4, 6; T=Float64)                       # what Photon's losses with a sigmoid need
const IN_DOUBLE = Photon.SmartMover(Array{Float64})
const IMAGE = drawn(7, 6, 2, 4)                             # four images, 7 wide and 6 high
const OF_IMAGE = drawn(3, 4)

"""What recurrent layers compute where they go from step to step, and what Photon's first layer gives, which does not."""
function by_steps(workout, x)
    first, rest = workout.model.layers[1], workout.model.layers[2:end]
    h = first.ops(permutedims(x, (1, 3, 2)))
    y = first.last_only ? h[:, :, end] : permutedims(h, (1, 3, 2))
    return ["by steps" => foldl((h, layer) -> layer(h), rest; init=y), "first" => first(x)]
end

one_by_one(workout, x) = ["one by one" => hcat((predict(workout, x[:, i]) for i in axes(x, 2))...)]

freeze_first(workout) = freeze!(workout.model.layers[1].params.w)

const SHARED = Dense(4, tanh)

const CASES = [
    "adam" => case(Sequential(Dense(5, relu), Dense(3)), MSELoss(), Adam(lr=0.01), FEATURES, THREE),
    "sgd_clipped" => case(Sequential(Dense(5, :elu; name="first"), Dense(3; use_bias=false)), L1Loss(), SGD(lr=0.2, gclip=0.1), FEATURES, THREE; prepare=freeze_first),
    "adagrad" => case(Sequential(Dense(5, tanh), Dense(3)), PseudoHuberLoss(0.5), Adagrad(), FEATURES, THREE),
    "rmsprop" => case(Sequential(Dense(5, :sigm), Dense(3)), LNLoss(3), Rmsprop(), FEATURES, THREE),
    "adadelta" => case(Sequential(Dense(5, relu), Dense(3, sigm)), MSELoss(), Adadelta(), FEATURES, THREE),
    "focal" => case(Sequential(Dense(3, sigm)), FocalLoss(gamma=3), Adadelta(), FEATURES, truth(0, 3, 6); train=false),  # Photon cannot differentiate it
    "binary" => case(Sequential(Dense(5, relu), Dense(1, sigm)), BCELoss(), Momentum(), DOUBLE, truth(0, 1, 6); mover=IN_DOUBLE, metrics=(acc=BinaryAccuracy(threshold=0.4), mae=MAELoss())),
    "hinge" => case(Sequential(Dense(2)), HingeLoss(margin=0.5), SGD(), FEATURES, truth(-1, 2, 6)),
    "squared_hinge" => case(Sequential(Dense(2)), SquaredHingeLoss(autofix=false), SGD(lr=0.05), FEATURES, truth(-1, 2, 6)),
    "classes" => case(Sequential(Dense(3), Softmax(1)), CrossEntropyLoss(2), Nesterov(), FEATURES, classes(6)),
    "nll" => case(Sequential(Dense(3)), Knet.nll, SGD(), FEATURES, class_numbers; mover=identity, metrics=(acc=Knet.accuracy,)),
    "float64" => case(Sequential(Dense(3)), MSELoss(), Adam(), DOUBLE, drawn(3, 6; T=Float64); mover=IN_DOUBLE),
    "conv" => case(Sequential(Conv2D(3, (3, 2), relu; padding=(1, 0), strides=(2, 1)), Dense(3)), MSELoss(), Momentum(), IMAGE, OF_IMAGE),
    "dilated" => case(Sequential(Conv2D(2, 2; dilation=2, use_bias=false), Activation(Knet.selu), Flatten(), Dense(3)), MSELoss(), SGD(), IMAGE, OF_IMAGE),
    "conv1" => case(Sequential(Conv1D(3, 3, relu; padding=1), Dense(3)), MSELoss(), Momentum(), drawn(6, 2, 4), OF_IMAGE),
    "conv3" => case(Sequential(Conv3D(2, 2, relu), Dense(3)), MSELoss(), Adam(), drawn(4, 3, 3, 2, 4), OF_IMAGE),
    "transpose" => case(Sequential(Conv2DTranspose(2, (3, 2), tanh; strides=(2, 1), padding=1), Dense(3)), MSELoss(), Nesterov(lr=0.01), drawn(3, 4, 2, 4), OF_IMAGE),
    "max_pool" => case(Sequential(MaxPool(3; strides=2, padding=1), Dense(3)), MSELoss(), SGD(), IMAGE, OF_IMAGE),
    "avg_pool" => case(Sequential(AvgPool((3, 2); strides=(2, 1), padding=(1, 0)), Dense(3)), MSELoss(), SGD(), IMAGE, OF_IMAGE),
    "adaptive" => case(Sequential(Concurrent(AdaptiveAvgPool((1, 1)), AdaptiveMaxPool((1, 1))), Dense(3)), MSELoss(), SGD(), IMAGE, OF_IMAGE),
    "batch_norm" => case(Sequential(Conv2D(2, 3), BatchNorm(relu), Dense(5), BatchNorm(), Dense(3)), MSELoss(), SGD(), IMAGE, OF_IMAGE),
    "containers" => case(Sequential(Sequential(Concurrent(identity, Conv2D(2, 1), Sequential(Conv2D(1, 1, relu)))), Knet.mat, Dense(3)), MSELoss(), Adam(), IMAGE, OF_IMAGE),
    "reshape" => case(Sequential(Dense(12), Reshape((3, 2, :)), Conv2D(2, 2), Dense(3)), MSELoss(), SGD(), FEATURES, THREE),
    "shared" => case(Sequential(SHARED, SHARED, Dense(3)), MSELoss(), Adam(), FEATURES, THREE),
    "dropout" => case(Sequential(Dropout(0.4), Dropout(0.6)), MSELoss(), SGD(), FEATURES, FEATURES; train=false),
    "knet21" => case(Sequential(Dense(4, Knet.Ops21.gelu), Dense(3, Knet.Ops21.swish)), MSELoss(), SGD(), FEATURES, THREE; train=false),
    "zoo" => case(Photon.Zoo.DenseNet(Sequential(Conv2D(2, 3)), Dense(3)), MSELoss(), SGD(), IMAGE, OF_IMAGE),
    "softmax" => case(Sequential(Dense(3), Softmax()), MSELoss(), SGD(), FEATURES, THREE; more=one_by_one),
    "lstm" => case(Sequential(LSTM(3, 2), Dense(3)), MSELoss(), Adam(), drawn(4, 5, 6), THREE; more=by_steps),
    "rnn" => case(Sequential(RNN(3; activation=:relu, last_only=false), Dense(3)), MSELoss(), SGD(), drawn(4, 5, 6), THREE; more=by_steps),
    "gru" => case(Sequential(GRU(3), Dense(3)), MSELoss(), SGD(), drawn(4, 5, 6), THREE; more=by_steps, train=false),
]
