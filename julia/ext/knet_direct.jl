# Steps whose way back is one of Knet's own backward functions: reluback, sigmback, seluback, ∇softmax, ∇logsoftmax, and for a matrix
# product those of AutoGrad's `*` and `.+`. No tape is recorded: for small layers that would take longer than the layer.

using Knet.Ops20: reluback, sigmback, seluback, ∇softmax, ∇logsoftmax

"""The gradient of f.(z), from that of its result y."""
through(::Nothing, dy, y) = dy
through(::typeof(Knet.relu), dy, y) = reluback.(dy, y)
through(::typeof(sigm), dy, y) = sigmback.(dy, y)
through(::typeof(selu), dy, y) = seluback.(dy, y)
through(::typeof(tanh), dy, y) = dy .* (1 .- abs2.(y))

applied(::Nothing, z) = z
applied(f, z) = f.(z)

"""f.(kernel * x .+ bias)."""
struct KnetDense{T,F}
    f::F
    kernel::Weight{T}
    bias::Union{Nothing,Weight{T}}
    flatten::Bool
end

KnetDense{T}(f::F, kernel, bias, flatten) where {T,F} = KnetDense{T,F}(f, kernel, bias, flatten)

"""The matrix that Knet's `mat` makes of an array."""
matrix_of(x::Matrix, flatten::Bool) = x
matrix_of(x::Array, flatten::Bool) = flatten ? mat(x) : mat(x; dims=1)

function PyPhoton.forward(op::KnetDense{T}, mode::Mode, x::Array{<:Any,N}) where {T,N}
    columns = matrix_of(PyPhoton.as(T, x), op.flatten)::Matrix{T}
    z = PyPhoton.matrix(op.kernel) * columns
    y = applied(op.f, op.bias === nothing ? z : z .+ op.bias.values)
    return op.flatten || N == 2 ? y : reshape(y, (size(y, 1), size(x)[2:end]...)), (columns, y, size(x))
end

function PyPhoton.backward(op::KnetDense{T}, (x, y, shape), dy::Array{T}, want::Int) where {T}
    dz = through(op.f, reshape(dy, size(y)), y)
    op.kernel.trained && add_slope!(op.kernel, dz * x')
    PyPhoton.trained(op.bias) && add_slope!(op.bias, sum(dz; dims=2))
    return want == 0 ? () : (reshape(PyPhoton.matrix(op.kernel)' * dz, shape),)
end

"""f.(x)."""
struct KnetActivation{T,F}
    f::F
end

KnetActivation{T}(f::F) where {T,F} = KnetActivation{T,F}(f)

PyPhoton.forward(op::KnetActivation{T}, mode::Mode, x::Array) where {T} = (y = op.f.(PyPhoton.as(T, x)); (y, y))
PyPhoton.backward(op::KnetActivation, y, dy::Array, want::Int) = (through(op.f, dy, y),)

"""softmax or logsoftmax along one axis, which counts as Python's."""
struct KnetSoftmax{T,F,B}
    f::F
    back::B
    axis::Int
end

KnetSoftmax{T}(f::F, back::B, axis) where {T,F,B} = KnetSoftmax{T,F,B}(f, back, axis)

function PyPhoton.forward(op::KnetSoftmax{T}, mode::Mode, x::Array) where {T}
    dims = PyPhoton.dimension(op.axis, ndims(x))
    z = PyPhoton.as(T, x)
    y = op.f(z; dims)
    return y, (z, y, dims)
end

PyPhoton.backward(op::KnetSoftmax, (x, y, dims), dy::Array, want::Int) = (op.back(x, y, dy; dims),)

"""-logsoftmax(scores)[label, sample] for each sample, as Knet's nll picks them."""
struct KnetCrossEntropy{T} end

function PyPhoton.forward(::KnetCrossEntropy{T}, mode::Mode, scores::Array, labels::Array) where {T}
    classes, samples = size(scores)
    samples == length(labels) || throw(DimensionMismatch("$samples rows of scores and $(length(labels)) labels"))
    places = map(position, vec(Int64.(labels)))
    foreach(p -> 1 <= p <= classes || PyPhoton.outside(PyPhoton.number(p), classes, "classes"), places)
    logs = logsoftmax(PyPhoton.as(T, scores); dims=1)
    picked = [(j - 1) * classes + p for (j, p) in enumerate(places)]
    return -logs[picked], (scores, logs, picked)
end

function PyPhoton.backward(::KnetCrossEntropy{T}, (scores, logs, picked), dy::Array{T}, want::Int) where {T}
    dlogs = zero(logs)
    dlogs[picked] .= .-vec(dy)
    return (∇logsoftmax(scores, logs, dlogs; dims=1), nothing)
end
