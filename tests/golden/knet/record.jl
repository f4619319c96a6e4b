# What Knet gives for a function of an input and weights: a case of a file.

"""The sum of squares times -1.5, -0.5, 0.5, 1.5, 2.5 in turn, so that it is not the same for all that is normalised."""
energy(y) = sum(abs2.(y) .* reshape(((0:length(y)-1) .% 5) .- 1.5, size(y)))

"""`@knet (x, w) -> conv4(w, x)` is how the function is written, and the function."""
macro knet(f)
    text = replace(string(Base.remove_linenums!(f.args[2]).args[end]), r"\s+" => " ")
    return :($text => $(esc(f)))
end

"""
`f(x, weights...)`: its result, and the gradients of its `energy` by every weight and by the input, if that is no array of whole numbers. `sizes`
are pairs of a weight's name and its size; an input is an array, or a size.
"""
function record(name, (text, f), input, sizes...; slopes=true, filled=weight!, more=[])
    numbers = Numbers(name)
    x = input isa Array ? input : draw!(numbers, Float64, input...; low=-2.0, high=2.0)
    weights = Pair{String,Any}[key => filled(numbers, key, size_) for (key, size_) in sizes]
    found = Pair{String,Any}["knet" => text, "input" => x, "weights" => weights, more..., "output" => f(x, map(last, weights)...)]
    slopes && append!(found, gradients(f, x, weights))
    return name => found
end

weight!(numbers, _, size) = draw!(numbers, Float64, size...)

function gradients(f, x, weights)
    x_, params_ = x isa Array{Int} ? x : Param(copy(x)), [Param(copy(w)) for (_, w) in weights]
    tape = @diff energy(f(x_, params_...))
    found = Pair{String,Any}["gradients" => Pair{String,Any}[key => slope(tape, p) for ((key, _), p) in zip(weights, params_)]]
    x_ isa Param && push!(found, "input gradient" => slope(tape, x_))
    return found
end

slope(tape, p) = AutoGrad.full(grad(tape, p))
