"""A Julia function in a torch model, with the gradient that its author gave it: a rule that only Julia knows."""

import os

import torch

from pyphoton import get_backend
from pyphoton.interop import torch_function

steps = int(os.environ.get("STEPS", 300))

get_backend("julia")  # starts Julia, and says what to install where it is missing
from juliacall import Main as jl  # noqa: E402

# Rounding has the derivative zero nearly everywhere, so nothing could be learnt through it. Its author says: behave as the identity.
jl.seval("""
module Rounding
using Flux, ChainRulesCore
straight(x) = round.(x)
ChainRulesCore.rrule(::typeof(straight), x) = straight(x), dy -> (NoTangent(), dy)
end
""")
rounded = torch_function("Rounding.straight")

x = torch.tensor([0.2, 1.6, -2.7], requires_grad=True)
y = rounded(x)
y.sum().backward()
print(f"{y.tolist()} {x.grad.tolist()}")

# The same through Zygote alone: zeros.
x.grad = None
torch_function("x -> round.(x)")(x).sum().backward()
print(f"{x.grad.tolist()}")

# Weights that are whole numbers when they are used: found with the rule.
torch.manual_seed(0)
data = torch.randn(256, 4)
wanted = torch.tensor([3.0, -2.0, 0.0, 5.0])
weights = torch.zeros(4, requires_grad=True)
optimiser = torch.optim.SGD([weights], lr=0.05)
for _ in range(steps):
    optimiser.zero_grad()
    loss = (data @ rounded(weights) - data @ wanted).square().mean()
    loss.backward()
    optimiser.step()
print(f"weights: {rounded(weights).tolist()}")
print(f"difference: {(rounded(weights) - wanted).abs().max().item():.3f}")
