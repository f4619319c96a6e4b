# Flux's convolutions (NNlib) as an engine: `PyPhoton.engine!("flux")`. `flipkernel=true` is what does NOT turn the kernel round
# in NNlib, so that this is Flux's CrossCor and torch's Conv; the tests hold the core's own engine to it.
#
# And models of Flux over PyPhoton's memory (flux_build.jl), and as data for PyPhoton (flux_read.jl); callables of any kind are
# differentiated by Zygote (differentiated.jl).
module PyPhotonFluxExt

using Flux: Flux, NNlib
using PyPhoton: PyPhoton, Geometry

struct FluxEngine end

"""NNlib's description of a convolution. For transposed ones with more output_padding than stride it has none."""
function dims(large::Array{T,N}, w::Array{T,N}, small::Array{T,N}, g::Geometry) where {T,N}
    S = N - 2
    found = NNlib.DenseConvDims(size(large), size(w); stride=g.strides[1:S], padding=g.sides, dilation=g.dilation[1:S], groups=g.groups, flipkernel=true)
    NNlib.output_size(found) == size(small)[1:S] || throw(ArgumentError("NNlib has no convolution from $(size(large)) to $(size(small)) here"))
    return found
end

PyPhoton.convolve!(::FluxEngine, y::Array{T}, x::Array{T}, w::Array{T}, g::Geometry, memory) where {T} = NNlib.conv!(y, x, w, dims(x, w, y, g))
PyPhoton.convolve_back!(::FluxEngine, dx::Array{T}, dy::Array{T}, w::Array{T}, g::Geometry, memory) where {T} = NNlib.∇conv_data!(dx, dy, w, dims(dx, w, dy, g))

function PyPhoton.convolve_kernel!(::FluxEngine, dw::Array{T}, x::Array{T}, dy::Array{T}, g::Geometry, memory, keep::T) where {T}
    keep == 0 && return NNlib.∇conv_filter!(dw, x, dy, dims(x, dw, dy, g))
    dw .+= NNlib.∇conv_filter!(similar(dw), x, dy, dims(x, dw, dy, g))
    return dw
end

include("flux_names.jl")
include("differentiated.jl")
include("flux_plan.jl")
include("flux_build.jl")
include("flux_read.jl")
include("julia_code.jl")
include("julia_layer.jl")

function __init__()
    PyPhoton.ENGINES["flux"] = PyPhoton.Engine(FluxEngine(), PyPhoton.BUILDERS)
    PyPhoton.CALLS["flux_build"] = d -> PyPhoton.keep!(build(PyPhoton.dict(d, "model"), Dict{String,Any}()))
    PyPhoton.BUILDERS["julia"] = (T, step, weights, activation) -> (has_run(Code(step.attrs)) || PyPhoton.check_code(step); CodeLayer{T}(step, weights))
    PyPhoton.CALLS["julia_arrays"] = call_arrays
    PyPhoton.CALLS["julia_values"] = call_values
    PyPhoton.CALLS["julia_output"] = call_output
    PyPhoton.CALLS["julia_applied"] = call_applied
    PyPhoton.CALLS["flux_read"] = d -> describe(PyPhoton.held(d, "model"))
    return nothing
end

# What every callable goes through, compiled while the package is installed; only Zygote's part of a callable is left for its first call.
let x = ones(Float32, 2, 2)
    for f in (Flux.Dense(2 => 2), x -> 2 .* x)
        ys, back = PyPhoton.pulled(f, Any[x]; training=true)
        back(Any[ys[1]])
        PyPhoton.pulled(f, Any[x]; differentiate=false)
    end
end

end
