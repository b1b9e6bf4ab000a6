"""Targets: the figures that the lab is held to, beside the measured ones.

Law.   A median is compared with a target in the sense in which bigger is better; the word and the sign say the same.
Reads. interfaces section 3.
Omits. Excuses: whether the machine was busy stands above the table.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

MIB = 1 << 20


class Target(NamedTuple):
    """One demand.

    bench, case : str
        Of the row; `case` is a pattern.
    figure : str
        Which figure.
    sense : str
        ``"<="`` or ``">="``.
    value : float
        The demand.
    """

    bench: str
    case: str
    figure: str
    sense: str
    value: float


TARGETS = (
    Target("page-pool", "niov_fast", "cycles_per_elem", "<=", 8),
    Target("page-pool", "niov_fast", "ratio_niov_to_page", ">=", 1 / 1.05),
    Target("tokens", "fifo_*", "ns_per_frag", "<=", 25),
    Target("gather", "kernel_4096", "ratio_to_memcpy", ">=", 0.9),
    Target("rx", "devmem_128MiB_1500", "ratio_to_memcpy", ">=", 0.85),
    Target("rx", "devmem_128MiB_9000", "ratio_to_memcpy", ">=", 0.93),
    Target("rx", "devmem_128MiB_9000", "ratio_to_host_copy", ">=", 2.0),
    Target("rx", "devmem_128MiB_9000", "ratio_to_host_copy_pageable", ">=", 3.0),
    Target("control", "mtu_1500", "ns_per_packet", "<=", 61),
    Target("control", "mtu_9000", "ns_per_packet", "<=", 110),
    Target("trace", "step_off", "ratio_to_bare", ">=", 1 / 1.02),
    Target("scale", "threads_2", "ratio_to_first", ">=", 1.8),
    *(Target("scale", f"{kind}_*", "ratio_to_first", ">=", 1 / 1.25) for kind in ("flows", "queues", "dmabuf", "tokens")),
    Target("live", "*", "ratio_to_c_reader", ">=", 0.9),
    Target("cold", "import", "seconds", "<=", 0.7),
    Target("cold", "warm", "seconds", "<=", 60),
    Target("cold", "demo", "seconds", "<=", 2),
    Target("cold", "lesson_*", "seconds", "<=", 15),
    Target("cold", "start_64GiB", "peak_rss_mib", "<=", 600),
)


def judge(row):
    """Compare a row with its targets.

    Parameters
    ----------
    row : dict
        See `devmemlab.lab.bench.rows`.

    Returns
    -------
    verdicts : list of dict
        ``figure``, ``measured`` (median), ``sense``, ``target``, ``ratio`` (1 or more is met) and ``met``. A figure that could
        not be measured has none.
    """
    verdicts = []
    for target in TARGETS:
        if target.bench != row["bench"] or not fnmatchcase(row["case"], target.case) or row.get(target.figure) is None:
            continue
        measured = row[target.figure]
        ratio = measured / target.value if target.sense == ">=" else target.value / max(measured, 1e-12)
        verdicts.append({"figure": target.figure, "measured": measured, "sense": target.sense, "target": target.value,
                         "ratio": ratio, "met": ratio >= 1})
    return verdicts


def verdict_lines(rows):
    """Spell measured figures beside their targets.

    Parameters
    ----------
    rows : list of dict
        Results with ``targets``.

    Returns
    -------
    cells : list of tuple of str
        Heads, then a line for each target that something was measured for; only heads when there is none.
    """
    cells = [("bench", "case", "figure", "measured", "target", "ratio", "")]
    for row in rows:
        for one in row.get("targets", ()):
            cells.append((row["bench"], row["case"], one["figure"], f"{one['measured']:.3g}",
                          f"{one['sense']} {one['target']:.3g}", f"{one['ratio']:.2f}", "+ met" if one["met"] else "- NOT MET"))
    return cells
