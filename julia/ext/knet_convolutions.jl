# Convolutions by groups of channels: Knet's conv4 and its two gradients, once for each group, as one function of AutoGrad's tape each, however
# many groups there are. They are composites of Knet's own: a group is cut, computed and written to its place.

"""Group `g` of `count`, along the dimension `dim` of `a`."""
group(a, dim, g, count) = (n = size(a, dim) ÷ count; selectdim(a, dim, (g-1)*n+1:g*n))

"""`f` of the groups of two arrays, each (array, dimension of its groups), put together along `dim`."""
function by_group(f, count, dim, (a, a_dim), (b, b_dim))
    count == 1 && return f(a, b)
    y = nothing
    for g in 1:count
        found = f(copy(group(a, a_dim, g, count)), copy(group(b, b_dim, g, count)))
        y = something(y, similar(found, ntuple(d -> d == dim ? count * size(found, d) : size(found, d), ndims(found))))
        group(y, dim, g, count) .= found
    end
    return y
end

"""An array for its size alone, which is that of `a` cut to one group along `dim`."""
blank(a, dim, count) = count == 1 ? a : similar(a, ntuple(d -> d == dim ? size(a, d) ÷ count : size(a, d), ndims(a)))

"""Kernels have their groups in the last dimension, images in the one before. The arguments are those of conv4, conv4x and conv4w."""
function convolved(w, x; groups, o...)
    n = ndims(x)
    return by_group((w, x) -> conv4(w, x; mode=1, o...), groups, n - 1, (w, n), (x, n - 1))
end

function convolved_x(w, x, dy; groups, o...)
    n = ndims(x)
    small = blank(x, n - 1, groups)
    return by_group((w, dy) -> conv4x(w, small, dy; mode=1, o...), groups, n - 1, (w, n), (dy, n - 1))
end

function convolved_w(w, x, dy; groups, o...)
    n = ndims(x)
    size(x, n) == 0 && return zero(w)
    small = blank(w, n, groups)
    return by_group((x, dy) -> conv4w(small, x, dy; mode=1, o...), groups, n, (x, n - 1), (dy, n - 1))
end

AutoGrad.@primitive1 convolved(w, x; o...),dy  convolved_w(w, x, dy; o...)  convolved_x(w, x, dy; o...)
AutoGrad.@primitive1 convolved_x(w, x, dy; o...),ddx  convolved_w(w, ddx, dy; o...)  nothing  convolved(w, ddx; o...)

"""A number for each channel, which is the last dimension but one."""
by_channel(v, rank) = reshape(v, ntuple(d -> d == rank - 1 ? length(v) : 1, rank))

BUILDERS["conv"] = BUILDERS["conv_transpose"] = function (T, step, weights, activation)
    core = PyPhoton.build_conv(T, step, weights, activation)  # which knows the sizes
    padding = ntuple(i -> core.padding[i] - (iseven(i) ? core.extra[i÷2] : 0), length(core.padding))
    o = (stride=core.strides, padding, dilation=core.dilation, groups=core.groups)
    return KnetStep{T}(weights, "kernel", "bias") do mode, (kernel, bias), x
        sizes = PyPhoton.geometry!(core, size(x))
        if core.up
            y = convolved_x(kernel, similar(Knet.value(x), PyPhoton.large_size(core, sizes, size(x, ndims(x)))), x; o...)
        else
            y = convolved(kernel, x; o...)
        end
        finished(activation, bias === nothing ? y : y .+ by_channel(bias, ndims(x)))
    end
end
