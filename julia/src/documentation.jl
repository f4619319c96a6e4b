# What a kind of step is, in words: the docstring of the type that computes it, found without the REPL's help.

"""kind of step => the type whose docstring tells about it"""
const DOCUMENTED = Dict{String,Symbol}(
    "dense" => :Dense, "embedding" => :Embedding, "dropout" => :Dropout, "conv" => :Conv, "conv_transpose" => :Conv,
    "max_pool" => :Pool, "avg_pool" => :Pool, "adaptive_max_pool" => :Pool, "adaptive_avg_pool" => :Pool,
    "batch_norm" => :BatchNorm, "layer_norm" => :LayerNorm, "noise" => :Noise, "rnn" => :SimpleCell, "lstm" => :LSTMCell, "gru" => :GRUCell,
)

"""    documentation(op) -> the docstring of the layer behind a kind of step, as Markdown. Errors: PlanError."""
function documentation(op::String)
    haskey(DOCUMENTED, op) || throw(PlanError("there is no documentation of $op"))
    found = Base.Docs.meta(@__MODULE__)[Base.Docs.Binding(@__MODULE__, DOCUMENTED[op])]
    return join((join(found.docs[signature].text) for signature in found.order), "\n")
end
