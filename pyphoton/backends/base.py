"""What a backend is: three Protocols, and the few plain types that cross them.

A backend runs plans. `Backend.module` takes parameters (canonical NumPy arrays, which a CPU backend uses in place),
`Module.run` runs a plan forward, `Module.session` gives a Session, which trains: its plans' first output is the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from pyphoton.optimisers import Optimiser
from pyphoton.plan import Plan
from pyphoton.typing import Array


@dataclass(frozen=True)
class Turn:
    """A part of a step in which several sessions train: values and gradients of `plan`, then an update by each of `sessions`.

    `sessions` are positions among those of the JointSession. Each updates the parameters that it trains, and no others. A turn of no
    session only computes, while training; its values may be anything.
    """

    plan: Plan
    sessions: tuple[int, ...]


Turns: TypeAlias = tuple[Turn, ...]
"""A step of several sessions: the turns in their order. All get the same arrays: their plans take the same inputs in the same order."""

Work = TypeVar("Work")
"""What is done with a minibatch: a plan, or turns."""


@dataclass(frozen=True)
class Whole(Generic[Work]):
    """All samples at once: `arrays` in the order of the plan's inputs, visited in `order` (or as they lie), cut by `batch_size`."""

    plan: Work
    arrays: tuple[Array, ...]
    samples: int
    order: Any
    batch_size: int

    @property
    def count(self) -> int:
        """The number of minibatches."""
        return -(-self.samples // self.batch_size)

    @property
    def in_order(self) -> bool:
        """Whether states go on from minibatch to minibatch: not where samples are shuffled."""
        return self.order is None


@dataclass(frozen=True)
class Stream(Generic[Work]):
    """Minibatches as they come: (plan, arrays, number of samples). Reading the next one may raise.

    `count` is the number of minibatches, where it is known.
    """

    batches: Iterable[tuple[Work, tuple[Array, ...], int]]
    count: int | None = None
    in_order: ClassVar[bool] = True


Batches: TypeAlias = Whole[Plan] | Stream[Plan]

JointBatches: TypeAlias = Whole[Turns] | Stream[Turns]


Limits: TypeAlias = Mapping[str, Plan]
"""Constraints: after every update the parameter at each path becomes the output of its plan, which has no inputs."""

NONE: Limits = MappingProxyType({})


@dataclass(frozen=True)
class Report:
    """What an epoch gave: `values[step, output]` of each step done, `samples[step]`.

    `failed` is the (plan, arrays) of the batch whose loss was not finite (that step, or turn, was not applied), `stopped` tells that
    the hook or the interrupt ended the epoch before its last minibatch.
    """

    values: Any
    samples: Any
    failed: tuple[Plan, tuple[Array, ...]] | None = None
    stopped: bool = False


Hook: TypeAlias = Callable[[int, tuple[float, ...]], bool]
"""Called with the steps done and the last values; True ends the epoch after the running batch."""


Rates: TypeAlias = Callable[[int], float]
"""The learning rate of each minibatch of an epoch, counted from 0."""


JointRates: TypeAlias = Callable[[int], Sequence[float]]
"""A learning rate for each session, of each minibatch of an epoch, counted from 0."""


class Session(Protocol):
    """Training: parameters, an optimiser and its state."""

    def epoch(
        self, data: Batches, *, train: bool, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: Rates | None = None,
    ) -> Report:  # fmt: skip
        """One pass. `hook` is called every `every` steps; `interrupt[0]` is looked at after each batch; `finite` ends at a loss that is not.

        `rates` gives the learning rates (the optimiser's own when None). However the pass ends but by an error or a loss that is
        not finite, gradients that still wait for more minibatches (`accumulate`) are applied.
        """
        ...

    def gradient(self, plan: Plan, arrays: tuple[Array, ...]) -> tuple[tuple[float, ...], dict[str, Array], tuple[Array | None, ...]]:
        """The plan's values, the gradient of the first by parameter path, and by input (None for whole numbers). Nothing changes."""
        ...

    def state(self) -> dict[str, Array]:
        """Everything that training goes on from, except parameters: "step", "path/slot", random state."""
        ...

    def load(self, state: Mapping[str, Array]) -> None:
        """Go on from a `state()`."""
        ...


class JointSession(Protocol):
    """Training by several sessions of one module, in turns."""

    def epoch(
        self, data: JointBatches, *, every: int = 0, hook: Hook | None = None,
        interrupt: Any = None, finite: bool = True, rates: JointRates | None = None,
    ) -> Report:  # fmt: skip
        """One pass, as `Session.epoch`. In each step every turn computes and updates before the next one computes.

        Values are those of the turns, one after the other. A turn whose loss is not finite ends the epoch and is not applied; the turns
        before it in the step are, and the step is not among the values. What no session of a turn trains gets no gradient in it.
        States of scans go on from minibatch to minibatch for each turn by itself.
        """
        ...


class Module(Protocol):
    """Parameters on a device, and the plans that use them."""

    def run(self, plan: Plan, arrays: tuple[Array, ...], *, training: bool = False, carried: bool = False) -> tuple[Array, ...]:
        """The plan's outputs, as NumPy arrays. `carried`: states of scans go on from the last such call of the same batch size."""
        ...

    def reset(self) -> None:
        """Such states begin anew."""
        ...

    def read(self) -> dict[str, Array]:
        """The parameters by path, canonical layout; views on the CPU."""
        ...

    def write(self, values: Mapping[str, Array]) -> None:
        """Set parameters."""
        ...

    def session(self, optimiser: Optimiser, frozen: frozenset[str], limits: Limits = NONE) -> Session:
        """A new training session; parameters in `frozen`, which are not among `limits`, stay as they are."""
        ...

    def joint(self, sessions: Sequence[Session]) -> JointSession:
        """Sessions of this module that train together. Errors: ArgumentError for none, or one of another module."""
        ...


class Backend(Protocol):
    """An engine."""

    name: str
    priority: int
    precisions: frozenset[str]
    """The halved types that it can compute in: mixed precision."""

    @property
    def supports(self) -> frozenset[str]:
        """The step names that it can run."""
        ...

    def missing(self) -> str:
        """Why it cannot run here, with the way out; empty when it can."""
        ...

    def start(self, *, asked: bool = True) -> None:
        """Make sure that the engine runs. `asked`: by its name, not by "auto". Errors: BackendMissing with the way out."""
        ...

    def devices(self) -> tuple[str, ...]:
        """The devices that it can use here."""
        ...

    def describe(self) -> str:
        """Engine, version and device in a few words, for people."""
        ...

    def module(self, parameters: Mapping[str, Array], *, roles: Mapping[str, str], device: str, seed: int, precision: str | None = None) -> Module:
        """Take parameters (in place on the CPU). `precision`, one of `precisions`: what steps compute in, where that is good enough."""
        ...
