# Losses: their value, and the gradient by the prediction where the value is one number.
#
# PyPhoton's epsilon is 1e-7 where Flux's depends on the number type, so Flux is given it. Left out: huber_loss
# (PyPhoton has the pseudo-Huber loss, a smooth one), msle, kldivergence, poisson_loss, dice, tversky and the
# contrastive loss, which PyPhoton does not have; focal_loss of many classes (PyPhoton's is binary); weights of classes,
# LNLoss and PseudoHuberLoss, which Flux does not.

const E = 1e-7

function losses()
    cases = Pair{String,Any}[]
    add(name, loss, p, y, written=y) = push!(cases, loss_case(name, loss, p, y, written))
    numbers = Numbers("losses")
    p, y = draw!(numbers, Float64, 3, 4), draw!(numbers, Float64, 3, 4)
    odds, certain = draw!(numbers, Float64, 3, 4; low=0.05, high=0.95), Float64.(y .> 0)
    add("mse", Flux.Losses.mse, p, y)
    add("mae", Flux.Losses.mae, p, y)
    add("mse-sum", (p, y) -> Flux.Losses.mse(p, y; agg=sum), p, y)
    add("mae-none", (p, y) -> Flux.Losses.mae(p, y; agg=identity), p, y)
    add("binary-cross-entropy", (p, y) -> Flux.Losses.binarycrossentropy(p, y; eps=E), odds, certain)
    add("binary-cross-entropy-of-scores", Flux.Losses.logitbinarycrossentropy, p, certain)
    add("hinge", Flux.Losses.hinge_loss, p, sign.(y))
    add("squared-hinge", Flux.Losses.squared_hinge_loss, p, sign.(y))
    # Flux adds epsilon to the prediction everywhere, PyPhoton inside the logarithms only: they differ by some epsilons.
    add("focal", (p, y) -> Flux.Losses.binary_focal_loss(p, y; eps=E), odds, certain)
    add("focal-gamma-1", (p, y) -> Flux.Losses.binary_focal_loss(p, y; gamma=1, eps=E), odds, certain)
    of_classes!(add, p, softmax(p), numbers)
    return cases
end

"""Cross-entropy, for one-hot targets and for class numbers."""
function of_classes!(add, scores, odds, numbers)
    labels = draw!(numbers, Int, 4; highest=3)
    hot = Float64.(Flux.onehotbatch(labels, 1:3))
    soft = softmax(draw!(numbers, Float64, 3, 4))
    add("cross-entropy", (p, y) -> Flux.Losses.crossentropy(p, y; eps=E), odds, hot)
    add("cross-entropy-soft", (p, y) -> Flux.Losses.crossentropy(p, y; eps=E), odds, soft)
    add("cross-entropy-labels", (p, y) -> Flux.Losses.crossentropy(p, y; eps=E), odds, hot, labels .- 1)
    add("cross-entropy-of-scores", Flux.Losses.logitcrossentropy, scores, hot)
    add("cross-entropy-of-scores-labels", Flux.Losses.logitcrossentropy, scores, hot, labels .- 1)
    add("cross-entropy-of-scores-sum", (p, y) -> Flux.Losses.logitcrossentropy(p, y; agg=sum), scores, hot)
end

"""`written` is the target as PyPhoton gets it."""
function loss_case(name, loss, p, y, written)
    value = loss(p, y)
    found = Pair{String,Any}["prediction" => p, "target" => written, "value" => value]
    value isa Real && push!(found, "gradient" => Flux.gradient(p -> loss(p, y), p)[1])
    return name => found
end
