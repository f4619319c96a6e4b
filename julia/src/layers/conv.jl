# Convolutions (cross-correlations: the kernel is not turned round) and transposed ones, which are the gradient of a convolution
# by its input. Kernels lie as Python's (out, in / groups, height, width): here (width, height, in / groups, out). The
# arithmetic is an engine's: the core's own, or one that an extension offers.

"""
    Conv: cross-correlation along all dimensions but the last two, plus a bias per channel, through an activation

`x` is (width, height, channels, batch), the kernel (width, height, channels ÷ groups, out); one to three space dimensions. The
transposed one is the gradient of that by its input. In Flux: `CrossCor`, or `Conv` and `ConvTranspose` with the kernel turned round.
"""
struct Conv{T,N,E}
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
    engine::E
    y::Buffer{T,N}
    dz::Buffer{T,N}
    dx::Buffer{T,N}
    memory::Buffer{T,2}
    geometries::Dict{Dims{N},Geometry}
end

ENGINES["native"] = Engine(Native(), BUILDERS)

function build_conv(::Type{T}, step, weights, activation, convolutions::E=engine().convolutions) where {T,E}
    a, kernel = step.attrs, array(weights["kernel"])
    N, up = ndims(kernel), step.op == "conv_transpose"
    padding = up ? flat_padding([(p, p) for p in a["padding"]]) : flat_padding(a["padding"])
    extra = up ? space_order(a["output_padding"]) : ntuple(_ -> 0, N - 2)
    buffers = (Buffer{T,N}(), Buffer{T,N}(), Buffer{T,N}(), Buffer{T,2}())
    return Conv{T,N,E}(weights["kernel"], get(weights, "bias", nothing), kernel, activation, up, space_order(a["strides"]), padding,
        space_order(a["dilation"]), extra, a["groups"], convolutions, buffers..., Dict{Dims{N},Geometry}())
end

BUILDERS["conv"] = BUILDERS["conv_transpose"] = (T, step, weights, activation) -> build_conv(T, step, weights, activation)

three(values, rest) = ntuple(d -> d <= length(values) ? values[d] : rest, 3)

"""The convolution behind the step, for an input of this size. For transposed ones it leads from the result to the input."""
function geometry!(op::Conv{T,N}, size_::Dims{N}) where {T,N}
    known = get(op.geometries, size_, nothing)
    known === nothing || return known
    space = size_[1:N-2]
    reach = ntuple(d -> op.dilation[d] * (size(op.weight, d) - 1) + 1, N - 2)
    if op.up
        from = ntuple(d -> op.strides[d] * (space[d] - 1) + reach[d] + op.extra[d] - 2 * op.padding[2d], N - 2)
        to, channels = space, (size(op.weight, N - 1) * op.groups, size(op.weight, N))
    else
        from, channels = space, (size(op.weight, N - 1) * op.groups, size(op.weight, N))
        to = ntuple(d -> fld(from[d] + op.padding[2d-1] + op.padding[2d] - reach[d], op.strides[d]) + 1, N - 2)
    end
    given = size_[N-1]
    given == (op.up ? channels[2] : channels[1]) || throw(DimensionMismatch("expected $(op.up ? channels[2] : channels[1]) channels, received $given"))
    before_ = ntuple(d -> op.padding[2d-1], N - 2)
    found = Geometry(three(from, 1), three(to, 1), three(size(op.weight)[1:N-2], 1), three(op.strides, 1), three(before_, 0), three(op.dilation, 1), channels..., op.groups, op.padding)
    return op.geometries[size_] = found
end

small_size(op::Conv{T,N}, g::Geometry, batch::Int) where {T,N} = (g.to[1:N-2]..., g.channels_to, batch)::Dims{N}
large_size(op::Conv{T,N}, g::Geometry, batch::Int) where {T,N} = (g.from[1:N-2]..., g.channels_from, batch)::Dims{N}

function forward(op::Conv{T,N}, mode::Mode, x::Array{T,N}) where {T,N}
    g = geometry!(op, size(x))
    y = sized!(op.y, op.up ? large_size(op, g, size(x, N)) : small_size(op, g, size(x, N)))
    op.up ? convolve_back!(op.engine, y, x, op.weight, g, op.memory) : convolve!(op.engine, y, x, op.weight, g, op.memory)
    op.bias === nothing ? activate!(op.activation, y) : biased_channels!(op.activation, y, vector(op.bias))
    return y, (x, y, g)
end

function backward(op::Conv{T,N}, (x, y, g), dy::Array{T,N}, want::Int) where {T,N}
    dz = before(op.activation, op.dz, dy, y)
    trained(op.bias) && add_channels!(summed!(op.bias), dz)
    if op.kernel.trained
        slope, keep = gradient!(op.kernel)
        large, small = op.up ? (dz, x) : (x, dz)
        convolve_kernel!(op.engine, reshape(slope, size(op.weight)), large, small, g, op.memory, keep)
    end
    want == 0 && return ()
    dx = sized!(op.dx, size(x))
    op.up ? convolve!(op.engine, dx, dz, op.weight, g, op.memory) : convolve_back!(op.engine, dx, dz, op.weight, g, op.memory)
    return (dx,)
end
