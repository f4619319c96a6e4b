"""StepNetwork: the plans of a system's steps over the parameters of all of its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyphoton import graph
from pyphoton.backends.base import Turn
from pyphoton.errors import ArgumentError, PhotonError
from pyphoton.network import Network, input_kind
from pyphoton.parameters import collect
from pyphoton.plan import Plan, Value
from pyphoton.systems.batches import Structure, rebuilt
from pyphoton.systems.objects import MLSystem, named_models
from pyphoton.systems.recording import Counters, Log, during
from pyphoton.systems.steps import Recorded
from pyphoton.tensor import Tensor

MOST_STEPS = 512
"""How many traced steps are remembered where they depend on counters."""


@dataclass(frozen=True, eq=False)
class Planned:
    """A step for one kind of batch: its turns, how each of their outputs is kept, what is always the same, and what it returned.

    `used`: the counters on which it depends. `structure`: that of the batch; `result`: that of a prediction.
    """

    parts: tuple[Turn, ...]
    columns: tuple[Log | None, ...]
    constants: tuple[Log, ...]
    used: frozenset[str]
    structure: Structure
    result: Structure = None

    @property
    def logs(self) -> tuple[Log, ...]:
        """Everything that is kept by name."""
        return (*(c for c in self.columns if c is not None), *self.constants)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Steps of one kind can follow one another in one pass of the engine."""
        return tuple(part.sessions for part in self.parts), self.columns_key

    @property
    def columns_key(self) -> tuple[Any, ...]:
        """The names of the columns and of the constants."""
        return tuple((c and c.name) for c in self.columns), tuple((c.name, c.value) for c in self.constants)


class StepNetwork(Network):
    """A system, or one object with a loss, on a backend: each kind of batch is traced once for each kind of step."""

    structure: Structure = None

    @property
    def generation(self) -> int:
        """Another number whenever there are other parameters than before."""
        return len(self.parameters)

    def planned(
        self, stage: str, run: Callable[[Recorded], None], arrays: Sequence[Any], structure: Structure, *, counters: Counters | None = None,
        handles: Sequence[Any] = (), names: Sequence[str] = (), training: bool = False,
    ) -> Planned:  # fmt: skip
        """What `run` does to a batch of these arrays. Errors: those of the trace; ShapeError, TraceError, Unsupported."""
        self._forget_former()
        self.structure = structure
        counters = counters or {}
        signature = (stage, structure, tuple((tuple(a.shape[1:]), input_kind(a, self.dtype)) for a in arrays))
        known: dict[Any, Any] = self._plans
        used = known.get(signature, frozenset())
        found = known.get(_key(signature, used, counters))
        if found is None:
            inputs = self._tensors(tuple(arrays))
            step = Recorded(rebuilt(structure, inputs), counters, handles, names, training)
            found = self._plan_of(step, run, inputs, stage, structure)
            used = known[signature] = used | found.used
            many = [key for key in known if key[0] == "counted"]
            for key in many[: max(len(many) - MOST_STEPS, 0)]:
                del known[key]
            known[_key(signature, used, counters)] = found
        return found

    def _plan_of(self, step: Recorded, run: Callable[[Recorded], None], inputs: tuple[Tensor, ...], stage: str, structure: Structure) -> Planned:
        def traced(*_: Tensor) -> tuple[Tensor, ...]:
            with during(step):
                run(step)
            return tuple(t for turn in step.turns for t in turn.outputs)

        owner = self.model
        traced.__name__ = f"{type(owner).__name__}.{stage}"
        paths = named_models(owner) if isinstance(owner, MLSystem) else {graph.root_path(owner): owner}
        graph.trace(traced, *inputs, paths=paths)
        plans = []
        for turn in step.turns:
            outputs = tuple(turn.outputs)
            made = self._adopt(graph.Graph(inputs, outputs, graph.reached(outputs).nodes, single=False))
            if turn.sessions and not any(param.role == "weight" for param in made.params.values()):
                hint = "Return what the models make of the batch; None leaves the minibatch out."
                raise ArgumentError(f"{type(owner).__name__}.{stage}", "a loss that depends on parameters", "one that no parameter reaches", hint)
            plans.append(made)
        plans = [self._shared(made) if step.used else made for made in agreed(plans)]
        parts = tuple(Turn(made, turn.sessions) for made, turn in zip(plans, step.turns, strict=True))
        columns = tuple(c and replace(c, value=None) for c in step.columns)
        return Planned(parts, columns, tuple(step.constants), frozenset(step.used), structure, step.result)

    def _shared(self, made: Plan) -> Plan:
        """An equal plan that there is already, where there is one: an engine prepares it once."""
        if any(step.function is not None for step in made.all_steps()):
            return made
        try:
            text = made.to_json()
        except PhotonError:  # a constant or first value that has no text
            return made
        known: dict[Any, Any] = self._plans
        found: Plan = known.setdefault(("counted", "plan", text), made)
        return found

    def arrays_for(self, planned: Planned, arrays: tuple[Any, ...], names: Sequence[str]) -> tuple[Any, ...]:
        """Arrays as all turns want them. Errors: DataError with the array's place in the batch."""
        for part in planned.parts[:1]:
            arrays = self.converted(part.plan, arrays, names)
        return arrays

    def pair(self, arrays: tuple[Any, ...]) -> Any:
        """The batch that the engine got as these arrays."""
        return rebuilt(self.structure, arrays)

    def paths_of(self, models: Sequence[Any]) -> frozenset[str]:
        """The paths of the parameters of some models, as far as they are made."""
        inside = {id(p) for model in models for p in collect(model).values()}
        own = {id(p) for p in collect(self.model).values()}
        names = named_models(self.model).items() if isinstance(self.model, MLSystem) else ()
        begins = tuple(f"{name}." for name, model in names if any(model is m for m in models))
        made_in_calls = (path for path, p in self.parameters.items() if id(p) not in own and path.startswith(begins))
        return frozenset((*(path for path, p in self.parameters.items() if id(p) in inside), *made_in_calls))


def _key(signature: tuple[Any, ...], used: frozenset[str], counters: Counters) -> tuple[Any, ...]:
    if not used:
        return ("step", *signature)
    return ("counted", *signature, tuple((name, counters.get(name)) for name in sorted(used)))


def agreed(plans: Sequence[Plan]) -> list[Plan]:
    """The same plans, whose inputs are of one dtype and bound: whole numbers where one of them uses them as positions."""
    if len(plans) < 2:
        return list(plans)
    common: list[tuple[str, int | None]] = []
    for values in zip(*(made.inputs for made in plans), strict=True):
        whole = next((v.dtype for v in values if v.dtype == "int64"), values[0].dtype)
        bounds = [v.below for v in values if v.below is not None]
        common.append((whole, min(bounds) if bounds else None))

    def put(value: Value, to: tuple[str, int | None]) -> Value:
        return replace(value, dtype=to[0], below=to[1])

    return [replace(made, inputs=tuple(map(put, made.inputs, common))) for made in plans]


