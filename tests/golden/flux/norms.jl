# BatchNorm and LayerNorm. Both libraries move the running variance by the unbiased one. A minibatch of one number per
# channel is left out: Flux divides by zero there. Flux has scale and shift together or not at all. Flux's LayerNorm
# adds the square of its `eps` to the variance, PyPhoton adds `epsilon` itself (as torch does): Flux gets the root.

const AFFINE = ["scale" => m -> m.γ, "shift" => m -> m.β]
const RUNNING = ["mean" => m -> m.μ, "variance" => m -> m.σ²]
const DIAGONAL = ["scale" => m -> m.diag.scale, "shift" => m -> m.diag.bias]

function norms()
    cases = Pair{String,Any}[]
    batch(name, model, input; kw...) = push!(cases, record(name, model, input; parameters=AFFINE, state=RUNNING, kw...))
    for (axes, x) in ("" => (3, 5), "-4-axes" => (3, 1, 2, 3), "-3-axes" => (4, 2, 3))
        channels = x[end-1]
        batch("batch-norm$axes", BatchNorm(channels; eps=0.1, momentum=0.3), x)
        batch("batch-norm$axes-relu", BatchNorm(channels, relu; eps=0.1, momentum=0.3), x)
        plain = BatchNorm(channels; affine=false, eps=0.1, momentum=0.3)
        batch("batch-norm$axes-no-scale-no-shift", plain, x; parameters=[])
        layer!(cases, axes, x)
    end
    batch("batch-norm-as-it-is", BatchNorm(3; eps=1e-5, momentum=0.1), (3, 5))
    batch("batch-norm-float32", BatchNorm(3; eps=0.1f0, momentum=0.3f0), (3, 5); T=Float32)
    return cases
end

function layer!(cases, axes, x)
    add(name, model; parameters=DIAGONAL) = push!(cases, record("layer-norm$axes$name", model, x; parameters))
    add("", LayerNorm(x[1]; eps=sqrt(0.1)))
    add("-tanh", LayerNorm(x[1], tanh; eps=sqrt(1e-5)))
    add("-no-scale-no-shift", LayerNorm(x[1]; affine=false, eps=sqrt(0.1)); parameters=[])
end
