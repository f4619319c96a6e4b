"""The reference: torch and the training loop that everybody writes by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.cases import Case, data
from benchmarks.engines import Training


class LastStep(nn.Module):
    """An LSTM that returns its output at the last time step."""

    def __init__(self, features: int, hidden: int) -> None:
        """Create the batch-first LSTM."""
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Run all steps and keep the last."""
        steps, _ = self.lstm(x)
        last: Tensor = steps[:, -1]
        return last


def _model(name: str) -> nn.Module:
    """Return the torch model of a case."""
    match name:
        case "mlp":
            return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        case "conv":
            return nn.Sequential(
                nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(32 * 12 * 12, 10),
            )  # fmt: skip
        case "lstm":
            return nn.Sequential(LastStep(32, 64), nn.Linear(64, 10))
        case "tiny":
            return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    raise KeyError(f"no torch model for the case {name!r}")


def build(case: Case) -> Training:
    """Build the model, Adam at its defaults and the loop over a shuffled permutation."""
    torch.manual_seed(case.seed)
    x, y = (torch.from_numpy(array) for array in data(case))
    model = _model(case.name)
    criterion = nn.CrossEntropyLoss()
    optimiser = torch.optim.Adam(model.parameters())
    losses: list[float] = []

    def epoch() -> None:
        """Train one epoch."""
        total = 0.0
        perm = torch.randperm(case.samples)
        for start in range(0, case.samples, case.batch):
            idx = perm[start : start + case.batch]
            xb, yb = x[idx], y[idx]
            optimiser.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimiser.step()
            total += loss.item()
        losses.append(total / (case.samples // case.batch))

    return Training(epoch, lambda: losses[-1])
