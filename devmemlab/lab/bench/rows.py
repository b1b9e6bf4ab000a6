"""Rows: from samples to the objects of ``--json``.

Law.   Median, minimum and maximum are of all repeats; nothing is thrown away as an outlier.
Reads. interfaces section 3.
Omits. Confidence intervals: neighbours on a shared machine are not random.

::

    {"bench": "page-pool", "case": "niov_fast", "label": "measured", "repeats": 21,
     "figure": "cycles_per_elem", "median": 6.5, "min": 6.4, "max": 8.1,         of the figure that is named
     "cycles_per_elem": 6.5, "ns_per_elem": 2.5, "ratio_niov_to_page": 1.0,      medians of all figures
     "figures": {"ns_per_elem": {"median": 2.5, "min": 2.4, "max": 3.1}, ...}}
"""

from statistics import median

from devmemlab.lab.bench.measure import Case

MEASURED = "measured"


def statistics(values):
    """Sum repeats up.

    Parameters
    ----------
    values : list of float
        One a repeat, at least one.

    Returns
    -------
    stats : dict of str to float
        ``median``, ``min``, ``max``.
    """
    return {"median": median(values), "min": min(values), "max": max(values)}


def make_row(bench, case, figures, **more):
    """Make a row.

    Parameters
    ----------
    bench, case : str
        Names.
    figures : dict of str to (list of float or None)
        Values of each figure, one a repeat; None for a figure that cannot be measured here. The first one that can is the
        row's own.
    **more
        Further keys.

    Returns
    -------
    row : dict
        See above.
    """
    stats = {name: statistics(values) if values else None for name, values in figures.items()}
    main = next(name for name, found in stats.items() if found)
    return {"bench": bench, "case": case, "label": MEASURED, "repeats": len(figures[main]), "figure": main, **stats[main],
            **{name: found and found["median"] for name, found in stats.items()}, "figures": stats, **more}


def ratios(samples, of, to):
    """Divide the throughput of one case by that of another, round by round.

    Parameters
    ----------
    samples : dict of str to list of Sample
        From `measure`.
    of, to : str
        Cases.

    Returns
    -------
    quotients : list of float
        One a round: above 1 where `of` was the faster one.
    """
    return [(there.ns / there.elements) / (here.ns / here.elements) for here, there in zip(samples[of], samples[to])]


def per_element(runs):
    """Work out cycles and nanoseconds for each element.

    Parameters
    ----------
    runs : list of Sample
        Of one case.

    Returns
    -------
    figures : dict of str to (list of float or None)
        ``cycles_per_elem`` (None where there is no counter), ``ns_per_elem``.
    """
    counted = all(run.cycles is not None for run in runs)
    return {"cycles_per_elem": [run.cycles / run.elements for run in runs] if counted else None,
            "ns_per_elem": [run.ns / run.elements for run in runs]}


def make_rows(bench, samples, contrasts, quoted, name_figures=per_element, cases=()):
    """Make the rows of a bench.

    Parameters
    ----------
    bench : str
        Its name.
    samples : dict of str to list of Sample
        From `measure`.
    contrasts : dict of str to (str, str)
        Case -> name of a ratio that it gets, and the case that it is compared with.
    quoted : dict of str to list of dict
        Case -> what others published.
    name_figures : callable
        Takes the samples of a case and gives its figures, the main one first.
    cases : sequence of Case
        Those that have figures, contrasts or further keys of their own.

    Returns
    -------
    rows : list of dict
        In the order of `samples`.
    """
    rows, by_name = [], {case.name: case for case in cases}
    for case, runs in samples.items():
        own = by_name.get(case, Case)
        figures = (case in by_name and own.figures(runs)) or name_figures(runs)
        for name, other in (*([contrasts[case]] if case in contrasts else []), *own.contrasts):
            figures[name] = ratios(samples, case, other)
        share = {"cpu_share": median(run.share for run in runs)} if own.here else {}
        rows.append(make_row(bench, case, figures, elements_per_repeat=runs[0].elements, quoted=quoted.get(case, []), **share,
                             **own.more))
    return rows
