"""A plan as one layer of Keras, in Keras's operations: what nets and unrolled models are there, for which Keras has no layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyphoton.errors import Unsupported
from pyphoton.ops import to_index
from pyphoton.parameters import Parameter
from pyphoton.plan import Plan, Step, parted

Function = Callable[..., Any]
_SAME = {
    "neg": "negative", "abs": "absolute", "sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "mod": "mod", "eq": "equal", "ne": "not_equal",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "swish": "silu",
    **{name: name for name in (
        "add exp log sqrt square sin cos sign round tanh sigmoid relu softplus selu elu maximum minimum logical_and logical_or logical_not where "
        "matmul sum mean max min prod softmax log_softmax transpose"
    ).split()},
}  # fmt: skip
"""Operations that Keras has with the same meaning and attributes, by its name."""


def operations(keras: Any) -> dict[str, Function]:
    """PyPhoton's operations in those of Keras."""
    o = keras.ops
    return {
        **{ours: getattr(o, theirs) for ours, theirs in _SAME.items()},
        "gelu": lambda x: o.gelu(x, approximate=False),
        "leaky_relu": lambda x, alpha=0.01: o.leaky_relu(x, negative_slope=alpha),
        "clip": lambda x, low=None, high=None: o.clip(x, float("-inf") if low is None else low, float("inf") if high is None else high),
        "argmax": lambda x, axis=-1, keepdims=False: o.argmax(x, axis=axis, keepdims=keepdims),
        "reshape": lambda x, shape: o.reshape(x, [-1 if n is None else n for n in shape]),
        "flatten": lambda x, start=1: o.reshape(x, (*x.shape[:start], -1) if start != 1 else (o.shape(x)[0], -1)),
        "concat": lambda *xs, axis=1: o.concatenate(xs, axis=axis),
        "getitem": lambda x, index: x[to_index(index)],
        "cast": lambda x, dtype: o.cast(x, dtype),
        "one_hot": lambda x, classes, dtype: o.one_hot(x, classes, dtype=dtype),
    }


def plan_layer(keras: Any, plan: Plan, held: Mapping[str, Parameter], dtype: str) -> Any:
    """A layer of Keras that computes the plan, with weights for these parameters: the trained ones first, as `get_weights` has them.

    States begin at their starts in every call. Errors: Unsupported for a step that Keras has no operation for.
    """
    known = operations(keras)
    for step in _all_steps(plan):
        if step.op not in (*known, "parameter", "scan", "dense", "dropout") or (step.activation != "identity" and step.activation not in known):
            raise Unsupported(f"tf: {step.path} {step.op}", "operations that Keras has, too", "another one", "torch_(model) and flux(model) run every model.")

    class Planned(keras.layers.Layer):  # type: ignore[misc]
        """The plan as a layer."""

        def __init__(self) -> None:
            super().__init__(dtype=dtype)
            self.own = {
                path: self.add_weight(shape=p.shape, initializer="zeros", trainable=p.role == "weight" and not p.frozen, name=path.replace(".", "_") or "own")
                for path, p in held.items()
            }
            self.seeds = keras.random.SeedGenerator(0)

        def call(self, x: Any, training: bool = False) -> Any:
            """The plan's output."""
            return Runner(keras, known, self.own, self.seeds if training else None)(plan, (x,))[0]

        def compute_output_shape(self, shape: Any) -> Any:
            """The batch's length, and the rest as the plan has it."""
            (out,) = (s for step in plan.steps for o, s in zip(step.outputs, step.shapes, strict=True) if o == plan.outputs[0])
            return (shape[0], *out[1:])

    return Planned()


class Runner:
    """Plans on arrays of Keras, with these weights; `seeds` where dropout drops."""

    def __init__(self, keras: Any, known: Mapping[str, Function], weights: Mapping[str, Any], seeds: Any) -> None:
        self.keras, self.known, self.weights, self.seeds = keras, known, weights, seeds

    def __call__(self, plan: Plan, arrays: Sequence[Any]) -> list[Any]:
        """The plan's outputs."""
        o = self.keras.ops
        values: dict[int, Any] = {i: c if isinstance(c, bool | int | float) else o.convert_to_tensor(c) for i, c in plan.constants.items()}
        values |= {v.id: a for v, a in zip(plan.inputs, arrays, strict=True)}
        for step in plan.steps:
            inputs = [values[i] for i in step.inputs]
            result = self.scan(step, inputs) if step.body is not None else self.step(step, inputs)
            values[step.outputs[0]] = result if step.activation == "identity" else self.known[step.activation](result)
        return [values[i] for i in plan.outputs]

    def step(self, step: Step, inputs: list[Any]) -> Any:
        """One operation."""
        if step.op == "parameter":
            return self.keras.ops.convert_to_tensor(self.weights[step.params[step.attrs["name"]]])
        if step.op == "dropout":
            return inputs[0] if self.seeds is None else self.keras.random.dropout(inputs[0], step.attrs["rate"], seed=self.seeds)
        if step.op == "dense":
            x = self.known["flatten"](inputs[0]) if step.attrs["flatten"] and len(inputs[0].shape) > 2 else inputs[0]
            y = self.keras.ops.matmul(x, self.weights[step.params["kernel"]])
            return y + self.weights[step.params["bias"]] if "bias" in step.params else y
        return self.known[step.op](*inputs, **step.attrs)

    def scan(self, step: Step, inputs: list[Any]) -> Any:
        """The body for each step of the sequence in turn."""
        a, o = step.attrs, self.keras.ops
        sequences, held, starts = parted(inputs, a["sequences"], a["held"])
        batch = o.shape(inputs[0])[0]
        states: list[Any] = [o.broadcast_to(s, (batch, *s.shape)) for s in starts]
        outputs: dict[int, Any] = {}
        for t in range(a["steps"])[:: -1 if a["backwards"] else 1]:
            outputs[t], *states = self(step.body, (*(x[:, t] for x in sequences), *held, *states))  # type: ignore[arg-type]
        return o.stack([outputs[t] for t in range(a["steps"])], axis=1)


def _all_steps(plan: Plan) -> list[Step]:
    return [s for step in plan.steps for s in ([step] if step.body is None else [step, *_all_steps(step.body)])]
