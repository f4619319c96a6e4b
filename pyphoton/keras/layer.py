"""Layer of the Keras face: the arguments that every layer takes, and what they do.

A stock layer of this face is a `Stock`: it translates its arguments into a layer of pyphoton itself, and is that layer to the engines.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pyphoton import constraints as limiting
from pyphoton import graph, parameters, regularisers
from pyphoton.errors import ArgumentError, KeraFlowError, near
from pyphoton.initialisers import Given
from pyphoton.keras.custom import Custom
from pyphoton.keras.masks import passed_on
from pyphoton.keras.named import arrays_by_name, check_objects, objects_by_name
from pyphoton.keras.nodal import Nodal
from pyphoton.keras.nodes import first_shape
from pyphoton.layers import base
from pyphoton.layers.base import Param
from pyphoton.regularised import Regularised
from pyphoton.typing import Shape

_counters: dict[str, Any] = {}


COMMON = ("name", "trainable", "initial_weights", "regularizers", "constraints", "input_dim", "input_shape", "batch_input_shape")
"""The arguments that every layer takes."""


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that takes other spellings, keeps its arguments as `given`, and refuses unknown ones with the nearest known name."""

    @functools.wraps(init)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        named = {type(self).spellings.get(k, k): v for k, v in kwargs.items()}
        if len(named) != len(kwargs):
            raise ArgumentError(type(self).__name__, "each argument once", ", ".join(kwargs))
        found = _bound(type(self).__name__, init, self, args, named)
        vars(self).setdefault("given", found)
        init(self, *args, **named)

    return call


_signature = functools.cache(inspect.signature)
"""Asked for at every layer that is made."""


