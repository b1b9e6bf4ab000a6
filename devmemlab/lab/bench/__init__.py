"""bench: the measured figures of ``devmemlab bench``, one chapter a bench.

Law.   A figure was measured in this run, on this machine; what others published stands beside it under their name.
Reads. interfaces section 3.
Omits. gpu of the contract. A test of speed: tests check what a bench counts, never how long it took.

A bench is a module with a function ``cases()`` that is a context manager and yields a list of `measure.Case`, a dict
``CONTRASTS`` (see `rows.make_rows`) and a dict ``QUOTED`` (see `quoted`); with a function ``figures(runs)`` it names its own.
With a function ``groups(quick)`` it is measured a group after the other, each yielded by ``cases(quick, group)``; with
``REPEATS`` it has rounds of its own, full and quick; with ``skipped(quick)`` it says what cannot be measured here, and why.
`measure` runs the cases in turns, `rows` does the statistics, `targets` judges, `report` has the tables, `earlier` compares.
"""

from importlib import import_module

BENCHES = {name: f"devmemlab.lab.bench.{name.replace('-', '_')}"
           for name in ("page-pool", "tokens", "gather", "trace", "control", "scale", "rx", "tx", "live", "gpu", "cold")}
"""Name on the command line -> module."""
WITH_KERNELS = ("page-pool", "tokens", "gather", "trace")
"""Those that have kernels of their own, for ``devmemlab warm``."""


def find_bench(name):
    """Import a bench.

    Parameters
    ----------
    name : str
        One of `BENCHES`.

    Returns
    -------
    bench : module
        See above.

    Raises
    ------
    ValueError
        No such bench.
    """
    if name not in BENCHES:
        raise ValueError(f"no bench {name!r}; there are {', '.join(BENCHES)}")
    return import_module(BENCHES[name])
