"""What `compile` makes: one loss over all outputs, the numbers to measure besides, and what an epoch's means of them are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from pyphoton.errors import KeraFlowError
from pyphoton.keras import losses, metrics
from pyphoton.keras.metrics import Metric
from pyphoton.keras.named import objects_by_name
from pyphoton.keras.optimizers import Optimizer
from pyphoton.tensor import apply


class Compiled:
    """Losses, their weights and metrics of a model with these outputs. Targets come as (y of each output) or these and a weight of each.

    `loss` is the loss of a workout, `columns` its metrics, `named` makes of their means what the history is to show.
    """

    def __init__(
        self, outputs: Sequence[str], optimizer: Optimizer, loss: Any, metrics: Any, weighted_metrics: Any, loss_weights: Any,
    ) -> None:  # fmt: skip
        self.outputs, self.optimizer = list(outputs), optimizer
        self.losses = _losses(loss, self.outputs)
        self.loss_weights = _loss_weights(loss_weights, self.outputs)
        self.metrics = [(name, metric, False) for name, metric in _metrics("metrics", metrics, self.outputs)]
        self.metrics += [(name, metric, True) for name, metric in _metrics("weighted_metrics", weighted_metrics, self.outputs)]
        self.names = self._labels()
        self._memo: tuple[Any, Any, dict[Any, Any]] = None, None, {}

    @property
    def needs_targets(self) -> bool:
        """Whether anything is compared with targets: not where a model's loss is only what its layers add."""
        return bool(self.losses or self.metrics)

    def _labels(self) -> list[str]:
        """The history's name of each metric."""
        found: list[str] = []
        for output, metric, _ in self.metrics:
            name = f"{output}_{metric.name}" if len(self.outputs) > 1 else metric.name
            taken = {*found, "loss"}
            found.append(name if name not in taken else next(f"{name}_{i}" for i in range(1, len(taken) + 1) if f"{name}_{i}" not in taken))
        return found

    # ---- in the plan ---------------------------------------------------------------------------------------------------

    def once(self, p: Any, y: Any, key: Any, make: Any) -> Any:
        """A value of this trace: what several numbers of the plan need is computed once."""
        if self._memo[0] is not p or self._memo[1] is not y:
            self._memo = p, y, {}
        if key not in self._memo[2]:
            self._memo[2][key] = make()
        return self._memo[2][key]

    def of(self, output: str, p: Any, y: Any) -> tuple[Any, Any, Any]:
        """Target, prediction and weight (or None) of an output."""
        number, count = self.outputs.index(output), len(self.outputs)
        predictions, targets = p if isinstance(p, tuple | list) else (p,), y if isinstance(y, tuple | list) else (y,)
        if len(predictions) != count:
            raise KeraFlowError("compile", f"a model with outputs {', '.join(self.outputs)}", f"{len(predictions)} of them")
        return targets[number], predictions[number], targets[count + number] if len(targets) > count else None

    def one_loss(self, output: str, p: Any, y: Any) -> Any:
        """The loss of one output."""
        target, prediction, weight = self.of(output, p, y)
        value = self.once(p, y, output, lambda: self.losses[output](target, prediction, weight))
        if getattr(value, "shape", ()):
            hint = f"The loss of {output} has a reduction that leaves a number for each sample; training needs one."
            raise KeraFlowError("loss", "one number", f"shape {value.shape}", hint)
        return value

    def loss(self, p: Any, y: Any) -> Any:
        """The sum of the outputs' losses by their weights."""
        total: Any = None
        for output in self.losses:
            value = self.one_loss(output, p, y)
            weight = self.loss_weights.get(output, 1.0)
            value = value if weight == 1 else value * weight
            total = value if total is None else total + value
        return apply("mean", p[0] if isinstance(p, tuple | list) else p) * 0.0 if total is None else total

    def columns(self) -> dict[str, Any]:
        """The functions of (prediction, target) for a workout to measure, by name."""
        found: dict[str, Any] = {}
        for label, (output, metric, weighted) in zip(self.names, self.metrics, strict=True):
            for key in metric.keys(weighted):
                found[f"{label}/{key}" if key else label] = _Column(self, output, metric, weighted, key)
        if len(self.outputs) > 1:
            found |= {f"{output}_loss": _OneLoss(self, output) for output in self.losses}
        return found

    def named(self, row: Mapping[str, float]) -> dict[str, float]:
        """The means of an epoch, or the numbers of a minibatch, by the names that the history shows; `val_` ones behind.

        Of several outputs the losses come first and then the metrics by the alphabet, as in today's Keras.
        """
        found: dict[str, float] = {}
        measured = [(label, metric, weighted) for label, (_, metric, weighted) in zip(self.names, self.metrics, strict=True)]
        several = len(self.outputs) > 1
        for prefix in ("", "val_"):
            if f"{prefix}loss" in row:
                found[f"{prefix}loss"] = row[f"{prefix}loss"]
            for output in self.losses if several else ():
                if f"{prefix}{output}_loss" in row:
                    found[f"{prefix}{output}_loss"] = row[f"{prefix}{output}_loss"]
            for label, metric, weighted in sorted(measured, key=itemgetter(0)) if several else measured:
                given = {k: row[n] for k in metric.keys(weighted) if (n := f"{prefix}{label}/{k}" if k else f"{prefix}{label}") in row}
                if given:
                    found[f"{prefix}{label}"] = metric.result_of(given)
        return found


