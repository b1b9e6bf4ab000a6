"""Targets: the figures that the lab is held to, beside the measured ones.

Law.   A median is compared with a target in the sense in which bigger is better; the word and the sign say the same.
Reads. interfaces section 3.
Omits. Excuses: whether the machine was busy is said, and the verdict stays.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

from devmemlab.base.units import format_size


class Target(NamedTuple):
    """One demand.

    what : str
        For people.
    bench, case : str
        Of the row; `case` is a pattern. Of several rows that fit, the worst one counts.
    figure : str
        Which figure.
    sense : str
        ``"<="`` or ``">="``.
    value : float
        The demand.
    """

    what: str
    bench: str
    case: str
    figure: str
    sense: str
    value: float


def _scale(kind, words):
    """Demand that a kind of size costs a packet no more than a quarter."""
    return Target(f"a packet with {words}", "scale", f"{kind}_*", "ratio_to_first", ">=", 1 / 1.25)


TARGETS = (
    Target("control path, MTU 1500, a packet", "control", "mtu_1500", "ns_per_packet", "<=", 61),
    Target("control path, MTU 9000, a packet", "control", "mtu_9000", "ns_per_packet", "<=", 110),
    Target("receive beside memcpy, MTU 1500", "rx", "devmem_128MiB_1500", "ratio_to_memcpy", ">=", 0.85),
    Target("receive beside memcpy, MTU 9000", "rx", "devmem_128MiB_9000", "ratio_to_memcpy", ">=", 0.93),
    Target("beside memcpy through caches, 1500", "rx", "devmem_128MiB_1500", "ratio_to_memcpy_cached", ">=", 0.85),
    Target("beside memcpy through caches, 9000", "rx", "devmem_128MiB_9000", "ratio_to_memcpy_cached", ">=", 0.93),
    Target("devmem over host-copy", "rx", "devmem_128MiB_9000", "ratio_to_host_copy", ">=", 2.0),
    Target("devmem over pageable host-copy", "rx", "devmem_128MiB_9000", "ratio_to_host_copy_pageable", ">=", 3.0),
    Target("page_pool fast path, net_iov", "page-pool", "niov_fast", "cycles_per_elem", "<=", 8),
    Target("net_iov beside page", "page-pool", "niov_fast", "ratio_niov_to_page", ">=", 1 / 1.05),
    Target("recvmsg + DONTNEED of a frag, FIFO", "tokens", "fifo_*", "ns_per_frag", "<=", 25),
    _scale("flows", "more connections"),
    _scale("queues", "more queues"),
    _scale("dmabuf", "more device memory"),
    _scale("tokens", "more tokens held"),
    Target("two threads", "scale", "threads_2", "ratio_to_first", ">=", 1.8),
    Target("live, MTU 1500", "live", "devmem_1500", "ratio_to_c_reader", ">=", 0.9),
    Target("live, MTU 9000", "live", "devmem_9000", "ratio_to_c_reader", ">=", 0.9),
    Target("live, MTU 1500 with offload", "live", "devmem_offload", "ratio_to_c_reader", ">=", 0.9),
    Target("gather of pieces of 4 KiB", "gather", "kernel_4096", "ratio_to_memcpy", ">=", 0.9),
    Target("an unused tracepoint", "trace", "step_off", "ratio_to_bare", ">=", 1 / 1.02),
    Target("import devmemlab", "cold", "import", "seconds", "<=", 0.7),
    Target("all kernels, empty cache", "cold", "warm", "seconds", "<=", 60),
    Target("demo", "cold", "demo", "seconds", "<=", 2),
    Target("a lesson", "cold", "lesson_*", "seconds", "<=", 15),
    Target("64 queues and 64 GiB of device memory", "cold", "start_64GiB", "peak_rss_mib", "<=", 600),
)


def _verdict(target, row):
    """Compare a row that fits a target."""
    measured = row[target.figure]
    ratio = measured / target.value if target.sense == ">=" else target.value / max(measured, 1e-12)
    return {"what": target.what, "figure": target.figure, "measured": measured, "sense": target.sense, "target": target.value,
            "ratio": ratio, "met": ratio >= 1}


def _fits(target, row):
    """Tell whether a row has what a target is about, and the figure was measured."""
    return target.bench == row["bench"] and fnmatchcase(row["case"], target.case) and row.get(target.figure) is not None


def judge(row):
    """Compare a row with its targets.

    Parameters
    ----------
    row : dict
        See `devmemlab.lab.bench.rows`.

    Returns
    -------
    verdicts : list of dict
        ``what``, ``figure``, ``measured`` (median), ``sense``, ``target``, ``ratio`` (1 or more is met) and ``met``. A figure
        that could not be measured has none.
    """
    return [_verdict(target, row) for target in TARGETS if _fits(target, row)]


def _said(value):
    """Spell a figure: three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def conditions(row):
    """Say under which conditions a row was measured.

    Parameters
    ----------
    row : dict
        Of any bench.

    Returns
    -------
    words : str
        Footprint, buffers, burst, load of the machine: as far as the row has them.
    """
    parts = [f"{word} {format_size(row[key])}"
             for key, word in (("footprint_bytes", "footprint"), ("app_buffer_bytes", "app buffer"), ("dmabuf_bytes", "dmabuf"),
                               ("compared_app_buffer_bytes", "app buffer of the copies"), ("device_bytes", "device pages"))
             if row.get(key)]
    parts += [f"burst {row['burst']:,}"] if row.get("burst") else []
    return ", ".join([*parts, f"load {row['load_average']:g}" if row.get("load_average") is not None else "load unknown"])


