# conv4 turns the kernel round, unless mode=1; deconv4 is its transpose, with the same rule. Both for one, two and three dimensions of space.

function convolutions()
    cases = Pair{String,Any}[]
    add(name, f, x, sizes...) = push!(cases, record(name, f, x, sizes...))
    image, kernel, bias = (5, 4, 2, 2), "w" => (3, 2, 2, 3), "b" => (1, 1, 3, 1)
    add("conv", @knet((x, w) -> conv4(w, x)), image, kernel)
    add("conv-bias-relu", @knet((x, w, b) -> relu.(conv4(w, x) .+ b)), image, kernel, bias)
    add("conv-mode-1", @knet((x, w) -> conv4(w, x; mode=1)), image, kernel)
    add("conv-mode-1-bias", @knet((x, w, b) -> conv4(w, x; mode=1) .+ b), image, kernel, bias)
    for mode in (0, 1)
        add("conv-padding-$mode", "conv4(w, x; padding=(1, 2), mode=$mode)" => (x, w) -> conv4(w, x; padding=(1, 2), mode), image, kernel)
        add("conv-stride-$mode", "conv4(w, x; stride=(2, 1), mode=$mode)" => (x, w) -> conv4(w, x; stride=(2, 1), mode), image, kernel)
        add("conv-dilation-$mode", "conv4(w, x; dilation=2, mode=$mode)" => (x, w) -> conv4(w, x; dilation=2, mode), (7, 6, 2, 1), "w" => (3, 2, 2, 2))
        add("conv-everything-$mode", "conv4(w, x; padding=1, stride=2, dilation=(1, 2), mode=$mode) .+ b" =>
            (x, w, b) -> conv4(w, x; padding=1, stride=2, dilation=(1, 2), mode) .+ b, (7, 6, 2, 2), kernel, bias)
        add("conv-alpha-$mode", "conv4(w, x; alpha=0.5, mode=$mode)" => (x, w) -> conv4(w, x; alpha=0.5, mode), image, kernel)
        add("conv1d-$mode", "conv4(w, x; padding=1, mode=$mode)" => (x, w) -> conv4(w, x; padding=1, mode), (7, 2, 3), "w" => (3, 2, 2))
        add("conv3d-$mode", "conv4(w, x; stride=(1, 2, 1), mode=$mode)" => (x, w) -> conv4(w, x; stride=(1, 2, 1), mode), (3, 4, 3, 2, 1), "w" => (2, 2, 2, 2, 2))
    end
    return transposed!(cases, add)
end

"""The kernel of deconv4 has the channels of the result before those of the input."""
function transposed!(cases, add)
    for mode in (0, 1)
        image, kernel = (3, 2, 2, 2), "w" => (3, 2, 3, 2)
        add("deconv-$mode", "deconv4(w, x; mode=$mode)" => (x, w) -> deconv4(w, x; mode), image, kernel)
        add("deconv-bias-$mode", "deconv4(w, x; mode=$mode) .+ b" => (x, w, b) -> deconv4(w, x; mode) .+ b, image, kernel, "b" => (1, 1, 3, 1))
        add("deconv-stride-$mode", "deconv4(w, x; stride=2, mode=$mode)" => (x, w) -> deconv4(w, x; stride=2, mode), image, kernel)
        add("deconv-padding-$mode", "deconv4(w, x; padding=(1, 0), mode=$mode)" => (x, w) -> deconv4(w, x; padding=(1, 0), mode), image, kernel)
        add("deconv1d-$mode", "deconv4(w, x; stride=2, padding=1, mode=$mode)" => (x, w) -> deconv4(w, x; stride=2, padding=1, mode), (4, 2, 3), "w" => (3, 2, 2))
    end
    return cases
end