class Total:
    """The compiled loss as a workout takes it."""

    kind = "loss"

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled

    def __call__(self, p: Any, y: Any) -> Any:
        """The loss of a minibatch."""
        return self.compiled.loss(p, y)


class _OneLoss:
    kind = "loss"

    def __init__(self, compiled: Compiled, output: str) -> None:
        self.compiled, self.output = compiled, output

    def __call__(self, p: Any, y: Any) -> Any:
        return self.compiled.one_loss(self.output, p, y)


class _Column:
    """One number of a metric."""

    kind = "metric"

    def __init__(self, compiled: Compiled, output: str, metric: Metric, weighted: bool, key: str) -> None:
        self.compiled, self.output, self.metric, self.weighted, self.key = compiled, output, metric, weighted, key

    def __call__(self, p: Any, y: Any) -> Any:
        target, prediction, weight = self.compiled.of(self.output, p, y)
        given = weight if self.weighted else None
        values = self.compiled.once(p, y, (id(self.metric), self.output), lambda: self.metric.columns(target, prediction, given))
        return values[self.key]


def _losses(given: Any, outputs: list[str]) -> dict[str, losses.Loss]:
    if given is None or (isinstance(given, list | tuple | dict) and not given):
        return {}
    if not isinstance(given, list | tuple | dict) and len(outputs) > 1:
        raise KeraFlowError("loss", f"one for each of {', '.join(outputs)}", repr(given), "Unmatched length: pass a list, or a dictionary by name.")
    if isinstance(given, list | tuple) and len(given) != len(outputs):
        raise KeraFlowError("loss", f"{len(outputs)}: {', '.join(outputs)}", str(len(given)), "Unmatched length.")
    return {name: losses.get(one) for name, one in objects_by_name("loss", given, outputs, single=True, needs_all=True).items()}


def _loss_weights(given: Any, outputs: list[str]) -> dict[str, float]:
    found = objects_by_name("loss_weights", given, outputs, single=len(outputs) == 1)
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise KeraFlowError("loss_weights", "numbers", f"{value!r} for {name}")
    return found


def _metrics(where: str, given: Any, outputs: list[str]) -> list[tuple[str, Metric]]:
    """(output, metric). For one output a list is all of its metrics; for several, those of each output, as far as it goes."""
    if given is None:
        return []
    if len(outputs) == 1 and not isinstance(given, dict):
        members = list(given) if isinstance(given, list | tuple) else [given]
        if len(members) == 1 and isinstance(members[0], list | tuple):
            members = list(members[0])
        given = {outputs[0]: members}
    found = objects_by_name(where, given, outputs)
    return [(n, metrics.get(m)) for n, group in found.items() for m in (group if isinstance(group, list | tuple) else [group])]
