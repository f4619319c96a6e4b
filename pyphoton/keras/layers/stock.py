"""What the stock layers share: `kernel_regularizer=` and its like, penalties of outputs, and the order of axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pyphoton import activations as core_activations
from pyphoton import graph, regularisers
from pyphoton.errors import KeraFlowError, ShapeError
from pyphoton.keras import activations
from pyphoton.keras.data_format import FORMATS
from pyphoton.keras.layer import Stock
from pyphoton.keras.masks import passed_on
from pyphoton.keras.named import objects_by_name
from pyphoton.scopes import where
from pyphoton.typing import show

OLD_NAMES: Mapping[str, str] = {
    "output_dim": "units", "init": "kernel_initializer", "bias": "use_bias", "weights": "initial_weights", "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer", "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint",
}  # fmt: skip
"""Keraflow's and Keras 1's names of arguments that many layers have."""


def merged(
    owner: str, common: Mapping[str, Any], *, regularizers: Mapping[str, Any], constraints: Mapping[str, Any], aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The common arguments, with those of single parameters (`kernel_regularizer=` is `regularizers={"kernel": ...}`).

    The mappings have every parameter of the layer, in order, None where nothing is asked. Errors: KeraFlowError for two at once.
    """
    made = dict(common)
    for argument, own in (("regularizers", regularizers), ("constraints", constraints)):
        own = {name: value for name, value in own.items() if value is not None}
        if not own:
            continue
        names = regularizers if argument == "regularizers" else constraints
        given = objects_by_name(f"{owner} {argument}", common.get(argument), list(names), aliases=aliases)
        both = sorted(set(own) & set(given))
        if both:
            raise KeraFlowError(owner, f"one {argument[:-1]} of {both[0]}", f"both {argument}= and its own", "Take one of them.")
        made[argument] = {**given, **own}
    return made


def penalise(regularizer: Any, y: Any) -> None:
    """Add a regularizer's value of an output, per sample of the minibatch (as Keras 3), to the training loss."""
    if regularizer is not None:
        graph.add_loss(per_sample(regularisers.get(regularizer)(y), y))


def per_sample(value: Any, y: Any) -> Any:
    """A number divided by the length of the minibatch `y`."""
    first = y[(slice(None), *[0] * (y.ndim - 1))]
    return value / (first == first).astype(y.dtype).sum()


class Standard(Stock):
    """A stock layer with an activation and a regularizer of its output."""

    activity_regularizer: Any = None
    short_names: ClassVar[Mapping[str, str]] = {**Stock.short_names}

    def trace(self, *inputs: Any) -> Any:
        """The result, and the penalty of the output."""
        y = self.result(*inputs)
        penalise(self.activity_regularizer, y)
        return passed_on(self, inputs, y)

    def result(self, *inputs: Any) -> Any:
        """What the layer makes of its inputs: one step, and the activation."""
        return super().trace(*inputs)


# ---- the order of axes -------------------------------------------------------------------------------------------------


def turned(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` with its axes in another order; what was turned before is turned once, or not at all."""
    node = x.node
    if node is not None and node.op == "transpose":
        before = [a % x.ndim for a in node.attrs["axes"]]
        x, axes = node.inputs[0], tuple(before[a] for a in axes)
    return x if axes == tuple(range(x.ndim)) else x.transpose(axes)


def channels_first(x: Any, data_format: str) -> Any:
    """(batch, ..., channels) as (batch, channels, ...), where that is not how it is."""
    return x if data_format == FORMATS[1] or x.ndim < 3 else turned(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def channels_back(x: Any, data_format: str) -> Any:
    """(batch, channels, ...) in the layer's own order."""
    return x if data_format == FORMATS[1] or x.ndim < 3 else turned(x, (0, *range(2, x.ndim), 1))


def each_element(function: Callable[[Any], Any], x: Any) -> Any:
    """`function`, to which the order of axes is nothing, before the axes are turned: so that the next layer turns them back for nothing."""
    node = getattr(x, "node", None)
    if node is None or node.op != "transpose":
        return function(x)
    return turned(function(node.inputs[0]), tuple(a % x.ndim for a in node.attrs["axes"]))


def activated(function: Any, x: Any) -> Any:
    """An activation function's values."""
    if function is None or function is core_activations.identity:
        return x
    if activations.is_elementwise(function):
        return each_element(lambda t: graph.call(function, t), x)
    return graph.call(function, x)


class Spatial(Standard):
    """A stock layer over (batch, channels, ...) for inputs of either order of axes; `core()` gives one without activation."""

    rank: ClassVar[int]
    data_format: str
    activation: Any = None

    def result(self, *inputs: Any) -> Any:
        """The step on channels first, then back, and the activation."""
        (x,) = inputs
        self.check_rank(x)
        y = graph.apply_leaf(self, (self.prepared(channels_first(x, self.data_format)),))
        return activated(self.activation, channels_back(self.trimmed(y), self.data_format))

    def check_rank(self, x: Any) -> None:
        """Errors: ShapeError unless the input has the right number of axes."""
        space = ("length", "height, width", "depth, height, width")[self.rank - 1]
        axes = f"(batch, {space}, channels)" if self.data_format == FORMATS[0] else f"(batch, channels, {space})"
        if x.ndim != self.rank + 2:
            raise ShapeError(where(repr(self)), f"an input of {self.rank + 2} axes {axes}", show(x.shape))

    def prepared(self, x: Any) -> Any:
        """What the step is given: of (batch, channels, ...)."""
        return x

    def trimmed(self, y: Any) -> Any:
        """What is kept of the step's result."""
        return y
