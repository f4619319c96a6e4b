# What Flux gives for a model: a case of a file.
#
# `parameters` are pairs of PyPhoton's name and a function that finds the array in Flux's model, and in the model's
# gradient. The memory of the array is that of PyPhoton's parameter, dimensions reversed; where Flux keeps it turned, it
# is a view.

"""The sum of squares times -1.5, -0.5, 0.5, 1.5, 2.5 in turn, so that it is not the same for all that is normalised."""
energy(y) = sum(abs2.(y) .* reshape(((0:length(y)-1) .% 5) .- eltype(y)(1.5), size(y)))

"""
Outputs in test mode, gradients of their `energy` by parameter and by input, and, where the model has `state`, the
outputs in training mode and the state after them; gradients are those of training mode then.
"""
function record(name, model, input; parameters=[], state=[], T=Float64, slopes=true)
    numbers = Numbers(name)
    x = draw_input!(numbers, T, input)
    filled = T == Float64 ? Flux.f64(model) : model
    fill_arrays!(numbers, filled, parameters)
    fill_arrays!(numbers, filled, state)
    found = Pair{String,Any}[
        "flux" => one_line(model), "input" => counted_from_zero(x),
        "parameters" => arrays(filled, parameters), "state" => arrays(filled, state),
        "output" => Flux.testmode!(deepcopy(filled))(x),
    ]
    isempty(state) || append!(found, trained(filled, x, state))
    slopes && append!(found, gradients(filled, x, parameters))
    return name => found
end

"""An input is a size; or a size and `range`, the smallest and the largest number; or a size and `below`: whole ones."""
draw_input!(numbers, T, size::Tuple) = draw!(numbers, T, size...)
draw_input!(numbers, T, input::NamedTuple{(:size, :range)}) =
    draw!(numbers, T, input.size...; low=input.range[1], high=input.range[2])
draw_input!(numbers, T, input::NamedTuple{(:size, :below)}) = draw!(numbers, Int, input.size...; highest=input.below)

"""Variances are positive, all others from -1 to 1."""
function fill_arrays!(numbers, model, named)
    for (name, find) in named
        array = find(model)
        low, high = endswith(name, "variance") ? (0.5, 2.0) : (-1.0, 1.0)
        array .= draw!(numbers, eltype(array), size(array)...; low, high)
    end
end

arrays(model, named) = Pair{String,Any}[name => copy(find(model)) for (name, find) in named]

"""As Flux prints it, in one line; the numbers of functions without a name change from run to run."""
one_line(model) = replace(sprint(show, model), r"\s+" => " ", r"#[\w#]+" => "a function")

"""Flux counts classes and rows from one, PyPhoton from zero."""
counted_from_zero(x::Array{Int}) = x .- 1
counted_from_zero(x::Array) = x

function trained(model, x, state)
    moved = Flux.trainmode!(deepcopy(model))
    y = moved(x)
    return ["training output" => y, "moved state" => arrays(moved, state)]
end

function gradients(model, x, parameters)
    by_model, by_input = Flux.gradient((m, x) -> energy(m(x)), Flux.trainmode!(deepcopy(model)), x)
    by_name = Pair{String,Any}[name => collect(find(by_model)) for (name, find) in parameters]
    found = Pair{String,Any}["gradients" => by_name]
    x isa Array{Int} || push!(found, "input gradient" => by_input)
    return found
end
