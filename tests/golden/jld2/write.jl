# Writes samples.jld2 with Julia's own JLD2 (0.5): each key is a sample (X, Y). julia write.jl FILE
using JLD2

jldopen(ARGS[1], "w") do file
    for i in 1:2
        image = reshape(Float32.(1:24), 4, 3, 2) .+ i           # (W, H, C)
        file["image$i"] = (image, Float64[i, -i])
    end
    file["image9"] = ((Float32[1 2 3; 4 5 6], [3, 4]), 7)       # two inputs and a number
    file["image10"] = (Float32[1, 2], "dog")
    file["image11"] = Any[Float32[1, 2], true]
    file["struct"] = (x = Float32[1, 2], y = 3)
end
