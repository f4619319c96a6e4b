# Pools. Modes 0 and 3 are the maximum; 1 is the mean that counts padding; 2 should not count it, but on the processor Knet takes 1 instead.

"""Numbers below zero, so that zeros of the padding would show in a maximum."""
below(size...) = draw!(Numbers("pool"), Float64, size...; low=-3.0, high=-1.0)

function pools()
    cases = Pair{String,Any}[]
    add(name, f, x) = push!(cases, record(name, f, x))
    image = (5, 4, 2, 2)
    add("pool", @knet(x -> pool(x)), image)
    add("pool-mode-3", @knet(x -> pool(x; mode=3)), image)
    add("pool-padding", @knet(x -> pool(x; window=3, padding=1, stride=2)), below(image...))
    add("pool-window", @knet(x -> pool(x; window=(3, 2), stride=(1, 2))), image)
    add("pool-window-alone", @knet(x -> pool(x; window=(2, 4))), image)
    add("pool-alpha", @knet(x -> pool(x; alpha=0.5)), image)
    add("pool1d", @knet(x -> pool(x; window=3)), (7, 2, 3))
    add("pool3d", @knet(x -> pool(x; window=2, stride=1)), (3, 3, 3, 2, 1))
    add("mean", @knet(x -> pool(x; mode=1)), image)
    add("mean-padding", @knet(x -> pool(x; window=3, padding=1, stride=1, mode=1)), below(image...))
    add("mean-window", @knet(x -> pool(x; window=(3, 2), stride=(1, 2), mode=1)), image)
    add("mean1d", @knet(x -> pool(x; window=3, stride=2, mode=1)), (7, 2, 3))
    add("mean3d", @knet(x -> pool(x; window=2, stride=1, mode=1)), (3, 3, 3, 2, 1))
    add("mode-2", @knet(x -> pool(x; mode=2)), image)
    add("mode-2-padding", @knet(x -> pool(x; window=3, padding=1, stride=1, mode=2)), below(image...))
    add("unpool", @knet(x -> unpool(x)), (3, 2, 1, 2))
    add("unpool-window", @knet(x -> unpool(x; window=(3, 1))), (3, 2, 1, 2))
    return cases
end
