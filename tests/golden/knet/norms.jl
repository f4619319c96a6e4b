# batchnorm: scale and shift are one vector, `bnparams`; the running mean and variance are `bnmoments`. In evaluation its two-dimensional form
# has no gradient.

function norms()
    cases = Pair{String,Any}[]
    for (name, x) in ("" => (3, 5), "-4d" => (3, 2, 3, 2), "-5d" => (2, 2, 1, 3, 2)), affine in (true, false)
        push!(cases, normalised("batchnorm$name$(affine ? "" : "-no-params")", x, affine))
    end
    push!(cases, normalised("batchnorm-as-it-is", (3, 2, 3, 2), true; momentum=0.1, eps=1e-5))
    return cases
end

function normalised(name, size_, affine; momentum=0.3, eps=0.1)
    numbers, channels = Numbers(name), size_[end-1]
    sizes = ntuple(i -> i == length(size_) - 1 || length(size_) == 2 && i == 1 ? channels : 1, length(size_))
    mean, var = draw!(numbers, Float64, sizes...), draw!(numbers, Float64, sizes...; low=0.5, high=2.0)
    given = affine ? ["params" => (2channels,)] : []
    moments() = bnmoments(; momentum, mean=copy(mean), var=copy(var))
    more = Pair{String,Any}["momentum" => momentum, "eps" => eps, "mean" => mean, "var" => var]
    _, found = record(name, "batchnorm(x, moments, params; eps, training=false)" => (x, ps...) -> batchnorm(x, moments(), ps...; eps, training=false), size_, given...;
        slopes=length(size_) > 2, more)
    rename!(found, "gradients" => "evaluation gradients", "input gradient" => "evaluation input gradient")
    weights, x, moved = only(p for p in found if p[1] == "weights")[2], only(p for p in found if p[1] == "input")[2], moments()
    y = batchnorm(x, moved, map(last, weights)...; eps, training=true)
    append!(found, ["training output" => y, "moved mean" => moved.mean, "moved var" => moved.var])
    return name => append!(found, gradients((x, ps...) -> batchnorm(x, moments(), ps...; eps), x, weights))
end

rename!(found, names...) = map!(p -> get(Dict(names...), p[1], p[1]) => p[2], found, found)
