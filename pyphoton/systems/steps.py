"""Recorded: a step of a system while it is traced: what it logs, which optimisers it steps, what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyphoton.errors import ArgumentError, ShapeError, TraceError, Unsupported
from pyphoton.regularised import with_added
from pyphoton.systems.batches import Structure, flattened
from pyphoton.systems.recording import Counter, Counters, Log, checked_log, number
from pyphoton.tensor import Node, Tensor
from pyphoton.typing import show


@dataclass
class Turn:
    """What is computed at once, with the parameters as they are then: outputs, of which the first is the loss, and who updates.

    `until` is the moment of the trace at which it is done: what was made before belongs to it.
    """

    outputs: list[Tensor]
    sessions: tuple[int, ...]
    until: float
    name: str = "loss"


@dataclass
class Recorded:
    """One step that is traced. `columns` says how each output of the turns, one turn after the other, is kept (None: not at all)."""

    batch: Any
    counters: Counters = field(default_factory=dict)
    handles: Sequence[Any] = ()
    names: Sequence[str] = ()
    training: bool = False
    used: set[str] = field(default_factory=set)
    logs: list[Log] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    result: Structure = None
    constants: list[Log] = field(default_factory=list)
    columns: list[Log | None] = field(default_factory=list)
    _pending: dict[int, list[Tensor]] = field(default_factory=dict)
    _zeroed: set[int] = field(default_factory=set)
    _waiting: set[int] = field(default_factory=set)
    _toggled: int | None = None

    def counter(self, name: str) -> Counter:
        """The number of that name, which notices when it is used."""
        if name not in self.counters:
            raise TraceError(name, "a step that a trainer runs", "one outside of training")
        return Counter(name, self.counters[name], self.used)

    def log(self, name: Any, value: Any, *, on_step: bool | None, on_epoch: bool | None, prog_bar: bool) -> None:
        """Keep a number of the step. Errors: ArgumentError, ShapeError, also for a name that is taken."""
        checked_log(name, value, on_step, on_epoch)
        if any(name == log.name for log in self.logs):
            raise ArgumentError(f"log({name!r})", "a name of its own for each number of a step", "the same name twice")
        known = value if isinstance(value, Tensor) else number(value, f"log({name!r})")
        at_step = self.training if on_step is None else bool(on_step)
        at_epoch = (not at_step or not self.training) if on_epoch is None else bool(on_epoch)
        self.logs.append(Log(name, known, at_step, at_epoch, bool(prog_bar)))

    # ---- manual optimisation -----------------------------------------------------------------------------------------

    def optimizers(self) -> Any:
        """One optimiser, or a list."""
        if not self.handles:
            hint = "They are what configure_optimizer returns, and there in training_step only."
            raise TraceError("optimizers", "a system that has optimisers, in training_step", "none", hint)
        return self.handles[0] if len(self.handles) == 1 else list(self.handles)

    def index(self, handle: Any, asked: str) -> int:
        """The position of an optimiser. Errors: ArgumentError for one of another system."""
        for k, known in enumerate(self.handles):
            if known is handle or known.optimiser is handle:
                return k
        hint = "Take those that self.optimizers() gives." if self.handles else "This step has none: configure_optimizer returned None, or nothing is trained here."
        raise ArgumentError(asked, "an optimiser of this system", repr(handle), hint)

    def backward(self, loss: Any, only: int | None = None) -> None:
        """Gradients of a loss, for all optimisers or the toggled one."""
        if not isinstance(loss, Tensor):
            raise TraceError("manual_backward", "a loss that is a tensor of this step", repr(loss))
        if loss.shape != ():
            raise ShapeError("manual_backward", "one number for the batch", show(loss.shape), "Reduce it: .mean() or .sum().")
        self.optimizers()
        only = self._toggled if only is None else only
        for k in range(len(self.handles)) if only is None else (only,):
            self._pending.setdefault(k, []).append(loss)
            self._waiting.add(k)

    def toggle(self, handle: Any) -> None:
        """Gradients are for this optimiser only; None: for all."""
        self._toggled = None if handle is None else self.index(handle, "toggle_optimizer")

    def zero_grad(self, handle: Any) -> None:
        """Gradients so far do not count."""
        k = self.index(handle, "zero_grad")
        self._pending[k] = []
        self._zeroed.add(k)
        self._waiting.discard(k)

    def step(self, handle: Any) -> None:
        """An update with the gradients so far: a turn."""
        k = self.index(handle, "step")
        if not self._pending.get(k):
            raise ArgumentError("step", "gradients: self.manual_backward(loss) before it", "none since zero_grad()")
        losses = self._pending[k]
        total = with_added(sum(losses[1:], losses[0]), losses)
        self.turns.append(Turn([total], (k,), _now(), f"{self.names[k]}_loss" if self.names[k] else "loss"))
        self._waiting.discard(k)

    def minimize(self, handle: Any, loss: Any) -> None:
        """zero_grad, manual_backward for this optimiser, step."""
        self.zero_grad(handle)
        self.backward(loss, self.index(handle, "minimize"))
        self.step(handle)

    # ---- what a step returns -----------------------------------------------------------------------------------------

    def returned(self, value: Any, where: str, *, automatic: bool, key: str = "loss") -> None:
        """Take what a step of training or measuring returned. Errors: ArgumentError, ShapeError for what is no loss."""
        loss = self._loss(value, where)
        if not automatic:
            self._finish_manual(loss, key)
            return
        if self.turns or self._pending:
            hint = "Set automatic_optimization = False in the class; the trainer then updates nothing by itself."
            raise ArgumentError(where, "manual optimisation in a system that says so", "a manual step in an automatic one", hint)
        sessions = tuple(range(len(self.handles)))
        if loss is None:
            self._settle([Turn([], (), _now())] if self.logs else [])
            return
        outputs = [log.value for log in self.logs if isinstance(log.value, Tensor)]
        total = with_added(loss, [loss, *outputs]) if self.training else loss
        taken = any(log.name == key for log in self.logs)
        turn = Turn([total], sessions, _now())
        self._settle([turn], None if taken else Log(key, None, self.training, True, True, plain=True), key=key)

    def _loss(self, value: Any, where: str) -> Tensor | None:
        if isinstance(value, Mapping):
            if "loss" not in value:
                raise ArgumentError(where, "a dictionary with 'loss'", f"one of {', '.join(map(repr, value)) or 'nothing'}")
            for name, other in value.items():
                if name != "loss" and all(name != log.name for log in self.logs):
                    self.log(name, other, on_step=self.training, on_epoch=not self.training, prog_bar=False)
            value = value["loss"]
        if value is None:
            return None
        if not isinstance(value, Tensor):
            hint = "Return what tensor operations made of the batch, a dictionary with 'loss', or None to leave the minibatch out."
            raise ArgumentError(where, "a loss that is a tensor", repr(value)[:80], hint)
        if value.shape != ():
            raise ShapeError(where, "a loss that is one number for the batch", show(value.shape), "Reduce it: .mean() or .sum().")
        return value

    def _finish_manual(self, loss: Tensor | None, key: str) -> None:
        left = sorted(self._waiting - self._zeroed)
        if left:
            hint = "Call step() after manual_backward, or zero_grad() before it; for one update in several minibatches give the optimiser accumulate=."
            raise Unsupported("training_step", "a step() for every manual_backward", f"gradients of optimiser {left[0]} that wait for the next minibatch", hint)
        if loss is not None and all(log.name != key for log in self.logs):
            self.logs.append(Log(key, loss, self.training, True, True, plain=True))
        self._settle(list(self.turns), *(Log(turn.name, None, True, True, True, plain=True) for turn in self.turns))

    def _settle(self, turns: list[Turn], *losses: Log | None, key: str = "") -> None:
        """Every logged tensor belongs to the turn in which it is computed; one that is made after the last has a turn of its own."""
        found = [log for log in self.logs if isinstance(log.value, Tensor)]
        self.constants = [log for log in self.logs if not isinstance(log.value, Tensor)]
        late = [log for log in found if not any(_made(log.value) < turn.until for turn in turns)]
        if late:
            turns = [*turns, Turn([], (), float("inf"))]
        heads = [*losses, *[None] * len(turns)]
        names: set[str] = {log.name for log in self.logs}
        for turn, head in zip(turns, heads, strict=False):
            mine = [log for log in found if _made(log.value) < turn.until]
            found = [log for log in found if not any(log is m for m in mine)]
            if head is not None and head.name != key:
                head = None if any(log.value is turn.outputs[0] for log in mine) else _named_apart(head, names)
            self.columns += [head] * len(turn.outputs) + mine  # type: ignore[operator]
            turn.outputs += [log.value for log in mine]
        self.turns = [turn for turn in turns if turn.outputs]

    def predicted(self, value: Any, where: str) -> None:
        """Take what a prediction returned: tensors, also in tuples and dictionaries."""
        outputs, names, self.result = flattened(value, where)
        for output, name in zip(outputs, names, strict=True):
            if not isinstance(output, Tensor):
                raise ArgumentError(name, "tensors", repr(output)[:80])
        self.turns, self.columns = [Turn(list(outputs), (), _now())], [None] * len(outputs)


def _named_apart(log: Log, names: set[str]) -> Log:
    """The log of a turn's loss, under a name that no other has."""
    name, k = log.name, 2
    while name in names:
        name, k = f"{log.name}_{k}", k + 1
    names.add(name)
    return replace(log, name=name)


def _now() -> float:
    return Node("now", (), {}).time


def _made(tensor: Tensor) -> float:
    return -1 if tensor.node is None else tensor.node.time


def called(method: Any, step: Recorded, where: str) -> Any:
    """A step's method on the batch, with `batch_idx` where it takes it. Errors: ArgumentError for other arguments."""
    if not callable(method):
        raise ArgumentError(where, "a method of (self, batch, batch_idx)", repr(method))
    signature = inspect.signature(method)
    for arguments in ((step.batch, step.counter("batch_idx")), (step.batch,)):
        if _binds(signature, arguments):
            return method(*arguments)
    raise ArgumentError(where, "a method of (self, batch, batch_idx) or (self, batch)", f"one of {signature}")


def _binds(signature: inspect.Signature, arguments: tuple[Any, ...]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
