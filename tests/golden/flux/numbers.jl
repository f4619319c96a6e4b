# Numbers of three digits, the same on every machine and in every version of Julia: Park and Miller's generator.

mutable struct Numbers
    state::Int
end

"""A stream of its own for each name."""
Numbers(name::String) = Numbers(foldl((sum, letter) -> (31sum + Int(letter)) % 2147483646, name; init=11) + 1)

function next!(numbers::Numbers)
    numbers.state = numbers.state * 48271 % 2147483647
    return numbers.state
end

"""Numbers from `low` to `high`."""
function draw!(numbers::Numbers, ::Type{T}, size...; low=-1.5, high=1.5) where {T<:AbstractFloat}
    found = zeros(T, size...)
    for i in eachindex(found)
        found[i] = round(low + (high - low) * next!(numbers) / 2147483647; digits=3)
    end
    return found
end

"""Whole numbers from 1 to `highest`."""
function draw!(numbers::Numbers, ::Type{Int}, size...; highest)
    found = zeros(Int, size...)
    for i in eachindex(found)
        found[i] = 1 + next!(numbers) % highest
    end
    return found
end
