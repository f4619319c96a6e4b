"""Optimisers of a system: each over the parameters of its models, in all the forms in which Lightning lets them be returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pyphoton import optimisers
from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.optimisers import Optimiser
from pyphoton.schedules import ReduceOnPlateau, Schedule, WarmUp
from pyphoton.scopes import children, unique
from pyphoton.systems import recording
from pyphoton.systems.objects import CONFIGURE, CONFIGURE_MANY, MLSystem, named_models
from pyphoton.systems.schedulers import EveryNth, Scheduler

SPELLINGS = {
    "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps", "learning_rate": "lr", "momentum": "gamma", "alpha": "rho",
    "clipnorm": "clip_norm", "clipvalue": "clip_value",
}  # fmt: skip
"""What Keras and torch call an argument that has another name here."""
FORMS = (
    "an optimiser, a list of them, (list of optimisers, list of schedulers), a dictionary {'optimizer': ..., 'lr_scheduler': ...}, "
    "a list of such dictionaries, or None"
)
_KEYS = ("optimizer", "lr_scheduler", "monitor")
_SCHEDULE_KEYS = ("scheduler", "interval", "frequency", "monitor", "strict", "name", "reduce_on_plateau")


@dataclass(frozen=True, eq=False, repr=False)
class Optimizer:
    """An optimiser over the parameters of some models of a system: `Optimizer(Adam(1e-4), self.generator)`.

    In a training_step with `automatic_optimization = False`, `self.optimizers()` gives these back: `zero_grad()`,
    `self.manual_backward(loss)`, `step()`, or `minimize(loss)`.
    """

    optimiser: Optimiser
    models: tuple[Any, ...]

    def __init__(self, optimiser: Any, *models: Any) -> None:
        if not models:
            raise ArgumentError("Optimizer", "an optimiser, and the models whose parameters it updates", "no model", "Write Optimizer(Adam(1e-3), self.net).")
        object.__setattr__(self, "optimiser", optimisers.get(optimiser))
        object.__setattr__(self, "models", models)

    def __repr__(self) -> str:
        return f"Optimizer({self.optimiser!r} of {', '.join(type(m).__name__ for m in self.models)})"

    def zero_grad(self) -> None:
        """Forget gradients so far. Errors: TraceError outside of a training_step."""
        recording.running("zero_grad").zero_grad(self)

    def step(self) -> None:
        """Update with the gradients of `manual_backward`, of parameters as they are at that moment."""
        recording.running("step").step(self)

    def minimize(self, loss: Any) -> None:
        """zero_grad, manual_backward of this loss for this optimiser, step."""
        recording.running("minimize").minimize(self, loss)


def configure_optimizers(system: Any, optim: Any, lr: float | None = None, **kwargs: Any) -> list[Optimizer]:
    """An optimiser for each model of a system, in order, each over the parameters of that model only.

    optim: a class of optimisers, its name, or a function of (lr, **kwargs) that gives one. kwargs: its arguments, also as Keras
    and torch spell them (beta_2, epsilon, betas). Errors: ArgumentError for an argument that it does not have.
    """
    if not isinstance(system, MLSystem):
        raise ArgumentError("configure_optimizers", "an MLSystem first", repr(system))
    made = [Optimizer(optimiser_of(optim, lr, kwargs), model) for model in named_models(system).values()]
    return made


def optimiser_of(optim: Any, lr: Any, kwargs: Mapping[str, Any]) -> Optimiser:
    """An optimiser with these arguments. Errors: ArgumentError, UnknownName."""
    if isinstance(optim, str):
        optim = type(optimisers.get(optim))
    if isinstance(optim, Optimiser):
        raise ArgumentError("configure_optimizers", "a class of optimisers, as Adam", repr(optim), f"Write configure_optimizers(system, {type(optim).__name__}, lr).")
    if not callable(optim):
        raise ArgumentError("configure_optimizers", "a class of optimisers, as Adam", repr(optim))
    known = {f.name for f in fields(optim)} if isinstance(optim, type) and issubclass(optim, Optimiser) else set(kwargs)
    arguments = {} if lr is None else {"lr": lr}
    for name, value in kwargs.items():
        if name == "betas" and {"beta1", "beta2"} <= known and isinstance(value, tuple | list) and len(value) == 2:
            pairs = {"beta1": value[0], "beta2": value[1]}
        else:
            pairs = {SPELLINGS[name] if name not in known and SPELLINGS.get(name) in known else name: value}
        twice = sorted(pairs.keys() & arguments.keys())
        if twice:
            raise ArgumentError(getattr(optim, "__name__", "optimiser"), f"{twice[0]} once", f"it twice, the second time as {name}=")
        arguments |= pairs
    made = optim(**arguments)
    if not isinstance(made, Optimiser):
        raise ArgumentError("configure_optimizers", "a class that makes an optimiser", f"one that made {made!r}")
    return made


# ---- what configure_optimizer returns ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Configured:
    """One optimiser of a system: the handle that a step gets, its formula with its schedule, what it is called, and whether it is for everything."""

    handle: Optimizer
    optimiser: Optimiser
    name: str
    everything: bool


def configured(system: Any) -> tuple[Configured, ...]:
    """The optimisers of a system, whatever form its method returns them in. Errors: ArgumentError, MissingMethod."""
    singular, plural = CONFIGURE.of(type(system)), CONFIGURE_MANY.of(type(system))
    method = singular or plural or CONFIGURE.needed(system)
    where = f"{type(system).__name__}.{'configure_optimizer' if method is singular else 'configure_optimizers'}"
    pairs = _pairs(method(system), where)
    models = list(named_models(system).values())
    every = [layer for layer in system.children().values()]
    several = len(pairs) > 1 and not all(isinstance(opt, Optimizer) for opt, _ in pairs)
    if several and len(pairs) != len(models):
        hint = "Say which models each is for: [Optimizer(Adam(1e-4), self.generator), Optimizer(Adam(4e-4), self.discriminator)]."
        raise ArgumentError(where, f"one optimiser, or one for each of {len(models)} models", f"{len(pairs)}", hint)
    made = []
    for k, (opt, schedule) in enumerate(pairs):
        own = [models[k]] if several else every
        handle = opt if isinstance(opt, Optimizer) else Optimizer(opt, *own) if own else None
        if handle is None:
            raise ArgumentError(where, "models whose parameters are updated", "a system without any", "Set self.models, or keep layers as attributes.")
        _check_of_system(handle, every, where)
        everything = {id(model) for model in handle.models} >= {id(layer) for layer in every}
        made.append(Configured(handle, _with_schedule(handle.optimiser, schedule, where), "", everything))
    return _named(made, system)


def _named(made: list[Configured], system: Any) -> tuple[Configured, ...]:
    """Each with a name, after its models; "" for the only one."""
    if len(made) < 2:
        return tuple(made)
    named = {id(model): name for name, model in system.children().items()}
    found: list[str] = []
    for k, one in enumerate(made):
        found.append(unique("_".join(named.get(id(m), str(k)) for m in one.handle.models), found))
    return tuple(replace(one, name=name) for one, name in zip(made, found, strict=True))


def _check_of_system(handle: Optimizer, every: Sequence[Any], where: str) -> None:
    inside: set[int] = set()
    todo = list(every)
    while todo:
        layer = todo.pop()
        if id(layer) not in inside:
            inside.add(id(layer))
            todo += list(children(layer).values())
    for model in handle.models:
        if id(model) not in inside:
            raise ArgumentError(where, "optimisers of the system's own models", f"one of {model!r}"[:200], "Set self.models, or keep the layer as an attribute.")


def _is_optimiser(what: Any) -> bool:
    return isinstance(what, Optimizer | Optimiser) or (isinstance(what, type) and issubclass(what, Optimiser))


def _pairs(found: Any, where: str) -> list[tuple[Any, Any]]:
    """(optimiser, schedule or None) of any form. Errors: ArgumentError."""
    if found is None:
        return []
    if _is_optimiser(found) or isinstance(found, str):
        return [(found, None)]
    if isinstance(found, Mapping):
        return [_of_dictionary(found, where)]
    if not isinstance(found, tuple | list):
        raise ArgumentError(where, FORMS, repr(found)[:80])
    if len(found) == 2 and all(isinstance(part, tuple | list) for part in found):
        return _of_two_lists(list(found[0]), list(found[1]), where)
    if found and all(isinstance(part, Mapping) for part in found):
        return [_of_dictionary(part, where) for part in found]
    if not all(_is_optimiser(part) or isinstance(part, str) for part in found):
        odd = next(part for part in found if not _is_optimiser(part))
        raise ArgumentError(where, FORMS, f"{odd!r} in a list"[:100])
    if len({id(part) for part in found}) != len(found):
        raise ArgumentError(where, "each optimiser once", "one of them twice")
    return [(part, None) for part in found]


def _of_two_lists(opts: list[Any], schedulers: list[Any], where: str) -> list[tuple[Any, Any]]:
    for opt in opts:
        if not (_is_optimiser(opt) or isinstance(opt, str)):
            raise ArgumentError(where, "a list of optimisers first", repr(opt)[:80])
    found: dict[int, Any] = {}
    for number, scheduler in enumerate(schedulers):
        options = dict(scheduler) if isinstance(scheduler, Mapping) else {"scheduler": scheduler}
        about = options.get("scheduler")
        at = number
        if isinstance(about, Scheduler):
            places = [k for k, opt in enumerate(opts) if opt is about.optimizer]
            if not places:
                raise ArgumentError(where, "schedulers of the optimisers in the list", f"one of {about.optimizer!r}")
            at = places[0]
        elif len(schedulers) > len(opts):
            raise ArgumentError(where, f"at most {len(opts)} schedulers", str(len(schedulers)))
        if at in found:
            raise ArgumentError(where, "one schedule for each optimiser", "two for the same")
        found[at] = _schedule(options, opts[at], None, where)
    return [(opt, found.get(k)) for k, opt in enumerate(opts)]


def _of_dictionary(found: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    for key in found:
        if key not in _KEYS:
            raise UnknownName(where, f"the keys {', '.join(_KEYS)}", repr(key), near(str(key), _KEYS))
    opt = found.get("optimizer")
    if not (_is_optimiser(opt) or isinstance(opt, str)):
        raise ArgumentError(where, "'optimizer' in the dictionary: an optimiser", repr(opt))
    about = found.get("lr_scheduler")
    if about is None:
        return opt, None
    options = dict(about) if isinstance(about, Mapping) else {"scheduler": about}
    return opt, _schedule(options, opt, found.get("monitor"), where)


def _schedule(options: dict[str, Any], opt: Any, monitor: Any, where: str) -> Schedule:
    """The schedule that a scheduler with interval, frequency and monitor means. Errors: ArgumentError, UnknownName."""
    for key in options:
        if key not in _SCHEDULE_KEYS:
            raise UnknownName(where, f"lr_scheduler with the keys {', '.join(_SCHEDULE_KEYS)}", repr(key), near(str(key), _SCHEDULE_KEYS))
    found = options.get("scheduler")
    if isinstance(found, Scheduler):
        if found.optimizer is not None and found.optimizer is not opt:
            raise ArgumentError(where, f"a scheduler of {opt!r}", f"one of {found.optimizer!r}")
        found = found.schedule
    if not isinstance(found, Schedule):
        raise ArgumentError(where, "a schedule, as Cosine(opt, T_max=10) or CosineDecay(10)", repr(found))
    interval, frequency = options.get("interval"), options.get("frequency", 1)
    if interval is not None:
        if interval not in ("epoch", "step"):
            raise UnknownName(where, "interval 'epoch' or 'step'", repr(interval))
        found = counted_in(found, interval)
    if not is_integer(frequency) or frequency < 1:
        raise ArgumentError(where, "frequency: a whole number from 1", repr(frequency))
    monitor = options.get("monitor", monitor)
    if monitor is not None:
        if not isinstance(monitor, str):
            raise ArgumentError(where, "monitor: the name of a number that is logged", repr(monitor))
        found = replace(found, monitor=monitor) if isinstance(found, ReduceOnPlateau) else found
    return found if frequency == 1 else EveryNth(found, int(frequency), per=found.per)


def counted_in(schedule: Schedule, per: Any) -> Schedule:
    """The same schedule over epochs or steps, with the one that follows it."""
    if isinstance(schedule, WarmUp) and schedule.then is not None:
        return replace(schedule, per=per, then=counted_in(schedule.then, per))
    return replace(schedule, per=per)


def _with_schedule(optimiser: Optimiser, schedule: Schedule | None, where: str) -> Optimiser:
    """The optimiser with its schedule. Errors: ArgumentError for two."""
    if schedule is None:
        return optimiser
    if optimiser.schedule is not None:
        raise ArgumentError(where, "one schedule for each optimiser", f"schedule= in {optimiser!r} and a scheduler besides")
    return replace(optimiser, schedule=schedule)
