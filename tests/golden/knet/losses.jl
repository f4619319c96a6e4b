# Losses and accuracy. Labels are 1 to the number of classes, and 0 is a sample that does not count.

function losses()
    cases, numbers = Pair{String,Any}[], Numbers("losses")
    scores, labels = draw!(numbers, Float64, 4, 6; low=-2.0, high=2.0), draw!(numbers, Int, 6; highest=4)
    labels[2] = argmax(scores[:, 2])
    skipping = [labels[1:2]; 0; labels[4:5]; 0]
    for (name, y) in ("" => labels, "-skipping" => skipping)
        push!(cases, loss("nll$name", @knet((p, y) -> nll(p, y)), scores, y), loss("nll-total$name", @knet((p, y) -> nll(p, y; average=false)[1]), scores, y))
        push!(cases, loss("accuracy$name", @knet((p, y) -> accuracy(p, y)), scores, y; slopes=false))
    end
    rows = permutedims(scores)
    push!(cases, loss("nll-dims-2", @knet((p, y) -> nll(p, y; dims=2)), rows, labels), loss("accuracy-dims-2", @knet((p, y) -> accuracy(p, y; dims=2)), rows, labels; slopes=false))
    of_two!(cases, draw!(numbers, Float64, 6; low=-4.0, high=4.0), draw!(numbers, Int, 6; highest=2) .- 1)
    return cases
end

"""bce has labels 0 and 1, logistic -1 and 1."""
function of_two!(cases, scores, labels)
    push!(cases, loss("bce", @knet((p, y) -> bce(p, y)), scores, labels), loss("bce-total", @knet((p, y) -> bce(p, y; average=false)[1]), scores, labels))
    push!(cases, loss("logistic", @knet((p, y) -> logistic(p, y)), scores, 2labels .- 1))
end

function loss(name, (text, f), scores, labels; slopes=true)
    found = Pair{String,Any}["knet" => text, "scores" => scores, "labels" => labels, "value" => f(scores, labels)]
    p = Param(copy(scores))
    slopes && push!(found, "gradient" => slope(@diff(f(p, labels)), p))
    return name => found
end
