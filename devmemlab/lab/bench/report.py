"""Running benches, and the table for people.

Law.   Measured figures and quoted ones stand in columns of their own, under those words.
Reads. interfaces section 3.
Omits. Pictures.
"""

from numba import config

from devmemlab.lab.bench import find_bench
from devmemlab.lab.bench.machine import Machine
from devmemlab.lab.bench.measure import measure
from devmemlab.lab.bench.quoted import footnotes, sources, spell
from devmemlab.lab.bench.rows import make_rows, per_element

REPEATS, QUICK_REPEATS = 301, 31
INTERPRETED_SHARE = 10


class Figures:
    """What a run of benches found; notebooks and terminals show its table.

    Attributes
    ----------
    machine : dict
        Where, see `Machine`.
    rows : list of dict
        See `rows`.
    """

    def __init__(self, machine, rows):
        self.machine, self.rows = machine, rows

    def __getitem__(self, case):
        return next(row for row in self.rows if row["case"] == case)

    def as_dict(self):
        """The object that ``devmemlab bench --json`` writes."""
        return {"machine": self.machine, "rows": self.rows}

    def table(self):
        """Spell everything.

        Returns
        -------
        text : str
            Where, warnings, a table for each bench, and how to read it.
        """
        parts = [_where(self.machine), *(f"NOTE: {sentence}" for sentence in self.machine["warnings"])]
        for bench in dict.fromkeys(row["bench"] for row in self.rows):
            rows = [row for row in self.rows if row["bench"] == bench]
            repeats, elements = rows[0]["repeats"], min(row["elements_per_repeat"] for row in rows)
            numbers = sources(rows)
            parts += [f"\n{bench}: median, min and max of {repeats} repeats of {elements:,} elements or more\n",
                      _columns(rows, numbers), "", *footnotes(rows, numbers), "", find_bench(bench).NOTES]
        return "\n".join(parts)

    def __repr__(self):
        return self.table()


def _where(machine):
    """Spell the machine in two lines.

    Parameters
    ----------
    machine : dict
        From `Machine`.

    Returns
    -------
    text : str
        Processor, counter, load, versions.
    """
    counter = machine["cycle_counter"]
    if machine["tsc_hz"]:
        counter = f"{counter} at {machine['tsc_hz'] / 1e9:.3f} GHz, which is a clock and not the core's speed"
    load = machine["load_average_before"]
    return (f"{machine['processor']}, {machine['cores']} cores, load average {load[0] if load else 'unknown'} before; "
            f"cycle counter: {counter}\n"
            f"devmemlab {machine['devmemlab']}, Python {machine['python']}, Numba {machine['numba']}, NumPy {machine['numpy']}, "
            f"{machine['platform']}")


def _number(value, name):
    """Spell one figure.

    Parameters
    ----------
    value : float or None
        None: it cannot be measured here.
    name : str
        Which; ratios get a digit more.

    Returns
    -------
    text : str
        A dash for None.
    """
    return "-" if value is None else f"{value:.{3 if name.startswith('ratio') else 2}f}"


def _columns(rows, numbers):
    """Spell rows as a table.

    Parameters
    ----------
    rows : list of dict
        Of one bench.
    numbers : dict of str to int
        Of the sources.

    Returns
    -------
    text : str
        Two lines of heads, a rule, a line for each row.
    """
    main = rows[0]["figure"]
    others = [name for name in dict.fromkeys(name for row in rows for name in row["figures"]) if name != main]
    lines = [("", "measured", "", "", *("measured" for _ in others), "quoted"),
             ("case", main, "min", "max", *others, f"{main} [source]")]
    for row in rows:
        cells = [_number(row[key], main) for key in ("median", "min", "max")]
        cells += [_number(row[name], name) if name in row["figures"] else "" for name in others]
        lines.append((row["case"], *cells, spell(row["quoted"], numbers, main)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(2, tuple("-" * width for width in widths))
    last = len(widths) - 1
    return "\n".join("  ".join(cell.rjust(width) if 0 < i < last else cell.ljust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def run_benches(names, quick=False, repeats=None, progress=None):
    """Run benches.

    Parameters
    ----------
    names : iterable of str
        Some of `devmemlab.lab.bench.BENCHES`.
    quick : bool
        Fewer elements, fewer repeats.
    repeats : int, optional
        Rounds; `REPEATS` or `QUICK_REPEATS` when left out, a tenth of that where kernels run interpreted.
    progress : callable, optional
        Called with a sentence and the share of all that is done, 0 to 1.

    Returns
    -------
    figures : Figures
        Rows in the order of `names`.

    Raises
    ------
    ValueError
        No such bench, or no repeats.
    OSError
        A case could not prove what it did.
    """
    names = list(names)
    benches = [find_bench(name) for name in names]
    if repeats is None:
        repeats = QUICK_REPEATS if quick else REPEATS
        if config.DISABLE_JIT:
            repeats //= INTERPRETED_SHARE
    machine, rows = Machine(), []
    for number, (name, bench) in enumerate(zip(names, benches)):
        def say(text, share, number=number, name=name):
            if progress:
                progress(f"{name}: {text}", (number + share) / len(names))

        with bench.cases(quick) as cases:
            samples = measure(cases, repeats, say)
        rows += make_rows(name, samples, bench.CONTRASTS, bench.QUOTED, getattr(bench, "figures", per_element))
    return Figures(machine.as_dict(rows), rows)
