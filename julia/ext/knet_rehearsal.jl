# A rehearsal while the extension is installed: every kind of step that Knet computes runs once, there and back, so that no stock model waits
# for the compiler (julia/src/precompile.jl does it for the core).
#
# AutoGrad finds its functions by type while it runs, and most of their arguments are plain arrays: Julia keeps what it has compiled for
# an extension only where a type of the extension's is in it or somebody has asked for it. So whatever was called meanwhile is asked for.

"""
Run `f` and keep what the compiler made to be called by it; what was only looked at, to become part of its callers, is not compiled by
itself. Julia's own names for that are those of 1.9 and 1.10, the versions that Knet runs on.
"""
function keep_compiled(f)
    isdefined(Core.Compiler, :newly_inferred) || return f()
    before = length(Core.Compiler.newly_inferred)
    f()
    called = filter(made -> getfield(made, :invoke, :monotonic) != C_NULL, Core.Compiler.newly_inferred[before+1:end])
    foreach(made -> precompile(made.def.specTypes), called)
    return nothing
end

"""Sequences of all pieces."""
function rehearse_recurrences()
    for kind in ("rnn", "lstm", "gru"), (both, last) in ((false, true), (true, false))
        PyPhoton.rehearse_layer((s, x) -> PyPhoton.recurrent!(s, x, kind, 3, both, last), sum(PIECES), 3)
    end
end

function rehearse()
    before = PyPhoton.ENGINE[]
    PyPhoton.engine!("knet")
    try
        PyPhoton.rehearse_layers()
        rehearse_recurrences()
        PyPhoton.rehearse_convolutions()
        PyPhoton.rehearse_activations(("relu", "tanh", "sigmoid", "selu", "softmax", "log_softmax"))
        PyPhoton.rehearse_losses()
        PyPhoton.rehearse_turns()
        PyPhoton.rehearse_gradients()
    finally
        PyPhoton.engine!(before)
    end
end

if ccall(:jl_generating_output, Cint, ()) == 1
    __init__()
    keep_compiled(rehearse)
end
