# Workouts that cannot be translated, or have things in them that are not.

own_loss(p, y) = sum(abs2, p - y)
own_metric(p, y) = 1.0

struct OwnLayer <: Photon.Layers.Layer
    inside
end
(layer::OwnLayer)(x) = layer.inside(x)

"""A function without a name, which does not know in which file it was written."""
unnamed(code) = Core.eval(Main, Meta.parse(code))

built(model, size...) = (model(randn(Float32, size...)); model)
small(; options...) = built(Sequential(Dense(2; options...)), 3, 2)

small_with(init) = Base.invokelatest(small; initw=init)

"""As on a GPU: Knet writes a KnetArray's type and then the array in memory. There is none here, so its type is put before each Param's array."""
struct OnGPU
    workout::Workout
end

mutable struct GPUParam{T}
    value::T
    opt
end

function Serialization.serialize(s::AbstractSerializer, p::GPUParam{Array{T,N}}) where {T,N}
    Serialization.serialize_cycle(s, p) && return
    Serialization.serialize_type(s, Knet.Param{Knet.KnetArray{T,N}}, true)
    Serialization.serialize_type(s, Knet.KnetArray{T,N})
    serialize(s, p.value)
    serialize(s, p.opt)
end

function on_gpu()
    model = small()
    layer = model.layers[1]
    both = (GPUParam(layer.params.w.value, nothing), GPUParam(layer.params.b.value, nothing))
    layer.params = NamedTuple{(:w, :b),Tuple{Any,Any}}(both)
    return Workout(model, MSELoss())
end

function own_activation()
    model = small()
    model.layers[1].activation = unnamed("x -> 2x")
    return Workout(model, MSELoss())
end

"""An LSTM as it is after it has run on a GPU."""
function lstm_on_gpu()
    model = built(Sequential(LSTM(2)), 3, 4, 2)
    model.layers[1].ops.rnnDesc = Knet.Ops20_gpu.RD(C_NULL)
    model.layers[1].ops.dropoutDesc = Knet.Ops20_gpu.DD(C_NULL, zeros(UInt8, 3))
    return Workout(model, MSELoss())
end

function two_optimisers()
    model = built(Sequential(Dense(2), Dense(2)), 3, 2)
    model.layers[1].params.w.opt, model.layers[2].params.w.opt = SGD(lr=0.1), SGD(lr=0.2)
    return Workout(model, MSELoss())
end

function late()
    workout = Workout(small(), MSELoss(), Adam())
    freeze!(workout.model.layers[1].params.b)
    train!(workout, [(zeros(Float32, 3, 2), ones(Float32, 2, 2))]; cb=SilentMeter())
    unfreeze!(workout.model.layers[1].params.b)
    return workout
end

function trained_gru()
    workout = Workout(built(Sequential(GRU(2)), 3, 4, 2), MSELoss(), SGD())
    train!(workout, [(randn(Float32, 3, 4, 2), ones(Float32, 2, 2))]; cb=SilentMeter())
    return workout
end

refused() = [
    "own_activation" => own_activation(),
    "own_init" => Workout(small_with(unnamed("(d...) -> randn(d...)")), MSELoss()),
    "own_layer" => Workout(Sequential(OwnLayer(small())), MSELoss()),
    "own_loss" => Workout(small(), own_loss),
    "unnamed_loss" => Workout(small(), unnamed("(p, y) -> sum(p)")),
    "own_metric" => Workout(small(), MSELoss(); good=own_metric, acc=OneHotBinaryAccuracy()),
    "own_mover" => Workout(small(), MSELoss(); mover=unnamed("x -> x")),
    "sigmoid_loss" => Workout(small(), BCELoss(use_sigmoid=true, reduction=sum)),   # Photon cannot compute it
    "softmax_loss" => Workout(small(), CrossEntropyLoss(use_softmax=true)),
    "unbuilt" => Workout(Sequential(Dense(2)), MSELoss()),
    "unbuilt_norm" => Workout(Sequential(BatchNorm()), MSELoss()),
    "adaptive_two" => Workout(Sequential(AdaptiveAvgPool((2, 2))), MSELoss()),
    "flatten_dims" => Workout(Sequential(Flatten(2)), MSELoss()),
    "residual" => Workout(Sequential(Residual(Sequential(small().layers[1]))), MSELoss()),
    "two_optimisers" => two_optimisers(), "late" => late(), "trained_gru" => trained_gru(), "on_gpu" => on_gpu(), "lstm_on_gpu" => lstm_on_gpu(),
]
