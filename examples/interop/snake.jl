# Arrays arrive with their axes reversed: a batch of shape (batch, features) is a matrix of size (features, batch) here.

"""x + sin(a x)^2 / a, with an `a` for each feature: Ziyin et al. 2020, "Neural networks fail to learn periodic functions"."""
function snake(x, a)
    wave = sin.(a .* x)
    return x .+ wave .^ 2 ./ a
end
