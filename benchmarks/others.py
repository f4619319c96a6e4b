"""How much of the machine other work took while epochs were timed, in cores.

The load before a run says nothing of what starts during it, and a neighbour on one core makes torch's threads wait
for one another at every operation: with batches of 8 an epoch of 0.3 s was seen to take 16 s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

MUCH = 0.10
_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # idle, iowait: of user nice system idle iowait irq softirq steal, the first eight columns


def watch(processes: Sequence[int] = ()) -> Callable[[], float | None]:
    """Start to watch; the returned function tells how many cores others have used since, None where Linux is not.

    `processes` are the numbers of those that belong to the measurement, besides this one.
    """
    if not _STAT.exists():
        return lambda: None
    start, before = perf_counter(), _others(processes)
    return lambda: max(0.0, _others(processes) - before) / (perf_counter() - start)


def _others(processes: Sequence[int]) -> float:
    """Return the seconds that all cores have worked since boot, less those of this process and of `processes`."""
    ticks = [int(field) for field in _STAT.read_text(encoding="ascii").split(maxsplit=9)[1:9]]
    busy = sum(count for kind, count in enumerate(ticks) if kind not in _IDLE)
    own = os.times()
    busy -= sum(map(_ticks, processes))
    return busy / os.sysconf("SC_CLK_TCK") - own.user - own.system


def _ticks(process: int) -> int:
    """Return what a process has worked: the 14th and 15th column, the 2nd being a name in brackets."""
    columns = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(columns[11]) + int(columns[12])
