"""What systems and models compute on arrays outside of training: `forward`, `loss`, `gradients`. Nothing is updated."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pyphoton.errors import ArgumentError
from pyphoton.gradient import Gradients
from pyphoton.layers.base import Layer
from pyphoton.optimisers import SGD
from pyphoton.systems import recording
from pyphoton.systems.batches import rebuilt
from pyphoton.systems.dispatch import Generic
from pyphoton.systems.feed import Arrays, arrays_of
from pyphoton.systems.objects import CONFIGURE, CONFIGURE_MANY, FORWARD, LOSS, MLObject, MLSystem
from pyphoton.systems.planning import Planned, StepNetwork
from pyphoton.systems.steps import Recorded
from pyphoton.tensor import Tensor

_networks: WeakKeyDictionary[Any, Evaluated] = WeakKeyDictionary()


class Evaluated(StepNetwork):
    """The network of an object that is used by itself."""

    def plan_for(self, word: str, batch: Arrays, *, training: bool = False) -> Planned:
        """What an object's function of that name ("forward", "loss") does to a batch."""
        generic = FORWARD if word == "forward" else LOSS

        def run(step: Recorded) -> None:
            function, where = generic.needed(self.model), f"{type(self.model).__name__}.{word}"
            if word == "loss":
                value = function(self.model, step.batch)
                if isinstance(value, Tensor) or not _is_number(value):
                    step.returned(value, where, automatic=True)
                else:
                    step.log("loss", value, on_step=True, on_epoch=True, prog_bar=False)
                    step.returned(None, where, automatic=True)
                return
            arguments = step.batch if isinstance(step.batch, tuple | list) else (step.batch,)
            step.predicted(function(self.model, *arguments), where)

        return self.planned(word, run, batch.arrays, batch.structure, counters={"batch_idx": 0}, training=training)

    def values(self, word: str, data: Any) -> Any:
        """The result of `forward` or `loss` for arrays."""
        batch = arrays_of(data)
        planned = self.plan_for(word, batch)
        arrays = self.arrays_for(planned, batch.arrays, batch.names)
        found = [value for part in planned.parts for value in self.module.run(part.plan, arrays)]
        if word == "loss":
            return float(found[0]) if found else planned.constants[0].value
        return rebuilt(planned.result, found)


def network_for(thing: Any) -> Evaluated:
    """The network of a system or model by itself; the same one as long as the object lives."""
    found = _networks.get(thing)
    if found is None:
        found = _networks[thing] = Evaluated(thing, hold=False)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _traced(batch: Any) -> bool:
    """Whether a batch holds tensors of a running trace."""
    if isinstance(batch, dict):
        return any(map(_traced, batch.values()))
    return any(map(_traced, batch)) if isinstance(batch, tuple | list) else isinstance(batch, Tensor)


class _Function:
    """A generic function as users call it; `register` gives it another meaning for a type."""

    generic: Generic

    def register(self, kind: type) -> Any:
        """Decorator: the meaning for objects of a class and its subclasses. Errors: ArgumentError."""
        return self.generic.register(kind)

    def __repr__(self) -> str:
        return f"<generic function {self.generic.name}>"


class Forward(_Function):
    """forward(model, x): what a model or system computes, which is what `model(x)` means.

    Its meaning for a type is the method `forward`, or a function: `@forward.register(ResNet)`. On tensors of a trace it gives tensors,
    on arrays arrays. Errors: MissingMethod, naming the type, where there is neither.
    """

    generic = FORWARD

    def __call__(self, model: Any, *inputs: Any) -> Any:
        """The output for these inputs."""
        if isinstance(model, Layer | MLSystem):
            return model(*inputs)
        return FORWARD.needed(model)(model, *inputs)


class Loss(_Function):
    """loss(model, batch): the model's own loss; loss(system, batch): the sum over its models, 0 for none.

    Its meaning for a type is the method `loss`, or a function: `@loss.register(ModelType)`. On arrays it is a number, computed as in
    evaluation, and nothing is changed; on tensors of a trace a tensor. Without a batch it is that of the running step.
    Errors: MissingMethod, naming the type; DataError where there is no batch.
    """

    generic = LOSS

    def __call__(self, thing: Any, batch: Any = None) -> Any:
        """The loss of a batch."""
        function = LOSS.needed(thing)
        if batch is None:
            batch = recording.bound_batch("loss")
        if _traced(batch) or not isinstance(thing, Layer | MLObject):
            return function(thing, batch)
        return network_for(thing).values("loss", batch)


class ConfigureOptimizer(_Function):
    """configure_optimizer(system): what the system's method of that name returns: optimisers, with schedules or without.

    `@configure_optimizer.register(Type)` writes it outside of the class. Errors: MissingMethod where there is none.
    """

    generic = CONFIGURE

    def __call__(self, system: Any) -> Any:
        """The optimisers, in the form in which the system gives them."""
        if not isinstance(system, MLSystem):
            raise ArgumentError("configure_optimizer", "an MLSystem first", repr(system))
        found = CONFIGURE.of(type(system)) or CONFIGURE_MANY.of(type(system)) or CONFIGURE.needed(system)
        return found(system)


forward, loss, configure_optimizer = Forward(), Loss(), ConfigureOptimizer()


def gradients(thing: Any, batch: Any) -> Gradients:
    """The gradient of `loss(thing, batch)`, of a model or a system: pairs (parameter, gradient), and by path. Nothing changes.

    As in training: with penalties, and Dropout on. Errors: MissingMethod, DataError, ShapeError.
    """
    if not isinstance(thing, Layer | MLObject):
        raise ArgumentError("gradients", "a system or model first", repr(thing))
    network, data = network_for(thing), arrays_of(batch)
    planned = network.plan_for("loss", data, training=True)
    if not planned.parts:
        return Gradients({})
    arrays = network.arrays_for(planned, data.arrays, data.names)
    session = network.module.session(SGD(0.0), network.frozen())
    _, by_path, _ = session.gradient(planned.parts[0].plan, arrays)
    return Gradients({path: (network.parameters[path], by_path[path]) for path in network.parameters if path in by_path})


def detach(x: Any) -> Any:
    """The same numbers, as a constant to whatever is differentiated around it: `x.detach()` of a tensor; an array is given back as it is."""
    return x.detach() if isinstance(x, Tensor) else x
