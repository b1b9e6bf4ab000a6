"""Running benches, and the table for people.

Law.   Measured figures and quoted ones stand in columns of their own, under those words.
Reads. interfaces section 3.
Omits. Pictures.
"""

from numba import config

from devmemlab.lab.bench import find_bench
from devmemlab.lab.bench.machine import Machine, load_average
from devmemlab.lab.bench.measure import measure
from devmemlab.lab.bench.quoted import footnotes, sources, spell
from devmemlab.lab.bench.rows import make_rows, per_element
from devmemlab.lab.bench.targets import judge, verdict_lines

REPEATS, QUICK_REPEATS = 301, 31
INTERPRETED_SHARE = 10
VERDICT = 6
HOW = """\
Everything is measured on this machine, in this run, cases taking turns; after each group hosts were audited, and every case
proved what it did (digests, tokens, octets, the books of a pool) or the bench would have ended. The baselines are as optimised
as the devmem path: the same NIC, TCP and bursts, the same copy primitives (past the caches into device memory, LLVM's memcpy
elsewhere, in compiled kernels), one crossing from Python a buffer; a program's buffer is allocated, and touched, before.
memcpy: the same octets, written likewise, with nothing else.
load: the load average of the last minute when a group of cases began; the bench itself adds about 1 to it."""


class Figures:
    """What a run of benches found; notebooks and terminals show its table.

    Attributes
    ----------
    machine : dict
        Where, see `Machine`.
    rows : list of dict
        See `rows`; each with ``targets``, see `devmemlab.lab.bench.targets.judge`.
    skipped : dict of (str, str) to str
        Bench and case, and why it was not measured.
    """

    def __init__(self, machine, rows, skipped=()):
        self.skipped = dict(skipped)
        self.machine = machine | ({"skipped": [dict(zip(("bench", "case", "reason"), (*key, why)))
                                               for key, why in self.skipped.items()]} if skipped else {})
        self.rows = [row | {"targets": judge(row)} for row in rows]

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
        verdicts = verdict_lines(self.rows, self.skipped)
        if len(verdicts) > 1:
            met = sum(line[VERDICT].startswith("+") for line in verdicts)
            parts += [f"\ntargets: {met} of {len(verdicts) - 1} met; measured is a median; ratios are of throughputs, round by "
                      "round: bigger is better\n", align(verdicts, 2), "", HOW]
        parts += [f"\nskipped: {bench} {case}: {why}" for (bench, case), why in self.skipped.items()]
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
    return align(lines, heads=2)


def align(lines, left=1, heads=1):
    """Set cells in columns.

    Parameters
    ----------
    lines : list of tuple of str
        Heads first.
    left : int
        So many columns, and the last one, are set to the left; the others to the right.
    heads : int
        Lines above the rule.

    Returns
    -------
    text : str
        As for a terminal.
    """
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines = [*lines[:heads], tuple("-" * width for width in widths), *lines[heads:]]
    last = len(widths) - 1
    return "\n".join("  ".join(cell.rjust(width) if left <= i < last else cell.ljust(width)
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
        A case could not prove what it did. It, and a KeyboardInterrupt, carry what was measured before as ``figures``.
    """
    names = list(names)
    benches = [find_bench(name) for name in names]
    machine, rows, skipped = Machine(), [], {}
    try:
        for number, (name, bench) in enumerate(zip(names, benches)):
            skipped |= {(name, case): why for case, why in getattr(bench, "skipped", lambda quick: {})(quick).items()}
            groups = bench.groups(quick) if hasattr(bench, "groups") else [None]
            for place, group in enumerate(groups):
                def say(text, share, number=number, name=name, place=place, count=len(groups)):
                    if progress:
                        progress(f"{name}: {text}", (number + (place + share) / count) / len(names))

                rows += _run_group(name, bench, group, quick, _rounds(bench, quick, repeats), say)
    except (KeyboardInterrupt, OSError) as stopped:
        stopped.figures = Figures(machine.as_dict(rows), rows, skipped)
        raise
    return Figures(machine.as_dict(rows), rows, skipped)


def _rounds(bench, quick, repeats):
    """Decide on the number of rounds."""
    if repeats is not None:
        return repeats
    rounds = getattr(bench, "REPEATS", (REPEATS, QUICK_REPEATS))[bool(quick)]
    return max(1, rounds // INTERPRETED_SHARE) if config.DISABLE_JIT else rounds


def _run_group(name, bench, group, quick, rounds, say):
    """Measure a group of cases; gives their rows."""
    say("preparing" if group is None else f"preparing {group}", 0.0)
    load = load_average()
    with bench.cases(quick) if group is None else bench.cases(quick, group) as cases:
        samples = measure(cases, rounds, say)
        rows = make_rows(name, samples, bench.CONTRASTS, bench.QUOTED, getattr(bench, "figures", per_element), cases)
    return [row | {"load_average": load and load[0]} for row in rows]
