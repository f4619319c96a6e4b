"""Adversarial examples: inputs moved a little so that the loss grows (or, towards a target, falls), and training on them.

Inside of a trace (a training step, a model) the gradient is a step of the plan; on arrays the same plan is run and NumPy does the rest.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from pyphoton import config, graph
from pyphoton.arguments import is_integer
from pyphoton.data.arrays import samples
from pyphoton.data.forms import members, names_of
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.noise import NormalNoise
from pyphoton.measured import measured
from pyphoton.metrics import named
from pyphoton.network import Network
from pyphoton.optimisers import Adam
from pyphoton.systems.objects import MLSystem
from pyphoton.tensor import Tensor, apply

Clip: TypeAlias = "tuple[float, float] | None"
AT_ONCE = 256
"""Samples whose gradient is computed together."""


def fgsm(model: Any, loss: Any, x: Any, y: Any, eps: float, *, clip: Clip = (0, 1), targeted: bool = False) -> Any:
    """Inputs moved by `eps` in every element, in the direction in which the loss grows: the fast gradient sign method.

        x_adv = clip(x + eps * sign(d loss(model(x), y) / dx))

    model: a layer or function of one input; loss: of (prediction, target), as for a Workout. x: floats (batch, ...), or one sample;
    y: targets, as the loss takes them. clip: the smallest and largest number that an input may be (pixels from 0 to 1), or None.
    targeted: y is what the model shall be made to say, and the loss falls. Weights and their gradients are left alone, and the model
    is computed as in evaluation, without dropout. Arrays come back as they came, NumPy or torch; on tensors of a trace it is a part of the
    model, and a constant to what is differentiated. Errors: ArgumentError, and those of the model and the loss.
    From Goodfellow, Shlens and Szegedy 2015 (FGSM).
    """
    _number("fgsm", "eps", eps)
    low, high = _limits("fgsm", clip)
    step = -float(eps) if targeted else float(eps)
    if isinstance(x, Tensor):
        return _clipped(x + step * _direction(model, loss, x, y), low, high)
    given = _Given("fgsm", model, loss, x, y)
    return given.back(_clipped(given.x + step * given.direction(given.x), low, high))


def pgd(
    model: Any, loss: Any, x: Any, y: Any, eps: float, *, step: float | None = None, steps: int = 10, clip: Clip = (0, 1),
    targeted: bool = False, random_start: bool = False, seed: int | None = None,
) -> Any:  # fmt: skip
    """Several smaller steps of `fgsm`, none of which leads further than `eps` from x in any element: projected gradient descent.

    step: the length of one, by default 2.5 eps / steps. random_start: begin anywhere within eps, uniformly, and not at x. On arrays the
    random numbers are those of `seed`, by default of the next of the process; inside of a trace they are the engine's, and there
    only while training. The rest is as for `fgsm`. From Madry et al. 2018.
    """
    _number("pgd", "eps", eps)
    if not is_integer(steps) or steps < 1:
        raise ArgumentError("pgd", "steps: a whole number above 0", repr(steps))
    length = 2.5 * float(eps) / steps if step is None else _number("pgd", "step", step)
    low, high = _limits("pgd", clip)
    length = -length if targeted else length
    if isinstance(x, Tensor):
        near = partial(_near, x, float(eps), low, high)
        moved: Any = near(x + float(eps) * _uniform(x)) if random_start else x
        for _ in range(steps):
            moved = near(moved + length * _direction(model, loss, moved, y))
        return moved
    given = _Given("pgd", model, loss, x, y)
    near = partial(_near, given.x, float(eps), low, high)
    moved = given.x
    if random_start:
        random = np.random.default_rng(config.next_seed() if seed is None else config.check_seed(seed, "pgd"))
        moved = near(moved + random.uniform(-eps, eps, moved.shape).astype(moved.dtype))
    for _ in range(steps):
        moved = near(moved + length * given.direction(moved))
    return given.back(moved)


class FGSMSystem(MLSystem):
    """Adversarial training: a model learns from each minibatch as it is and as an attack moves it.

        loss = alpha * loss(model(x), y) + (1 - alpha) * loss(model(x_adv), y),  x_adv = attack(model, loss, x, y, eps)

    model, loss, eps, clip: as for `fgsm`. alpha: the share of the inputs as they are, from 0 to 1. optimizer: Adam() by default.
    attack: `fgsm`, or a function of the same arguments: `partial(pgd, steps=5)`. metrics: as for a Workout.
    Batches are pairs (x, y). Logged beside the loss are the two losses, `clean_loss` and `adversarial_loss`, and each metric of both,
    as `accuracy` and `adversarial_accuracy`; with `val_` or `test_` in front where they are measured. Errors: ArgumentError.
    From Goodfellow, Shlens and Szegedy 2015.
    """

    def __init__(
        self, model: Any, loss: Any, eps: float, alpha: float = 0.5, *, optimizer: Any = None, clip: Clip = (0, 1), attack: Any = fgsm, metrics: Any = (),
    ) -> None:  # fmt: skip
        super().__init__({"model": model})
        if not callable(loss) or not callable(attack):
            raise ArgumentError("FGSMSystem", "a loss and an attack that can be called", f"{loss!r} and {attack!r}")
        if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
            raise ArgumentError("FGSMSystem", "alpha: a number from 0 to 1", repr(alpha))
        self.model, self.objective, self.attack = model, loss, attack
        self.eps, self.alpha, self.clip = _number("FGSMSystem", "eps", eps), float(alpha), clip
        _limits("FGSMSystem", clip)
        self.optimizer = Adam() if optimizer is None else optimizer
        self.metrics = named(metrics, {})

    def losses(self, batch: Any, before: str | None = None) -> Any:
        """The loss of a batch. `before`: log what it is made of, under names that begin so."""
        x, y = batch
        clean = self.model(x)
        moved = self.model(self.attack(self.model, self.objective, x, y, self.eps, clip=self.clip))
        found = {"": clean, "adversarial_": moved}
        parts = {kind: measured(self.objective, p, y, "loss") for kind, p in found.items()}
        if before is not None:
            for kind, p in found.items():
                self.log(f"{before}{kind or 'clean_'}loss", parts[kind])
                for name, metric in self.metrics.items():
                    self.log(f"{before}{kind}{name}", measured(metric, p, y, "metric"))
        return self.alpha * parts[""] + (1 - self.alpha) * parts["adversarial_"]

    def loss(self, batch: Any) -> Any:
        """Of the batch as it is and as it is moved."""
        return self.losses(batch)

    def training_step(self, batch: Any, batch_idx: Any) -> Any:
        """The loss, with what it is made of."""
        return self.losses(batch, "")

    def validation_step(self, batch: Any, batch_idx: Any) -> Any:
        """The loss, with what it is made of."""
        return self.losses(batch, "val_")

    def test_step(self, batch: Any, batch_idx: Any) -> Any:
        """The loss, with what it is made of."""
        return self.losses(batch, "test_")

    def predict_step(self, batch: Any, batch_idx: Any) -> Any:
        """The model on inputs, or on those of pairs."""
        return self.model(batch[0] if isinstance(batch, tuple | list) else batch)

    def configure_optimizer(self) -> Any:
        """The optimiser."""
        return self.optimizer


# ---- formulas, on tensors and on arrays ------------------------------------------------------------------------------


def _clipped(x: Any, low: float | None, high: float | None) -> Any:
    return x if low is None else apply("clip", x, low=low, high=high)


def _near(x: Any, eps: float, low: float | None, high: float | None, moved: Any) -> Any:
    """`moved`, no further than eps from x in any element, and within the limits."""
    return _clipped(apply("minimum", apply("maximum", moved, x - eps), x + eps), low, high)


def _uniform(x: Tensor) -> Any:
    """Numbers from -1 to 1, all as likely, while training; else 0. The distribution function of normal ones, as in GELU's approximation."""
    n = graph.call(NormalNoise(1.0), 0.0 * x)
    return apply("tanh", math.sqrt(2 / math.pi) * (n + 0.044715 * n * n * n))


