# A module of torch as a layer of Flux. Python's side is pyphoton/interop/torch_in_julia.py: arrays cross as they lie, torch
# differentiates, and the parameters are Julia arrays over torch's memory, axes reversed.
module PyPhotonTorchExt

using Flux: Flux, ChainRulesCore as CRC, Functors, Optimisers
using PyPhoton: PyPhoton
using PythonCall: Py, pyconvert, pyis, pybuiltins, pyjlvalue

"""
    TorchLayer: a module of torch. `torch_layer(module).julia` makes it in Python

`params` are trained by Optimisers.jl, `state` (frozen parameters, running averages) is not. `active` is as in Flux's Dropout.
"""
struct TorchLayer{P<:NamedTuple,S<:NamedTuple}
    params::P
    state::S
    module_::Py
    name::String
    active::Base.RefValue{Union{Bool,Nothing}}
end

"""
What torch keeps for the way back. Julia's collector does not see how large that is: `bytes` are counted with what is borrowed from Python.
"""
mutable struct Tape
    const object::Py
    const bytes::Int
    function Tape(object::Py)
        tape = new(object, pyconvert(Int, object.bytes))
        Threads.atomic_add!(borrowed(), tape.bytes)
        return finalizer(t -> (Threads.atomic_sub!(borrowed(), t.bytes); nothing), tape)
    end
end

borrowed() = Base.get_extension(PyPhoton, :PyPhotonPythonCallExt).BORROWED

function (l::TorchLayer)(xs::AbstractArray...)
    y, _ = run(l, map(dense, xs), something(l.active[], false), false)
    return y
end

"""The result, and the tape where there is a way back."""
function run(l::TorchLayer, xs, training::Bool, taped::Bool)
    found = l.module_.forward(training, taped, xs...)
    return pyjlvalue(found[0]), found[1]
end

"""Memory that torch can look at: of the processor, and dense."""
function dense(x::AbstractArray)
    Flux.get_device(x) isa Flux.MLDataDevices.AbstractGPUDevice && throw(ArgumentError("torch_layer: expected an array of the processor, received a $(typeof(x)). Move it first: cpu(x)."))
    return x isa DenseArray || (x isa StridedArray && PyPhoton.isdense(x)) ? x : collect(x)
end

function CRC.rrule(l::TorchLayer, xs::AbstractArray...)
    y, tape = run(l, map(dense, xs), something(l.active[], true), true)
    tape, projects = Tape(tape), map(CRC.ProjectTo, xs)
    return y, dy -> pulled(l, tape, y, projects, CRC.unthunk(dy))
end

pulled(l::TorchLayer, tape::Tape, y, projects, ::CRC.AbstractZero) = (CRC.ZeroTangent(), map(_ -> CRC.ZeroTangent(), projects)...)
function pulled(l::TorchLayer, tape::Tape, y, projects, dy)
    found = l.module_.backward(tape.object, convert(Array{eltype(y)}, dy))
    slopes = Any[pyis(d, pybuiltins.None) ? nothing : pyjlvalue(d) for d in found]
    count = length(projects)
    dxs = ntuple(i -> slopes[i] === nothing ? CRC.NoTangent() : projects[i](slopes[i]), count)
    params = NamedTuple{keys(l.params)}(ntuple(i -> something(slopes[count+i], CRC.ZeroTangent()), length(l.params)))
    return (CRC.Tangent{typeof(l)}(; params), dxs...)
end

const ONCE = "torch_layer: expected a first derivative, received a call for a second one. torch gives slopes as numbers: Julia cannot differentiate them again."
CRC.rrule(::typeof(run), args...) = throw(ArgumentError(ONCE))
CRC.rrule(::typeof(pulled), args...) = throw(ArgumentError(ONCE))

# ---- as Flux sees it ---------------------------------------------------------------------------------------------------------

"""The layer again: its arrays are torch's memory, so that another array in their place would be a parameter that torch does not have."""
function same(l::TorchLayer, (; params, state))
    values(params) === values(l.params) && values(state) === values(l.state) && return l
    throw(ArgumentError("torch_layer: expected the arrays that lie over torch's memory, received others. A module of torch stays where it is and as it is: gpu, f64 and copies of its arrays do not reach it. Move or copy the module in Python, and call torch_layer again."))
end

Functors.functor(::Type{<:TorchLayer}, l::TorchLayer) = (params=l.params, state=l.state), y -> same(l, y)
Functors.functor(::Type{<:TorchLayer}, slopes) = (params=slopes.params, state=nothing), identity
Optimisers.trainable(l::TorchLayer) = (; params=l.params)
Flux.testmode!(l::TorchLayer, mode=true) = (l.active[] = mode isa Symbol || mode === nothing ? nothing : !mode; l)

"""A copy has a module of its own."""
Base.deepcopy_internal(l::TorchLayer, seen::IdDict) = get!(() -> pyjlvalue(l.module_.copied())::TorchLayer, seen, l)

Base.show(io::IO, l::TorchLayer) = print(io, "torch_layer(", l.name, ")")
Base.show(io::IO, ::MIME"text/plain", l::TorchLayer) = print(io, "torch_layer(", l.name, ")  # ", sum(length, l.params; init=0), " parameters")

"""The layer of a request: arrays and the module by the numbers of what PyPhoton holds."""
function layer(d)
    held = group -> (; (Symbol(PyPhoton.text(a, "name")) => PyPhoton.OPEN[PyPhoton.whole(a, "number")] for a in PyPhoton.list(d, group))...)
    return TorchLayer(held("params"), held("state"), PyPhoton.OPEN[PyPhoton.whole(d, "inside")], PyPhoton.text(d, "name"), Ref{Union{Bool,Nothing}}(nothing))
end

function __init__()
    PyPhoton.CALLS["torch_layer"] = d -> PyPhoton.keep!(layer(d))
    return nothing
end

end
