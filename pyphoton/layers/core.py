"""Dense, Embedding, Dropout and the layers that only change shape or apply a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pyphoton import activations, graph, initialisers
from pyphoton.arguments import checked
from pyphoton.description import description
from pyphoton.errors import ArgumentError, ShapeError
from pyphoton.layers.base import Layer, Param, fraction, known, need_rank, positive
from pyphoton.ops import size
from pyphoton.scopes import where
from pyphoton.typing import Shape, show


@description
class Dense(Layer):
    """A fully connected layer.

        y = activation(x @ kernel + bias)

    Input: (batch, ...); more than two axes are flattened to (batch, features), unless `flatten=False`, which acts on
    the last axis. Output: (batch, units).
    Parameters: kernel (features, units), bias (units,).
    `Dense(10, 5)` with two numbers is Dense(5) that insists on 10 features (early Flux's form); `Dense(10, 5, relu)`, too.
    Errors: ArgumentError for units below 1; ShapeError when the features differ from those it was built for.
    Source: Photon's Dense; Flux.Dense with the transposed kernel.

    >>> Dense(3, relu)(np.ones((2, 4), "float32")).shape
    (2, 3)
    """

    kind = "dense"
    units: int
    activation: Any = activations.identity
    use_bias: bool = True
    initw: Any = initialisers.xavier
    initb: Any = initialisers.zeros
    flatten: bool = True
    features: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.activation, int) and not isinstance(self.activation, bool):
            third = activations.identity if isinstance(self.use_bias, bool) else self.use_bias
            self.set(features=self.units, units=self.activation, activation=third, use_bias=self.use_bias is not False)
        positive(self, units=self.units, **({} if self.features is None else {"features": self.features}))
        self.set(
            activation=activations.get(self.activation, "Dense activation="),
            initw=initialisers.get(self.initw, "Dense initw="),
            initb=initialisers.get(self.initb, "Dense initb="),
        )

    def __repr__(self) -> str:
        text = super().__repr__()
        if self.features is None or self.activation is not activations.identity:
            return text
        return text.replace(f", features={self.features}", "").replace("(", f"({self.features}, ", 1)

    def _features(self, x: Shape) -> int:
        if len(x) < 2:
            raise ShapeError(where(repr(self)), "an input with a batch axis and features", show(x))
        found = known(self, size(x[1:]) if self.flatten else x[-1], "feature")
        if self.features not in (None, found):
            raise ShapeError(where(repr(self)), f"{self.features} features on the last axis for a kernel ({self.features}, {self.units})", show(x))
        return found

    def infer(self, *inputs: Shape) -> Shape:
        """(batch, units), or the input's shape with its last axis replaced when `flatten` is off."""
        (x,) = inputs
        self._features(x)
        return (x[0], self.units) if self.flatten else (*x[:-1], self.units)

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Kernel (features, units) and bias (units,)."""
        fans = (self._features(inputs[0]), self.units)
        bias = {"bias": Param((self.units,), self.initb)} if self.use_bias else {}
        return {"kernel": Param(fans, self.initw, fans=fans), **bias}

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """Whether axes are flattened first."""
        return {"flatten": self.flatten and len(inputs[0]) > 2}


@description
class Embedding(Layer):
    """A table of vectors, looked up by whole numbers.

        y[..., :] = table[x]

    Input: whole numbers from 0 to vocabulary - 1, any shape (batch, ...). Output: (batch, ..., dim).
    Parameters: table (vocabulary, dim). Source: torch.nn.Embedding, Flux.Embedding (1-based there).
    Errors: DataError for a number outside of the vocabulary.
    """

    kind = "embedding"
    vocabulary: int
    dim: int
    init: Any = initialisers.NAMES["normal"]
    name: str | None = None

    def __post_init__(self) -> None:
        positive(self, vocabulary=self.vocabulary, dim=self.dim)
        self.set(init=initialisers.get(self.init, "Embedding init="))

    def infer(self, *inputs: Shape) -> Shape:
        """The input's shape and one more axis."""
        return (*inputs[0], self.dim)

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """Table (vocabulary, dim)."""
        shape = (self.vocabulary, self.dim)
        return {"table": Param(shape, self.init, fans=shape)}

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The number of rows: inputs are checked against it."""
        return {"vocabulary": self.vocabulary}


@description
class Dropout(Layer):
    """Sets each number to 0 with probability `rate` while training, and scales the rest by 1 / (1 - rate).

        y = x * mask / (1 - rate)

    Input and output: any shape. In `predict`, `validate` and `model(x)` it does nothing. Rate 1 gives zeros.
    `Dropout(layer, rate=0.5)` is around a layer: `Sequential(layer, Dropout(rate))`, with the layer's own parameters.
    Source: Srivastava et al. 2014, inverted form.
    """

    kind = "dropout"
    rate: float = 0.5
    name: str | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A Sequential where a layer is given."""
        return checked(around, "Dropout")(*args, **kwargs) if args and callable(args[0]) else super().__new__(cls)

    def __post_init__(self) -> None:
        fraction(self, rate=self.rate)

    def infer(self, *inputs: Shape) -> Shape:
        """The input's shape."""
        return inputs[0]

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The rate."""
        return {"rate": float(self.rate)}


def around(layer: Any, rate: float = 0.5, name: str | None = None) -> Any:
    """A layer and Dropout of its output. Errors: ArgumentError."""
    from pyphoton.layers.containers import Sequential

    return Sequential(layer, Dropout(rate), name=name)


@description
class Flatten(Layer):
    """All axes after the batch as one: (batch, a, b, ...) -> (batch, a * b * ...), in row-major order."""

    name: str | None = None

    def forward(self, x: Any) -> Any:
        """(batch, features)."""
        return x.flatten()


@description
class Reshape(Layer):
    """The numbers of each sample in another shape: (batch, ...) -> (batch, *dims). One -1 may stand for what is left.

    Errors: ShapeError when the number of elements differs.
    """

    dims: tuple[int, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        dims = (self.dims,) if isinstance(self.dims, int) else tuple(self.dims)
        if not all(isinstance(d, int) and (d > 0 or d == -1) for d in dims) or dims.count(-1) > 1:
            raise ArgumentError("Reshape", "lengths above 0, and at most one -1", repr(self.dims))
        self.set(dims=dims)

    def forward(self, x: Any) -> Any:
        """(batch, *dims)."""
        rest = size(x.shape[1:])
        free = -1 in self.dims
        fixed = [d for d in self.dims if d != -1]
        product = size(tuple(fixed)) or 1
        if rest is not None and (rest % product if free else rest != product):
            raise ShapeError(where(repr(self)), f"samples of {'a multiple of ' if free else ''}{product} numbers", show(x.shape))
        dims = [d if d != -1 else rest // product if rest is not None else -1 for d in self.dims]
        return x.reshape([None if x.shape[0] is None else x.shape[0], *dims])


@description
class Activation(Layer):
    """A function, element by element, as a layer: `Activation("relu")`, `Activation(tanh)`."""

    function: Any
    name: str | None = None

    def __post_init__(self) -> None:
        self.set(function=activations.get(self.function, "Activation"))

    def forward(self, x: Any) -> Any:
        """The function of the input."""
        return graph.call(self.function, x)


@description
class Softmax(Layer):
    """exp(x) over its sum along `axis` (the features): every sample sums to 1."""

    axis: int = -1
    name: str | None = None

    def forward(self, x: Any) -> Any:
        """Probabilities, of the input's shape."""
        return activations.softmax(x, axis=self.axis)


@description
class LogSoftmax(Layer):
    """log(softmax(x)) along `axis`, computed without overflow."""

    axis: int = -1
    name: str | None = None

    def forward(self, x: Any) -> Any:
        """Logarithms of probabilities, of the input's shape."""
        return activations.log_softmax(x, axis=self.axis)


@description
class Input(Layer):
    """The shape of one sample, without the batch axis: `Input(784)`, `Input(1, 28, 28)`. The identity at run time.

    Errors: ShapeError when an array of another shape arrives.
    """

    variadic: ClassVar[str] = "dims"
    dims: tuple[int | None, ...]
    name: str | None = None

    def __init__(self, *dims: Any, name: str | None = None) -> None:
        flat = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
        if not flat or not all(d is None or (isinstance(d, int) and d > 0) for d in flat):
            raise ArgumentError("Input", "lengths above 0, or None for one that varies", repr(dims))
        self.set(dims=flat, name=name)

    def forward(self, x: Any) -> Any:
        """The input itself, checked."""
        need_rank(self, x.shape, len(self.dims) + 1, f"(batch, {', '.join(map(str, self.dims))})")
        for wanted, got in zip(self.dims, x.shape[1:], strict=True):
            if None not in (wanted, got) and wanted != got:
                raise ShapeError(where(repr(self)), f"samples of shape {show(self.dims)}", show(x.shape))
        return x

    def __repr__(self) -> str:
        return f"Input({', '.join([*map(str, self.dims), *([f'name={self.name!r}'] if self.name else [])])})"
