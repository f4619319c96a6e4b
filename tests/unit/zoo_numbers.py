"""Weights and an image that PyPhoton and torchvision compute alike: by whole-number arithmetic from a name, without a generator."""

import math
import zlib

import numpy as np

PERIOD = 4099  # a prime: a pattern this long is repeated, since the largest model has 140 million numbers

MODELS = {
    "AlexNet": "alexnet",
    **{f"VGG{n}": f"vgg{n}_bn" for n in (11, 13, 16, 19)},
    **{f"VGG{n}-plain": f"vgg{n}" for n in (11, 13, 16, 19)},
    **{f"DenseNet{n}": f"densenet{n}" for n in (121, 161, 169, 201)},
    **{f"ResNet{n}": f"resnet{n}" for n in (18, 34, 50, 101, 152)},
}
"""Names of the golden files, and of torchvision's functions."""


TRAINED = ("DenseNet121", "ResNet18")  # these have losses of training in their golden files, too
RATE = 0.001  # of the gradient descent


def uniform(name, count):
    """`count` numbers between -sqrt(3) and sqrt(3): mean 0, variance 1 (splitmix64, seeded by the name)."""
    z = np.arange(1, min(count, PERIOD) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(zlib.crc32(name.encode()))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    z = z ^ (z >> np.uint64(31))
    pattern = ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1) * math.sqrt(3)
    return np.resize(pattern.astype(np.float32), count)


def weight(name, shape):
    """The array of a state_dict under this name: of a size that keeps the numbers of a deep model in range."""
    values = uniform(name, math.prod(shape)).reshape(shape)
    if name.endswith("running_var"):
        return 0.75 + abs(values) / 2
    if len(shape) > 1:
        return values * np.float32(math.sqrt(2 / math.prod(shape[1:])))
    return values / 10 + (1 if name.endswith("weight") else 0)


def image(size):
    """One image (1, 3, size, size)."""
    return uniform(f"image {size}", 3 * size * size).reshape(1, 3, size, size)


def lesson():
    """Four images (4, 3, 64, 64) and their classes."""
    return np.concatenate([uniform(f"lesson {i}", 3 * 64 * 64).reshape(1, 3, 64, 64) for i in range(4)]), np.array([0, 1, 2, 3])


def is_counter(name):
    """Whether an entry of a state_dict is BatchNorm's number of minibatches."""
    return name.endswith("num_batches_tracked")
