"""Layer: what every layer is; Param: what a layer says of one parameter; and the argument checks that layers share."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pyphoton import graph
from pyphoton.arguments import is_integer
from pyphoton.description import Description
from pyphoton.errors import ArgumentError, ShapeError, TraceError
from pyphoton.initialisers import zeros
from pyphoton.scopes import children, tracing, where
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape, show


@dataclass(frozen=True)
class Param:
    """One parameter of a layer: canonical shape, initialiser, role ("weight" is trained, "state" is not) and fans."""

    shape: tuple[int, ...]
    init: Any = zeros
    role: Literal["weight", "state"] = "weight"
    fans: tuple[int, int] = (1, 1)


class Layer(Description):
    """Base of all layers: a description, without arrays.

    A layer with a step of its own has a `kind`, and defines `infer`, `params` and `attrs`. A layer that is made of
    others defines `forward(x)` instead; subclass it for a model of your own:

    >>> class Twice(Layer):
    ...     def __init__(self):
    ...         self.dense = Dense(3, relu)
    ...     def forward(self, x):
    ...         return self.dense(x) + x

    Called on a symbolic tensor a layer adds itself to the graph. Called on an array, a batch or one sample as in `predict`,
    it computes with its current parameters, which are made when the first array (or the first fit_) shows the input's shape.
    """

    name: str | None = None
    by_identity = True  # a layer that stands twice has one set of weights
    step_names: ClassVar[Mapping[str, str]] = {}
    """What the step of the engines calls a parameter, where the layer has another name for it."""

    def __init_subclass__(cls, *, own_call: bool = False, **kwargs: Any) -> None:
        """own_call: `__call__` of the class is how its layers are called, and not what they compute."""
        super().__init_subclass__(**kwargs)
        if "__call__" in cls.__dict__ and not own_call:  # a model may be written with __call__ as well as with forward
            cls.forward = cls.__dict__["__call__"]  # type: ignore[method-assign]
            del cls.__call__

    def __call__(self, *inputs: Any) -> Any:
        """The layer on symbolic tensors (adds itself to the graph) or on arrays (computes)."""
        inputs = self.arranged(*inputs)
        flat = [t for i in inputs for t in (i if isinstance(i, tuple | list) else (i,))]
        if any(isinstance(t, Tensor) for t in flat):
            return graph.call(self, *inputs)
        return self.on_arrays(*inputs)

    def arranged(self, *inputs: Any) -> tuple[Any, ...]:
        """What a user calls the layer with, as the layer takes it."""
        return inputs

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A layer of its own with copies of the numbers; a layer that stands twice in a model stands twice in the copy."""
        from pyphoton import network

        made = memo[id(self)] = object.__new__(type(self))
        for name, value in vars(self).items():
            object.__setattr__(made, name, deepcopy(value, memo))
        network.copy(self, made)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """What pickling keeps: the fields, and the numbers as they are now."""
        from pyphoton.pickled import layer_state

        return layer_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        from pyphoton.pickled import restore_layer

        restore_layer(self, state)

    def on_arrays(self, *inputs: Any) -> Any:
        """The layer on arrays: computed by the engine that is found first. Errors: TraceError inside of a model, where it would learn nothing."""
        from pyphoton.network import network_of

        if tracing.get() is not None:
            hint = "Numbers that Python makes are the same in every minibatch, and no gradient goes through them: give them to the model with the data."
            raise TraceError(where(repr(self)), "a tensor of the model that is traced", "arrays only", hint)
        return network_of(self)(*inputs)

    def trace(self, *inputs: Any) -> Any:
        """What the layer does to symbolic tensors: `forward` if it has one, its own step otherwise."""
        own = type(self).forward is not Layer.forward
        result = self.forward(*graph.spread(self.forward, inputs)) if own else graph.apply_leaf(self, inputs)
        activation = getattr(self, "activation", None)
        return result if activation is None else graph.call(activation, result)

    def forward(self, *inputs: Any) -> Any:
        """What a layer made of other layers computes."""
        raise NotImplementedError

    def infer(self, *inputs: Shape) -> Any:
        """The output's shape (a tuple of shapes for several outputs). Errors: ShapeError."""
        raise ArgumentError(repr(self), "a layer that defines forward(x) or infer(shape)", "neither")

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """The parameters by name, for inputs of these shapes."""
        return {}

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """What a backend has to know of the layer besides its parameters: JSON-able."""
        return {}

    def children(self) -> dict[str, Any]:
        """The layers inside, by the names that their paths are made of."""
        if self.kind:
            return {}
        return children(_Plain(vars(self)))

    @property
    def parameters(self) -> Any:
        """The parameters by name, with attribute access: `layer.parameters.kernel`. Errors: NotBuilt."""
        from pyphoton.parameters import view

        return view(self)

    @property
    def built(self) -> bool:
        """Whether the parameters exist: they are made when the input's shape is first seen."""
        from pyphoton.parameters import is_built

        return is_built(self)

    def set(self, **values: Any) -> None:
        """Normalise fields of a frozen description; for `__post_init__` only."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


class _Plain:
    def __init__(self, members: Mapping[str, Any]) -> None:
        self.__dict__.update(members)


def positive(owner: Any, **values: Any) -> None:
    """Keep each value as a Python int. Errors: ArgumentError unless it is a whole number above zero."""
    for name, value in values.items():
        if not is_integer(value) or value <= 0:
            raise ArgumentError(type(owner).__name__, f"{name} to be a whole number above 0", repr(value))
        owner.set(**{name: int(value)})


def fraction(owner: Any, **values: Any) -> None:
    """Errors: ArgumentError unless each value is a number from 0 to 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ArgumentError(type(owner).__name__, f"{name} from 0 to 1", repr(value))


def per_axis(owner: Any, name: str, value: Any, rank: int, least: int) -> tuple[int, ...]:
    """`value` for each of `rank` axes; one number stands for all. Errors: ArgumentError."""
    values = (value,) * rank if is_integer(value) else tuple(value) if isinstance(value, tuple | list) else ()
    good = len(values) == rank and all(is_integer(v) and v >= least for v in values)
    if not good:
        raise ArgumentError(type(owner).__name__, f"{name}: one whole number or {rank} of them, at least {least}", repr(value))
    return tuple(map(int, values))


def need_rank(owner: Any, shape: Shape, rank: int, axes: str) -> None:
    """Errors: ShapeError unless the input has `rank` axes."""
    if len(shape) != rank:
        raise ShapeError(where(repr(owner)), f"an input of {rank} axes {axes}", show(shape))


def known(owner: Any, length: int | None, axis: str) -> int:
    """A length that parameters depend on. Errors: ShapeError when it is unknown or zero."""
    if length is None or length <= 0:
        raise ShapeError(where(repr(owner)), f"a known length of the {axis} axis", "an unknown one" if length is None else "0")
    return length
