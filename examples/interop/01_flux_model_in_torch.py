"""A model that Julia code has built, inside a torch pipeline: a DataLoader feeds it, torch.optim trains it, its parameters are Julia's."""

import os

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from pyphoton import get_backend, seed_
from pyphoton.interop import as_module

epochs = int(os.environ.get("EPOCHS", 8))

get_backend("julia")  # starts Julia, and says what to install where it is missing
from juliacall import Main as jl  # noqa: E402

seed_(0)
torch.manual_seed(0)
jl.seval("using Flux")
chain = jl.seval("""
Flux.Random.seed!(0)
Chain(
    Conv((3, 3), 1 => 8, relu; pad=1), MaxPool((2, 2)),
    Conv((3, 3), 8 => 16, relu; pad=1), GlobalMeanPool(), Flux.flatten,
    BatchNorm(16),
)
""")

# Images are (N, channels, height, width) here and (width, height, channels, N) in Julia: the same memory.
model = torch.nn.Sequential(as_module(chain), torch.nn.Linear(16, 10))
print([(name, tuple(p.shape)) for name, p in model.named_parameters()])

digits = load_digits()
X, Y = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32), torch.tensor(digits.target)
loader = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=32, shuffle=True, num_workers=2)
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)

kernel = jl.seval("m -> copy(m.layers[1].weight)")
before = kernel(chain)
for epoch in range(epochs):
    for x, y in loader:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

# torch's optimiser has moved Julia's own arrays.
moved = jl.seval("(a, b) -> maximum(abs, a .- b)")(before, kernel(chain))
print(f"moved in Julia: {moved:.3f}")

model.eval()  # BatchNorm in Julia is in test mode now, too
with torch.no_grad():
    accuracy = (model(X[1400:]).argmax(1) == Y[1400:]).float().mean()
print(f"accuracy: {accuracy:.3f}")
