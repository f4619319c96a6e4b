"""The results as Markdown: the ratios with their targets, then the figures they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from benchmarks.cases import CASES
from benchmarks.targets import IMPORT_SECONDS, Imported, Measured, Row, rows

HEAD = """# Results

`make bench` writes this file; do not edit it. Each case is one process in which all engines train it in turn, epoch by
epoch, in rotating order, after two warm-up epochs each. `torch` is a hand-written loop over a shuffled permutation,
`keras` is Keras 3 on torch with images channels first, an epoch of `pyphoton` is a whole call of `fit_`. A ratio is the
median of the ratios within one round, the spread their smallest and largest. Peak memory is the largest resident size
of a fresh process per engine and case that trains two epochs, everything included: Python, torch and the data."""

TAIL = """## How to reproduce

From the repository root, with torch and Keras installed and nothing else running:

    python -m benchmarks.run --write

`--repeats`, `--cases` and `--engines` make a smaller run, which prints the same tables and writes nothing."""


def render(results: Mapping[str, Measured], imported: Imported | None, *, machine: str, warnings: Sequence[str]) -> str:
    """Return the whole document."""
    parts = [HEAD, f"Machine: {machine}.", *(f"**{warning}**" for warning in warnings)]
    lines = [_ratio_line(row) for case, measured in results.items() for row in rows(case, measured)]
    if imported:
        lines.append(_import_line(imported))
    header = ["case", "quantity", "compared", "median", "spread", "target", "reached"]
    parts += ["## Ratios", _table(header, lines), "## Figures", _figures(results), TAIL]
    return "\n\n".join(parts) + "\n"


def _ratio_line(row: Row) -> list[str]:
    """Return the cells of one ratio."""
    spread = f"{row.low:.3f} to {row.high:.3f}" if row.low < row.high else "-"
    limit = "-" if row.limit is None else f"<= {row.limit:.2f}"
    compared = f"{row.target.engine} / {row.target.reference}"
    return [row.case, row.target.quantity, compared, f"{row.ratio:.3f}", spread, limit, _word(row.reached)]


def _import_line(imported: Imported) -> list[str]:
    """Return the cells for the import of pyphoton."""
    loaded = f"loads {' and '.join(imported.loaded)}" if imported.loaded else "loads no engine"
    spread = f"{min(imported.seconds):.3f} to {max(imported.seconds):.3f} s"
    figure = f"{median(imported.seconds):.3f} s"
    limit = f"<= {IMPORT_SECONDS:.2f} s, no engine"
    return ["import", "`import pyphoton`", loaded, figure, spread, limit, _word(imported.reached)]


def _word(reached: bool | None) -> str:
    """Return yes, no, or a dash where there is no target."""
    return {True: "yes", False: "no", None: "-"}[reached]


def _figures(results: Mapping[str, Measured]) -> str:
    """Return the medians, losses and peaks by engine."""
    engines = list(next(iter(results.values())).seconds)
    lines = []
    for name, measured in results.items():
        case = CASES[name]
        title = f"{name}: {case.title}, n {case.samples}, batch {case.batch}"
        lines.append([title, "epoch, s", *(f"{median(measured.seconds[engine]):.4f}" for engine in engines)])
        losses = ("{:.3f} to {:.3f}".format(*measured.losses[engine]) for engine in engines)
        lines.append(["", "mean loss, first to last epoch", *losses])
        lines.append(["", "peak memory, MiB", *(f"{measured.mib[engine]:.0f}" for engine in engines)])
    return _table(["case", "figure", *engines], lines)


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    body = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in body)
