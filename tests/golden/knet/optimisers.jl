# Eight steps of Knet's optimisers from given gradients: the parameter after each.

const RULES = [
    "SGD" => () -> SGD(), "Momentum" => () -> Momentum(), "Nesterov" => () -> Nesterov(), "Adagrad" => () -> Adagrad(), "Rmsprop" => () -> Rmsprop(),
    "Adadelta" => () -> Adadelta(), "Adam" => () -> Adam(),
    "SGD-given" => () -> SGD(lr=0.03), "Momentum-given" => () -> Momentum(lr=0.03, gamma=0.8), "Nesterov-given" => () -> Nesterov(lr=0.03, gamma=0.8),
    "Adagrad-given" => () -> Adagrad(lr=0.1, eps=0.02), "Rmsprop-given" => () -> Rmsprop(lr=0.02, rho=0.8, eps=0.02),
    "Adadelta-given" => () -> Adadelta(lr=0.7, rho=0.8, eps=0.02), "Adam-given" => () -> Adam(lr=0.02, beta1=0.8, beta2=0.9, eps=0.02),
    "SGD-gclip" => () -> SGD(lr=0.03, gclip=0.5), "Adam-gclip" => () -> Adam(lr=0.02, gclip=0.5), "Nesterov-gclip" => () -> Nesterov(gclip=0.5),
]

function optimisers()
    cases = Pair{String,Any}[]
    for (name, rule) in RULES
        numbers, optimiser = Numbers("optimisers"), rule()
        w, gradients_ = draw!(numbers, Float64, 3, 2), [draw!(numbers, Float64, 3, 2) for _ in 1:8]
        start, after = copy(w), Vector{Array{Float64}}()
        settings = ["$key" => Float64(getfield(optimiser, key)) for key in fieldnames(typeof(optimiser)) if getfield(optimiser, key) isa AbstractFloat || key == :gclip]
        for g in gradients_
            update!(w, copy(g), optimiser)
            push!(after, copy(w))
        end
        push!(cases, name => Pair{String,Any}["knet" => string(nameof(typeof(optimiser))), "settings" => settings, "start" => start,
            "gradients" => cat(gradients_...; dims=3), "after" => cat(after...; dims=3)])
    end
    return cases
end
