"""Highway, MaxoutDense, Lambda, ActivityRegularization, Identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from pyphoton import graph
from pyphoton.errors import KeraFlowError, ShapeError, TraceError
from pyphoton.keras import activations
from pyphoton.keras.layer import Layer
from pyphoton.keras.layers.owning import Owning
from pyphoton.keras.layers.stock import per_sample
from pyphoton.layers import base
from pyphoton.scopes import where
from pyphoton.tensor import Tensor, apply
from pyphoton.typing import show


class Highway(Owning):
    """A dense layer that lets its input through where a gate is closed (Srivastava et al. 2015).

        t = sigmoid(x @ W_carry + b_carry);  y = activation(x @ W + b) * t + (1 - t) * x

    Input and output: (batch, features). Parameters: W, W_carry (features, features), b, b_carry (features,), which begins at `transform_bias`.
    Source: Keraflow's and Keras 1's Highway.
    """

    spellings: ClassVar[Mapping[str, str]] = {"kernel_initializer": "init", "use_bias": "bias", "weights": "initial_weights"}
    short_names: ClassVar[Mapping[str, str]] = {"kernel": "W"}

    def __init__(self, transform_bias: float = -2, init: Any = "glorot_uniform", activation: Any = "linear", bias: bool = True, **common: Any) -> None:
        super().__init__(**common)
        self.transform_bias, self.init, self.bias = transform_bias, init, bias
        self.transform = activations.get(activation, "Highway activation=")

    def forward(self, x: Any) -> Any:
        """(batch, features)."""
        base.need_rank(self, x.shape, 2, "(batch, features)")
        width = base.known(self, x.shape[-1], "feature")
        plain, gate = x @ self.own("W", (width, width), self.init), x @ self.own("W_carry", (width, width), self.init)
        if self.bias:
            plain, gate = plain + self.own("b", (width,), "zeros"), gate + self.own("b_carry", (width,), float(self.transform_bias))
        t = apply("sigmoid", gate)
        return graph.call(self.transform, plain) * t + (1 - t) * x


class MaxoutDense(Owning):
    """The largest of several dense layers, element by element (Goodfellow et al. 2013): y = max over k of (x @ W[k] + b[k]).

    Input: (batch, features). Output: (batch, output_dim). Parameters: W (nb_feature, features, output_dim), b (nb_feature, output_dim). Source: Keras 1.
    """

    spellings: ClassVar[Mapping[str, str]] = {"units": "output_dim", "kernel_initializer": "init", "use_bias": "bias", "weights": "initial_weights"}
    short_names: ClassVar[Mapping[str, str]] = {"kernel": "W", "bias": "b"}

    def __init__(self, output_dim: int, nb_feature: int = 4, init: Any = "glorot_uniform", bias: bool = True, **common: Any) -> None:
        super().__init__(**common)
        self.output_dim, self.nb_feature = output_dim, nb_feature
        base.positive(self, output_dim=output_dim, nb_feature=nb_feature)
        self.init, self.bias = init, bias

    def forward(self, x: Any) -> Any:
        """(batch, output_dim)."""
        base.need_rank(self, x.shape, 2, "(batch, features)")
        width = base.known(self, x.shape[-1], "feature")
        shape = (self.nb_feature, width, self.output_dim)
        y = x[None] @ self.own("W", shape, self.init, fans=(width, self.output_dim))
        if self.bias:
            y = y + self.own("b", (self.nb_feature, self.output_dim), "zeros").reshape([self.nb_feature, 1, self.output_dim])
        return y.max(axis=0)


class Lambda(Layer):
    """A function of a tensor, or of a list of them, as a layer: `Lambda(lambda x, n: x ** n, arguments={"n": 2})`.

    output_shape: the shape of a sample, or a function of the input's shape, batch included, that gives the output's; it is checked. A function
    that cannot be followed with symbolic tensors needs it, and an engine that runs Python. Keraflow says `output_fn`, `output_shape_fn`.
    Errors: KeraFlowError for another form of output_shape; ShapeError when it is not the output's.
    """

    spellings: ClassVar[Mapping[str, str]] = {"output_fn": "function", "output_shape_fn": "output_shape"}

    def __init__(self, function: Callable[..., Any], output_shape: Any = None, arguments: Mapping[str, Any] | None = None, **common: Any) -> None:
        super().__init__(**common)
        if not callable(function):
            raise KeraFlowError("Lambda", "a function", repr(function))
        if output_shape is not None and not callable(output_shape) and not isinstance(output_shape, tuple | list):
            raise KeraFlowError("Lambda", "output_shape: a tuple without the batch, or a function of the input's shape", repr(output_shape))
        self.function, self.shape, self.keywords = function, output_shape, dict(arguments or {})

    def children(self) -> dict[str, Any]:
        """The function's own layers."""
        return {"function": self.function}

    def forward(self, *inputs: Any) -> Any:
        """The function's result."""
        wanted = self._wanted(inputs)
        try:
            y = self.function(*inputs, **self.keywords)
        except TraceError:
            if wanted is None:
                raise
            flat, structure = graph.flattened(tuple(tuple(i) if isinstance(i, list) else i for i in inputs))
            return graph.opaque(self._plain, flat, structure, wanted)
        if wanted is not None and isinstance(y, Tensor):
            with suppress(ValueError):
                if all(None in (m, n) or m == n for m, n in zip(wanted, y.shape, strict=True)):
                    return y
            raise ShapeError(where(repr(self)), f"the result {show(wanted)} that output_shape tells of", show(y.shape))
        return y

    def _plain(self, *inputs: Any) -> Any:
        return self.function(*inputs, **self.keywords)

    def _wanted(self, inputs: tuple[Any, ...]) -> Any:
        if self.shape is None:
            return None
        first = inputs[0]
        shapes = [t.shape for t in first] if isinstance(first, list | tuple) else first.shape
        found = self.shape(shapes) if callable(self.shape) else self.shape
        if not isinstance(found, tuple | list):
            raise KeraFlowError(where(repr(self)), "a tuple from the function of the input's shape", repr(found))
        batch = shapes[0][0] if isinstance(first, list | tuple) else first.shape[0]
        return tuple(found) if callable(self.shape) else (batch, *found)


class ActivityRegularization(Layer):
    """The input itself; l1 sum(|x|) + l2 sum(x^2), per sample, is added to the training loss. Source: Keras 3's ActivityRegularization."""

    supports_masking: ClassVar[bool] = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.l1, self.l2 = float(l1), float(l2)

    def forward(self, x: Any) -> Any:
        """The input."""
        graph.add_loss(per_sample(apply("abs", x).sum() * self.l1 + (x * x).sum() * self.l2, x))
        return x


class Identity(Layer):
    """The input itself."""

    supports_masking: ClassVar[bool] = True

    def forward(self, x: Any) -> Any:
        """The input."""
        return x
