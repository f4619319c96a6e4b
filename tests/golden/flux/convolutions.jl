# Convolutions. PyPhoton's do not flip the kernel: they are Flux.CrossCor, and Flux.Conv with the kernel seen backwards,
# which is needed for groups, as CrossCor has none. ConvTranspose flips in Flux, so its kernel is seen backwards, too.
# Lengths, strides and paddings stand here in Julia's order of axes, which is Python's backwards.

const CROSSCOR = ["kernel" => m -> m.weight, "bias" => m -> m.bias]
const FLIPPED = ["kernel" => m -> backwards(m.weight), "bias" => m -> m.bias]

"""The same numbers from the last to the first on each axis of space."""
backwards(w) = view(w, (n:-1:1 for n in size(w)[1:end-2])..., :, :)

const SPACE = [(7,), (3, 4), (3, 3, 3)]
const UNEVEN = [(2,), (1, 2), (2, 1, 2)]
const PADDING = [(2,), (1, 2), (1, 0, 1)]
const BATCH = [2, 2, 1]

function convolutions()
    cases = Pair{String,Any}[]
    add(name, model, input; parameters, kw...) = push!(cases, record(name, model, input; parameters, kw...))
    for rank in 1:3
        crosscor!(add, rank)
        grouped!(add, rank)
        transposed!(add, rank)
    end
    wide = CrossCor((4, 1), 2 => 1; pad=(2, 0))
    add("conv2d-kernel-not-square", wide, (4, 3, 2, 2); parameters=CROSSCOR)
    add("conv2d-float32", CrossCor((3, 3), 3 => 2, relu; pad=1), (3, 4, 3, 2); parameters=CROSSCOR, T=Float32)
    up = ConvTranspose((3, 3), 3 => 1; stride=2)
    add("conv2d-transpose-float32", up, (3, 2, 3, 2); parameters=FLIPPED, T=Float32)
    return cases
end

kernel(rank, n) = ntuple(_ -> n, rank)

function crosscor!(add, rank)
    name, x, uneven = "conv$(rank)d", (SPACE[rank]..., 2, BATCH[rank]), UNEVEN[rank]
    add(name, CrossCor(kernel(rank, 3), 2 => 2), x; parameters=CROSSCOR)
    add("$name-padding-tanh", CrossCor(kernel(rank, 2), 2 => 2, tanh; pad=PADDING[rank]), x; parameters=CROSSCOR)
    rank < 3 && add("$name-same", CrossCor(kernel(rank, 3), 2 => 2; pad=SamePad()), x; parameters=CROSSCOR)
    # Flux's SamePad puts the odd zero of an even kernel first, PyPhoton puts it last: here both sides are written out.
    trailing = ntuple(i -> (i + 1) % 2, 2rank)
    add("$name-same-even", CrossCor(kernel(rank, 2), 2 => 2; pad=trailing), x; parameters=CROSSCOR)
    add("$name-strides", CrossCor(kernel(rank, 2), 2 => 2; stride=uneven), x; parameters=CROSSCOR)
    add("$name-dilation", CrossCor(kernel(rank, 2), 2 => 2; dilation=uneven), x; parameters=CROSSCOR)
end

function grouped!(add, rank)
    name, x, uneven = "conv$(rank)d", (SPACE[rank]..., 4, BATCH[rank]), UNEVEN[rank]
    add("$name-groups", Conv(kernel(rank, 2), 4 => 2; groups=2), x; parameters=FLIPPED)
    depthwise = Conv(kernel(rank, 2), 4 => 4; groups=4, bias=false)
    rank < 3 && add("$name-depthwise-no-bias", depthwise, x; parameters=FLIPPED[1:1])
    everything = Conv(kernel(rank, 2), 4 => 4, relu; pad=1, stride=uneven, dilation=uneven, groups=2)
    add("$name-everything", everything, x; parameters=FLIPPED)
end

function transposed!(add, rank)
    name, space, uneven = "conv$(rank)d-transpose", ((4,), (3, 2), (2, 2, 2))[rank], UNEVEN[rank]
    two, four = (space..., 2, BATCH[rank]), (space..., 4, BATCH[rank])
    add(name, ConvTranspose(kernel(rank, 3), 2 => 2), two; parameters=FLIPPED)
    add("$name-strides", ConvTranspose(kernel(rank, 2), 2 => 2; stride=uneven), two; parameters=FLIPPED)
    padded = ConvTranspose(kernel(rank, 3), 2 => 2; pad=1, bias=false)
    add("$name-padding-no-bias", padded, two; parameters=FLIPPED[1:1])
    extended = ConvTranspose(kernel(rank, 3), 2 => 1, sigmoid; stride=2, pad=1, outpad=1)
    add("$name-output-padding", extended, two; parameters=FLIPPED)
    add("$name-dilation", ConvTranspose(kernel(rank, 2), 2 => 2; dilation=uneven), two; parameters=FLIPPED)
    rank < 3 && add("$name-groups", ConvTranspose(kernel(rank, 2), 4 => 2; groups=2), four; parameters=FLIPPED)
end
