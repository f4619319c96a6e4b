# RNN: arrays are (features, sequences, steps); all weights are one vector, r.w, whose parts `rnnparam` gives. Every gate has two biases; PyPhoton
# has one, so that of the state is zero in the GRU's new memory, inside of what the reset gate multiplies, but for one case.

const FEATURES, HIDDEN, SEQUENCES, STEPS = 3, 2, 3, 4

"""An RNN with weights from -1 to 1, all biases too; with relu from -0.3, so that it lets something through at every step."""
function filled(numbers, kind; two_biases=false, options...)
    r = RNN(FEATURES, HIDDEN; rnnType=kind, atype=Array{Float64}, options...)
    r.w = Param(draw!(numbers, Float64, size(r.w)...; low=kind == :relu ? -0.3 : -1.0, high=1.0))
    kind == :gru && !two_biases && foreach(l -> rnnparam(r, l, 6, 2; useview=true) .= 0, 1:r.numLayers*(r.direction+1))
    return r
end

"""All steps of the last layer; and, as `rnn.h` has it, what each direction of the last layer computed last."""
function sequences(name, kind; last=false, options...)
    numbers = Numbers(name)
    r, x = filled(numbers, kind; options...), draw!(numbers, Float64, FEATURES, SEQUENCES, STEPS)
    function f(x)
        last || return r(x)
        r.h = 0
        r(x)
        return r.direction == 0 ? r.h[:, :, end] : vcat(r.h[:, :, end-1], r.h[:, :, end])
    end
    x_ = Param(copy(x))
    tape = @diff energy(f(x_))
    found = Pair{String,Any}[
        "knet" => string(r, last ? ".h" : ""), "kind" => string(kind), "hidden" => HIDDEN, "layers" => Int(r.numLayers), "directions" => Int(r.direction) + 1,
        "input" => x, "weights" => ["w" => value(r.w)], "output" => value(f(x)), "gradients" => ["w" => slope(tape, r.w)], "input gradient" => slope(tape, x_),
    ]
    return name => found
end

function recurrent()
    cases = Pair{String,Any}[]
    for kind in (:relu, :tanh, :lstm, :gru)
        push!(cases, sequences("$kind", kind), sequences("$kind-last", kind; last=true), sequences("$kind-two-layers", kind; numLayers=2))
        push!(cases, sequences("$kind-both", kind; bidirectional=true), sequences("$kind-both-last", kind; bidirectional=true, last=true))
        push!(cases, sequences("$kind-both-two-layers", kind; bidirectional=true, numLayers=2))
    end
    push!(cases, sequences("gru-two-biases", :gru; two_biases=true))
    return push!(cases, "forget-biases" => fresh())
end

"""What an LSTM starts with in the two biases of its forget gate."""
function fresh()
    r = RNN(FEATURES, HIDDEN; atype=Array{Float64})
    return Pair{String,Any}["knet" => "rnnparam(RNN(3, 2), 1, id, 2) for id in (2, 6)", "biases" => cat((rnnparam(r, 1, id, 2) for id in (2, 6))...; dims=2)]
end
