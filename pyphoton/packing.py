"""One operation instead of many, in the body of a scan: products of one value with several matrices, and what is done with their parts.

    x Wf + h Uf + bf, x Wi + h Ui + bi  ->  (x [Wf Wi] + [bf bi]) + h [Uf Ui]

is two products and two sums of twice the width. Such a wide value is cut where something else needs a part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyphoton.draft import Draft
from pyphoton.plan import Step

if TYPE_CHECKING:
    from pyphoton.layers.base import Param

HELD, STATE = 0, 2
ALIKE = frozenset(
    "add sub mul div maximum minimum neg abs exp log sqrt square sin cos tanh sigmoid relu softplus gelu swish selu elu leaky_relu".split()
)
"""Operations of which several beside each other are one on wider values."""


def lowered(draft: Draft, params: Mapping[str, Param]) -> None:
    """Dense layers of vectors as products and sums, so that what follows can take them apart."""
    steps, draft.steps = draft.steps, []
    for step in steps:
        if step.op != "dense" or len(draft.shapes[step.inputs[0]]) != 2 or step.activation != "identity":
            draft.steps.append(step)
            continue
        names = ["kernel", *(["bias"] if "bias" in step.params else [])]
        own = {n: Step("parameter", step.path, (), (draft.new(params[step.params[n]].shape),), (params[step.params[n]].shape,), {n: step.params[n]}, {"name": n}) for n in names}
        draft.steps += own.values()
        last = "bias" not in own
        y = draft.apply("matmul", (step.inputs[0], own["kernel"].outputs[0]), step, step.outputs[0] if last else None)
        if not last:
            draft.apply("add", (y, own["bias"].outputs[0]), step, step.outputs[0])


def split(draft: Draft, kinds: Mapping[int, int]) -> None:
    """[x h] W with a part that is no state as x Wx + h Wh."""
    makers = draft.makers()
    steps, draft.steps = draft.steps, []
    for step in steps:
        joined = makers.get(step.inputs[0]) if step.op == "matmul" else None
        if joined is None or joined.op != "concat" or not _rows_apart(draft, step, joined, kinds):
            draft.steps.append(step)
            continue
        at, terms = 0, []
        for part in joined.inputs:
            width = draft.shapes[part][1] or 0
            rows = draft.apply("getitem", (step.inputs[1],), step, index=[[at, at + width, None]])
            terms.append(draft.apply("matmul", (part, rows), step))
            at += width
        total = terms[0]
        for k, term in enumerate(terms[1:], 2):
            total = draft.apply("add", (total, term), step, step.outputs[0] if k == len(terms) else None)


def _rows_apart(draft: Draft, step: Step, joined: Step, kinds: Mapping[int, int]) -> bool:
    on_features = joined.attrs.get("axis", 1) in (1, -1) and len(joined.shapes[0]) == 2 == len(draft.shapes[step.inputs[1]])
    of = {kinds[i] for i in joined.inputs}
    return on_features and len(joined.inputs) > 1 and STATE in of and len(of) > 1 and kinds[step.inputs[1]] == HELD


def reordered(draft: Draft, kinds: Mapping[int, int]) -> None:
    """Sums with the terms that are no states first, so that their sum can move out."""
    makers, users = draft.makers(), draft.users()
    steps, draft.steps = draft.steps, []

    def inner(i: int) -> bool:
        readers = users.get(i, [])
        return i in makers and makers[i].op == "add" and kinds[i] == STATE and len(readers) == 1 and readers[0] is not None and readers[0].op == "add"

    def terms(i: int) -> list[int]:
        return [t for j in makers[i].inputs for t in (terms(j) if inner(j) else [j])]

    for step in steps:
        out = step.outputs[0]
        if step.op != "add" or kinds[out] != STATE:
            draft.steps.append(step)
        elif not inner(out):
            found = terms(out)
            if sum(kinds[i] != STATE for i in found) > 1:
                found.sort(key=lambda i: kinds[i] == STATE)
            total = found[0]
            for k, term in enumerate(found[1:], 2):
                total = draft.apply("add", (total, term), step, out if k == len(found) else None)


@dataclass(frozen=True)
class _Part:
    """A value that is columns `start` to `stop` of a wide one."""

    wide: int
    start: int
    stop: int


def packed(draft: Draft, kinds: Mapping[int, int]) -> None:
    """Many alike operations on the parts of wide values as one, round by round: whatever can be computed now, is."""
    _Packer(draft, kinds).run()


class _Packer:
    def __init__(self, draft: Draft, kinds: Mapping[int, int]) -> None:
        self.draft, self.kinds = draft, kinds
        self.users = draft.users()
        self.parts: dict[int, _Part] = {}
        self.made = {v.id for v in draft.inputs} | set(draft.constants)

    def run(self) -> None:
        """Rewrite the draft's steps."""
        pending, self.draft.steps = self.draft.steps, []
        known = set(self.made)
        while pending:
            ready = [s for s in pending if known.issuperset(s.inputs)]
            pending = [s for s in pending if not known.issuperset(s.inputs)]
            groups: dict[Any, list[Step]] = {}
            for step in ready:
                groups.setdefault(self._key(step) or id(step), []).append(step)
            for key, group in groups.items():
                runs = [group] if isinstance(key, int) else self._runs(group)
                for run in runs:
                    if len(run) == 1:
                        self._single(run[0])
                    elif run[0].op == "matmul":
                        self._products(run)
                    else:
                        self._wide(run)
            known.update(o for s in ready for o in s.outputs)
        for o in self.draft.outputs:
            self._narrow(o, None)

    def _key(self, step: Step) -> Any:
        """What two steps have in common that can be one; None for a step that stays as it is."""
        shapes = [self.draft.shapes[i] for i in step.inputs]
        if step.op == "matmul":
            good = len(shapes[0]) == len(shapes[1]) == 2 and self.kinds.get(step.inputs[1]) == HELD and shapes[0][0] is None
            return ("matmul", step.inputs[0]) if good else None
        shape = step.shapes[0]
        if step.op not in ALIKE or step.activation != "identity" or len(shape) != 2 or shape[0] is not None:
            return None
        key: list[Any] = [step.op, repr(sorted(step.attrs.items()))]
        for i, s in zip(step.inputs, shapes, strict=True):
            if i in self.parts and s == shape:
                key.append(self.parts[i].wide)
            elif i in self.draft.constants and s == ():
                key.append(repr(self.draft.constants[i]))
            elif self.kinds.get(i) == HELD and s in ((shape[1],), (1, shape[1])):
                key.append(("held", len(s)))
            else:
                return None
        return tuple(key) if any(i in self.parts for i in step.inputs) else None

    def _runs(self, group: list[Step]) -> list[list[Step]]:
        """Steps whose parts lie one after the other."""
        if group[0].op == "matmul":
            return [sorted(group, key=self._then)]
        places = {id(s): [self.parts[i] for i in s.inputs if i in self.parts] for s in group}
        runs: list[list[Step]] = []
        for step in sorted(group, key=lambda s: places[id(s)][0].start):
            before = places[id(runs[-1][-1])] if runs else []
            if before and all(a.stop == b.start for a, b in zip(before, places[id(step)], strict=True)):
                runs[-1].append(step)
            else:
                runs.append([step])
        return runs

    def _then(self, step: Step) -> str:
        """What is done with a product after sums: alike ones are put side by side."""
        out = step.outputs[0]
        while True:
            users = self.users.get(out, [])
            if len(users) != 1 or users[0] is None:
                return ""
            if users[0].op != "add":
                return users[0].op
            out = users[0].outputs[0]

    def _single(self, step: Step) -> None:
        for i in step.inputs:
            self._narrow(i, step)
        self.draft.steps.append(step)
        self.made.update(step.outputs)

    def _narrow(self, i: int, like: Step | None) -> None:
        """Cut a part out of its wide value, where it is needed by itself."""
        if i in self.made or i not in self.parts:
            return
        part = self.parts[i]
        step = like or self.draft.steps[-1]
        self.draft.apply("getitem", (part.wide,), step, i, index=[[None, None, None], [part.start, part.stop, None]])
        self.made.add(i)

    def _place(self, run: Sequence[Step], wide: int) -> None:
        at = 0
        for step in run:
            width = step.shapes[0][1] or 0
            self.parts[step.outputs[0]] = _Part(wide, at, at + width)
            at += width

    def _products(self, run: list[Step]) -> None:
        left = run[0].inputs[0]
        self._narrow(left, run[0])
        for step in run:
            self._narrow(step.inputs[1], step)
        right = self.draft.apply("concat", [s.inputs[1] for s in run], run[0], axis=1)
        self._place(run, self.draft.apply("matmul", (left, right), run[0]))

    def _wide(self, run: list[Step]) -> None:
        inputs = []
        for k, first in enumerate(run[0].inputs):
            if first in self.parts:
                inputs.append(self._stretch(self.parts[first], self.parts[run[-1].inputs[k]].stop, run[0]))
            elif self.draft.shapes[first] == ():
                inputs.append(first)
            else:
                inputs.append(self.draft.apply("concat", [s.inputs[k] for s in run], run[0], axis=len(self.draft.shapes[first]) - 1))
        self._place(run, self.draft.apply(run[0].op, inputs, run[0], **run[0].attrs))

    def _stretch(self, first: _Part, stop: int, like: Step) -> int:
        """Columns of a wide value from a part on; all of it as it is."""
        if first.start == 0 and stop == self.draft.shapes[first.wide][1]:
            return first.wide
        return self.draft.apply("getitem", (first.wide,), like, index=[[None, None, None], [first.start, stop, None]])

