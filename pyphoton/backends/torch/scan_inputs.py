"""Products that are computed for all steps before a scan: step by step in memory, as the scan reads them, and with the bias in the same call."""

from __future__ import annotations

from typing import Any

import torch

from pyphoton.backends.torch.scan_layout import swapped
from pyphoton.plan import Plan, Step

Tensor = torch.Tensor


def _product(x: Tensor, kernel: Tensor) -> Tensor:
    """(batch, steps, width) as a view of (steps, batch, width)."""
    rows = swapped(x)
    return swapped(torch.mm(rows.flatten(0, 1), kernel).view(*rows.shape[:2], -1))


def _affine(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    rows = swapped(x)
    return swapped(torch.addmm(bias, rows.flatten(0, 1), kernel).view(*rows.shape[:2], -1))


def in_order_of_steps(plan: Plan, lowered: list[Any]) -> list[Any]:
    """Lowered steps (function, inputs, output, step), with such products for those that only scans read."""
    readers: dict[int, list[Step | None]] = {o: [None] for o in plan.outputs}
    shapes = {o: shape for s in plan.steps for o, shape in zip(s.outputs, s.shapes, strict=True)} | {v.id: v.shape for v in plan.inputs}
    for s in plan.steps:
        for place, i in enumerate(s.inputs):
            readers.setdefault(i, []).append(s if s.op != "scan" or place < s.attrs["sequences"] else None)
    products = {s.outputs[0]: s for s in plan.steps if s.op == "matmul" and len(shapes.get(s.inputs[0], ())) == 3 and len(shapes.get(s.inputs[1], ())) == 2}
    result, inside = [], set[int]()
    for function, inputs, output, step in lowered:
        product = next((i for i in inputs if i in products), None) if step.op == "add" else None
        if product is not None and len(readers[product]) == 1 and _for_scans(readers.get(output)):
            (other,) = (i for i in inputs if i != product)
            if shapes.get(other) == products[product].shapes[0][2:]:
                inside.add(product)
                function, inputs = _affine, (*products[product].inputs, other)
        elif output in products and _for_scans(readers.get(output)):
            function = _product
        result.append((function, inputs, output, step))
    return [code for code in result if code[2] not in inside]


def _for_scans(readers: list[Step | None] | None) -> bool:
    return bool(readers) and all(r is not None and r.op == "scan" for r in readers or ())
