# RNN, LSTM and GRU (not GRUv3: PyPhoton's reset gate acts after the product). Flux gives all steps, PyPhoton the last
# one unless told otherwise. Flux has no layer for both directions: they are two of its layers, one of them on reversed
# steps.

const CELLS = ["rnn" => RNN, "rnn-relu" => pair -> RNN(pair, relu), "lstm" => LSTM, "gru" => GRU]
const FEATURES, HIDDEN, STEPS, SEQUENCES = 3, 2, 4, 3

last_step(y) = y[:, end, :]
turned(x) = reverse(x; dims=2)

"""The names of a cell's parameters; `find` is where the cell is, `ending` as in "_0_reverse"."""
cell(find, ending) =
    ["kernel$ending" => m -> find(m).Wi, "recurrent$ending" => m -> find(m).Wh, "bias$ending" => m -> bias(find(m))]
bias(cell) = hasproperty(cell, :b) ? cell.b : cell.bias  # GRU's is called b

function recurrent()
    cases, x = Pair{String,Any}[], (FEATURES, STEPS, SEQUENCES)
    add(name, model, parameters; kw...) = push!(cases, record(name, model, x; parameters, kw...))
    for (name, layer) in CELLS
        one = cell(m -> m.layers[1].cell, "_0")
        add(name, Chain(layer(FEATURES => HIDDEN), last_step), one)
        add("$name-float32", Chain(layer(FEATURES => HIDDEN), last_step), one; T=Float32)
        add("$name-sequence", layer(FEATURES => HIDDEN), cell(m -> m.cell, "_0"))
        two = Chain(layer(FEATURES => HIDDEN), layer(HIDDEN => HIDDEN), last_step)
        add("$name-two-layers", two, [one; cell(m -> m.layers[2].cell, "_1")])
        name == "rnn-relu" && continue
        both = Parallel(vcat, layer(FEATURES => HIDDEN), Chain(turned, layer(FEATURES => HIDDEN), turned))
        add("$name-both-directions-sequence", both, [one; cell(m -> m.layers[2].layers[2].cell, "_0_reverse")])
        there, back = Chain(layer(FEATURES => HIDDEN), last_step), Chain(turned, layer(FEATURES => HIDDEN), last_step)
        found = [cell(m -> m.layers[1].layers[1].cell, "_0"); cell(m -> m.layers[2].layers[2].cell, "_0_reverse")]
        add("$name-both-directions", Parallel(vcat, there, back), found)
    end
    return cases
end
