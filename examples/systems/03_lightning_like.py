"""Digits in Lightning's way: a data module, a schedule, numbers that are logged, and a file to go on from."""

import os
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from pyphoton import Adam, CrossEntropyLoss, Dense, Dropout, Sequential, relu
from pyphoton.systems import Cosine, DataModule, MLSystem, setup

epochs = int(os.environ.get("EPOCHS", 20))


class Digits(DataModule):
    """Images as 64 numbers, and classes: the first 1200 to train with, 300 to validate, the rest to test."""

    def setup(self, stage):
        """Load them."""
        digits = load_digits()
        self.x, self.y = (digits.data / 16).astype("float32"), digits.target

    def train_dataloader(self):
        """To train with."""
        return self.x[:1200], self.y[:1200]

    def val_dataloader(self):
        """To validate with."""
        return self.x[1200:1500], self.y[1200:1500]

    def test_dataloader(self):
        """To test with."""
        return self.x[1500:], self.y[1500:]


class Classifier(MLSystem):
    """A network; what is lost, measured and logged at each step; and how it is optimised."""

    def __init__(self):
        self.net = Sequential(Dense(64, relu), Dropout(0.2), Dense(10))

    def step(self, batch, name):
        """The loss; the share of right answers is logged."""
        x, y = batch
        scores = self.net(x)
        self.log(name, (scores.argmax(1) == y).mean(), on_step=False, on_epoch=True, prog_bar=True)
        return CrossEntropyLoss(use_softmax=True)(scores, y)

    def training_step(self, batch, batch_idx):
        """Of a minibatch to train with."""
        return self.step(batch, "accuracy")

    def validation_step(self, batch, batch_idx):
        """Of one to validate with."""
        return self.step(batch, "val_accuracy")

    def test_step(self, batch, batch_idx):
        """Of one to test with."""
        return self.step(batch, "test_accuracy")

    def configure_optimizer(self):
        """Adam, its rate along half a cosine wave."""
        opt = Adam(5e-3)
        return {"optimizer": opt, "lr_scheduler": {"scheduler": Cosine(opt, T_max=epochs), "interval": "epoch"}}


# Half of the epochs, a file, and the other half by another trainer that goes on from it.
first = setup(Classifier(), Digits(), seed=1).fit(epochs // 2)
file = first.save(Path(tempfile.mkdtemp()) / "half.pp")
trainer = setup(Classifier(), Digits(), seed=2).load(file)
trainer.fit(epochs - epochs // 2)

for row in trainer.history.epochs[:: max(epochs // 5, 1)]:
    print(f"epoch {row['epoch']:2}  lr {row['lr']:.5f}  loss {row['loss']:.3f}  val_accuracy {row['val_accuracy']:.3f}")
found = trainer.test()
print(f"accuracy: {found['test_accuracy']:.3f}")

# The same epochs in one go: the same weights, Dropout's random numbers included.
whole = setup(Classifier(), Digits(), seed=1).fit(epochs)
pairs = [(p.value, whole.network.parameters[path].value) for path, p in trainer.network.parameters.items()]
print(f"largest difference of weights: {max(np.abs(a - b).max() for a, b in pairs):.1e}")