def _direction(model: Any, loss: Any, x: Tensor, y: Any) -> Any:
    """The signs of the gradient of the loss with respect to x."""
    return apply("sign", graph.gradient_of(lambda x: measured(loss, graph.call(model, x), y, "loss"), x))


# ---- on arrays -------------------------------------------------------------------------------------------------------


class _Attacked(Network):
    """The network of a model that is attacked: a plan of signs for each loss and kind of arrays."""

    def signs(self, loss: Any, x: Any, y: tuple[Any, ...], y_tuple: bool) -> Any:
        """The direction in which the loss grows, at each element of x."""
        inputs = self._tensors((x, *y))
        key = ("direction", id(loss), y_tuple, tuple((t.shape, t.dtype) for t in inputs))

        def direction(x: Any, *y: Any) -> Any:
            return _direction(self.model, loss, x, y if y_tuple else y[0])

        self._kept[key] = loss  # alive, so that no other object takes its identity
        paths = {graph.root_path(self.model): self.model}
        made = self._cached(key, lambda: graph.trace(direction, *inputs, paths=paths))
        return self.module.run(made, self.converted(made, (x, *y), ("inputs", *names_of("targets", y, y_tuple))))[0]


_networks: WeakKeyDictionary[Any, _Attacked] = WeakKeyDictionary()


