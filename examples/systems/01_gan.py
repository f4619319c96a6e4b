"""A GAN that learns a ring in the plane: two models, two losses, two optimisers, in turns."""

import os

import numpy as np

from pyphoton import Dense, Sequential, relu
from pyphoton.systems import GANSystem, setup

epochs = int(os.environ.get("EPOCHS", 100))

# Real samples: points on a circle of radius 2, with a little noise.
random = np.random.default_rng(0)
angle = random.uniform(0, 2 * np.pi, 1536)
real = np.stack([2 * np.cos(angle), 2 * np.sin(angle)], axis=1) + random.normal(scale=0.05, size=(1536, 2))

# The generator makes a point of four random numbers, the discriminator scores how real a point looks.
generator = Sequential(Dense(32, relu), Dense(32, relu), Dense(2))
discriminator = Sequential(Dense(32, relu), Dense(32, relu), Dense(1))
system = GANSystem(generator, discriminator, latent=4, lr=1e-3)
trainer = setup(system, real, seed=1)


def on_the_ring():
    """The share of made points whose distance from the origin is 2, give or take 0.3."""
    radius = np.hypot(*system.sample(2000, seed=1).transpose())
    return float((abs(radius - 2) < 0.3).mean())


before = on_the_ring()

# Each step has two turns: the discriminator learns, then the generator. A turn moves one of them and never the other.
trainer.fit(epochs, batch_size=64)

made = system.sample(2000, seed=2)
directions = np.histogram(np.arctan2(made[:, 1], made[:, 0]), bins=8, range=(-np.pi, np.pi))[0]
last = trainer.history.epochs[-1]
print(f"losses: discriminator {last['discriminator_loss']:.2f}, generator {last['generator_loss']:.2f}")
print(f"on the ring before: {before:.3f}")
print(f"on the ring: {on_the_ring():.3f}")
print(f"directions reached: {int((directions > 20).sum())}")
