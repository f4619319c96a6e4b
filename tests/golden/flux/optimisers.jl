# Ten steps of every optimiser that PyPhoton has, by the rules of Optimisers.jl: the loss before each step, and the
# parameters after the last. All of them have the same formula in both, Nesterov's too, except for the place of epsilon:
# - RMSProp adds it to the root, PyPhoton under it: compared with epsilon 0, where both are the same;
# - AdaGrad adds it to the root, too, and also starts its sum of squares at it. PyPhoton's form is the second alone, so
#   Flux's rule is started with epsilon, which `adjust!` then takes away; and compared with epsilon 0.
#
# Left out, as PyPhoton does not have them: NAdam, RAdam, OAdam, AMSGrad, AdaBelief, Lion and Rprop; and a rate of
# Adadelta other than 1, which Flux does not have.

const O = Flux.Optimisers
const RULES = [
    "sgd" => O.Descent(0.1), "momentum" => O.Momentum(0.03, 0.8), "nesterov" => O.Nesterov(0.03, 0.8),
    "adagrad-without-eps" => O.AdaGrad(0.1, 0.0), "rmsprop-without-eps" => O.RMSProp(0.02, 0.8, 0.0),
    "adadelta" => O.AdaDelta(0.8, 0.01), "adam" => O.Adam(0.02, (0.8, 0.9), 0.01),
    "adamw" => O.AdamW(0.02, (0.8, 0.9), 0.3, 0.01), "adamax" => O.AdaMax(0.02, (0.8, 0.9), 0.01),
    "sgd-clipped" => O.OptimiserChain(O.ClipNorm(0.05), O.Descent(0.1)),
    "adam-clipped" => O.OptimiserChain(O.ClipNorm(0.05), O.Adam(0.02, (0.8, 0.9), 0.01)),
    "sgd-as-it-is" => O.Descent(0.01), "momentum-as-it-is" => O.Momentum(0.05, 0.95),
    "nesterov-as-it-is" => O.Nesterov(0.05, 0.95), "adadelta-as-it-is" => O.AdaDelta(0.9, 1e-6),
    "adam-as-it-is" => O.Adam(0.001, (0.9, 0.999), 1e-8),
    "adamw-as-it-is" => O.AdamW(0.001, (0.9, 0.999), 0.01, 1e-8),
    "adamax-as-it-is" => O.AdaMax(0.002, (0.9, 0.999), 1e-8),
]

function optimisers()
    cases = Pair{String,Any}[]
    for (name, rule) in RULES
        push!(cases, trajectory(name, perceptron()..., rule))
    end
    push!(cases, trajectory("adagrad", perceptron()..., O.AdaGrad(0.1, 0.01); started=s -> O.adjust!(s; epsilon=0.0)))
    push!(cases, trajectory("adam-float32", perceptron(Float32)..., O.Adam(0.02f0, (0.8f0, 0.9f0), 0.01f0)))
    image, named, state = image_model()
    push!(cases, trajectory("image-adam", Flux.f64(image), (5, 6, 1, 4), named, O.Adam(0.02, (0.8, 0.9), 0.01); state))
    return cases
end

function perceptron(T=Float64)
    model = Chain(Dense(2 => 3, tanh), Dense(3 => 2))
    return T == Float64 ? Flux.f64(model) : model, (2, 5), [within(1, DENSE); within(2, DENSE)]
end

"""The mean squared error of a model, made smaller by ten steps of a rule."""
function trajectory(name, model, input, named, rule; state=[], started=identity)
    numbers = Numbers("trajectory")
    T = eltype(named[1][2](model))
    x, y = draw!(numbers, T, input...), draw!(numbers, T, 2, input[end])
    fill_arrays!(numbers, model, named)
    fill_arrays!(numbers, model, state)
    found = Pair{String,Any}[
        "flux" => one_line(rule), "input" => x, "target" => y,
        "parameters" => arrays(model, named), "state" => arrays(model, state),
    ]
    kept = Flux.setup(rule, model)
    started(kept)
    losses = map(1:10) do _
        loss, slopes = Flux.withgradient(m -> Flux.Losses.mse(m(x), y), model)
        Flux.update!(kept, model, slopes[1])
        loss
    end
    append!(found, ["losses" => losses, "trained" => arrays(model, named), "moved state" => arrays(model, state)])
    return name => found
end
