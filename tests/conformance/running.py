"""Running a layer on a backend with given parameters, in float64."""

from __future__ import annotations

import numpy as np
import torch

from pyphoton.network import Network


def numbers(*shape, seed=0, low=-1.5, high=1.5):
    """Float64 numbers that are the same in every run."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def network(layer, *inputs, backend="numpy"):
    """The layer on a backend, built for inputs, with random parameters (biases and states too)."""
    found = Network(layer, backend=backend)
    found.forward_plan(inputs, len(inputs) > 1)
    random = np.random.default_rng(5)
    for parameter in found.parameters.values():
        low = 0.5 if parameter.path.endswith("variance") else -1.0
        parameter.set_(random.uniform(low, 1.0, parameter.shape))
    return found


def output(found, *inputs, training=False):
    """What a network gives for inputs."""
    return found.run(inputs, len(inputs) > 1, training=training)


def tensors(found):
    """A network's parameters as torch tensors by the last word of their path."""
    return {path.split(".")[-1]: torch.from_numpy(np.array(p.value)) for path, p in found.parameters.items()}


def close(got, want, tolerance=1e-10):
    """Equal shapes, and equal numbers in float64 up to the order of additions."""
    want = want.detach().numpy() if isinstance(want, torch.Tensor) else np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


__all__ = ["close", "network", "numbers", "output", "tensors"]
