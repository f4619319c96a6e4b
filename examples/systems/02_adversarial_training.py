"""Adversarial examples: digits that a network misreads although hardly a pixel has changed, and training that makes it read them."""

import os
from functools import partial

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pyphoton import *
from pyphoton.systems import FGSMSystem, fgsm, pgd, setup

epochs = int(os.environ.get("EPOCHS", 20))
eps = 0.15  # how far a pixel may move; pixels are from 0 to 1

digits = load_digits()
train_x, test_x, train_y, test_y = train_test_split(digits.data / 16, digits.target, test_size=0.25, stratify=digits.target, random_state=0)
loss = CrossEntropyLoss(use_softmax=True)


def trained(alpha):
    """A network and its figures. alpha is the share of the loss on the digits as they are; the rest is on the attacked ones."""
    model = Sequential(Dense(128, relu), Dense(64, relu), Dense(10))
    system = FGSMSystem(model, loss, eps, alpha, optimizer=Adam(0.003), metrics=[accuracy()])
    trainer = setup(system, (train_x, train_y), seed=1)
    trainer.fit(epochs=epochs)
    return model, trainer.test((test_x, test_y))


plain, of_plain = trained(alpha=1.0)
robust, of_robust = trained(alpha=0.5)

print(f"clean, plain training: {of_plain['test_accuracy']:.3f}")
print(f"attacked, plain training: {of_plain['test_adversarial_accuracy']:.3f}")
print(f"clean, adversarial training: {of_robust['test_accuracy']:.3f}")
print(f"attacked, adversarial training: {of_robust['test_adversarial_accuracy']:.3f}")

# The attacks are functions of arrays, too. Many small steps (pgd) find worse digits than one large one (fgsm).
for name, attack in (("one step", fgsm), ("ten steps", partial(pgd, random_start=True, seed=0))):
    moved = attack(robust, loss, test_x, test_y, eps)
    right = (predict(robust, moved).argmax(1) == test_y).mean()
    print(f"attacked in {name}, adversarial training: {right:.3f}")
