"""GANSystem: a generator and a discriminator that train against one another, in turns."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyphoton import losses
from pyphoton.arguments import checked, is_integer
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.noise import NormalNoise
from pyphoton.losses import BCELoss
from pyphoton.optimisers import Adam
from pyphoton.systems.objects import MLSystem
from pyphoton.systems.optimizers import configure_optimizers
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import show


class GANSystem(MLSystem):
    """A generative adversarial network (Goodfellow et al. 2014): in each step first the discriminator learns, then the generator.

        discriminator:  loss(D(real), 1) + loss(D(G(z)), 0)
        generator:      loss(D(G(z)), 1), the non-saturating form

    generator takes noise (batch, latent), discriminator gives scores (batch, 1), logits with the default loss. A batch is an array
    of real samples; the engine draws the noise, anew for each of the two turns. Or give both: (real, noise), or a dictionary with
    these names. loss: of (scores, target), by default BCELoss(use_sigmoid=True); MSE() makes a least-squares GAN.
    lr, beta1: of the two Adams; write `configure_optimizer` for others. Each turn moves one model and never the other.
    """

    automatic_optimization = False

    @checked
    def __init__(
        self, generator: Any = None, discriminator: Any = None, *, models: Any = None, latent: int, loss: Any = None, lr: float = 2e-4, beta1: float = 0.5,
    ) -> None:  # fmt: skip
        if models is not None:
            if generator is not None or not isinstance(models, tuple | list) or len(models) != 2:
                raise ArgumentError("GANSystem", "generator and discriminator, or models=[generator, discriminator]", repr(models)[:100])
            generator, discriminator = models
        if not is_integer(latent) or latent < 1:
            raise ArgumentError("GANSystem latent=", "how many numbers the generator takes: a whole number from 1", repr(latent))
        super().__init__({"generator": generator, "discriminator": discriminator})
        self.generator, self.discriminator = generator, discriminator
        self.latent, self.lr, self.beta1 = int(latent), lr, beta1
        self.criterion = BCELoss(use_sigmoid=True) if loss is None else losses.get(loss)
        self._noise = NormalNoise(1.0)

    def configure_optimizer(self) -> Any:
        """Adam for each model."""
        return configure_optimizers(self, Adam, self.lr, beta1=self.beta1)

    def forward(self, z: Any) -> Any:
        """What the generator makes of noise (batch, latent)."""
        return self.generator(z)

    def sample(self, count: int, seed: int | None = None) -> Any:
        """`count` samples of the generator, from normal noise drawn with this seed."""
        if not is_integer(count) or count < 1:
            raise ArgumentError("sample", "a whole number of samples from 1", repr(count))
        return self.generator(np.random.default_rng(seed).standard_normal((int(count), self.latent), dtype="float32"))

    def discriminator_loss(self, real: Any, z: Any) -> Any:
        """How badly the discriminator tells real samples from made ones: one number."""
        return self._towards(1.0, self.discriminator(real)) + self._towards(0.0, self.discriminator(self.generator(z)))

    def generator_loss(self, z: Any) -> Any:
        """How little the discriminator takes made samples for real ones: one number."""
        return self._towards(1.0, self.discriminator(self.generator(z)))

    def loss(self, batch: Any) -> Any:
        """The sum of both losses, of a batch with its noise."""
        real, z = self._parts(batch)
        if z is None:
            raise ArgumentError("GANSystem.loss", "a batch with noise: (real, noise)", "one without", "While measuring the engine draws none.")
        return self.discriminator_loss(real, z) + self.generator_loss(z)

    def training_step(self, batch: Any, batch_idx: Any = 0) -> None:
        """The discriminator's turn, then the generator's."""
        of_generator, of_discriminator = self.optimizers()
        real, z = self._parts(batch)
        of_discriminator.minimize(self.discriminator_loss(real, self._drawn(real) if z is None else z))
        of_generator.minimize(self.generator_loss(self._drawn(real) if z is None else z))

    def validation_step(self, batch: Any, batch_idx: Any = 0) -> Any:
        """Both losses and their sum, for a batch with its noise; nothing without: the engine draws noise while training only."""
        real, z = self._parts(batch)
        if z is None:
            return None
        of_discriminator, of_generator = self.discriminator_loss(real, z), self.generator_loss(z)
        self.log_dict({"val_discriminator_loss": of_discriminator, "val_generator_loss": of_generator})
        return of_discriminator + of_generator

    def _parts(self, batch: Any) -> tuple[Any, Any]:
        """Real samples, and the noise or None. Errors: ArgumentError, ShapeError."""
        if isinstance(batch, dict):
            if not {"real"} <= set(batch) <= {"real", "noise"}:
                raise ArgumentError("GANSystem", "a dictionary with 'real' and perhaps 'noise'", ", ".join(map(repr, batch)))
            real, z = batch["real"], batch.get("noise")
        elif isinstance(batch, tuple | list):
            if len(batch) not in (1, 2):
                raise ArgumentError("GANSystem", "a batch of real samples, or (real, noise)", f"{len(batch)} arrays")
            real, z = batch if len(batch) == 2 else (batch[0], None)
        else:
            real, z = batch, None
        if z is not None and tuple(z.shape[1:]) != (self.latent,):
            hint = "A batch is (real, noise); leave labels out, and the engine draws the noise."
            raise ShapeError("GANSystem noise", show((None, self.latent)), show(tuple(z.shape)), hint)
        return real, z

    def _drawn(self, real: Tensor) -> Tensor:
        """Normal noise (batch, latent), for as many samples as there are real ones."""
        one = apply("flatten", real, start=1)[:, :1]
        zeros: Tensor = self._noise(apply("where", one == one, 0.0, 0.0) + np.zeros((1, self.latent)))
        return zeros

    def _towards(self, target: float, scores: Any) -> Any:
        return self.criterion(scores, np.full((1, *scores.shape[1:]), target))
