"""@net: models as equations. Fields declared by name are arrays, models or states; the function says what follows from what.

On symbolic tensors the equations become a graph like every model; on arrays they just compute, with NumPy, line by line.
"""

from __future__ import annotations

import dis
import inspect
import sys
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, get_type_hints

import numpy as np

from pyphoton import config, graph, parameters
from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError, NotBuilt, PhotonError, TraceError, note
from pyphoton.flux import states
from pyphoton.flux.params import Param as Variable
from pyphoton.initialisers import Given
from pyphoton.layers.base import Layer, Param
from pyphoton.scopes import tracing
from pyphoton.tensor import Tensor, apply

Makes = Callable[..., Any]


class Net(Layer):
    """Base of what @net makes. `fields` are the declared names in order, `states` those that the function assigns."""

    in_files: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[frozenset[str]] = frozenset()
    constructors: ClassVar[list[tuple[tuple[Any, ...], Makes]]] = []
    vectors_are_samples = True
    variables: frozenset[str] = frozenset()
    given: dict[str, Any]
    memory: dict[str, list[Any]]

    def __init__(self, *values: Any) -> None:
        self.__dict__["given"], self.__dict__["memory"] = {}, {}
        values = self._constructed(values)
        if len(values) != len(self.fields):
            raise ArgumentError(type(self).__name__, f"{', '.join(self.fields) or 'no fields'}", f"{len(values)} values")
        for name, value in zip(self.fields, values, strict=True):
            setattr(self, name, value)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.constructors = []

    @classmethod
    def constructor(cls, make: Makes) -> Makes:
        """Decorator: another way to construct the net, told by the number and types of its arguments; it returns the fields."""
        hints = get_type_hints(make)
        cls.constructors.append((tuple(hints.get(p, object) for p in inspect.signature(make).parameters), make))
        return make

    def _constructed(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for types, make in self.constructors:
            if len(types) == len(values) and all(map(_fits, values, types)):
                made = make(*values)
                return tuple(made) if isinstance(made, tuple | list) else (made,)
        return values

    def __repr__(self) -> str:
        shown = [f"{n}: {v!r}" if callable(v) else f"{n}{getattr(v, 'shape', '')}" for n, v in self.given.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.fields and states.step.get() is not None:
            raise TraceError(f"{type(self).__name__}.{name}", "assignments to declared fields", f"self.{name} = ...", f"Declare it: `{name}: Any` in the class.")
        super().__setattr__(name, value)

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
        return own.view(_Columns) if own.ndim == 2 else own

    def put(self, name: str, value: Any) -> None:
        """Give a field its value: when the net is made, or, of a state, in a step."""
        if name in self.given and (name in self.states or tracing.get() is not None):
            if name not in self.states:
                raise TraceError(f"{type(self).__name__}.{name}", "assignments to states in the net's own function", f"self.{name} = ...")
            states.write(self, name, value)
        elif isinstance(value, Variable):
            parameters.adopt(self, name, value.parameter)
            self.given[name] = value.parameter.value
            self.variables |= {name}
        elif callable(value) or isinstance(value, bool | int | float | str) or value is None:
            self.given[name] = value
        else:
            self.given[name] = np.array(value, dtype="float64")

    def start_of(self, name: str) -> Any:
        """What a state begins with: an array."""
        return self._own(name)

    def _own(self, name: str) -> Any:
        return parameters.obtain(self, name, name, self.params()[name], (), config.get_context().dtype, 0).value

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
        """One step, computed with NumPy as it is written. A vector is one sample."""
        flat = [t for i in inputs for t in (i if isinstance(i, tuple) else (i,))]
        arrays = [np.asarray(t, dtype=None if np.asarray(t).dtype.kind in "iub" else config.get_context().dtype) for t in flat]
        current = states.step.get()
        if current is not None:
            return self._computed(_nested(inputs, arrays))
        single = all(a.ndim == 1 for a in arrays)
        arrays = [a[None] for a in arrays] if single else arrays
        with states.stepping(len(arrays[0])) as current:
            result = self._computed(_nested(inputs, arrays))
            states.commit(current)
        return _unbatched(result) if single else result

    def _computed(self, inputs: tuple[Any, ...]) -> Any:
        result = self.forward(*graph.spread(self.forward, inputs))
        return self._result(result)

    def trace(self, *inputs: Any) -> Any:
        """The equations on symbolic tensors. What cannot be followed is told with its line."""
        try:
            return self._result(self.forward(*graph.spread(self.forward, inputs)))
        except Exception as error:
            line = _line(type(self).forward)
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
        mine = [s for s in current.states.values() if s.net is self and s.new is not None] if current else []
        if not mine:
            raise TraceError(type(self).__name__, "a function that returns something or assigns a state", "neither")
        return mine[-1].new


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
        return _net_of_class(what)
    if callable(what):
        return Equations(what)
    raise ArgumentError("@net", "a class or a function", repr(what))


def _net_of_class(cls: type) -> type[Net]:
    function = cls.__dict__.get("forward") or cls.__dict__.get("__call__")
    fields = tuple(getattr(cls, "__annotations__", {}))
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


class Matrix(Tensor):
    """A matrix of a net: `W @ x` with W (out, in) is W times each sample of the batch x (batch, in)."""

    __slots__ = ()

    def __matmul__(self, other: Any) -> Tensor:
        if isinstance(other, Tensor) and other.ndim == 2 and other.shape[0] is None:
            return apply("matmul", other, self.transpose())  # type: ignore[no-any-return]
        return apply("matmul", self, other)  # type: ignore[no-any-return]


class _Columns(np.ndarray):
    """The same for arrays."""

    def __matmul__(self, other: Any) -> Any:
        plain, other = np.asarray(self), np.asarray(other)
        return other @ plain.transpose() if other.ndim == 2 else plain @ other

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(i) if isinstance(i, _Columns) else i for i in inputs), **kwargs)


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a constructor's annotation takes a value; `int` is any whole number, NumPy's too, and what is no class anything."""
    if wanted is int:
        return is_integer(value)
    return isinstance(value, wanted) if isinstance(wanted, type) else True


def _nested(inputs: tuple[Any, ...], arrays: list[Any]) -> tuple[Any, ...]:
    rest = iter(arrays)
    return tuple(tuple(next(rest) for _ in i) if isinstance(i, tuple) else next(rest) for i in inputs)


def _unbatched(result: Any) -> Any:
    return tuple(r[0] for r in result) if isinstance(result, tuple) else result[0]


def _line(function: Any) -> str:
    """The line of a net's function in which the running error was raised."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    mine = [f for f in frames if f.filename == function.__code__.co_filename and f.name == function.__name__]
    return f"in {function.__qualname__}, line {mine[-1].lineno}: {mine[-1].line}" if mine else ""


def randn(*shape: int) -> Any:
    """Normal numbers of this shape, from the stream of seeds (see seed_)."""
    return np.random.default_rng(config.next_seed()).normal(size=shape)


def zeros(*shape: int) -> Any:
    """Zeros of this shape."""
    return np.zeros(shape)
