"""Optimisers: descriptions with one formula each, for one parameter.

`update(p, g, slots, k)` gives the new parameter and the new slots (arrays kept per parameter, zero at first). k holds the numbers
that change from step to step: the learning rate `lr`, and what `scalars(step)` adds. The formula is written with
operators, so it runs on NumPy arrays as it stands, and is traced once into a plan that every backend can run.

From minibatches to an update: gradients of `accumulate` minibatches are averaged; together they are made no longer than
`clip_norm`; then, parameter by parameter, `clip_value` and `gclip`, the weight decay, and the optimiser's formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import Any, ClassVar

from pyphoton.arguments import is_integer
from pyphoton.description import Description, description
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.graph import trace
from pyphoton.plan import Plan, plan
from pyphoton.schedules import Schedule
from pyphoton.tensor import Tensor, apply

Slots = dict[str, Any]


@description
class Optimiser(Description):
    """Base of the optimisers, and what all of them take by keyword.

    clip_value: each element of the gradient is cut to -clip_value ... clip_value. gclip: a parameter's gradient is scaled down to that
    Euclidean norm; clip_norm: the gradients of all parameters together are. weight_decay: that much of the parameter is
    added to its gradient (in AdamW it is taken from the parameter itself). accumulate: so many minibatches make one
    update, with the mean of their gradients weighted by samples; what is left at the end of an epoch makes one, too.
    schedule: how `lr` changes while training (see Schedule). 0 means no clipping and no decay.
    """

    kind = "optimiser"
    slots: ClassVar[tuple[str, ...]] = ()
    decays_gradient: ClassVar[bool] = True
    lr: float = 0.01
    gclip: float = field(default=0.0, kw_only=True)
    clip_value: float = field(default=0.0, kw_only=True)
    clip_norm: float = field(default=0.0, kw_only=True)
    weight_decay: float = field(default=0.0, kw_only=True)
    accumulate: int = field(default=1, kw_only=True)
    schedule: Schedule | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        name = type(self).__name__
        for key, value in self.arguments().items():
            if key in ("schedule", "accumulate", "eps_hat"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ArgumentError(f"{name} {key}=", "a number from 0", repr(value))
            if key in ("gamma", "rho", "beta1", "beta2") and value >= 1:
                raise ArgumentError(f"{name} {key}=", "a number below 1", repr(value))
        if not is_integer(self.accumulate) or self.accumulate < 1:
            raise ArgumentError(f"{name} accumulate=", "a whole number of minibatches from 1", repr(self.accumulate))
        if not isinstance(self.schedule, Schedule | None):
            raise ArgumentError(f"{name} schedule=", "a schedule, as CosineDecay(10)", repr(self.schedule))

    def scalars(self, step: int) -> dict[str, float]:
        """Numbers of this step (from 1) that the formula needs."""
        return {}

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """The new parameter and slots."""
        raise NotImplementedError

    def numbers(self, step: int, lr: float | None = None) -> dict[str, float]:
        """All of `k` for update `step` (from 1), at rate `lr` or the optimiser's own."""
        return {"lr": float(self.lr if lr is None else lr), **self.scalars(step)}

    def prepared(self, g: Any, p: Any) -> Any:
        """The gradient as the formula takes it: clipped, and with the weight decay."""
        if self.clip_value:
            g = apply("clip", g, low=-self.clip_value, high=self.clip_value)
        if self.gclip:
            norm = apply("sqrt", apply("sum", apply("square", g)))
            g = g * apply("where", apply("gt", norm, self.gclip), self.gclip / norm, 1.0)
        return g + p * self.weight_decay if self.weight_decay and self.decays_gradient else g


@description
class SGD(Optimiser):
    """p -= lr g."""

    lr: float = 0.01

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step down the gradient."""
        return p - self.prepared(g, p) * k["lr"], {}


@description
class Momentum(Optimiser):
    """v = gamma v - lr g;  p += v (Polyak 1964)."""

    lr: float = 0.05
    gamma: float = 0.95
    slots = ("velocity",)

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step with velocity."""
        v = slots["velocity"] * self.gamma - self.prepared(g, p) * k["lr"]
        return p + v, {"velocity": v}


