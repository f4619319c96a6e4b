"""Which activation a function is: a plain function in a model may be one of the library's, or do nothing but one operation."""

from __future__ import annotations

from typing import Any

from pyphoton import activations, graph
from pyphoton.errors import PhotonError
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape

_PLAIN: dict[str, dict[str, float]] = {"flatten": {"start": 1}, "elu": {"alpha": 1.0}, "leaky_relu": {"alpha": 0.01}}
"""What the attributes of an operation have to be, where they are there, for it to have its plain meaning."""


def named(function: Any, shape: Shape) -> str | None:
    """The name of the activation, or "flatten", that a function computes for inputs of this shape; None for every other function."""
    name = next((n for n, f in activations.NAMES.items() if f is function and n == f.__name__), None)
    if name is not None or hasattr(function, "kind"):
        return name
    try:
        made = graph.trace(function, Tensor(shape, "float32"))
    except PhotonError:
        return None
    if len(made.nodes) != 1 or made.nodes[0].layer is not None:
        return None
    node = made.nodes[0]
    wanted = {**_PLAIN.get(node.op, {}), "axis": len(shape) - 1}
    plain = all((v % len(shape) if k == "axis" else v) == wanted.get(k) for k, v in node.attrs.items())
    return node.op if plain and (node.op in activations.NAMES or node.op == "flatten") else None
