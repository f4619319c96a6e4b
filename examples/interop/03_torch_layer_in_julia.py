"""A module of torch inside a Flux.Chain that Julia trains; then the same layer in a PyPhoton model on the Julia engine.

torch computes the module and differentiates it; Flux and Optimisers.jl, and PyPhoton's own loop in Julia, do the rest. The weights are
in one place: what one of them learns, all have learnt. `pip install '.[julia]'` is needed.
"""

import os

import numpy as np
import torch

from pyphoton import *
from pyphoton.interop import torch_layer

epochs = int(os.environ.get("EPOCHS", 300))

# A wave whose frequency grows, as (samples, 1).
x = np.linspace(-2, 2, 256, dtype="float32")[:, None]
y = np.sin(2 * x * np.abs(x)).astype("float32")

torch.manual_seed(0)
module = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Mish(), torch.nn.GroupNorm(4, 32), torch.nn.Linear(32, 16))
layer = torch_layer(module)

# ---- in Julia: a Flux.Chain, trained by Flux and Optimisers.jl ------------------------------------------------------------------

learnt = layer.julia  # starts Julia
from juliacall import Main as jl  # noqa: E402

jl.seval("using Flux")
chain = jl.Flux.Chain(jl.Flux.Dense(1, 16, jl.tanh), learnt, jl.Flux.Dense(16, 1))
train = jl.seval("""
function (model, x, y, epochs)
    loss(m, x, y) = Flux.mse(m(x), y)
    before = loss(model, x, y)
    opt = Flux.setup(Flux.Adam(0.01f0), model)
    foreach(_ -> Flux.train!(loss, model, [(x, y)], opt), 1:epochs)
    return before, loss(model, x, y)
end
""")
before, after = train(chain, to_julia(x).julia, to_julia(y).julia, epochs)
print(chain)
print(f"loss: {before:.4f} -> {after:.5f}   (Flux.Chain)")

# torch's own parameters are those that Julia has trained: nothing is copied back.
with torch.no_grad():
    h = np.tanh(x @ from_julia(chain[1].weight) + from_julia(chain[1].bias))
    p = module.eval()(torch.from_numpy(np.ascontiguousarray(h))).numpy() @ from_julia(chain[3].weight) + from_julia(chain[3].bias)
print(f"the same by hand, with torch's module: {np.mean((p - y) ** 2):.5f}")

# ---- in PyPhoton: the same layer, with others around it, on the engine that is written in Julia ---------------------------------

workout = Workout(Sequential(Dense(16, tanh), layer, Dense(1)), MSE(), Adam(0.01), backend="julia", seed=1)
fit_(workout, (x, y), epochs=epochs, batch_size=None, verbose=False)
_, losses = history(workout, "loss")
print(f"loss: {losses[0]:.4f} -> {losses[-1]:.5f}   (PyPhoton, in Julia)")
print(f"the module has learnt from it, too: {np.shares_memory(module[0].weight.detach().numpy(), layer.parameters['0.weight'].value)}")
