"""Quoted: what others published, and where.

Law.   A quoted figure carries its source and what it was measured on, and is never mixed with a measured one.
Reads. The public archives of the netdev mailing list.
Omits. Figures whose source does not say what was run.

A quote is a dict: ``label`` ("quoted"), ``source``, ``machine``, its figures, and ``state`` where one source has several.
"""

SEED = {"label": "quoted", "source": "M. Almasry, cover letter of RFC v7 of Device Memory TCP, netdev list",
        "machine": "machine not named; in softirq"}
BROUER = {"label": "quoted", "source": "J. D. Brouer, bench_page_pool_simple, January 2025, netdev list",
          "machine": "Xeon E5-1650 v4, 3.6 GHz; in softirq"}
PASTE = {"label": "quoted", "source": "M. Almasry, log of bench_page_pool_simple, RFC v6 period, netdev list",
         "machine": "machine not named, its counter at 2.7 GHz"}


def sources(rows):
    """Number the sources of some rows.

    Parameters
    ----------
    rows : list of dict
        Results with ``quoted``.

    Returns
    -------
    numbers : dict of str to int
        Source -> number, from 1, in the order in which they are met.
    """
    met = dict.fromkeys(quote["source"] for row in rows for quote in row["quoted"])
    return {source: number for number, source in enumerate(met, 1)}


def spell(quotes, numbers, figure):
    """Spell quotes for one cell of a table.

    Parameters
    ----------
    quotes : list of dict
        Of one row.
    numbers : dict of str to int
        From `sources`.
    figure : str
        Which of their figures.

    Returns
    -------
    text : str
        ``"8, 10, 9 [1]; 18 [2]"``; empty when there is none.
    """
    by_source = {}
    for quote in quotes:
        if figure in quote:
            by_source.setdefault(quote["source"], []).append(f"{quote[figure]:g}")
    return "; ".join(f"{', '.join(figures)} [{numbers[source]}]" for source, figures in by_source.items())


def footnotes(rows, numbers):
    """Spell the sources below a table.

    Parameters
    ----------
    rows : list of dict
        Results with ``quoted``.
    numbers : dict of str to int
        From `sources`.

    Returns
    -------
    lines : list of str
        Who, on what, and which states its figures are of.
    """
    lines = []
    for source, number in numbers.items():
        quotes = [quote for row in rows for quote in row["quoted"] if quote["source"] == source]
        states = [quote["state"] for quote in quotes if "state" in quote]
        lines.append(f"[{number}] quoted: {source} ({quotes[0]['machine']})")
        if states:
            lines.append(f"    in this order: {', '.join(states)}")
    return lines
