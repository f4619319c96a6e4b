# Pooling. Flux's global pools keep axes of length one, which PyPhoton's leave out. Flux's adaptive pools have windows
# of one size; they are PyPhoton's (torch's) bins where the lengths divide, and only there. MeanPool counts the padding,
# as PyPhoton does unless told otherwise.

const POOLED = [(7,), (5, 3), (3, 3, 3)]
const DIVISIBLE = [(6,), (2, 6), (4, 2, 2)]

function pools()
    cases = Pair{String,Any}[]
    kinds = ("max", MaxPool, AdaptiveMaxPool, GlobalMaxPool()), ("avg", MeanPool, AdaptiveMeanPool, GlobalMeanPool())
    for rank in 1:3, (kind, pool, adaptive, everywhere) in kinds
        x, name = (POOLED[rank]..., 2, BATCH[rank]), "$kind-pool$(rank)d"
        add(name, model, input=x) = push!(cases, record(name, model, input))
        add(name, pool(kernel(rank, 2)))
        add("$name-strides", pool(kernel(rank, 3); stride=1))
        add("$name-padding", pool(kernel(rank, 3); pad=1, stride=2), (size=x, range=(-3, -1)))
        add("$name-same", pool(kernel(rank, 3); pad=SamePad(), stride=1), (size=x, range=(-3, -1)))
        add("adaptive-$name", adaptive(kernel(rank, 2)), (DIVISIBLE[rank]..., 2, BATCH[rank]))
        add("global-$name", Chain(everywhere, Flux.flatten))
    end
    push!(cases, record("max-pool-per-axis", MaxPool((3, 2); pad=(0, 1), stride=(2, 1)), (6, 4, 1, 2)))
    return cases
end
