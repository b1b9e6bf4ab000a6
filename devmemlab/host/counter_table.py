"""Counters that print as nstat and ``ethtool -S`` print them, the same for a lab host and for a real kernel.

Law.   A table is a dict first, with every name and number as they were counted; printing leaves out nothing but zeros.
Reads. nstat(8), ethtool(8).
Omits. Rates: nstat's third column is 0.0 unless its daemon runs.
"""


class Counters(dict):
    """Name -> count. A dict, which prints as a table.

    Parameters
    ----------
    counts : dict of str to int
        By the names that Linux gives.
    title : str
        What they are of: the line above them.
    """

    def __init__(self, counts=(), title="#kernel"):
        super().__init__(counts)
        self.title = title

    def since(self, before):
        """Subtract what was counted before, as ``nstat`` does from call to call.

        Parameters
        ----------
        before : dict of str to int
            The same counters, earlier; what it lacks counts as 0.

        Returns
        -------
        counters : Counters
            Those that changed.
        """
        changed = {name: count - before.get(name, 0) for name, count in self.items()}
        return type(self)({name: count for name, count in changed.items() if count}, self.title)

    @property
    def seen(self):
        """dict of str to int: those that are not 0."""
        return {name: count for name, count in self.items() if count}

    def __str__(self):
        return "\n".join([self.title, *(f"{name:<32}{count:<16}0.0" for name, count in self.seen.items())])

    __repr__ = __str__


class Statistics(Counters):
    """Counters of an interface; they print as ``ethtool -S`` prints them, without zeros."""

    def __init__(self, counts=(), title="NIC statistics:"):
        super().__init__(counts, title)

    def __str__(self):
        return "\n".join([self.title, *(f"     {name}: {count}" for name, count in self.seen.items())])

    __repr__ = __str__
