"""Ranges: who owns which stretch of integers (addresses, rows, words).

Law.   A range is free or taken; neighbouring free ranges are one range.
Reads. Linux lib/genalloc.c in spirit; nothing here is on a data path.
Omits. Ownership: whoever takes a range remembers it.
"""


class Ranges:
    """Hands out ranges of integers, lowest first, and takes them back.

    Attributes
    ----------
    limit : int
        First integer that may not be handed out.
    free : list of tuple of int
        Free ranges as (first, end), in order, never touching one another.
    """

    def __init__(self, first, limit):
        self.limit = limit
        self.free = [(first, limit)]

    def take(self, count, align=1):
        """Take the lowest free range that is long enough.

        Parameters
        ----------
        count : int
            Length.
        align : int
            The first integer is a multiple of this.

        Returns
        -------
        first : int or None
            None when no free range is long enough.
        """
        for i, (first, end) in enumerate(self.free):
            start = -(-first // align) * align
            if start + count <= end:
                self.free[i:i + 1] = [r for r in ((first, start), (start + count, end)) if r[0] < r[1]]
                return start
        return None

    def give(self, first, count):
        """Give a range back.

        Parameters
        ----------
        first : int
            Its first integer.
        count : int
            Its length.
        """
        if count:
            merged = []
            for low, high in sorted([*self.free, (first, first + count)]):
                if merged and merged[-1][1] == low:
                    merged[-1] = (merged[-1][0], high)
                else:
                    merged.append((low, high))
            self.free = merged

    def extend(self, limit):
        """Make more integers available at the end.

        Parameters
        ----------
        limit : int
            New limit, not below the old one.
        """
        self.give(self.limit, limit - self.limit)
        self.limit = limit
