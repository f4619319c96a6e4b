"""@net: models as equations. Fields declared by name are arrays, models or states; the function says what follows from what.

On symbolic tensors the equations become a graph like every model; on arrays they just compute, with NumPy, line by line.
"""

from __future__ import annotations

import dis
from typing import Any, ClassVar

import numpy as np

from pyphoton import config, graph, parameters
from pyphoton.errors import ArgumentError, NotBuilt, PhotonError, TraceError, note
from pyphoton.flux import states
from pyphoton.flux.explain import checked_arrays, explained, line_of
from pyphoton.flux.fields import Constructor, Makes, constructor, filled, numbers
from pyphoton.flux.matrix import Columns, Matrix
from pyphoton.flux.params import Param as Variable
from pyphoton.initialisers import Given
from pyphoton.layers.base import Layer, Param
from pyphoton.scopes import tracing
from pyphoton.tensor import Tensor


class Net(Layer):
    """Base of what @net makes. `fields` are the declared names in order, `states` those that the function assigns."""

    in_files: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[frozenset[str]] = frozenset()
    constructors: ClassVar[list[Constructor]] = []
    vectors_are_samples = True
    variables: frozenset[str] = frozenset()
    given: dict[str, Any]
    memory: dict[str, list[Any]]

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__["given"], self.__dict__["memory"] = {}, {}
        for name, value in zip(self.fields, filled(type(self).__name__, self.fields, self.constructors, values, named), strict=True):
            setattr(self, name, value)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.constructors = []

    @classmethod
    def constructor(cls, make: Makes) -> Makes:
        """Decorator: another way to construct the net, told by the number and types of its arguments; it returns the fields."""
        cls.constructors.append(constructor(make))
        return make

    def __repr__(self) -> str:
        shown = [f"{n}: {v!r}" if callable(v) else f"{n}{getattr(v, 'shape', '')}" for n, v in self.given.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.fields and (states.step.get() is not None or tracing.get() is not None):
            raise TraceError(f"{type(self).__name__}.{name}", "assignments to declared fields", f"self.{name} = ...", f"Declare it: `{name}: Any` in the class.")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        hint = f"; its fields are {', '.join(self.fields)}" if not name.startswith("_") else ""
        raise AttributeError(f"{type(self).__name__} has no {name!r}{hint}")

    # ---- fields ------------------------------------------------------------------------------------------------------

    def take(self, name: str) -> Any:
        """What the equations see of a field."""
        if name not in self.given:
            raise NotBuilt(f"{type(self).__name__}.{name}", hint="This field has no value yet.")
        value = self.given[name]
        if not isinstance(value, np.ndarray):
            return value
        if name in self.states:
            return states.read(self, name)
        if tracing.get() is not None:
            return graph.own_array(self, name, Matrix if value.ndim == 2 else Tensor)
        own = self._own(name)
        return own.view(Columns) if own.ndim == 2 else own

    def put(self, name: str, value: Any) -> None:
        """Give a field its value: when the net is made, later from outside, or, of a state, in a step."""
        owner, stepping = type(self).__name__, states.step.get() is not None
        if name in self.given and name in self.states and stepping:
            states.write(self, name, value)
        elif name in self.given and (stepping or tracing.get() is not None):
            raise TraceError(f"{owner}.{name}", "assignments to states in the net's own function", f"self.{name} = ...")
        elif isinstance(value, Variable):
            parameters.adopt(self, name, value.parameter)
            self.given[name] = value.parameter.value
            self.__dict__["variables"] = self.variables | {name}
        elif name in self.states:
            self._begin(name, value)
        elif callable(value) or isinstance(value, bool | int | float | str) or value is None:
            self._replace(name, value)
        else:
            self._replace(name, numbers(owner, name, value))

    def _begin(self, name: str, value: Any) -> None:
        """Give a state its start."""
        if value is None or isinstance(value, str) or callable(value) or np.ndim(value) == 0:
            hint = "A field that the function assigns is a state; zeros(n) for n features."
            raise ArgumentError(f"{type(self).__name__}.{name}", "an array that the state begins with", repr(value), hint)
        self._replace(name, numbers(type(self).__name__, name, value))
        self.memory.pop(name, None)

    def _replace(self, name: str, value: Any) -> None:
        """Keep a field's value; one that the net has been computing with is replaced for engines, too. Errors: ShapeError."""
        if name in self.given:
            from pyphoton.network import structure_changed

            if isinstance(value, np.ndarray) and isinstance(self.given[name], np.ndarray):
                self._parameter(name).set_(value)
            structure_changed()
        self.given[name] = value

    def start_of(self, name: str) -> Any:
        """What a state begins with: an array."""
        return self._own(name)

    def _parameter(self, name: str) -> parameters.Parameter:
        return parameters.obtain(self, name, name, self.params()[name], (), config.get_context().dtype, 0)

    def _own(self, name: str) -> Any:
        return self._parameter(name).value

    def params(self, *inputs: Any) -> dict[str, Param]:
        """The net's own arrays. Those that states begin with are trained only if they were given as `param(...)`."""
        return {
            name: Param(value.shape, Given(value), "state" if name in self.states - self.variables else "weight")
            for name, value in self.given.items()
            if isinstance(value, np.ndarray)
        }

    def children(self) -> dict[str, Any]:
        """The models among the fields."""
        return {name: value for name, value in self.given.items() if callable(value)}

    # ---- calls -------------------------------------------------------------------------------------------------------

    def on_arrays(self, *inputs: Any) -> Any:
        """One step, computed with NumPy as it is written. A vector is one sample. Errors: ShapeError, as an engine would have it; else Python's own."""
        checked_arrays(self, inputs)
        flat, structure = graph.flattened(inputs)
        arrays = [np.asarray(t, dtype=None if np.asarray(t).dtype.kind in "iub" else config.get_context().dtype) for t in flat]
        if states.step.get() is not None:
            return self._computed(graph.nested(structure, arrays))
        single = all(a.ndim == 1 for a in arrays)
        arrays = [a[None] for a in arrays] if single else arrays
        try:
            with states.stepping(len(arrays[0])) as current:
                result = self._computed(graph.nested(structure, arrays))
                states.commit(current)
        except (ValueError, IndexError, TypeError) as error:
            better = None if isinstance(error, PhotonError) else explained(self, arrays, inputs)
            if better is not None:
                raise better from error
            note(error, line_of(type(self).forward))
            raise
        return _unbatched(result) if single else result

    def _computed(self, inputs: tuple[Any, ...]) -> Any:
        result = self.forward(*graph.spread(self.forward, inputs))
        return self._result(result)

    def trace(self, *inputs: Any) -> Any:
        """The equations on symbolic tensors. What cannot be followed is told with its line."""
        try:
            return self._result(self.forward(*graph.spread(self.forward, inputs)))
        except Exception as error:
            line = line_of(type(self).forward)
            if line:
                note(error, line)
            if isinstance(error, PhotonError):
                raise
            raise TraceError(f"{type(self).__name__}", "equations of tensors", f"{type(error).__name__}: {error}", line) from error

    def _result(self, result: Any) -> Any:
        """What the function returns; without a return, the state that it assigned last."""
        if result is not None:
            return result
        current = states.step.get()
        last = current.written.get(id(self)) if current else None
        if last is None:
            raise TraceError(type(self).__name__, "a function that returns something or assigns a state", "neither")
        return last.new


class _Field:
    """A declared field, as an attribute of the class."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, net: Any, owner: Any = None) -> Any:
        return self if net is None else net.take(self.name)

    def __set__(self, net: Any, value: Any) -> None:
        net.put(self.name, value)


def net(what: Any) -> Any:
    """Make a net of a class with declared fields and a `forward`, or of a function of tensors.

        @net
        class FullyConnected:
            W: Any
            b: Any
            def forward(self, x):
                return x @ self.W + self.b

    Fields are given in their order: arrays (which are trained), models, numbers. A field that the function assigns is a state: read
    before, it is what the last step left; what it was given first is its start: an array stays as it is, `param(zeros(n))` is
    trained by the steps that begin there (a state that is carried on from the last minibatch is a constant). A field that is given as
    a `param(...)` is that variable, not a copy. `@FullyConnected.constructor` adds other ways to construct it. A net is a layer: it stands in other nets, in Chain, in a Workout. Errors: ArgumentError.
    Source: early Flux's @net (2016).
    """
    if isinstance(what, type):
        return what if "fields" in what.__dict__ and issubclass(what, Net) else _net_of_class(what)
    if callable(what):
        return Equations(what)
    raise ArgumentError("@net", "a class or a function", repr(what))


def _net_of_class(cls: type) -> type[Net]:
    function = cls.__dict__.get("forward") or cls.__dict__.get("__call__")
    fields = tuple(getattr(cls, "__annotations__", {}))
    if "__init__" in cls.__dict__ or cls.__bases__ != (object,):
        received = "an __init__" if "__init__" in cls.__dict__ else f"a subclass of {', '.join(b.__name__ for b in cls.__bases__)}"
        hint = "Other ways to make one: @Name.constructor. Another net inside: a field that holds it."
        raise ArgumentError(f"@net class {cls.__name__}", "fields and a function", received, hint)
    if function is None:
        raise ArgumentError(f"@net class {cls.__name__}", "a function forward(self, x)", "none")
    kept = {k: v for k, v in cls.__dict__.items() if k not in ("__dict__", "__weakref__", "__call__", *fields)}
    assigned = {i.argval for i in dis.get_instructions(function) if i.opname == "STORE_ATTR"}
    defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}
    if defaults:
        raise ArgumentError(f"@net class {cls.__name__}", "fields without defaults", ", ".join(defaults), "Use a constructor: @Name.constructor.")
    return type(
        cls.__name__, (Net,),
        {
            **kept, **{f: _Field(f) for f in fields}, **({"cyclic": True} if assigned & set(fields) else {}),
            "fields": fields, "states": frozenset(assigned & set(fields)), "forward": function,
        },
    )  # fmt: skip


class Equations(Layer):
    """A function of tensors as a layer; on arrays it just computes."""

    in_files: ClassVar[bool] = False

    vectors_are_samples = True

    def __init__(self, function: Makes) -> None:
        self.function = function
        self.name = getattr(function, "__name__", None) if getattr(function, "__name__", "<").isidentifier() else None

    def __repr__(self) -> str:
        return f"net({getattr(self.function, '__name__', self.function)})"

    def on_arrays(self, *inputs: Any) -> Any:
        """The function as it is written."""
        arrays = tuple(tuple(map(np.asarray, i)) if isinstance(i, tuple) else np.asarray(i) for i in inputs)
        return self.function(*graph.spread(self.function, arrays))

    def forward(self, *inputs: Any) -> Any:
        """The function on tensors."""
        return self.function(*graph.spread(self.function, inputs))




def _unbatched(result: Any) -> Any:
    return tuple(r[0] for r in result) if isinstance(result, tuple) else result[0]


def randn(*shape: int) -> Any:
    """Normal numbers of this shape, from the stream of seeds (see seed_)."""
    return np.random.default_rng(config.next_seed()).normal(size=shape)


def zeros(*shape: int) -> Any:
    """Zeros of this shape."""
    return np.zeros(shape)
