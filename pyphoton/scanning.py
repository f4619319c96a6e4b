"""What a scan need not do step by step: its body is rewritten, and work moves out of it.

What depends on parameters alone is computed once ("held"), what depends on the input of the step but on no state is computed for all
steps at once, before the scan ("each"); `packing.py` makes one operation of many before that. What is left in the body depends on
states, or is random. Values are the same up to the order of additions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from pyphoton.draft import Draft
from pyphoton.ops import OPS
from pyphoton.packing import lowered, packed, reordered, split
from pyphoton.plan import Plan, Step, Value, parted

HELD, EACH, STATE = 0, 1, 2
"""What a value of a body depends on at most."""

ELEMENTWISE = frozenset(
    "add sub mul div pow maximum minimum neg abs exp log sqrt square sin cos tanh sigmoid relu softplus gelu swish selu elu leaky_relu clip".split()
)
"""Operations on floats that are the same for one step and for all of them."""

WHOLE = [None, None, None]
"""The index of a whole axis."""


def kinds(draft: Draft, each: Collection[int]) -> dict[int, int]:
    """For each value HELD, EACH or STATE; `each` are the inputs that are others at each step."""
    states = {v.id for v in draft.inputs}
    found = dict.fromkeys(draft.constants, HELD) | dict.fromkeys(states, STATE)
    found |= dict.fromkeys(draft.same, HELD) | dict.fromkeys(each, EACH)
    for step in draft.steps:
        found[step.outputs[0]] = _kind(draft, step, max((found[i] for i in step.inputs), default=HELD), found)
    return found


def _kind(draft: Draft, step: Step, most: int, found: dict[int, int]) -> int:
    if most == HELD and (step.op in OPS or step.op in ("parameter", "dense")):
        return HELD
    return EACH if most == EACH and for_all_steps(draft, step, found) is not None else STATE


def for_all_steps(draft: Draft, step: Step, found: dict[int, int]) -> dict[str, Any] | None:
    """The attributes with which a step does for (batch, steps, ...) what it does for (batch, ...); None where it cannot."""
    each = [draft.shapes[i] for i in step.inputs if found[i] == EACH]
    held = [draft.shapes[i] for i in step.inputs if found[i] == HELD]
    shape, attrs = step.shapes[0], dict(step.attrs)
    floats = not any(i in draft.whole for i in step.inputs)
    if any(not s or s[0] is not None for s in (*each, shape)):
        return None
    if step.op in ELEMENTWISE and floats:
        same = len({len(s) for s in each}) == 1 and all(len(s) < len(shape) or (len(s) == len(shape) and s[0] == 1) for s in held)
        return attrs if same and len(each[0]) == len(shape) else None
    if step.op == "matmul" and floats:
        return attrs if len(each) == 1 and found[step.inputs[0]] == EACH and len(each[0]) == len(held[0]) == 2 else None
    if step.op == "concat" and not held:
        axis = attrs.get("axis", 1)
        return None if axis == 0 or axis == -len(shape) else {**attrs, "axis": axis + 1 if axis > 0 else axis}
    if step.op == "getitem" and attrs["index"][:1] == [WHOLE]:
        return {**attrs, "index": [WHOLE, *attrs["index"]]}
    return None


def spread(plan: Plan) -> Plan:
    """The plan, and the bodies of its scans, with everything outside of them that can be there."""
    if all(step.body is None for step in plan.steps):
        return plan
    outer = Draft(plan)
    steps: list[Step] = []
    for step in plan.steps:
        if step.body is None:
            steps.append(step)
            continue
        if step.op != "scan":
            steps.append(replace(step, body=spread(step.body)))
            continue
        outer.steps = steps
        step = _spread_scan(outer, step, spread(step.body))
        steps = [*outer.steps, step]
    outer.steps = steps
    return outer.plan(plan)


def _spread_scan(outer: Draft, step: Step, body: Plan) -> Step:
    """The scan with less in its body; what it needs is appended to the outer steps."""
    a = step.attrs
    draft = Draft(body)
    sequences, held, _ = parted(body.inputs, a["sequences"], a["held"])
    each, draft.same = {v.id for v in sequences}, frozenset(v.id for v in held)
    lowered(draft, body.params)
    split(draft, kinds(draft, each))
    reordered(draft, kinds(draft, each))
    packed(draft, kinds(draft, each))
    found = kinds(draft, each)
    stay, crossing = _cut(draft, found)
    known = {v.id: i for v, i in zip(body.inputs, step.inputs, strict=True)}
    if not any(_has_batch(draft, i) for i in crossing):
        crossing.append(body.inputs[0].id)  # somebody has to know the batch
    _move(outer, draft, set(crossing), known, found, a["steps"])
    stepwise = [i for i in crossing if found[i] == EACH]
    constant = sorted((i for i in crossing if found[i] != EACH), key=lambda i: not _has_batch(draft, i))
    inputs = tuple(Value(i, draft.shapes[i], "int64" if i in draft.whole else body.dtype, _below(body, i)) for i in (*stepwise, *constant))
    first_state = a["sequences"] + a["held"]
    draft.steps, draft.inputs = stay, (*inputs, *body.inputs[first_state:])
    made = draft.plan(body)
    return replace(
        step, inputs=(*(known[i] for i in (*stepwise, *constant)), *step.inputs[first_state:]), body=made,
        params={path: path for s in made.steps for path in s.params.values()}, attrs={**a, "sequences": len(stepwise), "held": len(constant)},
    )  # fmt: skip


def _has_batch(draft: Draft, i: int) -> bool:
    return bool(draft.shapes[i]) and draft.shapes[i][0] is None


def _below(body: Plan, i: int) -> int | None:
    return next((v.below for v in body.inputs if v.id == i), None)


def _cut(draft: Draft, found: dict[int, int]) -> tuple[list[Step], list[int]]:
    """The steps that stay in the body, and the values that come into it from outside."""
    stay = [s for s in draft.steps if found[s.outputs[0]] == STATE]
    states = {v.id for v in draft.inputs if found[v.id] == STATE}
    while True:
        inside = {s.outputs[0] for s in stay} | set(draft.constants) | states
        needed = dict.fromkeys(i for i in (*(i for s in stay for i in s.inputs), *draft.outputs) if i not in inside)
        views = [s for s in draft.steps if s.outputs[0] in needed and s.op == "getitem" and found[s.outputs[0]] == EACH]
        if not views:
            return [s for s in draft.steps if s in stay], list(needed)
        stay += views  # a part of a sequence is cheaper to take inside than to copy for all steps


def _move(outer: Draft, draft: Draft, wanted: set[int], known: dict[int, int], found: dict[int, int], length: int) -> None:
    """Append the steps behind the wanted values to the outer ones; `known` gets their numbers there."""
    moving, todo = set[int](), set(wanted)
    for step in reversed(draft.steps):
        if step.outputs[0] in todo and found[step.outputs[0]] != STATE:
            moving.add(step.outputs[0])
            todo |= set(step.inputs)
    for step in draft.steps:
        (out,) = step.outputs
        if out not in moving:
            continue
        each = found[out] == EACH
        shape = step.shapes[0]
        shape = (shape[0], length, *shape[1:]) if each else shape
        attrs = for_all_steps(draft, step, found) if each else step.attrs
        inputs = tuple(known[i] if i in known else outer.constant(draft.constants[i]) for i in step.inputs)
        known[out] = outer.add(replace(step, inputs=inputs, outputs=(outer.new(shape),), shapes=(shape,), attrs=attrs or {}))

