"""What is to be reached, and the arithmetic that turns measurements into rows of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.cases import CASES

IMPORT_SECONDS = 0.15
FIRST_SECONDS = {"pyphoton-julia": dict.fromkeys(CASES, 0.50), "pyphoton-knet": {"mlp": 1.00, "tiny": 1.00}}
START_SECONDS = 3.0
CALL_MICROSECONDS = 10.0
GROWN_MIB = 1.0


@dataclass(frozen=True)
class Measured:
    """What one case gave, by engine: epoch times by round, mean loss of the first and last epoch, peak memory.

    `others` is how many cores other work took while the epochs were timed, None where that cannot be told.
    """

    seconds: Mapping[str, list[float]]
    losses: Mapping[str, list[float]]
    mib: Mapping[str, float]
    others: float | None = None


@dataclass(frozen=True)
class Imported:
    """The import of pyphoton alone: its times, and which engines it loaded though it must load none."""

    seconds: list[float]
    loaded: list[str]

    @property
    def reached(self) -> bool:
        """Tell whether the median is short enough and no engine was loaded."""
        return median(self.seconds) <= IMPORT_SECONDS and not self.loaded


@dataclass(frozen=True)
class Target:
    """A ratio of two engines in one quantity; `limit` is its largest value, None for a row that only informs."""

    quantity: str
    engine: str
    reference: str
    limit: float | None = None
    by_case: Mapping[str, float] = field(default_factory=dict)


TARGETS = (
    Target("epoch", "pyphoton", "torch", 1.00, by_case={"tiny": 0.70}),
    Target("epoch", "pyphoton", "keras", 0.70),
    Target("peak memory", "pyphoton", "torch", 1.10),
    Target("epoch", "pyphoton-julia", "flux", 1.05, by_case={"lstm": 0.40}),
    Target("epoch", "pyphoton-julia", "torch", by_case={"tiny": 0.12, "mlp": 1.00, "lstm": 1.50, "conv": 2.00}),
    Target("epoch", "flux", "torch"),
    Target("epoch", "pyphoton-knet", "torch", by_case={"tiny": 0.20}),
    Target("epoch", "pyphoton-knet", "knet"),
    Target("epoch", "pyphoton-knet", "pyphoton-julia"),
    Target("epoch", "knet", "torch"),
    Target("epoch", "keras", "torch"),
    Target("peak memory", "pyphoton-julia", "torch"),
    Target("peak memory", "keras", "torch"),
)


@dataclass(frozen=True)
class Row:
    """One ratio of one case: the median over the rounds and the smallest and largest of them."""

    case: str
    target: Target
    ratio: float
    low: float
    high: float
    limit: float | None

    @property
    def reached(self) -> bool | None:
        """Tell whether the ratio is within its limit; None without a limit."""
        return None if self.limit is None else self.ratio <= self.limit


def rows(case: str, measured: Measured) -> list[Row]:
    """Return the ratios of a case, one per target whose two engines were both measured."""
    result = []
    for target in TARGETS:
        found = measured.mib if target.quantity == "peak memory" else measured.seconds
        if target.engine in found and target.reference in found:
            ratios = _ratios(target, measured)
            limit = target.by_case.get(case, target.limit)
            result.append(Row(case, target, median(ratios), min(ratios), max(ratios), limit))
    return result


def _ratios(target: Target, measured: Measured) -> list[float]:
    """Return the ratio in each round (of peak memory there is one)."""
    if target.quantity == "peak memory":
        return [measured.mib[target.engine] / measured.mib[target.reference]]
    pairs = zip(measured.seconds[target.engine], measured.seconds[target.reference], strict=True)
    return [engine / reference for engine, reference in pairs]


@dataclass(frozen=True)
class Figure:
    """One quantity by itself, measured once or some times; `limit` is its largest value, None where it only informs."""

    case: str
    quantity: str
    of: str
    values: list[float]
    unit: str
    limit: float | None = None

    @property
    def reached(self) -> bool | None:
        """Tell whether the median is within its limit; None without a limit."""
        return None if self.limit is None else median(self.values) <= self.limit


def first_figures(measured: Mapping[tuple[str, str], list[Mapping[str, float]]]) -> list[Figure]:
    """Return what the first epoch costs over a later one, by case and engine, a value for each fresh process."""
    return [
        Figure(
            case, "first epoch over a later one", engine, [run["first"] - run["later"] for run in runs], "s",
            FIRST_SECONDS.get(engine, {}).get(case),
        )
        for (case, engine), runs in measured.items()
    ]  # fmt: skip


def start_figure(seconds: list[float]) -> Figure:
    """Return the start of Julia."""
    return Figure("start", "start of Julia", "fresh process", seconds, "s", START_SECONDS)


def crossing_figures(measured: Mapping[str, Any]) -> list[Figure]:
    """Return what `to_julia` costs, by size, and what memory it takes."""
    calls = [
        Figure("to_julia", "one call", size, [seconds * 1e6], "us", CALL_MICROSECONDS)
        for size, seconds in measured["seconds"].items()
    ]
    if measured["grown"] is None:
        return calls
    return [*calls, Figure("to_julia", "memory taken", "all calls", [measured["grown"]], "MiB", GROWN_MIB)]
