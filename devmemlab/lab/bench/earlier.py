"""Earlier: the figures of now beside those of a file that ``devmemlab bench --json`` wrote before.

Law.   A ratio is of throughputs, bigger is better; machine and load of both stand above it.
Reads. interfaces section 3.
Omits. Deciding whether a difference is real: on another machine, or under load, it says little.
"""

import json
import pathlib

LESS_IS_BETTER = ("ns_", "cycles_", "seconds", "peak_")
SETTINGS = ("mtu", "footprint_bytes", "app_buffer_bytes", "dmabuf_bytes", "burst", "rx_ring", "device_writes")
"""What makes two cases of one name different measurements."""


def read_figures(path):
    """Read a file of figures.

    Parameters
    ----------
    path : str
        Written by ``--json``.

    Returns
    -------
    found : dict
        ``machine`` and ``rows``.

    Raises
    ------
    ValueError
        The file is something else.
    OSError
        It cannot be read.
    """
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        if isinstance(found["machine"], dict) and all({"bench", "case", "figure", "median"} <= set(row) for row in found["rows"]):
            return found
    except (KeyError, TypeError, ValueError):
        pass
    raise ValueError(f"{path} holds no figures that devmemlab bench --json has written")


def _alike(row, before):
    """Tell whether two rows measured the same thing."""
    return row["figure"] == before["figure"] and all(row.get(name) == before.get(name) for name in SETTINGS)


def _figures(row):
    """List what was measured in a row: its figure first, then its ratios to others of the same run."""
    found = {row["figure"]: {name: row.get(name) for name in ("median", "min", "max")}}
    return found | {name: figure for name, figure in row.get("figures", {}).items() if figure and name.startswith("ratio_")}


def ratio_of(name, now, then):
    """Divide the throughput of now by that of before.

    Parameters
    ----------
    name : str
        Of the figure.
    now, then : float
        Its medians.

    Returns
    -------
    ratio : float or None
        Above 1: now is better. None where one of them is 0 or missing.
    """
    if not now or not then:
        return None
    return then / now if name.startswith(LESS_IS_BETTER) else now / then


def agree(now, before):
    """Tell whether a figure that was measured twice is the same within its own spread.

    Parameters
    ----------
    now, before : dict
        ``median``, ``min`` and ``max`` of each.

    Returns
    -------
    agree : bool
        Each median lies between the smallest and the largest value of the other; False where these were not kept.
    """
    if None in (now.get("min"), now.get("max"), before.get("min"), before.get("max")):
        return False
    return before["min"] <= now["median"] <= before["max"] and now["min"] <= before["median"] <= now["max"]


def comparison(now, before):
    """Put two results side by side.

    Parameters
    ----------
    now, before : dict
        ``machine`` and ``rows`` of each.

    Returns
    -------
    where : list of str
        Machine and load of each, and how many figures agree.
    cells : list of tuple of str
        Heads, and a line for each figure of now; the last word is whether both medians lie within the spread of the other.
    """
    where = []
    for word, machine in (("now", now["machine"]), ("before", before["machine"])):
        load = machine.get("load_average_before")
        where.append(f"{word}: {machine.get('processor', 'processor not told')}, {machine.get('cores', '?')} cores, "
                     f"load average {load[0] if load else 'unknown'}, "
                     f"devmemlab {machine.get('devmemlab', '?')}, JIT {machine.get('jit', '?')}")
    if len({line.partition(": ")[2].partition(", load")[0] for line in where}) > 1:
        where.append("NOTE: the machines differ, so these ratios are not of the program alone.")
    known = {(row["bench"], row["case"]): row for row in before["rows"]}
    cells = [("bench", "case", "figure", "now", "before", "now/before", "within spread")]
    verdicts = []
    for row in now["rows"]:
        old = known.get((row["bench"], row["case"]))
        then = _figures(old) if old and _alike(row, old) else {}
        for name, figure in _figures(row).items():
            ratio = ratio_of(name, figure["median"], then[name]["median"]) if name in then else None
            if ratio:
                verdicts.append(agree(figure, then[name]))
            cells.append((row["bench"], row["case"], name, f"{figure['median']:.3g}",
                          f"{then[name]['median']:.3g}" if name in then else "-", f"{ratio:.2f}" if ratio else "-",
                          "-" if not ratio else "yes" if verdicts[-1] else "no"))
    where.append(f"{sum(verdicts)} of {len(verdicts)} figures agree: each median lies in the spread of the other run")
    return where, cells
