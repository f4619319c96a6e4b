# Layers put together: containers, an image model and a model of words.

function models()
    cases = Pair{String,Any}[]
    add(name, model, input, parameters; kw...) = push!(cases, record(name, model, input; parameters, kw...))
    flat, both = (4, 3), [within(1, DENSE); within(2, DENSE)]
    add("sequential", Chain(Dense(4 => 5, relu), Dense(5 => 2)), flat, both)
    add("concurrent", Parallel(vcat, Dense(4 => 2), Dense(4 => 3, relu), identity), flat, both)
    joined = Parallel((a, b) -> cat(a, b; dims=3), CrossCor((1, 1), 3 => 2), MaxPool((1, 1)))
    add("concurrent-channels", joined, (3, 2, 3, 2), within(1, CROSSCOR))
    skipped = ["kernel" => m -> m.layers.weight, "bias" => m -> m.layers.bias]
    add("residual", SkipConnection(Dense(4 => 2, tanh), (y, x) -> vcat(x, y)), flat, numbered(0, skipped))
    add("residual-add", SkipConnection(Dense(4 => 4, tanh), +), flat, numbered(0, skipped))
    renamed = ["layer.$name" => find for (name, find) in skipped]
    add("skip-connection", SkipConnection(Dense(4 => 4), (y, x) -> y .- 2x), flat, renamed)
    image, named, state = image_model()
    add("image", image, (5, 6, 1, 3), named; state)
    words = Chain(Embedding(7 => 3), GRU(3 => 3), last_step, Dense(3 => 2))
    table, gru = ["0.table" => m -> m.layers[1].weight], numbered(1, cell(m -> m.layers[2].cell, "_0"))
    add("words", words, (size=(4, 2), below=7), [table; gru; numbered(2, within_last(DENSE))])
    return cases
end

"""Names with the number that PyPhoton gives the layer, where Flux's Chain has more members."""
numbered(number, named) = ["$number.$name" => find for (name, find) in named]
within_last(named) = [name => m -> find(m.layers[end]) for (name, find) in named]

"""Convolution, batch normalisation, pooling and a dense layer, with the names of its parameters and of its state."""
function image_model()
    norm = BatchNorm(3; eps=1e-5, momentum=0.1)
    model = Chain(CrossCor((3, 3), 1 => 3, relu), norm, MaxPool((2, 2)), Flux.flatten, Dense(6 => 2))
    return model, [within(1, CROSSCOR); within(2, AFFINE); numbered(3, within_last(DENSE))], within(2, RUNNING)
end
