# Flux's convolutions (NNlib) as steps. Kernels lie as they are: Python's (out, in / groups, height, width) is the
# (width, height, in / groups, out) that NNlib wants; `flipkernel=true` is what does NOT turn the kernel round there, so that
# this is Flux's CrossCor and torch's Conv. A transposed convolution is the gradient of a convolution by its input.
module PyPhotonFluxExt

using Flux: NNlib
using PyPhoton: PyPhoton, Weight, Buffer, Mode, Activation, sized!, array, vector, trained, gradient!, summed!, before, biased_channels!, add_channels!,
    space_order, flat_padding, map_into!, precompile_engine
using .NNlib: DenseConvDims

"""A convolution, or (`up`) a transposed one."""
struct Conv{T,N}
    kernel::Weight{T}
    bias::Union{Nothing,Weight{T}}
    weight::Array{T,N}
    activation::Activation
    up::Bool
    strides::Dims
    padding::Dims
    dilation::Dims
    extra::Dims
    groups::Int
    y::Buffer{T,N}
    dz::Buffer{T,N}
    dx::Buffer{T,N}
    dims::Dict{Dims{N},Any}
end

function build(::Type{T}, step, weights, activation) where {T}
    a, kernel = step.attrs, array(weights["kernel"])
    N, up = ndims(kernel), step.op == "conv_transpose"
    padding = up ? flat_padding([(p, p) for p in a["padding"]]) : flat_padding(a["padding"])
    extra = up ? space_order(a["output_padding"]) : ()
    buffers = (Buffer{T,N}(), Buffer{T,N}(), Buffer{T,N}())
    return Conv{T,N}(weights["kernel"], get(weights, "bias", nothing), kernel, activation, up, space_order(a["strides"]), padding,
        space_order(a["dilation"]), extra, a["groups"], buffers..., Dict{Dims{N},Any}())
end

"""NNlib's description of the convolution for an input of this size."""
function dims!(op::Conv{T,N}, size_::Dims{N}) where {T,N}
    return get!(op.dims, size_) do
        padding = op.padding
        if op.up
            size_, padding = full_size(op, size_)
        end
        DenseConvDims(size_, size(op.weight); stride=op.strides, padding, dilation=op.dilation, groups=op.groups, flipkernel=true)
    end
end

"""The size of the result of a transposed convolution, and the padding of the convolution that leads back from it."""
function full_size(op::Conv{T,N}, x::Dims{N}) where {T,N}
    lengths, padding = Int[], Int[]
    for d in 1:N-2
        reach, p, extra = op.dilation[d] * (size(op.weight, d) - 1) + 1, op.padding[2d], op.extra[d]
        push!(lengths, op.strides[d] * (x[d] - 1) + reach + extra - 2p)
        after = extra < op.strides[d] ? p : p - extra
        after >= 0 || throw(ArgumentError("output_padding $extra needs to be below the stride, or not above the padding"))
        append!(padding, (p, after))
    end
    return (lengths..., size(op.weight, N - 1) * op.groups, x[N]), Tuple(padding)
end

function PyPhoton.forward(op::Conv{T,N}, mode::Mode, x::Array{T,N}) where {T,N}
    dims = dims!(op, size(x))
    y = compute!(op, x, dims)
    op.bias === nothing ? PyPhoton.activate!(op.activation, y) : biased_channels!(op.activation, y, vector(op.bias))
    return y, (x, y, dims)
end

function compute!(op::Conv{T,N}, x::Array{T,N}, dims) where {T,N}
    op.up && return NNlib.∇conv_data!(sized!(op.y, (NNlib.input_size(dims)..., NNlib.channels_in(dims), size(x, N))), x, op.weight, dims)
    return NNlib.conv!(sized!(op.y, (NNlib.output_size(dims)..., NNlib.channels_out(dims), size(x, N))), x, op.weight, dims)
end

function PyPhoton.backward(op::Conv{T,N}, (x, y, dims), dy::Array{T,N}, want::Int) where {T,N}
    dz = before(op.activation, op.dz, dy, y)
    trained(op.bias) && add_channels!(summed!(op.bias), dz)
    op.kernel.trained && kernel_slope!(op, x, dz, dims)
    want == 0 && return ()
    dx = sized!(op.dx, size(x))
    op.up ? NNlib.conv!(dx, dz, op.weight, dims) : NNlib.∇conv_data!(dx, dz, op.weight, dims)
    return (dx,)
end

function kernel_slope!(op::Conv{T,N}, x, dz, dims) where {T,N}
    g, keep = gradient!(op.kernel)
    target = keep == 0 ? reshape(g, size(op.weight)) : similar(op.weight)
    op.up ? NNlib.∇conv_filter!(target, dz, x, dims) : NNlib.∇conv_filter!(target, x, dz, dims)
    keep == 0 || map_into!(+, g, g, vec(target))
    return nothing
end

function __init__()
    for kind in PyPhoton.ENGINE_STEPS
        PyPhoton.BUILDERS[kind] = build
    end
end

precompile_engine(build)

end
