"""A plan as boxes and arrows from top to bottom: what goes into each box, where it lies, and how it is drawn.

Every arrow goes down. A box lies one row below the lowest of the boxes that it reads, and an arrow that passes other
rows gets a bend in each of them, so that it never runs through a box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pyphoton.errors import FileError
from pyphoton.ops import OPS
from pyphoton.plan import Plan, Step
from pyphoton.typing import show

FILLS = {"end": "#eef0f3", "layer": "#dce8f7", "operation": "#fdf3d7"}
INK, GREY, EDGE, LINE = "#222222", "#4b5260", "#8a8f98", "#6b7280"
PITCH, HEIGHT, GAP, MARGIN = 1.0, 0.58, 0.3, 0.25
LONGEST = 46


@dataclass(eq=False)
class Box:
    """A box of the picture, or (`kind` "bend") a place where a long arrow passes a row. Lengths are inches."""

    title: str
    below: str
    kind: str
    width: float = 0.3
    row: int = 0
    x: float = 0.0
    sources: list[Box] = field(default_factory=list)
    targets: list[Box] = field(default_factory=list)

    @property
    def y(self) -> float:
        """The middle of the box, from the top."""
        return self.row * PITCH


def boxes_of(plan: Plan, layers: Mapping[str, str]) -> list[Box]:
    """The inputs, steps and outputs of a plan; `layers` gives each path's layer as it was written."""
    made = {v.id: Box(_numbered("input", i, plan.inputs), show(v.shape), "end") for i, v in enumerate(plan.inputs)}
    boxes = list(made.values())
    steps = [step for step in plan.steps if step.op != "parameter"]  # like constants: not drawn
    steps_at = Counter(step.path for step in steps)
    for step in steps:
        operation = step.op in OPS or step.op == "python"
        title = _title(step, layers.get(step.path, ""), operation, steps_at[step.path] == 1)
        below = "  ·  ".join(filter(None, (step.path, ", ".join(map(show, step.shapes)))))
        box = Box(title, below, "operation" if operation else "layer")
        box.sources = [made[i] for i in step.inputs if i in made]  # constants are not drawn
        made |= dict.fromkeys(step.outputs, box)
        boxes.append(box)
    for i, number in enumerate(plan.outputs):
        sources = [made[number]] if number in made else []
        boxes.append(Box(_numbered("output", i, plan.outputs), "", "end", sources=sources))
    for box in boxes:
        box.title, box.below = _short(box.title), _short(box.below, 3 * LONGEST // 2)
        box.width = max(0.105 * len(box.title), 0.08 * len(box.below), 0.8) + 0.3
        for source in box.sources:
            source.targets.append(box)
    return boxes


def _numbered(word: str, number: int, members: Sequence[Any]) -> str:
    return f"{word} {number}" if len(members) > 1 else word


def _title(step: Step, layer: str, operation: bool, only_one: bool) -> str:
    """The layer; for a single operation inside a larger layer or a function, that one's name and the operation."""
    if operation and not (only_one and layer.endswith(")")):
        name = str(step.attrs.get("name", step.op))
        return f"{layer}: {name}" if layer not in ("", name) else name
    title = layer or step.op
    inside = title.replace("(", ", ").rstrip(")").split(", ")
    return title if step.op == "max_pool" or step.activation in ("identity", *inside) else f"{title} + {step.activation}"


def _short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


# ---- with matplotlib -------------------------------------------------------------------------------------------------


def arranged(boxes: list[Box]) -> tuple[float, float, float]:
    """Give every box its place. Returns the left and right edge and the height of the picture."""
    rows = _rows(boxes)
    for _ in range(8):  # each box moves to the middle of its neighbours, downwards and upwards in turn
        for row in rows[1:]:
            _place(row, [box.sources for box in row])
        for row in reversed(rows[:-1]):
            _place(row, [box.targets for box in row])
    everything = [box for row in rows for box in row]
    left = min(box.x - box.width / 2 for box in everything) - MARGIN
    right = max(box.x + box.width / 2 for box in everything) + MARGIN
    return left, right, PITCH * (len(rows) - 1) + HEIGHT + 2 * MARGIN


def _rows(boxes: list[Box]) -> list[list[Box]]:
    for box in boxes:
        box.row = 1 + max((source.row for source in box.sources), default=-1)
    rows: list[list[Box]] = [[] for _ in range(1 + max((box.row for box in boxes), default=0))]
    for box in boxes:
        rows[box.row].append(box)
    for box in boxes:
        for k, target in enumerate(box.targets):
            last = box
            for row in range(box.row + 1, target.row):
                bend = Box("", "", "bend", row=row, sources=[last], targets=[target])
                rows[row].append(bend)
                last.targets[k if last is box else 0] = bend
                last = bend
            if last is not box:
                target.sources[target.sources.index(box)] = last
    return rows


def _place(row: list[Box], neighbours: Iterable[list[Box]]) -> None:
    """Move the boxes of a row towards the middle of their neighbours, without overlap."""
    wish = {id(b): float(np.mean([n.x for n in near])) if near else b.x for b, near in zip(row, neighbours, strict=True)}
    row.sort(key=lambda b: wish[id(b)])
    row[0].x = wish[id(row[0])]
    for left, box in pairwise(row):
        box.x = max(wish[id(box)], left.x + (left.width + box.width) / 2 + GAP)
    shift = float(np.mean([b.x - wish[id(b)] for b in row]))
    for box in row:
        box.x -= shift


def draw(boxes: Sequence[Box], axes: Any) -> None:
    """The arranged boxes and their arrows, on axes whose unit is the inch and which go downwards."""
    from matplotlib.patches import FancyBboxPatch

    for box in boxes:
        rounding = HEIGHT / 2 if box.kind == "end" else 0.1
        corner = (box.x - box.width / 2, box.y - HEIGHT / 2)
        style = f"round,pad=0,rounding_size={rounding}"
        axes.add_patch(FancyBboxPatch(corner, box.width, HEIGHT, style, facecolor=FILLS[box.kind], edgecolor=EDGE))
        lift = 0.11 if box.below else 0.0
        middle = {"ha": "center", "va": "center", "parse_math": False}
        axes.text(box.x, box.y - lift, box.title, fontsize=10.5, fontweight="bold", color=INK, **middle)
        axes.text(box.x, box.y + 0.13, box.below, fontsize=8.5, color=GREY, **middle)
        for target in box.targets:
            _arrow(axes, box, target)


def _arrow(axes: Any, box: Box, target: Box) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    points = [(box.x, box.y + HEIGHT / 2)]
    codes = [Curve.MOVETO]
    while True:
        (x, y), top = points[-1], target.y - HEIGHT / 2
        half = (top - y) / 2
        points += [(x, y + half), (target.x, top - half), (target.x, top)]
        codes += [Curve.CURVE4] * 3
        if target.kind != "bend":
            break
        points.append((target.x, top + HEIGHT))
        codes.append(Curve.LINETO)
        target = target.targets[0]
    curve = Curve(points, codes)
    axes.add_patch(FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=13, color=LINE, linewidth=1.2))


# ---- with graphviz ---------------------------------------------------------------------------------------------------


def digraph(boxes: Sequence[Box], path: str | Path | None) -> Any:
    """The boxes as a graphviz.Digraph, written where a path is given. Errors: FileError."""
    graphviz = import_module("graphviz")
    drawing = graphviz.Digraph(
        graph_attr={"rankdir": "TB", "nodesep": "0.35", "ranksep": "0.4"},
        node_attr={"shape": "box", "style": "rounded,filled", "color": EDGE, "fontname": "Helvetica", "fontsize": "11"},
        edge_attr={"color": LINE, "arrowsize": "0.8"},
    )
    names = {id(box): f"box{i}" for i, box in enumerate(boxes)}
    for box in boxes:
        label = graphviz.escape("\n".join(filter(None, (box.title, box.below))))
        drawing.node(names[id(box)], label, fillcolor=FILLS[box.kind])
        drawing.edges([(names[id(source)], names[id(box)]) for source in box.sources])
    if path is not None:
        try:
            drawing.render(outfile=str(path), cleanup=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise FileError(str(path), hint=f"The picture cannot be written: {error}") from error
    return drawing