def verdict_lines(rows, skipped=()):
    """Spell measured figures beside their targets, a line for each target.

    Parameters
    ----------
    rows : list of dict
        Results.
    skipped : dict of (str, str) to str
        Bench and case -> why it was not measured.

    Returns
    -------
    cells : list of tuple of str
        Heads, then a line for each target of a bench that was run or skipped; only heads when there is none.
    """
    cells = [("what", "case", "measured", "min..max", "repeats", "target", "", "measured with")]
    benches = {row["bench"] for row in rows} | {bench for bench, _ in dict(skipped)}
    for target in TARGETS:
        fitting = [(_verdict(target, row), row) for row in rows if _fits(target, row)]
        wanted = f"{target.sense} {_said(target.value)} {unit_of(target.figure)}"
        if fitting:
            one, row = min(fitting, key=lambda found: found[0]["ratio"])
            stats = row["figures"][target.figure]
            short = abs(1 - (one["measured"] / one["target"]))
            cells.append((target.what, row["case"] + f" (worst of {len(fitting)})" * (len(fitting) > 1), _said(one["measured"]),
                          f"{_said(stats['min'])}..{_said(stats['max'])}", str(row["repeats"]), wanted,
                          "+ met" if one["met"] else f"- MISSED by {short:.0%}", conditions(row)))
        elif target.bench in benches:
            why = next((f"not measured: {why}" for (bench, case), why in dict(skipped).items()
                        if bench == target.bench and (fnmatchcase(case, target.case) or fnmatchcase(target.case, case))),
                       "not measured in this run")
            cells.append((target.what, target.case, "-", "", "", wanted, "  not measured", why))
    return cells


def unit_of(figure):
    """Name the unit of a figure.

    Parameters
    ----------
    figure : str
        Its name.

    Returns
    -------
    unit : str
        Short.
    """
    return {"ns_per_packet": "ns", "ns_per_frag": "ns", "cycles_per_elem": "cycles", "seconds": "s", "peak_rss_mib": "MiB",
            "ratio_to_memcpy": "x memcpy", "ratio_to_memcpy_cached": "x cached", "ratio_to_host_copy": "x host_copy",
            "ratio_to_c_reader": "x C reader",
            "ratio_to_host_copy_pageable": "x pageable", "ratio_niov_to_page": "x page", "ratio_to_first": "x first",
            "ratio_to_bare": "x without"}.get(figure, figure)
