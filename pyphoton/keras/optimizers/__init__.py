"""Optimizers of this face: names, arguments and formulas of today's Keras, on pyphoton's own optimisers.

`learning_rate` may be a number, a schedule, or a function; it can be assigned while training (`model.optimizer.learning_rate = 0.01`)
and holds from the next update on. Keraflow's `lr` and `decay` (lr / (1 + decay t)) are taken, too. `clipnorm` bounds the gradient of each
parameter, `global_clipnorm` all of them together (which is what Keraflow's clipnorm did), `clipvalue` each element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pyphoton import optimisers as rules
from pyphoton.errors import KeraFlowError, UnknownName, Unsupported, near
from pyphoton.keras.losses import snake
from pyphoton.keras.optimizers import schedules
from pyphoton.keras.optimizers.nadam import Nadam as Rule
from pyphoton.optimisers import Optimiser
from pyphoton.schedules import LambdaSchedule

COMMON = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "gradient_accumulation_steps", "name")
"""What all optimizers take by keyword."""

REFUSED = {
    "use_ema": (False, "Average the weights in a callback."), "ema_momentum": (0.99, "There is no use_ema."),
    "ema_overwrite_frequency": (None, "There is no use_ema."), "loss_scale_factor": (None, "Mixed precision scales by itself."),
}  # fmt: skip
"""Arguments that only have the value that changes nothing: the way out."""


class Optimizer:
    """Base of the optimizers. `options` are the formula's own arguments with their defaults."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, learning_rate: Any = 0.001, **given: Any) -> None:
        owner = type(self).__name__
        if "lr" in given:
            learning_rate = given.pop("lr")
        for name, (allowed, hint) in REFUSED.items():
            if given.pop(name, allowed) not in (allowed,):
                raise Unsupported(f"{owner} {name}=", repr(allowed), "another value", hint)
        self.decay = _number(owner, "decay", given.pop("decay", 0.0), least=0)
        known = {**self.options, **dict.fromkeys(COMMON)}
        for name in given:
            if name not in known:
                raise KeraFlowError(owner, f"arguments learning_rate, {', '.join(known)}", f"{name}=", near(name, [*known, "learning_rate"]))
        self.arguments = {**known, **given}
        self.name = self.arguments.pop("name") or snake(owner)
        self.iterations = 0
        self._rate = self._checked(learning_rate)
        self._check(owner)

    def _check(self, owner: str) -> None:
        clips = [n for n in ("clipnorm", "clipvalue", "global_clipnorm") if self.arguments[n] is not None]
        if len(clips) > 1:
            raise KeraFlowError(owner, "one of clipnorm, clipvalue and global_clipnorm", ", ".join(clips))
        for name in clips:
            if _number(owner, name, self.arguments[name], least=0) == 0:
                raise KeraFlowError(f"{owner} {name}=", "a number above 0", "0")
        self.core()  # refuses what it cannot have

    def _checked(self, rate: Any) -> Any:
        if isinstance(rate, schedules.LearningRateSchedule) or (callable(rate) and not isinstance(rate, type)):
            return rate
        return _number(type(self).__name__, "learning_rate", rate, least=0)

    @property
    def learning_rate(self) -> Any:
        """The rate now: of the schedule, where there is one. Assigned, it holds from the next update on."""
        return float(self._rate(self.iterations)) if isinstance(self._rate, schedules.LearningRateSchedule) else self._rate() if callable(self._rate) else self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._rate = self._checked(float(value) if hasattr(value, "dtype") else value)

    lr = learning_rate

    @property
    def scheduled(self) -> bool:
        """Whether the rate is a schedule's, so that callbacks may not assign it."""
        return callable(self._rate)

    def rate_at(self, step: int) -> float:
        """The rate of update `step`, from 0, as things stand."""
        rate = self._rate(step) if isinstance(self._rate, schedules.LearningRateSchedule) else self._rate() if callable(self._rate) else self._rate
        return float(rate) / (1 + self.decay * step)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        return {"learning_rate": self._rate, "decay": self.decay, "name": self.name, **self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """The optimizer that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        changed = {k: v for k, v in self.arguments.items() if v != self.options.get(k)}
        return f"{type(self).__name__}({', '.join([f'learning_rate={self._rate!r}', *(f'{k}={v!r}' for k, v in changed.items())])})"

    # ---- as an optimiser of pyphoton -----------------------------------------------------------------------------------

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """The core's optimiser and its numbers."""
        raise NotImplementedError

    def core(self) -> Optimiser:
        """The core's optimiser, whose rate is this object's at every update. Errors: Unsupported."""
        cls, numbers = self.formula()
        a = self.arguments
        if a["weight_decay"]:
            cls, numbers["weight_decay"] = self._decayed(cls), a["weight_decay"]
        return cls(
            lr=1.0, gclip=a["clipnorm"] or 0.0, clip_value=a["clipvalue"] or 0.0, clip_norm=a["global_clipnorm"] or 0.0,
            accumulate=a["gradient_accumulation_steps"] or 1, schedule=LambdaSchedule(self.rate_at, per="step"), **numbers,
        )  # fmt: skip

    def _decayed(self, cls: type[Optimiser]) -> type[Optimiser]:
        """The optimiser that takes the decay from the parameter itself, by the learning rate."""
        if cls in (rules.Adam, rules.AdamW):
            return rules.AdamW
        clipped = any(self.arguments[n] is not None for n in ("clipnorm", "clipvalue", "global_clipnorm"))
        if cls is rules.SGD and not clipped:
            return cls  # the same in both forms
        raise Unsupported(f"{type(self).__name__} weight_decay=", "Adam, AdamW, or SGD without momentum and clipping", "this", "Use a regularizer: L2.")


def _number(owner: str, name: str, value: Any, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
        raise KeraFlowError(f"{owner} {name}=", f"a number from {least}", repr(value))
    return value


def _off(owner: Optimizer, *names: str) -> None:
    for name in names:
        if owner.arguments[name]:
            raise Unsupported(f"{type(owner).__name__} {name}=", repr(owner.options[name]), repr(owner.arguments[name]))


class SGD(Optimizer):
    """p -= lr g; with momentum v = momentum v - lr g, p += v, and with nesterov p += momentum v - lr g."""

    options: ClassVar = {"momentum": 0.0, "nesterov": False}

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **given: Any) -> None:
        super().__init__(learning_rate, momentum=momentum, nesterov=nesterov, **given)

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """SGD, Momentum or Nesterov."""
        momentum = _number("SGD", "momentum", self.arguments["momentum"], least=0)
        if not momentum:
            return rules.SGD, {}
        return rules.Nesterov if self.arguments["nesterov"] else rules.Momentum, {"gamma": momentum}


class RMSprop(Optimizer):
    """G = rho G + (1 - rho) g^2;  p -= lr g / sqrt(G + epsilon)."""

    options: ClassVar = {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.9, **given: Any) -> None:
        super().__init__(learning_rate, rho=rho, **given)

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """Rmsprop. Errors: Unsupported for momentum and centered."""
        _off(self, "momentum", "centered")
        return rules.Rmsprop, {"rho": self.arguments["rho"], "eps": self.arguments["epsilon"]}


class Adagrad(Optimizer):
    """G += g^2;  p -= lr g / sqrt(G + epsilon), with G = initial_accumulator_value at first."""

    options: ClassVar = {"initial_accumulator_value": 0.1, "epsilon": 1e-7}

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """Adagrad: what the sum begins with stands beside epsilon."""
        return rules.Adagrad, {"eps": self.arguments["initial_accumulator_value"] + self.arguments["epsilon"]}


class Adadelta(Optimizer):
    """G = rho G + (1 - rho) g^2;  d = g sqrt(D + epsilon) / sqrt(G + epsilon);  p -= lr d;  D = rho D + (1 - rho) d^2."""

    options: ClassVar = {"rho": 0.95, "epsilon": 1e-7}

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, **given: Any) -> None:
        super().__init__(learning_rate, rho=rho, **given)

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """Adadelta."""
        return rules.Adadelta, {"rho": self.arguments["rho"], "eps": self.arguments["epsilon"]}


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)."""

    options: ClassVar = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, **given: Any) -> None:
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **given)

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """Adam with the epsilon of its paper's second form. Errors: Unsupported for amsgrad."""
        _off(self, "amsgrad")
        a = self.arguments
        return rules.Adam, {"beta1": a["beta_1"], "beta2": a["beta_2"], "eps": a["epsilon"], "eps_hat": True}