@description
class Nesterov(Optimiser):
    """v' = gamma v - lr g;  p += (1 + gamma) v' - gamma v (Nesterov 1983, as in Bengio et al. 2012)."""

    lr: float = 0.05
    gamma: float = 0.95
    slots = ("velocity",)

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step with velocity, looking ahead."""
        v = slots["velocity"] * self.gamma - self.prepared(g, p) * k["lr"]
        return p + v * (1 + self.gamma) - slots["velocity"] * self.gamma, {"velocity": v}


@description
class Adagrad(Optimiser):
    """G += g^2;  p -= lr g / sqrt(G + eps) (Duchi et al. 2011; Photon's place of eps)."""

    lr: float = 0.05
    eps: float = 1e-6
    slots = ("square_sum",)

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step scaled by all squares so far."""
        g = self.prepared(g, p)
        total = slots["square_sum"] + apply("square", g)
        return p - g * k["lr"] / apply("sqrt", total + self.eps), {"square_sum": total}


@description
class Rmsprop(Optimiser):
    """G = rho G + (1 - rho) g^2;  p -= lr g / sqrt(G + eps) (Tieleman and Hinton 2012; Photon's place of eps)."""

    lr: float = 0.01
    rho: float = 0.9
    eps: float = 1e-6
    slots = ("square_mean",)

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step scaled by recent squares."""
        g = self.prepared(g, p)
        mean = slots["square_mean"] * self.rho + apply("square", g) * (1 - self.rho)
        return p - g * k["lr"] / apply("sqrt", mean + self.eps), {"square_mean": mean}


@description
class Adadelta(Optimiser):
    """G = rho G + (1 - rho) g^2;  d = g sqrt(D + eps) / sqrt(G + eps);  p -= lr d;  D = rho D + (1 - rho) d^2 (Zeiler 2012)."""

    lr: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    slots = ("delta_mean", "square_mean")

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step scaled by recent squares and recent steps."""
        g = self.prepared(g, p)
        mean = slots["square_mean"] * self.rho + apply("square", g) * (1 - self.rho)
        d = g * apply("sqrt", slots["delta_mean"] + self.eps) / apply("sqrt", mean + self.eps)
        deltas = slots["delta_mean"] * self.rho + apply("square", d) * (1 - self.rho)
        return p - d * k["lr"], {"delta_mean": deltas, "square_mean": mean}


@description
class Adam(Optimiser):
    """m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).

    eps_hat: eps is added to sqrt(v) before the correction, as in the paper's second form and in Keras; so it is eps / sqrt(1 - b2^t) above.
    Source: Kingma and Ba 2014.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    slots = ("mean", "square_mean")
    eps_hat: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.eps_hat, bool):
            raise ArgumentError(f"{type(self).__name__} eps_hat=", "True or False", repr(self.eps_hat))

    def eps_at(self, step: int) -> float:
        """What is added to the corrected root at update `step`, from 1."""
        return self.eps / math.sqrt(1 - self.beta2**step) if self.eps_hat else self.eps

    def scalars(self, step: int) -> dict[str, float]:
        """The corrections of the first steps, and eps."""
        return {"correction1": 1 - self.beta1**step, "correction2": 1 - self.beta2**step, "eps": self.eps_at(step)}

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step along the mean gradient, scaled by the mean square."""
        g = self.prepared(g, p)
        mean = slots["mean"] * self.beta1 + g * (1 - self.beta1)
        square = slots["square_mean"] * self.beta2 + apply("square", g) * (1 - self.beta2)
        step = mean / k["correction1"] / (apply("sqrt", square / k["correction2"]) + k["eps"])
        return p - step * k["lr"], {"mean": mean, "square_mean": square}


@description
class AdamW(Adam):
    """Adam after p -= lr weight_decay p: decay apart from the gradient (Loshchilov and Hutter 2017)."""

    weight_decay: float = field(default=0.01, kw_only=True)
    decays_gradient = False

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """A step of Adam on the decayed parameter."""
        return Adam.update(self, p - p * (k["lr"] * self.weight_decay), g, slots, k)


@description
class Adamax(Optimiser):
    """m = b1 m + (1 - b1) g;  u = max(b2 u, |g|);  p -= lr / (1 - b1^t) m / (u + eps) (Kingma and Ba 2014)."""

    lr: float = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    slots = ("mean", "largest")

    def scalars(self, step: int) -> dict[str, float]:
        """The correction of the first steps."""
        return {"correction1": 1 - self.beta1**step}

    def update(self, p: Any, g: Any, slots: Slots, k: dict[str, Any]) -> tuple[Any, Slots]:
        """One step along the mean gradient, scaled by the largest."""
        g = self.prepared(g, p)
        mean = slots["mean"] * self.beta1 + g * (1 - self.beta1)
        largest = apply("maximum", slots["largest"] * self.beta2, apply("abs", g))
        return p - mean * (k["lr"] / k["correction1"]) / (largest + self.eps), {"mean": mean, "largest": largest}


RMSprop, ADAM = Rmsprop, Adam
NAMES: dict[str, type[Optimiser]] = {
    c.__name__.lower(): c for c in (SGD, Momentum, Nesterov, Adagrad, Rmsprop, Adadelta, Adam, AdamW, Adamax)
}


def get(what: Any) -> Optimiser:
    """An optimiser by name, class or as itself. Errors: UnknownName with the nearest names."""
    if isinstance(what, str):
        if what.lower() not in NAMES:
            raise UnknownName("opt", "an optimiser", repr(what), near(what, NAMES))
        return NAMES[what.lower()]()
    if isinstance(what, type) and issubclass(what, Optimiser):
        return what()
    if isinstance(what, Optimiser):
        return what
    raise ArgumentError("opt", "an optimiser or its name", repr(what))


def clipped_together(gradients: Sequence[Any], norm: float) -> list[Any]:
    """Gradients, scaled down by one number so that their Euclidean norm over all of them is at most `norm` (0: as they are)."""
    if not norm or not gradients:
        return list(gradients)
    length = sum((g * g).sum() for g in gradients) ** 0.5
    return [g * (norm / length) if length > norm else g for g in gradients]


def update_plan(optimiser: Optimiser, dtype: str) -> Plan:
    """The update of one parameter as a plan: inputs p, g, the slots, then the numbers of `k` sorted by name.

    Outputs are the new p and the new slots, in the order of `optimiser.slots`.
    """
    names = sorted(optimiser.numbers(1))

    def formula(p: Any, g: Any, *rest: Any) -> tuple[Any, ...]:
        slots = dict(zip(optimiser.slots, rest[: len(optimiser.slots)], strict=True))
        p, new = optimiser.update(p, g, slots, dict(zip(names, rest[len(optimiser.slots) :], strict=True)))
        return (p, *(new[s] for s in optimiser.slots))

    return plan(trace(formula, *(Tensor((), dtype) for _ in range(2 + len(optimiser.slots) + len(names)))), dtype)
