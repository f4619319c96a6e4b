"""Custom layers: today's Keras's form (`build`, `call`, `add_weight`) and Keraflow's (`init_param`, `output`, `embed`).

Either is an ordinary layer with a `forward`. Its own weights are steps of the trace, so that every engine trains them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import numpy as np

from pyphoton import graph, initialisers
from pyphoton.errors import ArgumentError, KeraFlowError
from pyphoton.initialisers import Given
from pyphoton.keras.symbolic import Tensor
from pyphoton.keras.weight import Weight
from pyphoton.layers import base
from pyphoton.layers.base import Param
from pyphoton.scopes import children, where
from pyphoton.tensor import Tensor as Traced
from pyphoton.typing import Shape, show

HIDDEN = frozenset({"given", "initial_weights", "regularizers", "constraints", "given_name", "_nodes", "_own", "_own_rules", "_embedded"})
"""Attributes that hold no layers inside."""


class Custom(base.Layer):
    """What a layer of this face may be written with; see `pyphoton.keras.Layer`."""

    reserved: ClassVar[frozenset[str]] = frozenset({"name", "trainable", "built", "embedded_layers_weights", "weights", "losses"})
    """Names that no parameter may have."""

    # ---- today's Keras -------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any, *more: Any) -> None:
        """Make the weights for inputs of this shape (a list of shapes for several), the batch first. Keraflow's `init_param` by default."""
        if "init_param" in dir(type(self)):
            self.init_param(input_shape)  # type: ignore[attr-defined]

    def call(self, *inputs: Any) -> Any:
        """What the layer computes of tensors. Keraflow's `output` by default."""
        output = _method(self, "output")
        if output is None:
            raise ArgumentError(type(self).__name__, "a layer that defines call(x), or output(x)", "neither")
        return output(list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], tuple) else inputs[0])

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, trainable: bool = True, name: str | None = None, regularizer: Any = None,
        constraint: Any = None, **_: Any,
    ) -> Weight:  # fmt: skip
        """A parameter of the layer's own, a tensor in `call` and an array outside.

        initializer: a name, an initialiser or a function of the shape; "glorot_uniform" by default, zeros for whole numbers. Errors: KeraFlowError.
        """
        name = name or next(n for n in (f"weight_{i}" for i in range(1, 10_000)) if n not in self._registered)
        shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if any(not isinstance(n, int | np.integer) or n < 0 for n in shape):
            raise KeraFlowError(f"{type(self).__name__} add_weight", "a shape of whole numbers", repr(shape), "Is an axis of the input unknown?")
        init = initialisers.get("glorot_uniform" if initializer is None else initializer, f"{type(self).__name__} {name}")
        fans = (int(shape[0]), int(shape[1])) if len(shape) == 2 else (max(1, round(float(np.prod(shape)) ** 0.5)),) * 2
        return self._register(name, Param(tuple(map(int, shape)), init, "weight" if trainable else "state", fans), regularizer, constraint)

    # ---- Keraflow --------------------------------------------------------------------------------------------------------

    def set_trainable_params(self, *pairs: Any) -> None:
        """Parameters by name and first value: `set_trainable_params("W", W, "b", b)`; they become attributes. Errors: KeraFlowError."""
        if len(pairs) % 2:
            raise KeraFlowError(f"{type(self).__name__} set_trainable_params", "names and values in turn", f"{len(pairs)} arguments")
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(name, str):
                raise KeraFlowError(f"{type(self).__name__} set_trainable_params", "a name, then its value", repr(name))
            if name in self.reserved or (hasattr(Custom, name) or hasattr(base.Layer, name)):
                raise KeraFlowError(f"{type(self).__name__} set_trainable_params", "a name of your own", repr(name), "It is reserved.")
            array = np.asarray(value.eval() if isinstance(value, Tensor) else value)
            setattr(self, name, self._register(name, Param(array.shape, Given(array))))

    def embed(self, layer: Any) -> Callable[..., Any]:
        """A layer inside of this one, for use in `output`: `self.embed(Dense(3))(x)`. It is made once and is trained with this layer."""
        place = self._place
        vars(self)["_embeds"] = place + 1
        if place == len(self._embedded):
            self._embedded.append(layer)
        kept = self._embedded[place]
        return lambda *inputs: graph.call(kept, *inputs)

    def get_tensor_shape(self, tensor: Any) -> tuple[int | None, ...]:
        """The shape of a tensor that a layer made. Errors: KeraFlowError."""
        return get_tensor_shape(tensor)

    # ---- as the engines see it -------------------------------------------------------------------------------------------

    @property
    def _registered(self) -> dict[str, Param]:
        found: dict[str, Param] = vars(self).setdefault("_own", {})
        return found

    @property
    def _embedded(self) -> list[Any]:
        found: list[Any] = vars(self).setdefault("_inside", [])
        return found

    @property
    def _place(self) -> int:
        return int(vars(self).get("_embeds", 0))

    def _register(self, name: str, param: Param, regularizer: Any = None, constraint: Any = None) -> Weight:
        if name in self._registered:
            raise KeraFlowError(f"{type(self).__name__} {name}", "a name for each parameter", "one twice")
        self._registered[name] = param
        for word, rule in (("regularizer", regularizer), ("constraint", constraint)):
            if rule is not None:
                vars(self).setdefault("_own_rules", {})[word, name] = rule
        return Weight(self, name, param.shape, "float32")

    def own_rules(self, word: str) -> dict[str, Any]:
        """The regularizers or constraints that `add_weight` was given, by parameter."""
        return {name: rule for (kind, name), rule in vars(self).get("_own_rules", {}).items() if kind == word}

    @property
    def built(self) -> bool:
        """Whether the parameters exist, or `build` has run."""
        return bool(vars(self).get("_built")) or base.Layer.built.fget(self)  # type: ignore[attr-defined]

    @built.setter
    def built(self, value: bool) -> None:
        vars(self)["_built"] = bool(value)

    def children(self) -> dict[str, Any]:
        """The layers inside: those in attributes, and embedded ones."""
        if self.kind:
            return {}
        members = base._Plain({k: v for k, v in vars(self).items() if k not in HIDDEN and k != "_inside"})
        found = {k: v for k, v in children(members).items() if not isinstance(v, Traced)}
        return found | {f"embedded_{i}": v for i, v in enumerate(self._embedded)}

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """What `add_weight` and `set_trainable_params` registered, beginning with `initial_weights`."""
        return self.with_initial(self._registered)  # type: ignore[attr-defined, no-any-return]

    def forward(self, *inputs: Any) -> Any:
        """`call`, after the weights were made."""
        shapes = [_shapes(i) for i in inputs]
        self.check(*shapes)
        if "_built" not in vars(self):
            with self._undone_on_error() as kept:
                vars(self)["_built"] = True
                self.build(*_taken(self.build, shapes))
                kept.pop_all()
        vars(self)["_embeds"] = 0
        options = {"training": None} if "training" in inspect.signature(self.call).parameters else {}
        result = self.call(*graph.spread(self.call, inputs), **options)
        self._check_output(shapes, result)
        return tuple(result) if isinstance(result, list) else _here(result)

    @contextmanager
    def _undone_on_error(self) -> Iterator[ExitStack]:
        """Inside, what is registered is forgotten again, unless the stack is emptied; what was registered before stays."""
        with ExitStack() as undo:
            for found in (self._registered, vars(self).setdefault("_own_rules", {})):
                undo.callback(found.update, dict(found))
                undo.callback(found.clear)
            undo.callback(vars(self).pop, "_built", None)
            yield undo

    def trace(self, *inputs: Any) -> Any:
        """`forward`, or the step of its own where the layer is one."""
        if type(self).forward is not Custom.forward:
            return super().trace(*inputs)
        return _leaf(self, inputs) if self.kind else self.forward(*inputs)

    def check(self, *shapes: Any) -> None:
        """Keraflow's checks: `input_dimension` (the number of axes, the batch included) and `check_input_shape`. Errors: KeraFlowError."""
        dimension, own = _method(self, "input_dimension"), _method(self, "check_input_shape")
        if dimension is not None and (isinstance(shapes[0], list) or len(shapes[0]) != dimension()):
            received = f"{len(shapes[0])} inputs" if isinstance(shapes[0], list) else show(shapes[0])
            raise KeraFlowError(where(repr(self)), f"one input of {dimension()} axes, the batch included", received)
        if own is not None:
            own(*shapes)

    def _check_output(self, shapes: list[Any], result: Any) -> None:
        """Errors: KeraFlowError when `output_shape` says something else than `output` gives."""
        told = _method(self, "output_shape")
        if told is None or not isinstance(result, Traced):
            return
        said = tuple(told(*shapes))
        if len(said) != len(result.shape) or any(None not in (a, b) and a != b for a, b in zip(said, result.shape, strict=True)):
            raise KeraFlowError(where(repr(self)), f"an output of shape {show(said)}, as output_shape says", show(result.shape))