def _bound(owner: str, init: Callable[..., None], made: Any, args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name. Errors: ArgumentError."""
    signature = _signature(init)
    known = [n for n, p in list(signature.parameters.items())[1:] if p.kind is not p.VAR_KEYWORD]
    known += [n for n in (*type(made).options, *COMMON) if n not in known]
    unknown = [k for k in named if k not in known]
    try:
        bound = signature.bind(made, *args, **named)
    except TypeError as error:
        raise ArgumentError(owner, f"arguments {', '.join(known)}", str(error), near(unknown[0], known) if unknown else "") from None
    if unknown:
        raise ArgumentError(owner, f"arguments {', '.join(known)}", f"{unknown[0]}=", near(unknown[0], known))
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        found |= value if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found


class Layer(Nodal, Custom, Regularised):
    """Base of this face's layers. Keyword arguments of every layer:

    name: a text; by default the class's name and a number ("dense1"). trainable: False leaves the parameters, and those of layers inside, as
    they are. initial_weights: arrays for the first parameters, a dictionary by name, or one array for the first. regularizers,
    constraints: a list in the order of the parameters, or a dictionary by name. input_dim, input_shape, batch_input_shape: of the first layer
    of a Sequential, which then needs no Input. Errors: KeraFlowError.
    """

    in_files = False  # pyphoton's own files name its own layers; names of this face would stand in their way
    options: ClassVar[tuple[str, ...]] = ()
    """Arguments that all layers of a family take."""
    spellings: ClassVar[Mapping[str, str]] = {}
    """Other names of the constructor's arguments: Keraflow's and Keras 1's."""
    short_names: ClassVar[Mapping[str, str]] = {"W": "kernel", "b": "bias"}
    """Other names of parameters."""

    supports_masking: ClassVar[bool] = False
    """Whether the output has the mask of the input: see `pyphoton.keras.masks`."""
    given: Mapping[str, Any]
    """The constructor's arguments as they were given."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    @_remembering
    def __init__(
        self, *, name: str | None = None, trainable: bool = True, initial_weights: Any = None, regularizers: Any = None, constraints: Any = None,
        input_dim: Any = None, input_shape: Any = None, batch_input_shape: Any = None,
    ) -> None:  # fmt: skip
        if not isinstance(name, str | None):
            raise ArgumentError(type(self).__name__, "name: text, or None", repr(name))
        self.given_name, self.initial_weights, self.regularizers, self.constraints = name, initial_weights, regularizers, constraints
        for word, given, get in (("regularizers", regularizers, regularisers.get), ("constraints", constraints, limiting.get)):
            check_objects(f"{type(self).__name__} {word}", given, get)
        self.begins_with = first_shape(type(self).__name__, input_dim, input_shape, batch_input_shape)
        kind = type(self).__name__.lower()
        number = _counters.setdefault(kind, itertools.count(1))
        self._name = name or f"{kind}{next(number)}"
        self._trainable = True
        if trainable is not True:
            self.trainable = trainable

    @property
    def name(self) -> str:  # type: ignore[override]
        """The given name, or the class's and a number."""
        return self._name

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        (parameters.unfreeze_ if value else parameters.freeze_)(self)

    def trace(self, *inputs: Any) -> Any:
        """What the layer does to symbolic tensors; their mask is handed on where the layer supports that."""
        return passed_on(self, inputs, super().trace(*inputs))

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments as they were given."""
        return dict(self.given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.given.items())})"

    # ---- what the common arguments do ----------------------------------------------------------------------------------

    def with_initial(self, params: Mapping[str, Param]) -> dict[str, Param]:
        """Parameters that begin with the given arrays, where there are any. Errors: KeraFlowError."""
        given = arrays_by_name(f"{self.name} initial_weights", self.initial_weights, list(params), aliases=self.short_names)
        for name, array in given.items():
            if tuple(array.shape) != params[name].shape:
                raise KeraFlowError(f"{self.name} initial_weights", f"{name} of shape {params[name].shape}", str(tuple(array.shape)), "Layer weight shape mismatch.")
        return {name: replace(p, init=Given(given[name])) if name in given else p for name, p in params.items()}

    def penalties(self, params: Mapping[str, Param]) -> dict[str, Any]:
        """The regularizer of each parameter that has one."""
        where = f"{self.name} regularizers"
        given = objects_by_name(where, self.regularizers, list(params), aliases=self.short_names)
        return {name: regularisers.get(what, where) for name, what in (given | self.own_rules("regularizer")).items()}

    def limits(self, params: Mapping[str, Param]) -> dict[str, Any]:
        """The constraint of each parameter that has one."""
        where = f"{self.name} constraints"
        given = objects_by_name(where, self.constraints, list(params), aliases=self.short_names)
        return {name: limiting.get(what, where) for name, what in (given | self.own_rules("constraint")).items()}

    def add_loss(self, value: Any) -> None:
        """Add one number, made of the layer's tensors or parameters, to the loss while training. Inside `forward` or `call`."""
        graph.add_loss(value)


class Stock(Layer):
    """A layer of this face that is one of pyphoton's own to the engines; `core()` makes that one from the arguments."""

    def __init__(self, **common: Any) -> None:
        self.inner = self.core()  # first: what the common arguments do asks for the step's kind
        super().__init__(**common)

    def core(self) -> base.Layer:
        """The layer of pyphoton. What it calls its parameters they are called here."""
        raise NotImplementedError

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The step that it is to engines."""
        return self.inner.kind

    def children(self) -> dict[str, Any]:
        """None: its parameters are its own."""
        return {}

    def trace(self, *inputs: Any) -> Any:
        """One step, and the activation."""
        result = graph.apply_leaf(self, inputs)
        activation = getattr(self.inner, "activation", None)
        return passed_on(self, inputs, result if activation is None else graph.call(activation, result))

    def infer(self, *inputs: Shape) -> Any:
        """The inner layer's."""
        return self.inner.infer(*inputs)

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """The inner layer's, beginning with `initial_weights`."""
        return self.with_initial(self.inner.params(*inputs))

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The inner layer's."""
        return self.inner.attrs(*inputs)
