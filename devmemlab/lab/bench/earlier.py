"""Earlier: the figures of now beside those of a file that ``devmemlab bench --json`` wrote before.

Law.   A ratio is of throughputs, bigger is better; machine and load of both stand above it.
Reads. interfaces section 3.
Omits. Deciding whether a difference is real: on another machine, or under load, it says little.
"""

import json
import pathlib

LESS_IS_BETTER = ("ns_", "cycles_", "seconds", "peak_")


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


def ratio_of(row, before):
    """Divide the throughput of now by that of before.

    Parameters
    ----------
    row, before : dict
        The same case twice.

    Returns
    -------
    ratio : float or None
        Above 1: now is better. None where the two name different figures, or one of them is 0.
    """
    now, then = row["median"], before["median"]
    if row["figure"] != before["figure"] or not now or not then:
        return None
    return then / now if row["figure"].startswith(LESS_IS_BETTER) else now / then


def comparison(now, before):
    """Put two results side by side.

    Parameters
    ----------
    now, before : dict
        ``machine`` and ``rows`` of each.

    Returns
    -------
    where : list of str
        Machine and load of each.
    cells : list of tuple of str
        Heads, and a line for each case of now.
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
    cells = [("bench", "case", "figure", "now", "before", "now/before")]
    for row in now["rows"]:
        old = known.get((row["bench"], row["case"]))
        ratio = ratio_of(row, old) if old else None
        cells.append((row["bench"], row["case"], row["figure"], f"{row['median']:.3g}", f"{old['median']:.3g}" if old else "-",
                      f"{ratio:.2f}" if ratio else "-"))
    return where, cells