def _leaf(layer: Any, inputs: tuple[Any, ...]) -> Any:
    result = graph.apply_leaf(layer, inputs)
    activation = getattr(layer, "activation", None)
    return result if activation is None else graph.call(activation, result)


def _method(layer: Any, name: str) -> Any:
    """A method that the layer's class defines; None where the name is free or a property."""
    found = next((vars(c)[name] for c in type(layer).__mro__ if name in vars(c)), None)
    return getattr(layer, name) if callable(found) else None


def _taken(function: Callable[..., Any], arguments: list[Any]) -> list[Any]:
    """The first arguments, as many as the function takes."""
    places = [p.kind for p in inspect.signature(function).parameters.values()]
    positional = sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in places)
    return arguments if inspect.Parameter.VAR_POSITIONAL in places else arguments[:positional]


def _shapes(given: Any) -> Any:
    return [t.shape for t in given] if isinstance(given, tuple | list) else given.shape


def _here(result: Any) -> Any:
    """A weight that is returned as it is, as a tensor of the trace."""
    return result.traced() if isinstance(result, Weight) else result


def get_tensor_shape(tensor: Any) -> tuple[int | None, ...]:
    """The shape of a tensor that a layer made, the batch first. Errors: KeraFlowError for anything else."""
    made = isinstance(tensor, Traced) and not (isinstance(tensor, Tensor) and tensor.made_by is None)
    if not made:
        raise KeraFlowError("get_tensor_shape", "a tensor from a layer", repr(tensor))
    return tuple(tensor.shape)
