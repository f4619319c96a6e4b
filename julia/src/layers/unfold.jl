# Convolution by unfolding: the patches of an image become a matrix (places, taps), whose product with the kernel is the result.
# One image at a time, so that the matrix stays in the cache; along the innermost axis patches are copied row by row.

"""A convolution from `from` to `to`, always with three space axes: windows, strides, padding before, dilation, channels, groups."""
struct Geometry
    from::NTuple{3,Int}
    to::NTuple{3,Int}
    window::NTuple{3,Int}
    strides::NTuple{3,Int}
    padding::NTuple{3,Int}
    dilation::NTuple{3,Int}
    channels_from::Int
    channels_to::Int
    groups::Int
    sides::Dims  # padding (before, after ...) as the engine may want it
end

places(g::Geometry) = prod(g.to)
taps(g::Geometry) = prod(g.window) * (g.channels_from ÷ g.groups)

"""Results 1..n of an axis whose tap `k` lies inside: first, last; and the place of the first tap, from 1."""
function inside(g::Geometry, axis::Int, k::Int)
    s, shift = g.strides[axis], (k - 1) * g.dilation[axis] - g.padding[axis]  # result o reads (o - 1) s + shift, from 0
    first = shift >= 0 ? 1 : cld(-shift, s) + 1
    last = min(g.to[axis], fld(g.from[axis] - 1 - shift, s) + 1)
    return first, last, shift
end

"""Patches of image `n`, channels from `before + 1`: matrix (places, taps)."""
function unfold!(col::Matrix{T}, x::Vector{T}, g::Geometry, n::Int, before::Int) where {T}
    each_row(g, n, before) do column, row, inner, start, first, last, s
        at = column * places(g) + row
        if inner
            @inbounds for o in 1:first-1
                col[at+o] = zero(T)
            end
            if s == 1
                @inbounds @simd ivdep for o in first:last
                    col[at+o] = x[start+o]
                end
            else
                @inbounds @simd ivdep for o in first:last
                    col[at+o] = x[start+1+(o-1)*s]
                end
            end
            @inbounds for o in max(last, first - 1)+1:g.to[1]
                col[at+o] = zero(T)
            end
        else
            @inbounds for o in 1:g.to[1]
                col[at+o] = zero(T)
            end
        end
    end
    return col
end

"""The opposite: add the matrix back to where its patches came from."""
function fold!(x::Vector{T}, col::Matrix{T}, g::Geometry, n::Int, before::Int) where {T}
    each_row(g, n, before) do column, row, inner, start, first, last, s
        inner || return
        at = column * places(g) + row
        if s == 1
            @inbounds @simd ivdep for o in first:last
                x[start+o] += col[at+o]
            end
        else
            @inbounds @simd ivdep for o in first:last
                x[start+1+(o-1)*s] += col[at+o]
            end
        end
    end
    return x
end

"""Every row along the innermost axis of every tap: f(column, row, inside or not, start in x, first, last, stride)."""
@inline function each_row(f::F, g::Geometry, n::Int, before::Int) where {F}
    W, H, D = g.from
    A, B, C = g.to
    column = 0
    for c in 1:g.channels_from÷g.groups
        image = ((n - 1) * g.channels_from + before + c - 1) * W * H * D
        for kd in 1:g.window[3], kh in 1:g.window[2], kw in 1:g.window[1]
            first, last, shift = inside(g, 1, kw)
            h_first, h_last, h_shift = inside(g, 2, kh)
            d_first, d_last, d_shift = inside(g, 3, kd)
            for od in 1:C, oh in 1:B
                inner = h_first <= oh <= h_last && d_first <= od <= d_last
                y, z = (oh - 1) * g.strides[2] + h_shift, (od - 1) * g.strides[3] + d_shift
                f(column, ((od - 1) * B + oh - 1) * A, inner, image + (z * H + y) * W + shift, first, last, g.strides[1])
            end
            column += 1
        end
    end
end

"""The core's own engine."""
struct Native end

"""Images and groups one by one: f(n, channels before of x, columns of the kernel, columns of the result's image)."""
function each_product(f::F, g::Geometry, N::Int) where {F}
    here = g.channels_to ÷ g.groups
    with_threads_for(places(g) * taps(g) * here) do
        for n in 1:N, k in 0:g.groups-1
            own = k*here+1:(k+1)*here
            f(n, k * (g.channels_from ÷ g.groups), own)
        end
    end
end

as_images(y::Array, g::Geometry) = reshape(y, (places(g), g.channels_to, size(y, ndims(y))))
as_matrix(w::Array, g::Geometry) = reshape(w, (taps(g), g.channels_to))

"""y = convolution of x"""
function convolve!(::Native, y::Array{T}, x::Array{T}, w::Array{T}, g::Geometry, memory::Buffer{T,2}) where {T}
    col, images, kernel, flat = sized!(memory, places(g), taps(g)), as_images(y, g), as_matrix(w, g), vec(x)
    each_product(g, size(y, ndims(y))) do n, before, own
        unfold!(col, flat, g, n, before)
        multiply!(view(images, :, own, n), 'N', 'N', col, view(kernel, :, own))
    end
    return y
end

"""dx = gradient by the input"""
function convolve_back!(::Native, dx::Array{T}, dy::Array{T}, w::Array{T}, g::Geometry, memory::Buffer{T,2}) where {T}
    col, images, kernel, flat = sized!(memory, places(g), taps(g)), as_images(dy, g), as_matrix(w, g), vec(fill!(dx, zero(T)))
    each_product(g, size(dy, ndims(dy))) do n, before, own
        multiply!(col, 'N', 'T', view(images, :, own, n), view(kernel, :, own))
        fold!(flat, col, g, n, before)
    end
    return dx
end

"""dw = gradient by the kernel, added to `keep` times what is there"""
function convolve_kernel!(::Native, dw::Array{T}, x::Array{T}, dy::Array{T}, g::Geometry, memory::Buffer{T,2}, keep::T) where {T}
    col, images, kernel, flat = sized!(memory, places(g), taps(g)), as_images(dy, g), as_matrix(dw, g), vec(x)
    keep == 0 && fill!(dw, zero(T))
    each_product(g, size(dy, ndims(dy))) do n, before, own
        unfold!(col, flat, g, n, before)
        multiply!(view(kernel, :, own), 'T', 'N', col, view(images, :, own, n), one(T))
    end
    return dw
end
