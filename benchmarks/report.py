"""The results as Markdown: the ratios with their targets, then the figures they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from benchmarks.cases import CASES
from benchmarks.targets import IMPORT_SECONDS, Figure, Imported, Measured, Row, rows

HEAD = """# Results

`make bench` writes this file; do not edit it. Each case is one process in which all engines train it in turn, epoch by
epoch, in rotating order, after two warm-up epochs each. `torch` is a hand-written loop over a shuffled permutation,
`keras` is Keras 3 on torch with images channels first, `flux` and `knet` are hand-written scripts, each in a Julia of its own.
An epoch of `pyphoton` (on torch), of `pyphoton-julia` (on Julia) and of `pyphoton-knet` (on Knet inside Julia) is a whole call
of `fit_`. One Julia process has one engine, so `pyphoton-knet` has a Python process of its own: it and the scripts train an epoch
when they are told to, and time it by their own clock. A ratio is the median of the ratios within one round, the spread
their smallest and largest. Peak memory is the largest resident size of a fresh process per engine and case that trains
two epochs, everything included: Python, the engine and the data.

The first epoch is that of a fresh process in which Julia has started; what it costs over a later one is the wait for
the compiler. `to_julia` shows Julia a NumPy array; one that is shared takes the same time whatever its size."""

TAIL = """## How to reproduce

From the repository root, with torch and Keras installed and nothing else running, and for the rows of Julia with a
Julia and a project that PyPhoton finds (`python -m pyphoton doctor` tells), and for those of Knet a project of its own that
PYPHOTON_KNET_PROJECT names or `python -m pyphoton install --engine knet` has made:

    python -m benchmarks.run --write

`--repeats`, `--cases` and `--engines` make a smaller run, which prints the same tables and writes nothing."""


def render(
    results: Mapping[str, Measured], imported: Imported | None, figures: Sequence[Figure], *,
    machine: str, notes: Sequence[str],
) -> str:  # fmt: skip
    """Return the whole document."""
    parts = [HEAD, f"Machine: {machine}.", *(f"**{note}**" for note in notes)]
    lines = [_ratio_line(row) for case, measured in results.items() for row in rows(case, measured)]
    if imported:
        lines.append(_import_line(imported))
    lines += map(_figure_line, figures)
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


def _figure_line(figure: Figure) -> list[str]:
    """Return the cells of one quantity by itself."""
    digits = 3 if figure.unit == "s" else 1
    low, middle, high = (f"{f(figure.values):.{digits}f}" for f in (min, median, max))
    spread = f"{low} to {high} {figure.unit}" if len(figure.values) > 1 else "-"
    limit = "-" if figure.limit is None else f"<= {figure.limit:.2f} {figure.unit}"
    return [figure.case, figure.quantity, figure.of, f"{middle} {figure.unit}", spread, limit, _word(figure.reached)]


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
        mib = (f"{measured.mib[engine]:.0f}" if engine in measured.mib else "-" for engine in engines)
        lines.append(["", "peak memory, MiB", *mib])
    return _table(["case", "figure", *engines], lines)


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    body = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in body)