def _network_for(model: Any) -> _Attacked:
    try:
        found = _networks.get(model)
    except TypeError:  # an object that cannot be referred to weakly: a network for this call
        return _Attacked(model)
    if found is None:
        found = _networks[model] = _Attacked(model, hold=False)
    return found


class _Given:
    """The arrays of one call: a batch, which may have been one sample, and how its result goes back."""

    def __init__(self, owner: str, model: Any, loss: Any, x: Any, y: Any) -> None:
        if isinstance(x, tuple | list):
            raise ArgumentError(owner, "x: one array", f"{len(x)} of them", "Close over the other inputs: lambda x: model((x, other)).")
        self.original, self.loss = x, loss
        (self.x,), _ = members(x, "inputs")
        self.y, self.y_tuple = members(y, "targets")
        if self.x.dtype.kind != "f":
            raise ArgumentError(owner, "x: floats, as the gradient is taken with respect to it", str(self.x.dtype), "x.astype('float32')")
        self.network = _network_for(model)
        self.one = self.network.one_sample((self.x,))
        if self.one:
            self.x, self.y = self.x[None], tuple(a[None] for a in self.y)
        samples((self.x, *self.y), ("inputs", *names_of("targets", self.y, self.y_tuple)))

    def direction(self, x: Any) -> Any:
        """The signs at x, some samples at a time."""
        parts = [
            self.network.signs(self.loss, x[i : i + AT_ONCE], tuple(a[i : i + AT_ONCE] for a in self.y), self.y_tuple)
            for i in range(0, len(x), AT_ONCE)
        ]
        if not parts:
            raise ShapeError("adversarial examples", "at least one sample", "none")
        return np.concatenate(parts).astype(x.dtype, copy=False)

    def back(self, moved: Any) -> Any:
        """As it came: one sample, NumPy or torch."""
        moved = np.asarray(moved[0] if self.one else moved, dtype=self.x.dtype)
        return self.original.new_tensor(moved) if hasattr(self.original, "new_tensor") else moved


def _number(owner: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < math.inf:
        raise ArgumentError(owner, f"{name}: a number from 0", repr(value))
    return float(value)


def _limits(owner: str, clip: Any) -> tuple[float | None, float | None]:
    if clip is None:
        return None, None
    good = isinstance(clip, tuple | list) and len(clip) == 2 and all(isinstance(v, int | float | np.number) for v in clip) and clip[0] < clip[1]
    if not good:
        raise ArgumentError(owner, "clip: the smallest and the largest number, or None", repr(clip))
    return float(clip[0]), float(clip[1])
