"""Systems: models, their losses, optimisers and data put together, as in PyTorch Lightning, on the same layers, graphs and engines.

>>> from pyphoton.systems import MLSystem, setup
>>> class Regression(MLSystem):
...     def __init__(self):
...         self.net = Dense(1)
...     def training_step(self, batch):
...         x, y = batch
...         return MSE()(self.net(x), y)
...     def configure_optimizer(self):
...         return Adam(1e-2)
>>> setup(Regression(), (X, Y)).fit(epochs=3)
"""

from __future__ import annotations

from pyphoton.lazy import lazily

_NAMES = {
    "systems.adversarial": ("FGSMSystem", "fgsm", "pgd"),
    "systems.data_module": ("DataModule",),
    "systems.evaluation": ("configure_optimizer", "detach", "forward", "gradients", "loss"),
    "systems.gan": ("GANSystem",),
    "systems.objects": ("MLModel", "MLObject", "MLSystem"),
    "systems.optimizers": ("configure_optimizers", "Optimizer"),
    "systems.readied": ("setup",),
    "systems.schedulers": (
        "Cosine", "CosineAnnealingLR", "ExponentialLR", "InverseTimeLR", "LambdaLR", "LinearLR", "MultiStepLR", "ReduceLROnPlateau",
        "Scheduler", "StepLR",
    ),
    "systems.trainer": ("Trainer",),
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, _NAMES)