class AdamW(Adam):
    """Adam after p -= lr weight_decay p."""

    def __init__(
        self, learning_rate: Any = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, **given: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **given)


class Adamax(Adam):
    """m = b1 m + (1 - b1) g;  u = max(b2 u, |g|);  p -= lr / (1 - b1^t) m / (u + epsilon)."""

    options: ClassVar = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """Adamax."""
        a = self.arguments
        return rules.Adamax, {"beta1": a["beta_1"], "beta2": a["beta_2"], "eps": a["epsilon"]}


class Nadam(Adam):
    """Adam with Nesterov's momentum, whose coefficient is b1 (1 - 0.96^t / 2) at update t (Dozat 2016)."""

    options: ClassVar = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

    def formula(self) -> tuple[type[Optimiser], dict[str, Any]]:
        """Nadam."""
        a = self.arguments
        return Rule, {"beta1": a["beta_1"], "beta2": a["beta_2"], "eps": a["epsilon"]}


class FromCore(Optimizer):
    """An optimiser of pyphoton's own in a model of this face; its schedule goes on acting, and its rate may be assigned."""

    def __init__(self, optimiser: Optimiser) -> None:
        self.inner = optimiser
        super().__init__(float(optimiser.lr))
        self.name = type(optimiser).__name__.lower()

    def core(self) -> Optimiser:
        """The optimiser itself where it has a schedule, else with this object's rate."""
        if self.inner.schedule is not None:
            return self.inner
        return type(self.inner)(**{**self.inner.arguments(), "lr": 1.0, "schedule": LambdaSchedule(self.rate_at, per="step")})


NAMES: dict[str, Callable[[], Optimizer]] = {c.__name__.lower(): c for c in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam)}


def get(what: Any) -> Optimizer:
    """An optimizer by name, class, or as itself; one of pyphoton's own. Errors: UnknownName, KeraFlowError."""
    if isinstance(what, str):
        name = what.removeprefix(":").lower()
        if name not in NAMES:
            raise UnknownName("optimizer", "an optimizer", repr(what), near(name, NAMES))
        return NAMES[name]()
    if isinstance(what, type) and issubclass(what, Optimizer | Optimiser):
        what = what()
    if isinstance(what, Optimiser):
        return FromCore(what)
    if not isinstance(what, Optimizer):
        raise KeraFlowError("optimizer", "an optimizer or its name", repr(what))
    return what
